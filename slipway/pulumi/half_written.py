"""Commands that read what another pulumi is writing run again."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

from pulumi.automation.errors import CommandError

HALF_LOCK = re.compile(
    r"stderr: (warning: .*\n)*error: (unexpected end of JSON input$|.*\.pulumi/locks/.*code=NotFound)", re.M
)
"""The error for a lock that another pulumi is writing, or has just removed."""
_HALF_FILE = re.compile(
    r"(load checkpoint|place 1|reading history file \S+): .*(EOF|unexpected end of JSON input)"
)
"""The errors for a state or history that another pulumi is writing: a file backend is not atomic.

The engine reads locks and the state before anything else, so a command with these errors has changed nothing.
"""
READ_DELAYS_S = (0.2, 0.5, 1.0, 2.0)
"""The delays before the file is read again."""

T = TypeVar("T")


def retried(command: Callable[[], T]) -> T:
    """Run a command again while another pulumi is writing what it reads."""
    for delay_s in READ_DELAYS_S:
        try:
            return command()
        except CommandError as error:
            if not (HALF_LOCK.search(str(error)) or _HALF_FILE.search(str(error))):
                raise
            time.sleep(delay_s)
    return command()
