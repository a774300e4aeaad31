"""Cutting a live object down to what the user has asked for.

`pruneMap` in provider/pkg/provider/util.go of the official plugin.
"""

import copy
from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.values import is_map, same_type


def prune(live: Object, inputs: Object) -> Object:
    """A copy of the live object's fields that are also in the inputs, at any depth."""
    return {key: _prune(value, inputs[key]) for key, value in live.items() if key in inputs}


def _prune(live: Any, inputs: Any) -> Any:
    if is_map(live) and is_map(inputs):
        return prune(live, inputs)
    if isinstance(live, list) and isinstance(inputs, list):
        return _prune_list(live, inputs)
    return copy.deepcopy(live)


def _prune_list(live: list[Any], inputs: list[Any]) -> list[Any]:
    """Item by item, as many as there are in both."""
    if live and inputs and not same_type(live[0], inputs[0]):
        return copy.deepcopy(live)
    return [_prune(item, wanted) for item, wanted in zip(live, inputs, strict=False)]
