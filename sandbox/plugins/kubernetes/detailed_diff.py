"""From a merge patch to what the engine shows: one entry for each changed property.

`patchConverter` in provider.go of the official plugin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from sandbox.plugins.kubernetes.property_path import Path
from sandbox.plugins.kubernetes.replaces import replaces
from sandbox.plugins.kubernetes.values import Unknown, equal, is_map


class Change(IntEnum):
    """How a property changes: PropertyDiff.Kind of pulumi's provider protocol."""

    ADD = 0
    ADD_REPLACE = 1
    DELETE = 2
    DELETE_REPLACE = 3
    UPDATE = 4
    UPDATE_REPLACE = 5

    @property
    def replace(self) -> "Change":
        """The same change, where it needs a new object."""
        return Change(self | 1)

    @property
    def is_replace(self) -> bool:
        """Whether the change needs a new object."""
        return bool(self & 1)


class _Missing:
    """Stands for a key that is not there, where None would be a value."""


_MISSING = _Missing()


@dataclass
class DetailedDiff:
    """The changes by path; `input_diffs` are those that compare inputs rather than the live object."""

    replacing: Sequence[str]
    changes: dict[Path, Change] = field(default_factory=dict)
    input_diffs: set[Path] = field(default_factory=set)

    def add_map(self, path: Path, patch: Any, old: Any, new: Any, *, in_list: bool = False) -> None:
        """Record what a patch does to the map at a path.

        `old` is the live map cut down to the former inputs, `new` the new inputs. Within lists a patch holds
        whole items, so that what it leaves out is deleted.
        """
        for key, value in patch.items():
            self._add((*path, key), value, _get(old, key), _get(new, key), in_list=in_list)
        for key in (old.keys() - patch.keys()) if in_list else ():
            self._add((*path, key), None, old[key], _get(new, key), in_list=True)

    def _add_list(self, path: Path, patch: list[Any], old: list[Any], new: Any) -> None:
        for index in range(max(len(patch), len(old))):
            value = patch[index] if index < len(patch) else None
            before = old[index] if index < len(old) else _MISSING
            wanted = new[index] if isinstance(new, list) and index < len(new) else None
            self._add((*path, index), value, before, wanted, in_list=True)

    def _add(self, path: Path, value: Any, old: Any, new: Any, *, in_list: bool) -> None:
        if new is _MISSING and (value is not None or old is _MISSING):
            return  # The API server fills it in: nobody asked for it, now or before.
        if value is None:
            change = Change.DELETE
            if isinstance(new, Unknown):
                change = Change.ADD if old is _MISSING else Change.UPDATE
        elif old is _MISSING:
            change = Change.ADD
        elif is_map(value) and is_map(old):
            self.add_map(path, value, old, new, in_list=in_list)
            return
        elif isinstance(value, list) and isinstance(old, list):
            self._add_list(path, value, old, new)
            return
        elif equal(value, old):
            return  # A patch replaces lists as a whole, changed or not.
        else:
            change = Change.UPDATE
        if change is Change.DELETE:
            self.input_diffs.add(path)
        self.changes[path] = change.replace if replaces(path, value, self.replacing) else change


def _get(container: Any, key: str) -> Any:
    return container.get(key, _MISSING) if is_map(container) else _MISSING
