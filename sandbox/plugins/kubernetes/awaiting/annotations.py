"""The annotations with which a user steers waiting and deleting."""

import re
from typing import Literal

from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import annotations

SKIP_AWAIT = "pulumi.com/skipAwait"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
WAIT_FOR = "pulumi.com/waitFor"
DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"

NEVER_AWAITED_DELETIONS = {
    ("v1", "Namespace"),
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
}
"""The kinds for which skipAwait skips deletions too: an old behaviour that the official provider keeps."""

Propagation = Literal["Foreground", "Background", "Orphan"]


def skips_await(inputs: Object) -> bool:
    """Whether the user wants no waiting for readiness."""
    return annotations(inputs).get(SKIP_AWAIT, "") == "true"


def skips_deletion(inputs: Object) -> bool:
    """Whether the user wants no waiting for the deletion."""
    kind = (str(inputs.get("apiVersion")), str(inputs.get("kind")))
    return skips_await(inputs) and kind in NEVER_AWAITED_DELETIONS


def timeout_seconds(custom: float, inputs: Object) -> float | None:
    """How long the user wants to wait: the option customTimeouts (0: not given), else the annotation.

    None where neither says, or the annotation is no whole number.
    """
    if custom:
        return float(int(custom))
    text = annotations(inputs).get(TIMEOUT_SECONDS, "")
    return float(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None


def propagation(inputs: Object) -> Propagation:
    """What becomes of the objects that a deleted one owns; by default they are deleted first."""
    policies: dict[str, Propagation] = {"orphan": "Orphan", "background": "Background"}
    return policies.get(annotations(inputs).get(DELETION_PROPAGATION, "").lower(), "Foreground")
