"""The components of a stack and their pods."""

import copy
import secrets
import time
from collections.abc import Iterator, Sequence

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject, live_objects
from slipway.cluster.rollout import ONE_OFF, pods_of, workloads
from slipway.errors import SlipwayError

COMPONENT = "app.kubernetes.io/name"
"""The label with the name of the component, as Kubernetes recommends it."""
START_TIMEOUT_S = 300
_CANNOT_START = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")


def component_name(item: Object) -> str:
    """Return the component of an object: its label, or else its own name."""
    metadata = item["metadata"]
    return str((metadata.get("labels") or {}).get(COMPONENT) or metadata["name"])


def component_workloads(cluster: Cluster, objects: Sequence[StackObject], name: str | None) -> list[Object]:
    """Return the workloads of a component, or of all components, from the cluster."""
    live = list(live_objects(cluster, workloads(objects)).values())
    if not live:
        raise SlipwayError("the stack has no workloads in its cluster: deploy it with `pulumi up`")
    selected = [workload for workload in live if name in (None, component_name(workload))]
    if not selected:
        names = ", ".join(sorted({component_name(workload) for workload in live}))
        raise SlipwayError(f"the stack has no component {name}; its components are: {names}")
    return selected


def ready_pod(cluster: Cluster, candidates: Sequence[Object]) -> Object:
    """Return a pod of the workloads that is ready, or at least running."""
    pods = [pod for workload in candidates for pod in pods_of(cluster, workload)]
    running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
    if not running:
        raise SlipwayError(f"no pod of {component_name(candidates[0])} is running")
    return next((pod for pod in running if _is_ready(pod)), running[0])


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def finished_pods(cluster: Cluster, candidates: Sequence[Object]) -> Iterator[str]:
    """Yield one sentence for each workload that has finished pods, such as evicted ones.

    The cluster keeps up to thousands of them, and they serve no requests.
    """
    finished = ",".join(f"status.phase!={phase}" for phase in ("Pending", "Running", "Unknown"))
    for workload in candidates:
        pods = pods_of(cluster, workload, f"--field-selector={finished}")
        if pods:
            reasons = {str(pod["status"].get("reason") or pod["status"].get("phase")) for pod in pods}
            metadata = workload["metadata"]
            yield (
                f"{workload['kind']} {metadata['name']} has {len(pods)} finished pods"
                f" ({', '.join(sorted(reasons))}), which may be deleted: kubectl delete pods"
                f" -n {metadata['namespace']} {' '.join(pod['metadata']['name'] for pod in pods)}"
            )


def one_off_pod(workload: Object, command: Sequence[str], interactive: bool = False) -> Object:
    """Return the manifest of a pod that runs a command like the main container of a workload.

    The pod has the image, environment, ServiceAccount, security context and labels of the workload's pods, so
    their NetworkPolicies apply. Its readiness gate is never met, so it gets no requests from their Services.
    The persistent volumes of a StatefulSet are empty directories in it.
    """
    if workload["kind"] == "DaemonSet":
        raise SlipwayError("a DaemonSet would adopt the pod: `slipway run` needs a Deployment or StatefulSet")
    template = copy.deepcopy(workload["spec"]["template"])
    spec, container = template["spec"], main_container(template)
    for field in ("args", "lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe"):
        container.pop(field, None)
    container.update(command=[*command], stdin=interactive, stdinOnce=interactive, tty=interactive)
    volumes = spec.get("volumes") or []
    mounts = [mount for part in (container, *spec.get("initContainers", ())) for mount in _mounts(part)]
    claims = sorted({mount["name"] for mount in mounts} - {volume["name"] for volume in volumes})
    spec.pop("topologySpreadConstraints", None)
    spec.update(
        containers=[container],
        restartPolicy="Never",
        readinessGates=[{"conditionType": ONE_OFF}],
        volumes=[*volumes, *({"name": name, "emptyDir": {}} for name in claims)],
    )
    owner = {key: workload[key] for key in ("apiVersion", "kind")}
    owner |= {key: workload["metadata"][key] for key in ("name", "uid")}
    metadata = {
        "name": f"{workload['metadata']['name'][:40]}-run-{secrets.token_hex(3)}",
        "namespace": workload["metadata"]["namespace"],
        "labels": {**(template["metadata"].get("labels") or {}), ONE_OFF: "true"},
        "annotations": template["metadata"].get("annotations") or {},
        "ownerReferences": [owner],  # if this process is killed, the pod is deleted with the workload
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def main_container(template: Object) -> Object:
    """Return the container that kubectl takes by default."""
    containers: list[Object] = template["spec"]["containers"]
    name = (template["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    return next((container for container in containers if container["name"] == name), containers[0])


def _mounts(container: Object) -> list[Object]:
    return container.get("volumeMounts") or []


def exit_code(pod: Object) -> int | None:
    """Return the exit code of a one-off pod; None while its container runs, or waits for its start."""
    status = pod["status"]
    (container,) = status.get("containerStatuses") or [{"state": {}}]
    state = container["state"]
    if "terminated" in state:
        return int(state["terminated"]["exitCode"])
    if status.get("phase") == "Failed":
        raise SlipwayError(f"the pod failed: {status.get('message') or status.get('reason') or 'no reason'}")
    if reason := _refusal(container):
        raise SlipwayError(f"the pod cannot start: {reason}")
    return None


def check_start(pod: Object) -> None:
    """Raise SlipwayError if a container, or an init container, of a pod cannot start."""
    status = pod["status"]
    for item in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if reason := _refusal(item):
            raise SlipwayError(f"container {item['name']} cannot start: {reason}")


def _refusal(container: Object) -> str:
    """Return why a container, given by its status, cannot start; empty if it may."""
    waiting = container["state"].get("waiting", {})
    cannot = waiting.get("reason") in _CANNOT_START
    return f"{waiting['reason']}: {waiting.get('message', '')}" if cannot else ""


def wait_for_start(cluster: Cluster, pod: Object) -> Object:
    """Return a created one-off pod when its container is running or has terminated."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        current = read_pod(cluster, pod)
        states = current["status"].get("containerStatuses") or []
        if exit_code(current) is not None or any("running" in item["state"] for item in states):
            return current
        if time.monotonic() > deadline:
            conditions = current["status"].get("conditions", [])
            reasons = [item["message"] for item in conditions if item.get("message")]
            raise SlipwayError(f"the pod did not start within {START_TIMEOUT_S} s: {'; '.join(reasons)}")
        time.sleep(0.5)


def read_pod(cluster: Cluster, pod: Object) -> Object:
    """Return a pod as it is now."""
    metadata = pod["metadata"]
    pods = cluster.get("pods", metadata["name"], "-n", metadata["namespace"])
    if not pods:
        raise SlipwayError(f"the pod {metadata['name']} was deleted")
    return pods[0]
