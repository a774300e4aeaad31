"""The figures of `make soak`."""

from pathlib import Path

import pytest

from tests.e2e import soak


def test_a_report_has_an_introduction_and_a_table(tmp_path: Path) -> None:
    soak.write("load", "Twenty versions.", [["", "Failed"], ["a drain", "1"]], tmp_path / "reports")
    text = (tmp_path / "reports/soak-load.md").read_text()
    assert text == "Twenty versions.\n\n|  | Failed |\n|---|---|\n| a drain | 1 |\n"


def test_kills() -> None:
    """A kill whose repair failed counts, but not as repaired."""
    kills = soak.Kills()
    with kills.record("a plugin", "up") as kill:
        kill.command_failed = True
    with pytest.raises(AssertionError), kills.record("a plugin", "up"):
        raise AssertionError
    with kills.record("the CLI", "destroy"):
        pass
    assert kills.table[1:] == [["a plugin", "`up`", "2", "1", "1"], ["the CLI", "`destroy`", "1", "0", "1"]]
