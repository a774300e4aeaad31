"""The members of the cluster, as Patroni describes them: https://patroni.readthedocs.io/en/latest/rest_api.html."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dbserver.api import TIMEOUT_S, Kubernetes
from dbserver.server import REST_PORT, REST_USER, password

T = TypeVar("T")
LAG = 16 * 1024**2
"""Bytes that a standby may be behind before it takes over: it catches up with them at once."""
_NOT_PENDING = "restart conditions are not satisfied"
"""Patroni's answer if a server has restarted since it was listed as pending."""
_GOOD = ("running", "streaming")


class NotReached(Exception):
    """The members did not get into the state that was waited for."""


@dataclass(frozen=True)
class Member:
    """A member that runs."""

    name: str
    role: str
    state: str
    lag: int
    pending_restart: bool

    @property
    def leads(self) -> bool:
        """Whether it is the primary."""
        return self.role in ("leader", "standby_leader")

    @property
    def follows(self) -> bool:
        """Whether it is a standby that can take over."""
        return not self.leads and self.state in _GOOD and self.lag <= LAG


class Members:
    """The pods of a cluster."""

    def __init__(self, cluster: str, kubernetes: Kubernetes, deadline: float) -> None:
        self._selector = f"app.kubernetes.io/name={cluster},app.kubernetes.io/component=server"
        self.kubernetes = kubernetes
        self._deadline = deadline

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return the pods by name, without those that are being deleted."""
        found = self.kubernetes.pods(self._selector)
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def all(self) -> list[Member]:
        """Return what the first pod that answers knows of all members; none if no pod answers."""
        for pod in self.pods().values():
            try:
                answer = self._ask(pod, "GET", "cluster")
            except OSError:
                continue
            return [
                Member(
                    name=item["name"],
                    role=item["role"],
                    state=item["state"],
                    lag=item["lag"]
                    if isinstance(item.get("lag"), int)
                    else 0
                    if item["role"] == "leader"
                    else LAG + 1,
                    pending_restart=bool(item.get("pending_restart")),
                )
                for item in answer.get("members", [])
            ]
        return []

    def leader(self) -> Member | None:
        """Return the primary; None if there is none, or if it does not run."""
        return next((member for member in self.all() if member.leads and member.state == "running"), None)

    def wait(self, what: str, look: Callable[[], T | None]) -> T:
        """Wait until a look finds something, and return it."""
        shown = 0.0
        while not (found := look()):
            if time.monotonic() > self._deadline:
                raise NotReached(f"{what}: not within the time. Members: {self.all()}")
            if time.monotonic() > shown + 10:
                shown = time.monotonic()
                print(f"waiting: {what}", flush=True)
            time.sleep(0.5)
        return found

    def patch_configuration(self, values: Mapping[str, Any]) -> None:
        """Change what the members agree on."""
        self._ask_any("PATCH", "config", values)

    def switch(self, leader: str, candidate: str) -> None:
        """Hand the role of the primary over."""
        print(f"switchover from {leader} to {candidate}", flush=True)
        self._ask_any("POST", "switchover", {"leader": leader, "candidate": candidate}, timeout=60)

    def restart(self, name: str) -> None:
        """Restart the PostgreSQL of a member in its pod, unless it has restarted meanwhile."""
        print(f"restart of PostgreSQL in {name}", flush=True)
        try:
            self._ask(self.pods()[name], "POST", "restart", {"restart_pending": True}, timeout=120)
        except OSError as reason:
            if _NOT_PENDING not in str(reason):
                raise
            print(reason, flush=True)

    def _ask_any(self, method: str, path: str, body: Mapping[str, Any], timeout: float = TIMEOUT_S) -> None:
        """Ask the members in turn until one of them does what is asked."""
        reason: OSError = OSError("no member runs")
        for pod in self.pods().values():
            try:
                self._ask(pod, method, path, body, timeout)
            except OSError as error:
                reason = error
            else:
                return
        raise reason

    def _ask(
        self,
        pod: Mapping[str, Any],
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        address = pod["status"].get("podIP")
        if not address:
            raise OSError(f"{pod['metadata']['name']} has no address yet")
        host = f"[{address}]" if ":" in address else address
        login = base64.b64encode(f"{REST_USER}:{password('restapi')}".encode()).decode()
        request = urllib.request.Request(  # the pod's own address
            f"http://{host}:{REST_PORT}/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} /{path} of {pod['metadata']['name']}: {error.read().decode()}") from None
        content: dict[str, Any] = json.loads(text) if text.startswith("{") else {"text": text}
        return content
