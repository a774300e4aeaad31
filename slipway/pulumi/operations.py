"""Operations of the engine: their results, why they failed, and the history of a stack."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pulumi.automation.events import EngineEvent

from slipway import masking
from slipway.errors import SlipwayError
from slipway.pulumi.changes import EventSummary
from slipway.pulumi.events import summarise

_LAST_LINES = 30
_GENERIC_ERROR = re.compile(r"(preview|update) failed")
_PROGRAM_EXIT = re.compile(r"an unhandled error occurred: program exited with non-zero exit code: -?\d+")
"""The engine's last words about a program that exits with an error, also after it has printed the reason."""
_PLAN_VIOLATION = re.compile(r"(resource (?P<urn>urn:\S+) violates plan): .*", re.DOTALL)


@dataclass(frozen=True)
class Run:
    """The result of an operation of the engine."""

    events: Sequence[EngineEvent] = field(repr=False)
    failure: str = ""
    """The output of a command that failed; empty after success."""

    @property
    def succeeded(self) -> bool:
        """The operation had no error, and no mandatory policy refused it."""
        return not self.failure

    @cached_property
    def summary(self) -> EventSummary:
        """The content of the events."""
        return summarise(self.events)

    @property
    def failure_reason(self) -> str:
        """Why the operation failed, masked: the errors in its events, else the end of its output."""
        if self.succeeded:
            return ""
        errors = dict.fromkeys(item.message for item in self.summary.diagnostics if item.severity == "error")
        reasons = [_printed(error) for error in errors if not is_generic(error)]
        if reasons:
            return "\n".join(reasons)
        exits = [error for error in errors if _PROGRAM_EXIT.fullmatch(error)]
        if exits:
            return "\n".join(exits)
        if refusal := policy_refusal(self.summary):
            return refusal
        stdout, _, stderr = self.failure.partition("\n stderr: ")
        output = stderr.strip() or stdout.partition("stdout: ")[2].strip() or self.failure
        return _printed("\n".join(output.splitlines()[-_LAST_LINES:]))

    def check(self, problem: str) -> EventSummary:
        """Return the summary of an operation that succeeded.

        Raises:
            SlipwayError: the operation failed; the message is the problem and the reason.
        """
        if not self.succeeded:
            raise SlipwayError(f"{problem}: {self.failure_reason}")
        return self.summary


@dataclass(frozen=True)
class Update:
    """A past operation of a stack."""

    kind: str
    """update, preview, refresh, destroy, import, …"""
    result: str
    """succeeded, failed or in-progress."""
    started: str
    ended: str
    environment: Mapping[str, str] = field(repr=False)
    """git.head, git.author, exec.kind, …"""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Update":
        """Parse an entry of `pulumi stack history --json`."""
        return cls(
            kind=entry["kind"],
            result=entry["result"],
            started=entry["startTime"],
            ended=entry.get("endTime", ""),
            environment=entry["environment"],
        )


def _printed(error: str) -> str:
    return masking.message(without_values(error))


def is_generic(error: str) -> bool:
    """Return whether an error of the engine only says that something failed, and not why."""
    return bool(_GENERIC_ERROR.fullmatch(error) or _PROGRAM_EXIT.fullmatch(error))


def policy_refusal(summary: EventSummary) -> str:
    """Return the mandatory policies that refuse an operation; empty without any."""
    mandatory = sorted({violation.policy for violation in summary.violations if violation.mandatory})
    return f"refused by policy: {', '.join(mandatory)}" if mandatory else ""


def without_values(message: str) -> str:
    """Remove property values from the engine's error about a plan; they include build secrets."""
    return _PLAN_VIOLATION.sub(r"\1: its properties differ from the reviewed plan", message)
