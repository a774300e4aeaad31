"""The runner of other programs."""

import getpass
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slipway import interrupts, process
from slipway.errors import CommandFailed, CommandNotFound, CommandTimeout, Interrupted
from slipway.process import git, is_running, run, start_time

SCRIPT = "import os, sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.exit(os.environ['CODE'])"


def test_result() -> None:
    """The result has the exit code, the output as bytes and as text, and the stripped error."""
    result = run(sys.executable, "-c", SCRIPT, stdin="é", environment={"CODE": "no"})
    assert (result.code, result.stdout, result.text, result.error) == (1, b"\xc3\xa9", "é", "no")


def test_environment_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "kept")
    script = "import os; print(os.environ['OUTER'], os.environ['INNER'])"
    assert run(sys.executable, "-c", script, environment={"INNER": "added"}).text == "kept added\n"


@pytest.mark.parametrize("environment", [None, {"INNER": "added"}])
def test_pulumis_secrets_are_not_passed_on(
    environment: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to git, kubectl and its plugins, credential helpers, buildx and check commands."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "planted")
    assert "planted" not in run("env", environment=environment).text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_a_command_between_its_steps(number: int) -> None:
    """A closed terminal sends SIGHUP."""
    before = signal.getsignal(number)
    with interrupts.deferred():
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted):
            interrupts.check()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_question_at_once(number: int) -> None:
    with interrupts.deferred(), pytest.raises(Interrupted), interrupts.at_once():
        os.kill(os.getpid(), number)
        time.sleep(10)
        pytest.fail("the question waits on")


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers that run as any user."""

    def unknown(*_: object) -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(process, "git", lambda *_: "")
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    assert process.current_user() == f"user {os.getuid()}"


def test_a_program_does_not_wait_for_input() -> None:
    """Such as a credential plugin of kubectl: its question is not shown."""
    script = "from slipway.process import run; print(run('cat', timeout_s=5).code)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout and program.stdout.read() == "0\n"


def test_missing_program() -> None:
    with pytest.raises(CommandNotFound, match="no-such-program is not installed"):
        run("no-such-program")


def test_timeout() -> None:
    with pytest.raises(CommandTimeout, match=r"did not end within 0\.2 s"):
        run("sleep", "9", timeout_s=0.2)


def test_git(tmp_path: Path) -> None:
    assert git("rev-parse", "--is-inside-work-tree", directory=Path(__file__).parent) == "true\n"
    with pytest.raises(CommandFailed, match="not a git repository"):
        git("-C", "/", "rev-parse", "--show-toplevel", directory=tmp_path)


def test_processes() -> None:
    assert is_running(os.getpid(), "py") and not is_running(os.getpid(), "pulumi")
    assert start_time(os.getpid()) == start_time(os.getpid()) != ""
    assert start_time(2**22 + 1) == ""


STAT = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"


def fake_proc(
    directory: Path, stat: str = STAT, nspid: str = "7", pid: int = 4026531836, uts: int = 4026531838
) -> Path:
    """Write a /proc with process 7, as the kernel formats it."""
    for name, text in {
        "self/stat": stat,
        "7/stat": stat,
        "7/status": f"Name:\tpulumi\nState:\tS (sleeping)\nNSpid:\t{nspid}\n",
        "sys/kernel/random/boot_id": "boot-1\n",
    }.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    (directory / "self/ns").mkdir()
    (directory / "self/ns/pid").symlink_to(f"pid:[{pid}]")
    (directory / "self/ns/uts").symlink_to(f"uts:[{uts}]")
    return directory


class TestWithProc:
    """Signs of life where /proc exists."""

    def test_time_zone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The start time is the same in every time zone, and needs no `ps`."""
        times = set()
        for zone in ("UTC", "Asia/Tokyo"):
            monkeypatch.setenv("TZ", zone)
            times.add(start_time(os.getpid()))
        monkeypatch.setenv("PATH", "")
        assert len({*times, start_time(os.getpid())}) == 1

    def test_zombie(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that has ended is not alive because its parent did not notice."""
        monkeypatch.setattr(process, "PROC", fake_proc(tmp_path))
        assert start_time(7) == "4711 ticks"
        (tmp_path / "7/stat").write_text(STAT.replace(" S ", " Z "))
        assert start_time(7) == ""

    def test_process_of_an_inner_namespace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "PROC", fake_proc(tmp_path, nspid="7\t2000007"))
        assert is_running(2000007, "pulumi") is True
        assert is_running(2000008, "pulumi") is False

    def test_process_outside_of_the_namespace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A container with the host's name cannot see the host's processes."""
        monkeypatch.setattr(process, "PROC", fake_proc(tmp_path, pid=1))
        assert is_running(2**22 + 1, "pulumi") is None

    def test_process_of_a_container(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A container with its own host name sees all processes of that name."""
        monkeypatch.setattr(process, "PROC", fake_proc(tmp_path, pid=1, uts=1))
        assert is_running(2**22 + 1, "pulumi") is False


class TestWithPs:
    """Signs of life without /proc, as on macOS."""

    @pytest.fixture(autouse=True)
    def no_proc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "PROC", tmp_path / "nowhere")

    def test_processes(self) -> None:
        assert is_running(os.getpid(), "py") is True
        assert start_time(os.getpid()) not in ("", None)
        assert start_time(2**22 + 1) == ""

    def test_no_ps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        assert start_time(os.getpid()) is None and is_running(os.getpid(), "py") is None

    def test_other_ps(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The `ps` of busybox knows no column `lstart`."""
        (tmp_path / "ps").write_text("#!/bin/sh\necho 'bad -o argument' >&2; exit 1")
        (tmp_path / "ps").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        assert start_time(os.getpid()) is None


def test_program_that_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "script").touch(mode=0o644)
    with pytest.raises(CommandFailed, match="cannot be run: Permission denied"):
        run(str(tmp_path / "script"))
