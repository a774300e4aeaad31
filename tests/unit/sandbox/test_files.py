"""Locks, and the directories that have them."""

import fcntl
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sandbox.platform import files


@contextmanager
def waiting(lock: Path) -> Iterator[threading.Event]:
    """Wait for a lock in another thread, and hold it until the end; the event tells that it has it."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with files.locked(lock):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        time.sleep(0.2)  # until it waits for the holder
        yield entered
    finally:
        leave.set()
        thread.join()


@pytest.mark.parametrize("meanwhile", [False, True], ids=["free", "taken by another"])
def test_who_waits_for_a_lock_that_its_holder_deletes_excludes_a_third(
    tmp_path: Path, meanwhile: bool
) -> None:
    lock = tmp_path / "state/lock"
    with ExitStack() as holder:
        holder.enter_context(files.locked(lock))
        with waiting(lock) as entered:
            shutil.rmtree(lock.parent)
            if meanwhile:
                with files.locked(lock):
                    holder.close()
                    assert not entered.wait(0.2)
            holder.close()
            assert entered.wait(5)
            with lock.open("w") as third, pytest.raises(BlockingIOError):
                fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lock_is_deleted_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, data = tmp_path / "state/lock", tmp_path / "state/data"
    data.mkdir(parents=True)
    rmtree, held = shutil.rmtree, []

    def observed(path: Path) -> None:
        held.append(lock.exists())
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", observed)
    with files.locked(lock):
        files.delete(lock.parent, lock)
    assert held == [True] and not lock.parent.exists()
