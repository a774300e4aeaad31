"""Restores: a new database next to the old one, from the store alone, and the switch to it.

The program makes the databases. What it needs to know stands in the stack file, where a restore writes it:
`restored.NAME.server`, `restored.NAME.time`, and, for a switch, `database`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from slipway import interrupts
from slipway.cluster.objects import live_objects
from slipway.cluster.rollout import rollout_problems, settle
from slipway.databases.coverage import LATEST
from slipway.databases.drills import SUFFIX, databases, drills
from slipway.errors import SlipwayError
from slipway.preview.preview import PreviewOptions, policy_packs, preview
from slipway.preview.report.model import Report
from slipway.promotion.lease import in_progress
from slipway.promotion.options import VerifyOptions
from slipway.promotion.phases import Prompter
from slipway.promotion.receipts import Outcome
from slipway.promotion.verification import Target, verify
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

RESTORED, DATABASE = "restored", "database"
"""The keys of the stack file that the program reads."""
LONGEST = 40


@dataclass(frozen=True)
class Order:
    """What to restore."""

    name: str
    to: str
    server: str | None = None
    """The database whose archive is read; by default the one that is used."""


def restore(project: Project, stack: str, order: Order, prompter: Prompter) -> None:
    """Make a new database with what another one had at a moment; the other one is not touched.

    Raises:
        SlipwayError: nothing was changed, or the update failed; the message says how to continue.
    """
    target = _idle(project, stack)
    server, time = order.server or _used(target), moment(order.to)
    _check_name(target, order.name, server, time)
    values: dict[tuple[str, ...], str] = {
        (f"{target.project}:{RESTORED}", order.name, "server"): server,
        (f"{target.project}:{RESTORED}", order.name, "time"): time,
    }
    made = f"{order.name}{SUFFIX}"
    failure = _change(target, values, f"Restore {server} of {stack} as {order.name}?", prompter, creates=made)
    after = target.reload()
    if failure and order.name in _names(after):
        raise SlipwayError(
            f"{order.name} is restored, but the update failed after that: {failure}\n{server} is as it was."
            " Correct the cause, then `pulumi up`"
        )
    if failure:
        raise SlipwayError(
            f"{order.name} was not restored: {failure}\n{server} is as it was. The Job {made}… and the pod"
            f" {order.name}-0-0 have the reason. Correct it, and run the same command again; or remove"
            f" {RESTORED}.{order.name} from {target.file.path.name}, then `pulumi up`"
        )
    for drill in drills(after.cluster, after.objects):
        if drill.database == order.name:
            prompter.info(f"✓ {order.name} is restored, and its own first backup was restored in a drill")


def switch(project: Project, stack: str, name: str, verification: VerifyOptions, prompter: Prompter) -> None:
    """Let the application use another database, verify it, and switch back if a check fails.

    Raises:
        SlipwayError: nothing was changed, or the application uses again what it used before.
    """
    target = _idle(project, stack)
    verification.check_command()
    if name not in _names(target):
        raise SlipwayError(f"{stack} has no database {name}: restore it first, or choose {_listed(target)}")
    key = f"{target.project}:{DATABASE}"
    before = target.file.text()
    failure = _change(target, {(key,): name}, f"Switch {stack} to the database {name}?", prompter)
    failure = failure or _verify(target.reload(), verification, prompter)
    if not failure:
        prompter.info(f"✓ {stack} uses {name}. The database it used before is still there, and archives on.")
        return
    prompter.info(f"✗ {failure}\nSwitching {stack} back…")
    target.file.write(before)
    run = target.stack.up(message=f"switch back from {name}")
    back = "" if run.succeeded else f"the update failed: {run.failure_reason}"
    back = back or _verify(target.reload(), verification.without_soak(), prompter)
    outcome = f"the way back failed too: {back}" if back else f"{stack} uses again what it used before"
    raise SlipwayError(f"{failure}; {outcome}")


def moment(text: str) -> str:
    """Return a moment as the stack file has it, in UTC: 20260131T120000Z, which YAML takes for a text.

    Raises:
        SlipwayError: it is not a moment of the past.
    """
    if text == LATEST:
        return text
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SlipwayError(
            f"--to is {text!r}, but must be LATEST or a time: 2026-01-31T12:00:00 (in UTC), or with its zone"
        ) from None
    time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    if time > datetime.now(UTC):
        raise SlipwayError(f"--to is {text!r}, which is in the future; LATEST means all that is archived")
    return f"{time:%Y%m%dT%H%M%S}{f'.{time:%f}' if time.microsecond else ''}Z"


def _idle(project: Project, stack: str) -> StackSnapshot:
    """Return a stack that nothing else changes now."""
    target = StackSnapshot.read(project, stack)
    latest = next(iter(target.receipts.all()), None)
    if latest is not None and latest.outcome is Outcome.OPEN:
        raise in_progress(latest)
    target.check_finished()
    return target


def _names(target: StackSnapshot) -> list[str]:
    return [item.name.removesuffix(SUFFIX) for item in databases(target.objects)]


def _listed(target: StackSnapshot) -> str:
    return ", ".join(_names(target)) or "none"


def _used(target: StackSnapshot) -> str:
    """Return the database that the application uses: the setting, or the only one that was not restored."""
    setting = target.config.get(f"{target.project}:{DATABASE}")
    if setting and setting.value:
        return setting.value
    restored = target.file.value(f"{target.project}:{RESTORED}") or {}
    own = [name for name in _names(target) if name not in restored]
    if len(own) != 1:
        raise SlipwayError(
            f"name the database of {target.name} with --database: those with backups are {_listed(target)}"
        )
    return own[0]


def _check_name(target: StackSnapshot, name: str, server: str, time: str) -> None:
    if not re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", name) or len(name) > LONGEST:
        raise SlipwayError(
            f"--as is {name!r}, but must be at most {LONGEST} lower-case letters, digits and dashes: db-2"
        )
    known = (target.file.value(f"{target.project}:{RESTORED}") or {}).get(name)
    if name == server or (name in _names(target) and known is None):
        raise SlipwayError(f"--as is {name!r}, but {target.name} has a database of this name: choose another")
    if known is not None and known.get("server") != server:
        raise SlipwayError(
            f"--as is {name!r}, but that was restored from {known.get('server')}: choose another"
        )
    # A database that has data is never restored again. What LATEST meant then is not what it means now.
    if known is None or name not in _names(target):
        return
    before = moment(str(known.get("time", LATEST)))
    if time == LATEST or before != time:
        raise SlipwayError(
            f"--as is {name!r}, but that was restored before, to {before}, and is never restored again:"
            f" choose another name, or use it as it is: slipway restore {target.name} --as {name} --switch"
        )


def _change(
    target: StackSnapshot,
    values: Mapping[tuple[str, ...], str],
    question: str,
    prompter: Prompter,
    creates: str = "",
) -> str:
    """Change the stack file and update the stack; return the reason of a failed update.

    Raises:
        SlipwayError: declined, or the preview failed; the stack file is as it was.
    """
    before = target.file.text()
    target.file.write(target.file.with_values(values))
    try:
        packs = policy_packs(target.stack.project, None)
        _preview(target, packs, creates, prompter)
        if not prompter.confirm(question):
            raise SlipwayError("declined: nothing was changed")
        interrupts.check()
    except BaseException:
        target.file.write(before)
        raise
    prompter.info(f"Updating {target.name}…")
    run = target.stack.up(policy_packs=packs, message=question.rstrip("?"))
    return "" if run.succeeded else f"the update failed: {run.failure_reason}"


def _preview(target: StackSnapshot, packs: Sequence[Path], creates: str, prompter: Prompter) -> None:
    prompter.info(f"Previewing {target.name}…")
    result = preview(target.stack, PreviewOptions(policy_packs=packs))
    result.run.check(f"the preview of {target.name} failed")
    prompter.show_report(Report(stacks=(result.report,)))
    seen = (*result.run.summary.changes, *result.run.summary.unchanged)
    if creates and not any(change.name.endswith(creates) for change in seen):
        raise SlipwayError(
            f"the program of {target.project} makes no database from `{RESTORED}`: see docs/guides/backups.md"
        )
    if failing := [f"{found.request.name}: {found.reason}" for found in result.restores if found.known]:
        raise SlipwayError("nothing was changed, because the restore would fail. " + "; ".join(failing))


def _verify(target: StackSnapshot, options: VerifyOptions, prompter: Prompter) -> str:
    """Return why the stack does not serve; the checks are those of a promotion."""
    objects = target.objects
    if target.image is None:
        problems = settle(
            lambda: rollout_problems(target.cluster, objects, live_objects(target.cluster, objects))
        )
        return "; ".join(problems)
    checked = verify(
        Target(target.name, target.cluster, tuple(objects), target.image, prompter.info), options
    )
    return "" if checked[-1].passed else f"{checked[-1].name}: {checked[-1].detail}"
