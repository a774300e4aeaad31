"""One stack's preview: what the engine says, what the cluster has room for, what is new in the source."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from pulumi.automation.events import EngineEvent

from slipway import process
from slipway.cluster import capacity as room
from slipway.errors import CapacityUnavailable, HistoryUnavailable, SlipwayError
from slipway.preview import commits
from slipway.preview.report import model
from slipway.preview.report.builder import stack_report
from slipway.preview.rules import Cluster, Situation
from slipway.pulumi.changes import Change, EventSummary, Op
from slipway.pulumi.events import summarise
from slipway.pulumi.project import Project, Stack
from slipway.pulumi.updates import Run, failure_reason

_POLICIES = "policy"
_UPDATES = 10
"""How many operations are looked through for the last update that succeeded."""


@dataclass(frozen=True)
class Options:
    """How stacks are previewed."""

    refresh: bool = False
    """Look at the cluster first, and tell how it differs from the state."""
    policy_packs: Sequence[Path] = ()
    base_ref: str | None = None
    """Commits are told since this one, instead of since the last update."""
    capacity: bool = True
    """Ask the cluster for what it has room for."""


@dataclass(frozen=True)
class Preview:
    """What was found, and the report on it."""

    told: EventSummary
    run: Run
    report: model.Stack


def preview(
    stack: Stack,
    options: Options,
    *,
    save_plan: Path | None = None,
    progress: Callable[[EngineEvent], None] | None = None,
) -> Preview:
    """Preview a stack; what keeps the engine from coming to an end is told in the report.

    Raises:
        SlipwayError: when there is no such stack, or another operation holds it.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        looking: list[Future[Cluster]] = []

        def notice(event: EngineEvent) -> None:
            # The first event has the configuration, and so says which cluster to look at meanwhile.
            if event.prelude_event and options.capacity and not looking:
                looking.append(
                    beside.submit(room.read, dict(event.prelude_event.config), stack.project.directory)
                )
            if progress:
                progress(event)

        run = stack.preview(
            refresh=options.refresh,
            save_plan=save_plan,
            policy_packs=options.policy_packs,
            on_event=notice,
        )
        told = summarise(run.events)
        found, notes = _found(looking) if told.changes else (None, [])
    return Preview(told, run, _report(stack, options, run, told, found, notes))


def _found(looking: Sequence[Future[Cluster]]) -> tuple[Cluster | None, list[str]]:
    try:
        return (looking[0].result() if looking else None), []
    except CapacityUnavailable as reason:
        return None, [f"Whether nodes and quotas have room was not looked at: {reason}"]


def _report(
    stack: Stack, options: Options, run: Run, told: EventSummary, found: Cluster | None, notes: Sequence[str]
) -> model.Stack:
    changes = tuple(change for change in told.changes if change.custom)
    new, unknown = _commits(stack, options, changes)
    situation = Situation(changes, told.unchanged, found, new, told.incomplete)
    drift = told.drift if options.refresh else None
    failure = failure_reason(run, told)
    return stack_report(stack.name, told, situation, drift=drift, notes=[*notes, *unknown], failure=failure)


def _commits(
    stack: Stack, options: Options, changes: Sequence[Change]
) -> tuple[tuple[str, ...], Sequence[str]]:
    """Only asked for when an image changes: it costs a few commands."""
    if not any(_new_image(change) for change in changes):
        return (), ()
    ref = options.base_ref or commits.of_last_update(stack.history(last=_UPDATES))
    try:
        return (commits.since(stack.project.directory, ref) if ref else ()), ()
    except HistoryUnavailable as reason:
        return (), [f"Which commits the new image has was not found out: {reason}"]


def _new_image(change: Change) -> bool:
    return change.op in (Op.UPDATE, Op.REPLACE) and any(
        one.path.endswith(".image") or one.path == "tags" for one in change.properties
    )


def policy_packs(project: Project, named: Sequence[Path] | None) -> list[Path]:
    """Return the packs to check against, ready to run: those named, else the project's own `policy/`.

    Raises:
        SlipwayError: when one is none, or what it needs cannot be installed.
    """
    if named is None:
        own = project.directory / _POLICIES
        named = [own] if (own / "PulumiPolicy.yaml").is_file() else []
    for pack in named:
        settings = pack / "PulumiPolicy.yaml"
        if not settings.is_file():
            raise SlipwayError(f"{pack} is no policy pack: it has no PulumiPolicy.yaml")
        _install(pack, yaml.safe_load(settings.read_text()))
    return list(named)


def _install(pack: Path, settings: Mapping[str, object]) -> None:
    """Make a pack's virtualenv where it is not there yet, as the engine does not."""
    runtime = settings.get("runtime")
    options = runtime.get("options", {}) if isinstance(runtime, Mapping) else {}
    virtualenv = options.get("virtualenv")
    if not virtualenv or (pack / virtualenv / "bin").is_dir():
        return
    installed = process.run("pulumi", "install", directory=pack)
    if installed.code:
        raise SlipwayError(
            f"the policy pack {pack} cannot be installed: {installed.error or installed.text.strip()}"
        )
