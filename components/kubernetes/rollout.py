"""How a new version of a service replaces the old one."""

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


def _pods(share: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    return share if isinstance(share, int) else rounded(replicas * int(share.rstrip("%")) / 100)


Share = Annotated[int | str, PlainValidator(_share)]


@options
class Rollout:
    """How a new version replaces the old one. Times are in seconds."""

    max_surge: Share = "25%"
    """Pods above the wanted number; a quarter makes at most four waves, however many replicas there are."""
    max_unavailable: Share = 0
    timeout: Count = 100
    """After this the rollout is reported as failed; the old pods serve on. Raise it where pulling is slow."""
    min_ready: Seconds = 0
    """A new pod must have been ready so long before an old one goes for it: time for a crash to show.

    Each wave of pods takes that long; `timeout` must be longer than all of them.
    """
    pre_stop: Seconds = 5
    """A pod serves on so long after it was told to stop, until every node has heard that it goes."""
    termination_grace: Seconds = 30
    """Time for a pod to stop, pre_stop included, before it is killed."""

    @field_validator("max_unavailable")
    @classmethod
    def _can_move(cls, value: int | str, info: ValidationInfo) -> int | str:
        if str(value).rstrip("%") == str(info.data.get("max_surge")).rstrip("%") == "0":
            raise conflict("and max_surge are both 0, so that no pod could ever be replaced")
        return value

    @field_validator("termination_grace")
    @classmethod
    def _outlives_pre_stop(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("pre_stop", 0):
            raise conflict(f"is {value}, but must be more than pre_stop, {info.data['pre_stop']}")
        return value

    def waves(self, replicas: int) -> int:
        """How many times pods are replaced, one after another.

        Kubernetes rounds a share up where it is a surge, and down where it may be unavailable.
        """
        at_once = _pods(self.max_surge, replicas, math.ceil) + _pods(
            self.max_unavailable, replicas, math.floor
        )
        return math.ceil(replicas / max(at_once, 1))

    @property
    def awaited(self) -> dict[str, str]:
        """The annotation that bounds Pulumi's wait, which is 10 minutes without it."""
        return {"pulumi.com/timeoutSeconds": str(self.timeout)}
