"""Events in the engine's format."""

from typing import Any

from pulumi.automation.events import EngineEvent

URN = "urn:pulumi:dev::shop::{type}::{name}"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def step(
    op: str,
    kind: str,
    name: str,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    diff: dict[str, str] | None = None,
    *,
    event: str = "resourcePreEvent",
    outputs: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    **state: Any,
) -> EngineEvent:
    """Return the event of one step on a resource; `diff` maps paths to kinds of difference."""
    urn = URN.format(type=kind, name=name)

    def state_of(inputs: dict[str, Any] | None, values: dict[str, Any]) -> dict[str, Any] | None:
        if inputs is None:
            return None
        common = {"type": kind, "urn": urn, "custom": True, "id": name, "parent": "", "provider": ""}
        return {**common, "inputs": inputs, "outputs": values, **state}

    metadata = {
        "op": op,
        "urn": urn,
        "type": kind,
        "provider": "",
        "old": state_of(old, outputs[0]),
        "new": state_of(new, outputs[1]),
        "detailedDiff": {path: {"diffKind": difference} for path, difference in (diff or {}).items()},
    }
    return EngineEvent.from_json({event: {"metadata": metadata}})
