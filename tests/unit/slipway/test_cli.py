"""The command line: its errors and its help."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from slipway.cli import main
from slipway.cli.options import stack_names
from slipway.errors import SlipwayError


def test_brackets_in_an_error_are_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: str) -> None:
        raise SlipwayError("no file [/etc/ca.crt] in [red]")

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setattr(main, "load", lambda command: None)
    with pytest.raises(SystemExit, match="1"):
        main.main()
    assert "error: no file [/etc/ca.crt] in [red]" in capsys.readouterr().err


def test_the_help_lists_every_command_and_shell_completion() -> None:
    main.load("")
    output = CliRunner().invoke(main.app, ["--help"]).stdout
    assert all(command in output for names in main._PANELS.values() for command in names)
    assert "--install-completion" in output


def test_the_names_of_stacks_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.prod-eu.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert stack_names("p") == ["prod", "prod-eu"]
