"""What is stored of a resource: the live object, beside it the inputs and how they were applied."""

import copy
import secrets as randomness
from typing import Any, NamedTuple

from sandbox.plugins.kubernetes import secrets
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import annotations
from sandbox.plugins.kubernetes.values import Properties, without_secrets

_INPUTS = "__inputs"
_INITIAL_API_VERSION = "__initialApiVersion"
_FIELD_MANAGER = "__fieldManager"

_DASHED = {
    name.replace("-", "_"): name
    for name in (
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
}
"""Keys of CustomResourceDefinitions whose names the typed SDKs cannot spell."""

_UNDERSCORED = {dashed: name for name, dashed in _DASHED.items()}


class Applied(NamedTuple):
    """How the inputs became the live object."""

    initial_api_version: str
    """The apiVersion with which the object was created."""
    field_manager: str
    """The owner of its fields (kubernetes.io: server-side apply)."""

    @classmethod
    def of(cls, state: Properties, inputs: Object) -> "Applied":
        """What the state says. An annotation of the inputs may name another field manager.

        Without a state a manager is made up: two stacks never share one, so that conflicts are seen.
        """
        named = annotations(inputs).get("pulumi.com/patchFieldManager")
        made_up = f"pulumi-kubernetes-{randomness.token_hex(4)}"
        return cls(
            state.get(_INITIAL_API_VERSION) or inputs.get("apiVersion") or "",
            named or state.get(_FIELD_MANAGER) or made_up,
        )


def to_object(properties: Properties) -> Object:
    """The object that properties describe, secrets in plain."""
    renamed: Object = _rename(without_secrets(properties), _DASHED)
    return renamed


def parse(state: Properties) -> tuple[Object, Object]:
    """The inputs and the live object of a state."""
    live = to_object(state)
    inputs = live.pop(_INPUTS, None) or {}
    return inputs, live


def build(inputs: Object, live: Object, given: Properties, applied: Applied) -> Properties:
    """The state of a live object; what was secret in the properties given is secret in it."""
    state: Properties = _rename(copy.deepcopy(live), _UNDERSCORED)
    stored: Properties = _rename(copy.deepcopy(inputs), _UNDERSCORED)
    secrets.mark(state, given)
    secrets.mark(stored, given)
    return state | {
        _INPUTS: stored,
        _INITIAL_API_VERSION: applied.initial_api_version,
        _FIELD_MANAGER: applied.field_manager,
    }


def _rename(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _rename(item, names) for key, item in value.items()}
    return [_rename(item, names) for item in value] if isinstance(value, list) else value
