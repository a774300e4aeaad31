"""The `sandbox` command line."""

import os
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox import cli
from sandbox.platform import environment
from sandbox.platform.instance import Instance, SandboxError


@pytest.mark.parametrize(("on_path", "program"), [(True, "sandbox"), (False, ".venv/bin/sandbox")])
def test_messages_name_commands_as_a_user_types_them(
    on_path: bool, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_path:
        (tmp_path / "sandbox").write_text("#!/bin/sh\n")
        (tmp_path / "sandbox").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SANDBOX_NAME", "second")
    with pytest.raises(SandboxError, match=f"`SANDBOX_NAME=second {program} up`"):
        cli.env()
    assert Instance("sandbox", tmp_path, tmp_path).command("up") == f"{program} up"


def test_the_names_of_processes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    logs = Instance.from_environment().logs
    logs.mkdir(parents=True)
    for name in ("kube-proxy", "kube-apiserver", "etcd"):
        (logs / f"{name}.log").touch()
    assert cli._process_names("kube-") == ["kube-apiserver", "kube-proxy"]


def test_the_help_offers_shell_completion() -> None:
    assert "--install-completion" in CliRunner().invoke(cli.app, ["--help"]).stdout


@pytest.mark.parametrize("command", [[], *([name] for name in ("up", "status", "logs", "purge"))])
def test_help_has_no_types_of_python(command: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*command, "--help"])
    assert result.exit_code == 0
    assert not re.search(r"<\w+>", result.output)


@pytest.mark.parametrize(("options", "printed"), [((), "false\n"), (("--json",), "null\n")])
@pytest.mark.parametrize(
    "error", [PermissionError(13, "denied", "/state"), OSError(5, "broken"), ValueError()]
)
def test_any_error_of_env_fails_the_eval(
    error: Exception,
    options: tuple[str, ...],
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _env_raises(error, monkeypatch, *options)
    with pytest.raises((SystemExit, type(error))):
        cli.main()
    assert capsys.readouterr().out == printed


def test_the_files_of_root_are_named_to_another_user(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _env_raises(PermissionError(13, "denied", "/state"), monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    message = capsys.readouterr().err
    assert "belongs to root" in message and "/state" in message and "sudo -E -s" in message


def _env_raises(error: Exception, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    def variables(_: object) -> dict[str, str]:
        raise error

    monkeypatch.setattr(cli, "_started", lambda: None)
    monkeypatch.setattr(environment, "variables", variables)
    monkeypatch.setattr(sys, "argv", ["sandbox", "env", *options])
