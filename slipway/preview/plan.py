"""Plans: what was reviewed is what is applied, or nothing is.

The engine's own plan bounds each resource to the operations and values of the preview. What it does not see
is added: the program, the configuration and the state that the preview was made from, and the cluster itself.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from slipway.errors import SlipwayError
from slipway.preview import fingerprints
from slipway.preview.preview import Options, Preview, preview
from slipway.preview.report.builder import resource
from slipway.pulumi.changes import Change
from slipway.pulumi.events import read
from slipway.pulumi.failures import explained
from slipway.pulumi.project import OnEvent, Stack
from slipway.pulumi.updates import Run

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # a mark, not a secret


class Plan(BaseModel):
    """What `preview --save-plan` writes and `apply --plan` reads. Secrets in it are encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    stack: str
    made: datetime
    level: str
    """The highest of its consequences, as reported."""
    refresh: bool
    """Whether the cluster was looked at first."""
    drift: tuple[str, ...]
    """How the cluster then differed from the state."""
    program: str
    configuration: str
    state: str
    engine: dict[str, Any]
    """The engine's own plan."""

    @classmethod
    def load(cls, file: Path) -> "Plan":
        """Read a plan.

        Raises:
            SlipwayError: when it is not there, or is none.
        """
        try:
            return cls.model_validate_json(file.read_text())
        except OSError as error:
            raise SlipwayError(f"the plan {file} cannot be read: {error.strerror}") from None
        except ValidationError:
            raise SlipwayError(
                f"{file} is no plan of this version; `slipway preview --save-plan` makes one"
            ) from None


def preview_and_save(stack: Stack, options: Options, file: Path, progress: OnEvent | None = None) -> Preview:
    """Preview a stack and keep the plan in a file that only its owner can read; none if the preview fails.

    Raises:
        SlipwayError: as preview does.
    """
    file.unlink(missing_ok=True)
    # Taken first: what changes meanwhile is then found changed when the plan is applied.
    program = fingerprints.program(stack.project.directory, without=file.parent)
    configuration = fingerprints.configuration(stack)
    state = fingerprints.state(stack.state())
    with tempfile.TemporaryDirectory() as directory:
        engine = Path(directory, "plan.json")
        found = preview(stack, options, save_plan=engine, progress=progress)
        if not found.run.succeeded:
            return found
        plan = Plan(
            stack=stack.name,
            made=datetime.now(UTC),
            level=found.report.level.value,
            refresh=options.refresh,
            drift=tuple(sorted(_described(found.told.drift))) if options.refresh else (),
            program=program,
            configuration=configuration,
            state=state,
            engine=without_made_up_secrets(json.loads(engine.read_text())),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(plan.model_dump_json(indent=1) + "\n")
    return found


def check(plan: Plan, stack: Stack, file: Path) -> None:
    """Refuse a plan, read from a file, whose ground has changed since it was made.

    Raises:
        SlipwayError: with everything that has changed.
    """
    now = {
        "the program": (plan.program, fingerprints.program(stack.project.directory, without=file.parent)),
        f"the configuration ({stack.file.name})": (plan.configuration, fingerprints.configuration(stack)),
        "the stack's state, by another update,": (plan.state, fingerprints.state(stack.state())),
    }
    problems = [f"{what} has changed" for what, (then, today) in now.items() if then != today]
    problems += [] if problems else _drifted_since(plan, stack)
    if problems:
        raise SlipwayError(
            f"the plan for {stack.name} of {plan.made:%Y-%m-%d %H:%M} UTC is not applied:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\nNothing was touched. Preview again, and have that reviewed."
        )


def apply(
    file: Path, stack: Stack, policy_packs: Sequence[Path] = (), on_event: OnEvent | None = None
) -> Run:
    """Check the plan in a file and update the stack exactly as it says.

    Raises:
        SlipwayError: when something has changed since, or the update fails.
    """
    plan = Plan.load(file)
    check(plan, stack, file)
    with tempfile.TemporaryDirectory() as directory:
        engine = Path(directory, "plan.json")
        engine.touch(mode=0o600)
        engine.write_text(json.dumps(plan.engine))
        run = stack.up(plan=engine, refresh=plan.refresh, policy_packs=policy_packs, on_event=on_event)
    if not run.succeeded:
        raise SlipwayError(f"the update of {stack.name} failed: {explained(run, read(run.events))}")
    return run


def _drifted_since(plan: Plan, stack: Stack) -> list[str]:
    run = stack.preview_refresh()
    told = read(run.events)
    if not run.succeeded:
        raise SlipwayError(f"the cluster cannot be looked at: {explained(run, told)}")
    found = set(_described(told.drift))
    return [
        *(f"the cluster has changed: {one}" for one in sorted(found - set(plan.drift))),
        *(f"the cluster has changed back: {one}" for one in sorted(set(plan.drift) - found)),
    ]


def _described(drift: Sequence[Change]) -> Iterator[str]:
    for change in drift:
        if not change.properties:
            yield f"{change.kind} {change.name} is gone"
        for one in resource(change).properties:
            yield f"{change.kind} {change.name}: {one.path} is {one.new}, was {one.old}"


def without_made_up_secrets(engine: dict[str, Any]) -> dict[str, Any]:
    """Let secrets that each run makes anew be what they will be then: the engine holds it to the preview's.

    Secrets of image builds are no part of the image. A secret of what is only now created, as a password
    that the program makes up, was never shown to a reviewer.
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
