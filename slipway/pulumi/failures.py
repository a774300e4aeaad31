"""What to tell of an operation that the engine did not bring to its end."""

import re

from slipway.pulumi.changes import EventSummary
from slipway.pulumi.updates import Run

_LINES = 30
# The engine prints the values of both sides, secrets of builds among them.
_VIOLATION = re.compile(r"(resource (?P<urn>urn:\S+) violates plan): .*", re.DOTALL)


def explained(run: Run, told: EventSummary) -> str:
    """Return why it failed: the errors that were told on the way, else what the command printed last."""
    if run.succeeded:
        return ""
    errors = dict.fromkeys(one.message for one in told.diagnostics if one.severity == "error")
    telling = [without_values(one) for one in errors if not re.fullmatch(r"(preview|update) failed", one)]
    if telling:
        return "\n".join(telling)
    mandatory = sorted({one.policy for one in told.violations if one.mandatory})
    if mandatory:
        return f"refused by policy: {', '.join(mandatory)}"
    stdout, _, stderr = run.failure.partition("\n stderr: ")
    printed = stderr.strip() or stdout.partition("stdout: ")[2].strip() or run.failure
    return without_values("\n".join(printed.splitlines()[-_LINES:]))


def without_values(message: str) -> str:
    """Leave out what the engine tells of values that differ from a plan."""
    return _VIOLATION.sub(r"\1: it would be made with other properties than were reviewed", message)
