"""Plans: an update applies exactly what was reviewed, or nothing.

The engine's own plan limits each resource to the operations and values of the preview. A Plan adds what the
engine does not check: the program, the configuration, the state, and the cluster.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from slipway.errors import OutOfDate, SlipwayError
from slipway.preview.fingerprint import Fingerprint
from slipway.preview.preview import Preview, PreviewOptions, preview
from slipway.preview.report.builder import resource
from slipway.pulumi.changes import Change
from slipway.pulumi.events import summarise
from slipway.pulumi.project import OnEvent, Stack
from slipway.pulumi.updates import Run, failure_reason

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # a mark, not a secret


class Plan(BaseModel):
    """The file that `preview --save-plan` writes and `apply --plan` reads. Its secrets are encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[2] = 2
    stack: str
    made: datetime
    level: str
    """The highest level of its consequences."""
    refresh: bool
    """Whether the preview refreshed the state first."""
    drift: tuple[str, ...]
    """Differences between cluster and state at the time of the preview."""
    fingerprint: Fingerprint
    engine: dict[str, Any]
    """The engine's own plan."""

    @classmethod
    def load(cls, file: Path) -> "Plan":
        """Read a plan.

        Raises:
            SlipwayError: the file cannot be read, or is not a plan file of this version.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise SlipwayError(f"the plan {file} cannot be read: {error.strerror}") from None
        except ValidationError:
            raise SlipwayError(
                f"{file} is not a plan file of this version; `slipway preview --save-plan` writes one"
            ) from None


def preview_and_save(
    stack: Stack, options: PreviewOptions, file: Path, progress: OnEvent | None = None
) -> Preview:
    """Preview a stack and save the plan in a file that only its owner can read; no file if the preview fails.

    Raises:
        SlipwayError: as preview does.
    """
    file.unlink(missing_ok=True)
    # Taken before the preview: apply() then detects changes during the preview too.
    fingerprint = Fingerprint.from_stack(stack, file.parent)
    with tempfile.TemporaryDirectory() as directory:
        engine = Path(directory, "plan.json")
        result = preview(stack, options, save_plan=engine, progress=progress)
        if not result.run.succeeded:
            return result
        plan = Plan(
            stack=stack.name,
            made=datetime.now(UTC),
            level=result.report.level.value,
            refresh=options.refresh,
            drift=tuple(sorted(_described(result.events.drift))) if options.refresh else (),
            fingerprint=fingerprint,
            engine=without_generated_secrets(json.loads(engine.read_text())),
        )
    _write(file, plan.model_dump_json(indent=1) + "\n")
    return result


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    A file that exists is not written to: whoever created it may have opened it to others.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise SlipwayError(f"the plan cannot be written to {file}: {error.strerror}") from None


def check(plan: Plan, stack: Stack, file: Path) -> None:
    """Refuse a plan, which was read from `file`, if it is out of date.

    Raises:
        OutOfDate: lists everything that has changed since the preview.
    """
    changed = plan.fingerprint.differences(Fingerprint.from_stack(stack, file.parent))
    problems = [f"{name} has changed" for name in changed] or _drifted_since(plan, stack)
    if problems:
        raise OutOfDate(
            f"the plan for {stack.name} of {plan.made:%Y-%m-%d %H:%M} UTC is out of date:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\nNothing was touched. Run the preview again, and review the new plan."
        )


def apply(
    file: Path, stack: Stack, policy_packs: Sequence[Path] = (), on_event: OnEvent | None = None
) -> Run:
    """Check the plan in a file, and update the stack exactly as planned.

    Raises:
        SlipwayError: the plan is out of date, or the update fails.
    """
    plan = Plan.load(file)
    check(plan, stack, file)
    with tempfile.TemporaryDirectory() as directory:
        engine = Path(directory, "plan.json")
        engine.touch(mode=0o600)
        engine.write_text(json.dumps(plan.engine))
        run = stack.up(plan=engine, refresh=plan.refresh, policy_packs=policy_packs, on_event=on_event)
    if not run.succeeded:
        raise SlipwayError(f"the update of {stack.name} failed: {failure_reason(run, summarise(run.events))}")
    return run


def _drifted_since(plan: Plan, stack: Stack) -> list[str]:
    run = stack.preview_refresh()
    events = summarise(run.events)
    if not run.succeeded:
        raise SlipwayError(f"{stack.name} cannot be compared with its cluster: {failure_reason(run, events)}")
    before, now = set(plan.drift), set(_described(events.drift))
    return [
        *(f"the cluster has changed: {change}" for change in sorted(now - before)),
        *(f"the cluster has changed back: {change}" for change in sorted(before - now)),
    ]


def _described(drift: Sequence[Change]) -> Iterator[str]:
    for change in drift:
        if not change.properties:
            yield f"{change.kind} {change.name} was deleted"
        for item in resource(change).properties:
            yield f"{change.kind} {change.name}: {item.path} is {item.new}, was {item.old}"


def without_generated_secrets(engine: dict[str, Any]) -> dict[str, Any]:
    """Replace secrets that every run generates anew by unknown values, which the update may set.

    The engine would hold the update to the preview's values. These secrets are the secrets of image builds,
    which are not part of the image, and secrets of new resources, such as a generated password.
    """
    for urn, planned in engine.get("resourcePlans", {}).items():
        difference = (planned.get("goal") or {}).get("inputDiff") or {}
        if urn.split("::")[2].endswith("docker-build:index:Image"):
            for part in difference.values():
                if isinstance(part, dict) and "secrets" in part:
                    part["secrets"] = _UNKNOWN
        if "create" in (planned.get("steps") or ()):
            difference["adds"] = _with_unknown_secrets(difference.get("adds") or {})
    return engine


def _with_unknown_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return _UNKNOWN
        return {key: _with_unknown_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_unknown_secrets(item) for item in value]
    return value
