"""The page of figures of the long forms."""

from pathlib import Path

import pytest

from tests.e2e import soak


def test_a_section_takes_the_place_of_what_it_said_before(tmp_path: Path) -> None:
    page = tmp_path / "soak.md"
    soak.keep("Under load", "Once.", [["", "Failed"], ["a drain", "1"]], page)
    soak.keep("Killed", "Another.", [["", "Mended"], ["the CLI", "2"]], page)
    other = page.read_text()
    soak.keep("Under load", "Twice.", [["", "Failed"], ["a drain", "0"]], page)
    assert page.read_text() == other.replace("Once", "Twice").replace("| 1 |", "| 0 |")
    assert "## Killed\n\nAnother.\n\n|  | Mended |\n|---|---|\n| the CLI | 2 |\n" in other
    assert other.index("## Killed") < other.index("## Under load")


def test_a_kill_that_was_not_mended_is_told() -> None:
    kills = soak.Kills()
    with kills.one("a plugin", "up") as kill:
        kill.harmed = True
    with pytest.raises(AssertionError), kills.one("a plugin", "up"):
        raise AssertionError
    with kills.one("the CLI", "destroy"):
        pass
    assert kills.table[1:] == [["a plugin", "`up`", "2", "1", "1"], ["the CLI", "`destroy`", "1", "0", "1"]]
