"""One server for each volume, whatever starts a second container on it."""

import fcntl
import os
import time
from pathlib import Path

LOCK = ".lock"
POLL_S = 0.2


def lock_volume(directory: Path) -> None:
    """Wait until no other container uses the volume, and keep it for as long as this container runs.

    Kubernetes replaces a pod that is deleted by force while its container still runs:
    https://kubernetes.io/docs/tasks/run-application/force-delete-stateful-set-pod/. PostgreSQL itself finds
    another server by its process id, which says nothing about another container. Two servers destroy the
    data.

    Args:
        directory: the root of the volume. A file in it is locked; the lock ends with the last process that
            this one becomes or forks.
    """
    file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    waits = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if not waits:
                print(f"another container still uses {directory}: waiting until it has ended", flush=True)
                waits = True
            time.sleep(POLL_S)
        except OSError as error:
            print(f"{directory} is not safe from a second server: it cannot be locked ({error})", flush=True)
            break
    os.set_inheritable(file, True)
