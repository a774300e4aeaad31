"""The corpus: changes of the example program's components, each with what a reviewer has to be told.

`cases/` is written by hand. `recorded/` holds what the real engine and the real provider said of each in a
preview; `observed.json` what was seen when it was applied. recording.py makes both.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pulumi.automation.events import EngineEvent

CORPUS = Path(__file__).parent
RECORDED = CORPUS / "recorded"
OBSERVED = CORPUS / "observed.json"
CLUSTER = CORPUS / "cluster.json"
PROGRAM = CORPUS / "program"


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled change."""

    name: str
    change: Mapping[str, Any]
    """What is merged into base.yaml; null removes."""
    level: str
    """safe, attention or dangerous: the level that the report must have."""
    about: tuple[str, ...]
    """Concerns among those of that level."""

    @property
    def slug(self) -> str:
        """Its name as a file's."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())

    @property
    def recording(self) -> Path:
        """The events of the engine, one a line."""
        return RECORDED / f"{self.slug}.jsonl"

    def spec(self, images: Mapping[str, str]) -> dict[str, Any]:
        """Return what the program is to make, with the names of images put in."""
        spec: dict[str, Any] = filled(merged(base(), self.change), images)
        return spec

    def events(self) -> list[EngineEvent]:
        """Return what was recorded of its preview."""
        own = _lines(self.slug)
        changed = {_urn(line) for line in own}
        unchanged = [line for line in _lines("base") if _urn(line) not in changed]
        return [EngineEvent.from_json(line) for line in (*unchanged, *own)]


def cases() -> list[Case]:
    """Read the corpus, in the order of its files."""
    return [
        Case(item["name"], item["change"], item["level"], tuple(item["about"]))
        for file in sorted((CORPUS / "cases").glob("*.yaml"))
        for item in yaml.safe_load(file.read_text())
    ]


def base() -> dict[str, Any]:
    """Return what every case starts from."""
    found: dict[str, Any] = yaml.safe_load((CORPUS / "base.yaml").read_text())
    return copy.deepcopy(found)


def merged(target: Any, change: Any) -> Any:
    """Apply a JSON merge patch, except that null stays, for the program to see. RFC 7396."""
    if not isinstance(target, Mapping) or not isinstance(change, Mapping):
        return change
    return {**target, **{key: merged(target.get(key), value) for key, value in change.items()}}


def filled(value: Any, images: Mapping[str, str]) -> Any:
    """Put references in the place of IMAGE, IMAGE2 and REPOSITORY."""
    if isinstance(value, Mapping):
        return {key: filled(item, images) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, images) for item in value]
    if isinstance(value, str):
        for name, reference in sorted(images.items(), reverse=True):
            value = value.replace(name, reference)
    return value


def trimmed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep of a preview's events what reports are made from."""
    kept = []
    for event in events:
        if step := (event.get("resourcePreEvent") or {}).get("metadata"):
            for state in (step.get("old"), step.get("new")):
                if state:
                    state["outputs"] = _seen(state.get("outputs") or {})
            kept.append({"resourcePreEvent": {"metadata": step}})
        elif diagnostic := event.get("diagnosticEvent"):
            if diagnostic["severity"] in ("warning", "error"):
                kept.append(event)
        elif event.get("summaryEvent"):
            kept.append(event)
    return kept


def write(slug: str, events: list[dict[str, Any]]) -> None:
    """Store a preview's events, without the resources that stay as they are in the base."""
    base_lines = [] if slug == "base" else [json.dumps(line, sort_keys=True) for line in _lines("base")]
    lines = [line for event in events if (line := json.dumps(event, sort_keys=True)) not in base_lines]
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{slug}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def _seen(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the cluster added matters: status."""
    return {"status": outputs["status"]} if "status" in outputs else {}


@cache
def _lines(slug: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / f"{slug}.jsonl").read_text().splitlines()]


def _urn(event: Mapping[str, Any]) -> str:
    return str((event.get("resourcePreEvent") or {}).get("metadata", {}).get("urn", "summary"))
