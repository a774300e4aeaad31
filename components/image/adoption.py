"""Images that another stack has already built and pushed: this stack takes their digest.

The provider can only build. A second build of the same content could give another digest and move the tag,
which some registries refuse. So the resource of such an image builds and pushes nothing.
"""

import time
from typing import Any

import pulumi

from components.image.context import empty_directory

ATTEMPTS = 20
"""The number of reads of the state, 0.1 s apart: a file can be half written."""


def state(name: str, reference: str) -> dict[str, Any]:
    """Return the image's outputs of the stack's last update, if it has this reference, repository:tag."""
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for urn, outputs in _resources(stack).items():
        if urn.endswith(f":Image::{name}") and reference in (outputs.get("tags") or ()):
            return outputs
    return {}


def _resources(stack: str) -> dict[str, dict[str, Any]]:
    """Return the outputs of the stack's resources by URN."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": stack})
            resources: dict[str, dict[str, Any]] = answer.value["outputs"]
            return {urn: resource["outputs"] for urn, resource in resources.items()}
        except Exception as error:  # the SDK raises no other class
            if "failed to load checkpoint" not in str(error) or attempt == ATTEMPTS:
                raise
            time.sleep(0.1)
    raise AssertionError("unreachable")


def adopted_digest(outputs: dict[str, Any]) -> str | None:
    """Return the digest that an earlier update took from the registry, or None if it built the image."""
    dockerfile = (outputs.get("dockerfile") or {}).get("inline") or ""
    return dockerfile.partition("@")[2].partition("\n")[0] or None


def arguments(reference: str, digest: str) -> dict[str, Any]:
    """Return the arguments of an image that another stack has built."""
    return {
        "context": {"location": str(empty_directory())},
        "dockerfile": {"inline": f"# {reference}@{digest}\nFROM scratch\n"},
        "tags": [reference],
        "exports": [{"cacheonly": {}}],
        "push": False,
        "build_on_preview": False,
    }
