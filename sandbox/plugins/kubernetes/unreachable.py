"""What becomes of resources while their cluster is out of reach, as the provider's settings say."""

from sandbox.plugins.kubernetes.awaiting_context import ResourceLog
from sandbox.plugins.kubernetes.cluster import Cluster
from sandbox.plugins.kubernetes.errors import ProviderError

_FORGET_HINT = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation "
    'with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


async def keeps_inputs(cluster: Cluster, log: ResourceLog) -> bool:
    """Check: whether the former inputs stay, so that nothing is updated (`skipUpdateUnreachable`)."""
    if not (cluster.unreachable and cluster.settings.skip_update_unreachable):
        return False
    await log.log(
        "warning", "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping..."
    )
    return True


async def keeps_state(cluster: Cluster, log: ResourceLog) -> bool:
    """Read: whether the former state stays (`skipUpdateUnreachable`). Raises ProviderError otherwise."""
    if not cluster.settings.skip_update_unreachable:
        raise ProviderError(f"failed to read resource state due to unreachable cluster. {_FORGET_HINT}")
    await log.log(
        "info",
        "configured Kubernetes cluster is unreachable and the `skipUnreachable` option is enabled. "
        "Returned data could not reflect the actual cluster configuration.",
    )
    return True


async def forgets(cluster: Cluster, log: ResourceLog) -> bool:
    """Read and Delete: whether the resource is taken for gone (`deleteUnreachable`)."""
    await log.log("warning", f"configured Kubernetes cluster is unreachable: {cluster.unreachable}")
    if not cluster.settings.delete_unreachable:
        return False
    await log.log(
        "info",
        "configured Kubernetes cluster is unreachable and the `deleteUnreachable` option is enabled. "
        "Deleting the unreachable resource from Pulumi state",
    )
    return True


def cannot_delete() -> ProviderError:
    """Delete: the error when the resource is not to be forgotten."""
    return ProviderError(f"configured Kubernetes cluster is unreachable. {_FORGET_HINT}")
