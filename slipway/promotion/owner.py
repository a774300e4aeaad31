"""Who works on a promotion, and whether they still do."""

import os
import socket
import subprocess
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

RENEWED_EVERY_S = 10
GONE_AFTER_S = 45
"""Seconds without a sign of life after which a holder on another machine counts as gone."""


class Owner(BaseModel):
    """A process that works on a promotion."""

    model_config = ConfigDict(frozen=True)

    user: str
    host: str
    pid: int
    born: str
    """When the process started: its number alone is given to another after its end."""
    renewed: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """Its last sign of life."""

    @classmethod
    def me(cls, user: str) -> "Owner":
        """Return this process."""
        return cls(user=user, host=socket.gethostname(), pid=os.getpid(), born=_born(os.getpid()))

    def alive(self) -> bool | None:
        """Whether the process runs; None on another machine, where only its signs of life tell."""
        if self.host != socket.gethostname():
            return None
        return _born(self.pid) == self.born

    def alive_now(self) -> "Owner":
        """Return the same process with a sign of life of now."""
        return self.model_copy(update={"renewed": datetime.now(UTC)})

    def is_same(self, other: "Owner | None") -> bool:
        """Whether both are the same process."""
        return other is not None and (self.host, self.pid, self.born) == (other.host, other.pid, other.born)

    def __str__(self) -> str:
        return f"{self.user}, process {self.pid} on {self.host}"


def is_running(pid: int, program: str) -> bool:
    """Whether a process of this machine runs, and runs that program."""
    return program in _ps(pid, "comm")


def _born(pid: int) -> str:
    return _ps(pid, "lstart")


def _ps(pid: int, column: str) -> str:
    done = subprocess.run(("ps", "-o", f"{column}=", "-p", str(pid)), capture_output=True, text=True)
    return done.stdout.strip()
