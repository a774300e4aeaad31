"""The table and the page of `slipway status`."""

import io
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from slipway.cli.history import receipts_table
from slipway.cli.status import overview_table, page
from slipway.promotion.receipts import Outcome, Receipt
from slipway.status import Health, Row, age

DIGEST = "sha256:" + "a1b2c3d4" * 8
ROWS = [
    Row(stack="dev", health=Health.HEALTHY, version="v2", digest=DIGEST, commit="0123456789", age_s=59.0),
    Row(
        stack="prod",
        health=Health.UNHEALTHY,
        problems=("Deployment <web> has 0 of 3 pods ready",),
        drifted=True,
    ),
]


def test_the_page_shows_the_stacks_in_order_and_loads_nothing() -> None:
    text = page(ROWS)
    assert text.index("<h2>dev") < text.index("→") < text.index("<h2>prod")
    assert "&lt;web&gt; has 0 of 3 pods ready" in text and "drifted" in text
    assert "http://" not in text and "https://" not in text and "<script" not in text


def text(table: Table) -> str:
    output = io.StringIO()
    Console(file=output, width=200).print(table)
    return output.getvalue()


def test_the_table_has_version_and_health_of_each_stack() -> None:
    header, dev, prod = text(overview_table(ROWS)).splitlines()
    assert header.split()[:2] == ["STACK", "VERSION"]
    assert dev.split()[:5] == ["dev", "v2", "a1b2c3d4a1b2", "01234567", "healthy"]
    assert prod.split() == ["prod", "unhealthy", "drifted"]


def test_brackets_in_a_receipt_are_no_markup() -> None:
    receipt = Receipt(
        kind="promotion",
        number=1,
        stack="prod",
        source="dev",
        image=f"ghcr.io/acme/shop:v2@{DIGEST}",
        who="dependabot[bot]",
        started=datetime(2026, 1, 2, tzinfo=UTC),
        outcome=Outcome.FAILED,
        reason="no file [/etc/ca.crt]",
    )
    row = text(receipts_table([receipt])).splitlines()[1]
    assert "dependabot[bot]" in row and "failed: no file [/etc/ca.crt]" in row


def test_an_age_has_the_largest_unit_that_fits() -> None:
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
