"""The progress of long steps, with and without a terminal."""

import io

import pytest
from rich.console import Console

from sandbox import progress
from sandbox.progress import Progress


def output(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the output of two overlapping steps, one of them with parts."""
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0)
    monkeypatch.setattr(progress, "REPEAT_AFTER_S", 0)
    out = io.StringIO()
    with (
        Progress(Console(file=out, force_terminal=terminal, width=200)) as shown,
        shown.step("build engine", ", then plugin", " (cli, host)") as part,
    ):
        part(12, 345)
        with shown.step("start cluster"):
            pass
    return out.getvalue()


def test_without_a_terminal_steps_print_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = output(False, monkeypatch).splitlines()
    assert lines[0] == "… build engine (cli, host), then plugin"
    assert lines[1].startswith("  build engine: 12 of at most 345 packages after 0.")
    assert [line.rpartition(" 0.")[0] for line in lines[2:]] == ["✓ start cluster", "✓ build engine"]


def test_on_a_terminal_overlapping_steps_are_shown_together(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = output(True, monkeypatch)
    assert "build engine: 12 of at most 345 packages, 0.0 s, then plugin" in shown
    assert shown.index("start cluster") < shown.rindex("build engine")


def test_a_failed_step_has_no_check_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0)
    out = io.StringIO()
    with pytest.raises(OSError), Progress(Console(file=out)) as shown, shown.step("fails"):
        raise OSError
    assert "✓" not in out.getvalue()


def test_a_note_is_printed_as_it_is() -> None:
    out = io.StringIO()
    with Progress(Console(file=out)) as shown, shown.step("copies"):
        shown.note("no [official] image")
    assert out.getvalue() == "! no [official] image\n"
