"""Web services. On request, each gets a version with another flaw."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import Compute, Namespace, Probe, Probes, Redis, Resources, Rollout, WebService

Container = dict[str, Any]
config = pulumi.Config()
image = config.require("image")
exits_after_s = config.require_int("exits_after_s")
SERVES_AND_EXITS = f"timeout --signal=KILL {exits_after_s} gunicorn; exit 3"


def runs(*command: str) -> Callable[[Container], None]:
    return lambda container: container.update(command=["python3", *command])


def asks_for(resource: str, amount: str) -> Callable[[Container], None]:
    def change(container: Container) -> None:
        for side in ("requests", "limits"):
            container["resources"][side][resource] = amount

    return change


FLAWS: dict[str, Callable[[Container], None]] = {
    "crashes": runs("-c", "raise SystemExit('no configuration')"),
    "unprotected": runs("-c", "raise SystemExit('no configuration')"),
    "exits-later": lambda container: container.update(command=["sh", "-c", SERVES_AND_EXITS]),
    # `timeout` ends on SIGTERM; Python does not as a container's first process.
    "never-ready": lambda container: container.update(
        command=["timeout", "1h", "python3", "-m", "http.server", "5000"]
    ),
    "not-pulled": lambda container: container.update(image=f"{image.partition('@')[0]}@sha256:{'0' * 64}"),
    "too-much-memory": runs("-c", "print(len(b'x' * 10**9))"),
    "too-large": asks_for("memory", "1Ti"),
    "over-quota": asks_for("cpu", "3"),
    "as-root": lambda container: container["security_context"].update(run_as_user=0, run_as_non_root=False),
}

ROLLOUTS = {
    "exits-later": Rollout(timeout=2 * exits_after_s + 10, min_ready=exits_after_s + 10),
    "unprotected": Rollout(timeout=45, max_unavailable=1, pre_stop=0),
}
SMALL = Resources(requests=Compute(cpu="50m", memory="64Mi"), limits=Compute(cpu="500m", memory="128Mi"))

for name, flaw in FLAWS.items():
    # Each in a namespace of its own: of several Deployments in one that are updated at once, the official
    # plugin (4.32.0) takes some for complete by what they were before.
    namespace = Namespace(f"load-{pulumi.get_stack()}-{name}")
    if name == "over-quota":
        k8s.core.v1.ResourceQuota(
            "quota",
            metadata={"namespace": namespace.name, "name": "quota"},
            spec={"hard": {"requests.cpu": "1"}},
        )

    def spoil(kind: str, args: dict[str, Any], flaw: Callable[[Container], None] = flaw) -> None:
        if kind == "Deployment" and config.require_bool("flawed"):
            flaw(args["spec"]["template"]["spec"]["containers"][0])

    web = WebService(
        name,
        namespace=namespace.name,
        image=image,
        replicas=1,
        resources=SMALL,
        probes=Probes(ready=Probe.http("/livez")),
        rollout=ROLLOUTS.get(name, Rollout(timeout=45)),
        transform=spoil,
    )
    pulumi.export(name, web.url)


def spoil_redis(kind: str, args: dict[str, Any]) -> None:
    if kind == "StatefulSet":
        args["metadata"]["annotations"]["pulumi.com/timeoutSeconds"] = "45"
        if config.require_bool("flawed"):
            args["spec"]["template"]["spec"]["containers"][0]["image"] += f"@sha256:{'0' * 64}"


Redis("redis", namespace=Namespace(f"load-{pulumi.get_stack()}-redis").name, transform=spoil_redis)
