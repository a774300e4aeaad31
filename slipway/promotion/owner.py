"""The owner of an open receipt: a process, which may run on another machine."""

import os
import socket
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from slipway import process


class Owner(BaseModel):
    """A process that works on a promotion."""

    model_config = ConfigDict(frozen=True)

    user: str
    host: str
    pid: int
    born: str
    """The start time of the process; it identifies the process, because PIDs are reused."""
    space: str = ""
    """The boot and the PID namespace of the process; empty if unknown, as in receipts of earlier versions."""
    renewed: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """The time of the last heartbeat."""

    @classmethod
    def this_process(cls, user: str) -> "Owner":
        """Return this process as an owner."""
        pid = os.getpid()
        born = process.start_time(pid) or ""
        return cls(user=user, host=socket.gethostname(), pid=pid, born=born, space=process.process_space())

    def is_alive(self) -> bool | None:
        """Return whether the process runs; None for a process that is not visible here.

        The same host name may be another boot, or another container.
        """
        if (self.host, self.space) != (socket.gethostname(), process.process_space()) or not self.born:
            return None
        born = process.start_time(self.pid)
        return None if born is None else born == self.born

    def renew(self) -> "Owner":
        """Return the same process with the present time as its last heartbeat."""
        return self.model_copy(update={"renewed": datetime.now(UTC)})

    def is_same_process(self, other: "Owner | None") -> bool:
        """Return whether both are the same process."""
        return other is not None and other.model_copy(update={"renewed": self.renewed}) == self

    def __str__(self) -> str:
        return f"{self.user}, process {self.pid} on {self.host}"
