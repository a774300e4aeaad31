"""When a DaemonSet is rolled out (provider/pkg/await/daemonset.go of the official provider)."""

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.events import warnings_about
from sandbox.plugins.kubernetes.awaiting.status import compute
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict, info


def judge(seen: Observed) -> Verdict:
    """Ready when every node that shall run it has a Pod of the present generation, ready and available.

    The official provider gives no reasons with its final error; here they are the Pods' and the Events'.
    """
    status = compute(seen.object)
    if status.current:
        return Verdict(True, [info(status.message)])
    own_pods = seen.owned("Pod")
    return Verdict(
        False,
        [info(status.message), *pods.trouble(own_pods)],
        reasons=[
            status.message,
            *pods.reasons(own_pods, seen),
            *warnings_about(seen.object, seen.events)[-1:],
        ],
    )
