"""JSON merge patches (RFC 7386), as `CreateMergePatch` of github.com/evanphx/json-patch makes them."""

from typing import Any

from sandbox.plugins.kubernetes.values import Unknown, equal, is_map, same_type


def create(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What turns `old` into `new`; None removes a key. Unknowns appear as `{"Element": {"V": …}}`."""
    patch: dict[str, Any] = {}
    for key, wanted in new.items():
        wanted = _plain(wanted)
        if key not in old or not same_type(old[key], wanted):
            patch[key] = wanted
        elif is_map(wanted):
            nested = create(old[key], wanted)
            if nested:
                patch[key] = nested
        elif not equal(old[key], wanted):
            patch[key] = wanted
    return patch | dict.fromkeys(old.keys() - new.keys())


def _plain(value: Any) -> Any:
    """The value as Go's encoding/json writes it, unknowns as the structs that they are there."""
    if isinstance(value, Unknown):
        return {"Element": {"V": value.zero}}
    if is_map(value):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
