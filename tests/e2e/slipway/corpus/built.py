"""Cases that are built: events in the engine's form, made from edits of recorded and of given objects.

They hold what the components do not make, such as an Ingress with a login. No engine previewed them: its
dry run, its defaults and its replacements are missing. `built/` is written by hand.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pulumi.automation.events import EngineEvent

CORPUS = Path(__file__).parent
BUILT = CORPUS / "built"
_GIVEN = BUILT / "given.yaml"


@dataclass(frozen=True, eq=False)
class BuiltCase:
    """One labelled change."""

    name: str
    level: str
    """safe, attention or dangerous: the highest level that a report must have."""
    about: tuple[str, ...]
    """Concerns that the report must name."""
    edit: Mapping[str, Mapping[str, Any]]
    """Values by Kind/name and path, a/b/0/c; null removes, ~1 stands for / in a key."""
    create: tuple[Mapping[str, Any], ...]
    delete: tuple[str, ...]
    """Kind/name."""
    replace: tuple[str, ...]
    """Edited objects that the engine would replace."""
    given: tuple[Mapping[str, Any], ...]
    """Further objects before the change."""
    nodes: Mapping[str, Mapping[str, Any]]
    """Values that are merged into nodes of cluster.json, by name."""

    @property
    def slug(self) -> str:
        """Its name as a file's."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())

    def events(self) -> list[EngineEvent]:
        """Return the events of its preview."""
        objects = {**_objects(), **{_key(item): ("", item) for item in self.given}}
        return [EngineEvent.from_json(event) for event in self._steps(objects)]

    def cluster(self, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the cluster's objects, with this case's values of nodes."""
        changed = []
        for item in objects:
            node = self.nodes.get(item["metadata"]["name"], {}) if item["kind"] == "Node" else {}
            status = {**item.get("status", {}), **node.get("status", {})}
            changed.append({**item, **node, "status": status})
        return changed

    def _steps(self, objects: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
        for key, (urn, manifest) in objects.items():
            if key in self.delete:
                yield _step("delete", urn, manifest, None)
            elif key in self.edit:
                op = "replace" if key in self.replace else "update"
                yield _step(op, urn, manifest, _edited(manifest, self.edit[key]))
            else:
                yield _step("same", urn, manifest, manifest)
        for manifest in self.create:
            yield _step("create", "", None, manifest)


def built_cases() -> list[BuiltCase]:
    """Read the built cases, in the order of their files."""
    return [
        BuiltCase(
            name=case["name"],
            level=case["level"],
            about=tuple(case["about"]),
            edit=case.get("edit", {}),
            create=tuple(case.get("create", ())),
            delete=tuple(case.get("delete", ())),
            replace=tuple(case.get("replace", ())),
            given=tuple(case.get("given", ())),
            nodes=case.get("nodes", {}),
        )
        for file in sorted(BUILT.glob("*.yaml"))
        if file != _GIVEN
        for case in yaml.safe_load(file.read_text())
    ]


def base_objects() -> list[tuple[str, Mapping[str, Any]]]:
    """Return the URNs and manifests of the recorded and the given objects."""
    return [(urn or _urn(manifest), manifest) for urn, manifest in _objects().values()]


def _edited(manifest: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Set values by path, the last ones of a list first where they are removed."""
    edited = copy.deepcopy(dict(manifest))
    for path, value in sorted(values.items(), key=lambda item: item[1] is None):
        *parents, last = (
            int(part) if part.isdigit() else part.replace("~1", "/") for part in path.split("/")
        )
        target: Any = edited
        for part in parents:
            target = target[part] if isinstance(part, int) else target.setdefault(part, {})
        if value is None:
            del target[last]
        elif isinstance(last, int) and last == len(target):
            target.append(value)
        else:
            target[last] = copy.deepcopy(value)
    return edited


def _step(op: str, urn: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    manifest: Mapping[str, Any] = old or new or {}
    kind = _type(manifest)
    urn = urn or _urn(manifest)
    state = {"type": kind, "urn": urn, "custom": True, "id": "", "parent": "", "provider": "", "outputs": {}}
    return {
        "resourcePreEvent": {
            "metadata": {
                "op": op, "urn": urn, "type": kind, "provider": "", "detailedDiff": None,
                "old": {**state, "inputs": old} if old else None,
                "new": {**state, "inputs": new} if new else None,
            }
        }
    }  # fmt: skip


def _type(manifest: Mapping[str, Any]) -> str:
    group, _, version = manifest["apiVersion"].rpartition("/")
    return f"kubernetes:{group or 'core'}/{version}:{manifest['kind']}"


def _urn(manifest: Mapping[str, Any]) -> str:
    return f"urn:pulumi:corpus::corpus::{_type(manifest)}::{manifest['metadata']['name']}"


@cache
def _objects() -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return the recorded and the given objects: URN and manifest by Kind/name."""
    recorded = (CORPUS / "recorded" / "base.jsonl").read_text().splitlines()
    steps = (json.loads(line).get("resourcePreEvent", {}).get("metadata") for line in recorded)
    states = [step["new"] for step in steps if step and step["type"].startswith("kubernetes:")]
    objects = {_key(state["inputs"]): (state["urn"], state["inputs"]) for state in states}
    given = yaml.safe_load(_GIVEN.read_text())
    return {**objects, **{_key(manifest): ("", manifest) for manifest in given}}


def _key(manifest: Mapping[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
