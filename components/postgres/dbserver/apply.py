"""The Job of an update: brings pods, configuration, databases and users to what the program says.

New settings reach the standbys first, then one of them becomes the primary, then the old primary follows.
If a standby does not come back, the Job fails, and the primary serves on as it was. Without a primary,
pods that cannot start are replaced first.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from dbserver.api import Kubernetes
from dbserver.databases import apply_databases
from dbserver.members import Member, Members, NotReached
from dbserver.restore import check_origin
from dbserver.server import SHARED, TIMES, dynamic_configuration

RECOVERY_S = TIMES["ttl"] + TIMES["primary_start_timeout"] + TIMES["loop_wait"]
"""How long a primary may be away without anything being broken: it recovers in place, then fails over."""
_FAILED = ("start failed", "restart failed", "crashed")
"""Patroni's states of a server that it cannot start; in all others, the member may become the primary."""
_LOOKS = 5
"""How often members are asked whether they have to restart."""


class Update:
    """The steps of an update."""

    def __init__(self, members: Members, sets: list[str], synchronous: bool) -> None:
        self._members = members
        self._sets = sets
        """The names of the StatefulSets, one for each member."""
        self._synchronous = synchronous

    def run(self, configuration: dict[str, Any]) -> None:
        """Run all steps."""
        self.primary()
        self._members.patch_configuration(configuration)
        self._replace_pods()
        self._members.wait("all members", self._complete)
        self._restart_pending()

    def primary(self) -> Member:
        """Wait for a primary, and return it; without one, replace pods that cannot start.

        Such a pod keeps what is wrong with it until it is deleted: its StatefulSet never does that itself.
        """
        patience = time.monotonic() + RECOVERY_S

        def look() -> Member | None:
            leader = self._members.leader()
            if leader is None and time.monotonic() > patience:
                self._delete_stuck()
            return leader

        return self._members.wait("a primary", look)

    def _delete_stuck(self) -> None:
        """Delete one pod of an earlier version whose container or server cannot start.

        Without a primary no standby is ready, and a deleted restore is never taken up again: so others stay.
        """
        pods = self._members.pods()
        failed = {member.name for member in self._members.all() if member.state in _FAILED}
        for name in self._earlier(pods) or []:
            if name in failed or not _runs(pods[name]):
                print(f"there is no primary: {name} cannot start, and is replaced", flush=True)
                self._members.kubernetes.delete_pod(name)
                return

    def _replace_pods(self) -> None:
        while outdated := self._members.wait("StatefulSets as they should be", self._outdated):
            if outdated == ["none"]:
                return
            leader = self.primary()
            standbys = [name for name in outdated if name != leader.name]
            if standbys:
                self._replace(standbys[0])
            elif not self._kept(leader):
                self._switch_from(leader)
            else:
                if len(self._sets) > 1:
                    self._members.wait("a standby that follows", self._candidate)
                self._replace(leader.name)  # which hands its role over: see dbserver.leave

    def _outdated(self) -> list[str] | None:
        """Return the pods of earlier versions, and a primary that is to go; None while it is not known."""
        names = self._earlier(self._members.pods())
        if names is None:
            return None
        leader = self._members.leader()
        if leader and not self._kept(leader):
            names.append(leader.name)
        return names or ["none"]

    def _earlier(self, pods: Mapping[str, dict[str, Any]]) -> list[str] | None:
        """Return the pods of earlier versions; None while a StatefulSet has not seen its change."""
        names = []
        for name in self._sets:
            found = self._members.kubernetes.stateful_set(name)
            status = found.get("status", {})
            if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
                return None
            pod = pods.get(f"{name}-0")
            if pod and pod["metadata"]["labels"].get("controller-revision-hash") != status["updateRevision"]:
                names.append(f"{name}-0")
        return names

    def _names(self) -> list[str]:
        return [f"{name}-0" for name in self._sets]

    def _kept(self, member: Member) -> bool:
        return member.name in self._names()

    def _replace(self, name: str) -> None:
        """Delete a pod, and wait until its successor works."""
        print(f"restart of {name}", flush=True)
        before = self._members.pods()[name]["metadata"]["uid"]
        self._members.kubernetes.delete_pod(name)

        def back() -> bool:
            pod = self._members.pods().get(name)
            if not pod or pod["metadata"]["uid"] == before:
                return False
            return any(m.name == name and (m.follows or m.leads) for m in self._members.all() if _ready(pod))

        self._members.wait(f"{name} to work again", back)

    def _candidate(self) -> Member | None:
        able = [m for m in self._members.all() if m.follows and self._kept(m)]
        if self._synchronous:
            able = [m for m in able if m.role == "sync_standby"]
        return min(able, key=lambda m: m.lag, default=None)

    def _switch_from(self, leader: Member) -> None:
        """Hand the role of the primary to the best standby that stays."""

        def switched() -> bool:
            try:
                best = self._members.wait("a standby that follows", self._candidate)
                self._members.switch(leader.name, best.name)
            except OSError as reason:  # for a moment after a restart, members know too little of each other
                print(reason, flush=True)
            now = self._members.leader()
            return now is not None and now.name != leader.name

        self._members.wait("another primary", switched)

    def _complete(self) -> bool:
        """Return whether every member runs, and all standbys follow."""
        able = {m.name for m in self._members.all() if m.follows or (m.leads and m.state == "running")}
        return able >= set(self._names())

    def _restart_pending(self) -> None:
        """Restart the PostgreSQL of members whose parameters need it, the primary last.

        A standby never has less than its primary: of a smaller value, it learns by the log of a primary that
        has it, which may take a while. So standbys are looked at again. The primary is not: Patroni may not
        have noticed its restart yet.
        """
        for look in range(_LOOKS):
            if look:
                time.sleep(2 * TIMES["loop_wait"])
            members = sorted(self._members.all(), key=lambda m: m.leads)
            pending = [m for m in members if m.pending_restart and self._kept(m) and not (look and m.leads)]
            if not pending:
                return
            for member in pending:
                self._members.restart(member.name)
                self._members.wait("all members", self._complete)


def configuration(parameters: dict[str, str], synchronous: bool) -> dict[str, Any]:
    """Return what the members agree on. Patroni merges it into what it has: null takes a value back."""
    agreed = dynamic_configuration(parameters)
    agreed["postgresql"]["parameters"] = {key: parameters.get(key) for key in sorted(SHARED)}
    return agreed | {"synchronous_mode": synchronous}


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _runs(pod: dict[str, Any]) -> bool:
    """Return whether the container of a pod runs: it neither waits to start, nor has it ended."""
    return any("running" in item["state"] for item in pod["status"].get("containerStatuses", []))


def main() -> None:
    """Run the update that the environment describes; the last line of the log says what failed."""
    settings = json.loads(os.environ["DB_SETTINGS"])
    deadline = time.monotonic() + settings["timeout"]
    cluster = os.environ["DB_NAME"]
    members = Members(cluster, Kubernetes(), deadline)
    parameters = json.loads(os.environ.get("DB_PARAMETERS", "{}"))
    agreed = configuration(parameters, settings["synchronous"])
    try:
        update = Update(members, settings["members"], settings["synchronous"])
        update.primary()
        check_origin(os.environ)
        update.run(agreed)
        apply_databases(settings["databases"])
    except NotReached as reason:
        sys.exit(str(reason))
    print("done", flush=True)


if __name__ == "__main__":
    main()
