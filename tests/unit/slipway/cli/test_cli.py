"""The command line: its errors and its help."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.table import Table
from typer.testing import CliRunner

from slipway.cli import main, preview
from slipway.cli.console import print_table
from slipway.cli.options import stack_names
from slipway.errors import SlipwayError
from slipway.preview.report.stack_report import stack_report
from slipway.preview.rules import Situation
from slipway.pulumi.changes import EventSummary


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


def help_of(*command: str) -> str:
    main.load("")
    return CliRunner().invoke(main.app, [*command, "--help"], env={"COLUMNS": "200"}).stdout


COMMANDS = [[name] for names in main._PANELS.values() for name in names]
COMMANDS += [["capacity", name] for name in ("measure", "recommend", "pack", "schedule", "route")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_names_values_in_words_of_users(command: list[str]) -> None:
    output = help_of(*command)
    assert "Usage: " in output
    assert re.findall(r"<(?:str|bool|int|float|path|file|list)[^>]*>", output) == []


def test_the_name_of_a_value_that_an_option_gives_comes_first() -> None:
    assert re.search(r"--to +TIME", help_of("restore"))
    assert re.search(r"--to +N", help_of("rollback"))


def test_a_preview_takes_stacks_as_arguments_and_as_options(monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged = stack_report("dev", EventSummary(), Situation(()))
    project = SimpleNamespace(stack=lambda name: unchanged.model_copy(update={"name": name}))
    monkeypatch.setattr(preview, "Project", lambda directory: project)
    monkeypatch.setattr(preview, "policy_packs", lambda *_: [])
    monkeypatch.setattr(preview, "_preview", lambda stack, *_: SimpleNamespace(report=stack))
    main.load("")
    result = CliRunner().invoke(main.app, ["preview", "dev", "qa", "--stack", "prod", "-s", "dev", "--json"])
    assert [stack["name"] for stack in json.loads(result.stdout)["stacks"]] == ["dev", "qa", "prod"]


def test_a_preview_needs_a_stack() -> None:
    main.load("")
    error = CliRunner().invoke(main.app, ["preview"]).exception
    assert isinstance(error, SlipwayError) and "slipway preview STACK" in str(error)


def test_the_names_of_stacks_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.prod-eu.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert stack_names("p") == ["prod", "prod-eu"]


def test_a_problem_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe has no width: scripts search the lines."""
    problem = "staging: web uses 3m of 500m CPU and 70.3Mi of 256Mi memory in 2 pods, which is a long line"
    print_table(Table(), [problem])
    assert problem in capsys.readouterr().out
