"""Rollout: the settings of a rolling update."""

import math
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import PlainValidator, ValidationInfo, field_validator

from components.validation import Count, Seconds, conflict, options


def _share(value: object) -> object:
    if (type(value) is int and value >= 0) or (isinstance(value, str) and re.fullmatch("[0-9]+%", value)):
        return value
    raise ValueError('must be a number of pods, or a share such as "25%"')


def _pods(share: int | str, replicas: int, rounding: Callable[[float], int]) -> int:
    return share if isinstance(share, int) else rounding(replicas * int(share.rstrip("%")) / 100)


Share = Annotated[int | str, PlainValidator(_share)]


@options
class Rollout:
    """The settings of a rolling update. Times are in seconds."""

    max_surge: Share = "25%"
    """Pods above the number of replicas. A quarter makes at most four waves, for any number of replicas."""
    max_unavailable: Share = 0
    """Pods below the number of replicas."""
    timeout: Count = 100
    """The rollout fails after this time, and the old pods keep serving. Raise it if nodes pull slowly."""
    min_ready: Seconds = 0
    """A new pod must stay ready for this time before it replaces an old one: a late crash shows in time.

    Each wave of pods takes that long; `timeout` must be longer than all of them together.
    """
    pre_stop: Seconds = 5
    """A terminating pod keeps serving for this time, until every node has stopped sending to it."""
    termination_grace: Seconds = 30
    """A pod that has not stopped after this time, pre_stop included, is killed."""

    @field_validator("max_unavailable")
    @classmethod
    def _makes_progress(cls, value: int | str, info: ValidationInfo) -> int | str:
        if str(value).rstrip("%") == str(info.data.get("max_surge")).rstrip("%") == "0":
            raise conflict("and max_surge are both 0: no pod could ever be replaced")
        return value

    @field_validator("termination_grace")
    @classmethod
    def _outlives_pre_stop(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("pre_stop", 0):
            raise conflict(f"is {value}, but must be more than pre_stop, {info.data['pre_stop']}")
        return value

    def waves(self, replicas: int) -> int:
        """Return the number of waves in which the pods are replaced.

        Kubernetes rounds max_surge up and max_unavailable down.
        """
        at_once = _pods(self.max_surge, replicas, math.ceil) + _pods(
            self.max_unavailable, replicas, math.floor
        )
        return math.ceil(replicas / max(at_once, 1))

    @property
    def awaited(self) -> dict[str, str]:
        """The annotation that limits the time for which Pulumi waits (10 minutes by default)."""
        return {"pulumi.com/timeoutSeconds": str(self.timeout)}
