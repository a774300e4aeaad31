"""The status of stacks, as a table and as a page."""

from datetime import UTC, datetime

import pytest
from rich.console import Console

from slipway.cli.status import overview_table, page
from slipway.status import Health, Row, age

DIGEST = "sha256:" + "a1b2c3d4" * 8
ROWS = [
    Row(stack="dev", health=Health.HEALTHY, version="v2", digest=DIGEST, commit="0123456789", age_s=59.0),
    Row(
        stack="prod",
        health=Health.UNHEALTHY,
        notes=("it is not known whether the cluster enforces",),
        problems=("Deployment <web> has 0 of 3 pods ready",),
        drifted=True,
    ),
]


TIME = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)


def test_the_page_is_ordered_and_self_contained() -> None:
    text = page(ROWS, TIME)
    assert text.index("<h2>dev") < text.index("→") < text.index("<h2>prod")
    assert "&lt;web&gt; has 0 of 3 pods ready" in text and "drifted" in text and "is not known" in text
    assert "Read at 2026-07-01 12:30 UTC" in text
    assert "http://" not in text and "https://" not in text and "<script" not in text


@pytest.mark.parametrize(
    ("row", "word", "colour"),
    [
        (Row(stack="a", health=Health.HEALTHY), "healthy", "safe"),
        (Row(stack="a", health=Health.HEALTHY, verified=True), "verified", "safe"),
        (Row(stack="a", health=Health.UNHEALTHY, verified=True), "unhealthy", "dangerous"),
        (Row(stack="a", health=Health.EMPTY), "not deployed", "empty"),
        (Row(stack="a", health=Health.UNKNOWN), "unknown", "attention"),
    ],
)
def test_health_has_a_word_and_a_colour(row: Row, word: str, colour: str) -> None:
    text = page([row], TIME)
    assert f'<section class="{colour}">' in text
    assert f'<span class="badge">{word}</span>' in text


def test_the_table_has_the_health_of_each_stack() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(overview_table(ROWS))
    text = captured.get()
    assert text.index("dev") < text.index(" healthy") < text.index("prod") < text.index("unhealthy")


def test_ages_are_in_their_largest_unit() -> None:
    assert [age(seconds) for seconds in (None, 0, 59, 60, 3599, 3600, 86399, 86400, 10**6)] == [
        "",
        "0 s",
        "59 s",
        "1 min",
        "59 min",
        "1 h",
        "23 h",
        "1 d",
        "11 d",
    ]
