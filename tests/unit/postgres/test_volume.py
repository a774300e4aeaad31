"""A volume has one server at a time."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dbserver import single, volume

PACKAGES = Path(volume.__file__).parents[1]
SERVER = """
import os, sys
from pathlib import Path
from dbserver.volume import lock_volume
lock_volume(Path(sys.argv[1]))
os.execvp("sh", ["sh", "-c", "echo started; read line"])
"""


@contextmanager
def container(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run what locks the volume, and then becomes another program that prints `started`."""
    with subprocess.Popen(
        (sys.executable, "-c", SERVER, str(directory)),
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_second_container_waits_until_the_first_has_ended(tmp_path: Path) -> None:
    """Also one that did not end by itself, and has become another program meanwhile."""
    with container(tmp_path) as first:
        assert said(first) == "started"
        with container(tmp_path) as second:
            expected = f"another container still uses {tmp_path}: waiting until it has ended"
            assert said(second) == expected
            with pytest.raises(BlockingIOError), (tmp_path / volume.LOCK).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            first.kill()
            assert said(second) == "started"


def test_a_volume_without_locks_is_named_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    volume.lock_volume(tmp_path)
    assert "is not safe from a second server" in capsys.readouterr().out


def test_nothing_of_a_database_is_touched_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(directory: Path) -> None:
        assert directory == tmp_path
        raise BlockingIOError

    monkeypatch.setattr(single, "lock_volume", refuse)
    with pytest.raises(BlockingIOError):
        single.serve({"PGDATA": str(tmp_path / "pgdata"), "DB_NAME": "db"})
    assert list(tmp_path.iterdir()) == []
