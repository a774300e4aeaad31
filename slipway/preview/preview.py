"""The preview of one stack: a report on the engine's preview, the cluster's capacity and new commits."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from pulumi.automation.events import EngineEvent

from slipway import masking, process
from slipway.capacity import sampling
from slipway.capacity.usage import HOUR_S, clean, refusal
from slipway.cluster import capacity, compatibility
from slipway.cluster.capacity import Capacity
from slipway.databases import coverage
from slipway.errors import HistoryUnavailable, SlipwayError
from slipway.preview import commits
from slipway.preview.report import model
from slipway.preview.report.stack_report import stack_report
from slipway.preview.rules import Situation
from slipway.pulumi.changes import Change, Op
from slipway.pulumi.operations import Run
from slipway.pulumi.project import ConfigValue, Project, Stack
from slipway.pulumi.stack_cluster import cluster_of

_POLICIES = "policy"
_START_S = 30
"""The time limit for the start of a policy pack's interpreter."""
_UPDATES = 10
"""The number of updates that are searched for the last successful one."""


@dataclass(frozen=True)
class PreviewOptions:
    """Options of a preview."""

    refresh: bool = False
    """Compare the cluster with the state first, and report the drift."""
    policy_packs: Sequence[Path] = ()
    base_ref: str | None = None
    """List commits since this ref instead of those since the last update."""
    capacity: bool = True
    """Ask the cluster for its capacity."""


@dataclass(frozen=True)
class Preview:
    """The result of a preview."""

    run: Run
    report: model.Stack
    restores: tuple[coverage.Finding, ...] = ()
    """The restores of new databases that cannot succeed, or were not checked."""


def preview(
    stack: Stack,
    options: PreviewOptions,
    *,
    save_plan: Path | None = None,
    progress: Callable[[EngineEvent], None] | None = None,
) -> Preview:
    """Preview a stack. A preview that fails is reported as failed; it raises nothing.

    Raises:
        SlipwayError: the stack does not exist, or another operation has locked it.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        requests: list[Future[tuple[Capacity, str]]] = []

        def on_event(event: EngineEvent) -> None:
            # The first event has the configuration, which names the cluster.
            if event.prelude_event and options.capacity and not requests:
                requests.append(pool.submit(_read_capacity, stack, event.prelude_event.config))
            if progress:
                progress(event)

        run = stack.preview(
            refresh=options.refresh,
            save_plan=save_plan,
            policy_packs=options.policy_packs,
            on_event=on_event,
        )
        cluster, notes = _capacity(requests) if run.summary.changes else (None, [])
    restores = _restores(stack, run, ask=options.capacity)
    return Preview(run, _report(stack, options, run, cluster, notes, restores), restores)


def _restores(stack: Stack, run: Run, *, ask: bool) -> tuple[coverage.Finding, ...]:
    """Return the restores that cannot succeed, or could not be checked. Without one, no cluster is asked."""
    wanted = list(coverage.requests(run.summary.changes))
    if not wanted:
        return ()
    try:
        if not ask:
            raise SlipwayError("with --no-capacity, the cluster is not asked")
        cluster = cluster_of(stack, stack.config())
    except SlipwayError as error:
        return tuple(coverage.Finding.unknown(request, error) for request in wanted)
    return tuple(found for request in wanted if (found := coverage.check(cluster, request)))


def _read_capacity(stack: Stack, config: Mapping[str, str]) -> tuple[Capacity, str]:
    """Return the capacity of a stack's cluster, and why its version is not supported.

    The engine masks secrets in the configuration.
    """
    values = {
        key: ConfigValue(value, secret=False) if value != masking.MASK else ConfigValue(None, secret=True)
        for key, value in config.items()
    }
    cluster = cluster_of(stack, values)
    return capacity.read(cluster), compatibility.unsupported_version(cluster)


def _capacity(requests: Sequence[Future[tuple[Capacity, str]]]) -> tuple[Capacity | None, list[str]]:
    if not requests:
        return None, []
    try:
        found, unsupported = requests[0].result()
        unread = masking.message(found.unread)
        notes = [f"The LimitRanges of the cluster were not checked: {unread}"] if unread else []
        return found, [f"Unsupported cluster: {unsupported}", *notes] if unsupported else notes
    except SlipwayError as error:
        reason = str(error).splitlines()[-1]
        return None, [f"The capacity of nodes and quotas was not checked: {masking.message(reason)}"]


def _report(
    stack: Stack,
    options: PreviewOptions,
    run: Run,
    cluster: Capacity | None,
    notes: Sequence[str],
    restores: tuple[coverage.Finding, ...],
) -> model.Stack:
    events = run.summary
    changes = tuple(change for change in events.changes if change.custom)
    new, unavailable = _commits(stack, options, changes)
    peaks, unread = _peaks(stack) if changes else ({}, ())
    situation = Situation(
        changes, events.unchanged, cluster, new, events.incomplete, events.outputs, peaks, restores
    )
    return stack_report(
        stack.name,
        events,
        situation,
        drift=events.drift if options.refresh else None,
        notes=[*notes, *unavailable, *unread],
        failure=run.failure_reason,
    )


def _peaks(stack: Stack) -> tuple[dict[tuple[str, str], tuple[float, float]], Sequence[str]]:
    """Return the highest measured use by workload and container, where it was measured, and notes."""
    try:
        usages = sampling.read(sampling.file_of(stack.project.directory, stack.name))
    except SlipwayError as error:
        return {}, [f"Requests were not compared with the measured use: {error}"]
    cleaned = [clean(usage, time.time()) for usage in usages]
    return {
        (usage.workload, usage.container): (max(usage.cpu), max(usage.peaks()))
        for usage in cleaned
        if refusal(usage, HOUR_S) is None
    }, ()


def _commits(
    stack: Stack, options: PreviewOptions, changes: Sequence[Change]
) -> tuple[tuple[str, ...], Sequence[str]]:
    """Return the commits in new images, and notes. Without a new image git is not asked."""
    if not any(_new_image(change) for change in changes):
        return (), ()
    ref = options.base_ref or commits.last_update_commit(stack.history(last=_UPDATES))
    try:
        return (commits.since(stack.project.directory, ref) if ref else ()), ()
    except HistoryUnavailable as reason:
        return (), [f"The commits in the new image are unknown: {reason}"]


def _new_image(change: Change) -> bool:
    return change.op in (Op.UPDATE, Op.REPLACE) and any(
        item.path.endswith(".image") or item.path == "tags" for item in change.properties
    )


def policy_packs(project: Project, packs: Sequence[Path] | None) -> list[Path]:
    """Return the policy packs to check, installed: the given packs, or the project's own `policy/`."""
    if packs is None:
        own = project.directory / _POLICIES
        packs = [own] if (own / "PulumiPolicy.yaml").is_file() else []
    for pack in packs:
        settings = pack / "PulumiPolicy.yaml"
        if not settings.is_file():
            raise SlipwayError(f"{pack} is not a policy pack: it has no PulumiPolicy.yaml")
        _install(pack, yaml.safe_load(settings.read_text()))
    return list(packs)


def _install(pack: Path, settings: Mapping[str, object]) -> None:
    """Create a pack's virtualenv if it is missing or broken; the engine does not."""
    runtime = settings.get("runtime")
    options = runtime.get("options", {}) if isinstance(runtime, Mapping) else {}
    virtualenv = options.get("virtualenv")
    if not virtualenv or _works(pack / virtualenv):
        return
    if (pack / virtualenv / "pyvenv.cfg").is_file():
        shutil.rmtree(pack / virtualenv)  # `pulumi install` keeps an interpreter that does not start
    installed = process.run("pulumi", "install", directory=pack)
    if installed.code:
        raise SlipwayError(
            f"the policy pack {pack} cannot be installed: {installed.error or installed.text.strip()}"
        )


def _works(virtualenv: Path) -> bool:
    """Return whether the interpreter of a virtualenv starts, and the packages of policies are complete.

    The interpreter is a link that an upgrade of Python breaks, and a killed `pip` leaves some packages out.
    """
    packages = list(virtualenv.glob("lib/python*/site-packages/pulumi_policy-*.dist-info/RECORD"))
    if not packages:
        return False
    try:
        started = process.run(str(virtualenv / "bin/python"), "-I", "-S", "-c", "", timeout_s=_START_S)
    except SlipwayError:
        return False
    return not started.code
