"""What a user sees of long work."""

import io

import pytest
from rich.console import Console

from sandbox import progress
from sandbox.progress import Progress


def told(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    """What two overlapping steps, one with parts, print."""
    monkeypatch.setattr(progress, "WORTH_A_LINE_S", 0)
    monkeypatch.setattr(progress, "SIGN_OF_LIFE_S", 0)
    out = io.StringIO()
    with (
        Progress(Console(file=out, force_terminal=terminal, width=200)) as shown,
        shown.step("build engine", ", then plugin", " (cli, host)") as part,
    ):
        part(12, 345)
        with shown.step("start cluster"):
            pass
    return out.getvalue()


def test_without_a_terminal_lines_tell_what_runs_how_far_it_is_what_is_left_and_how_long_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = told(False, monkeypatch).splitlines()
    assert lines[0] == "… build engine (cli, host), then plugin"
    assert lines[1].startswith("  build engine: 12 of at most 345 packages after 0.")
    assert [line.rpartition(" 0.")[0] for line in lines[2:]] == ["✓ start cluster", "✓ build engine"]


def test_on_a_terminal_steps_that_overlap_are_shown_together(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(True, monkeypatch)
    assert "build engine: 12 of at most 345 packages, 0.0 s, then plugin" in said
    assert said.index("start cluster") < said.rindex("build engine")


def test_a_step_that_fails_is_not_called_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "WORTH_A_LINE_S", 0)
    out = io.StringIO()
    with pytest.raises(OSError), Progress(Console(file=out)) as shown, shown.step("fails"):
        raise OSError
    assert "✓" not in out.getvalue()
