"""Which names `slipway restore` takes, and what it says after an update that failed."""

from typing import Any
from unittest.mock import MagicMock

import pytest

from slipway.cluster.objects import StackObject
from slipway.databases import restore
from slipway.errors import SlipwayError

BEFORE, LATER = "2026-01-31T12:00:00", "2026-01-31T13:00:00"
KNOWN = {"server": "db", "time": "20260131T120000Z"}


def state(*names: str) -> list[StackObject]:
    return [
        StackObject(f"urn:{kind}:{name}", version, kind, "shop", f"{name}{suffix}", {})
        for name in names
        for version, kind, suffix in (("v1", "ConfigMap", "-drill"), ("batch/v1", "CronJob", "-backup"))
    ]


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A stack with `db`, and with `db-2`, which was restored from it."""
    made = MagicMock(project="shop", objects=state("db", "db-2"))
    made.name = "prod"
    made.config.get.return_value = None
    made.file.value.return_value = {"db-2": KNOWN}
    made.reload.return_value = made
    monkeypatch.setattr(restore, "_idle", lambda *_: made)
    monkeypatch.setattr(restore, "drills", lambda *_: ())
    return made


def restored(monkeypatch: pytest.MonkeyPatch, to: str, name: str = "db-2", failure: str = "") -> Any:
    """Restore; return what was written into the stack file."""
    change = MagicMock(return_value=failure)
    monkeypatch.setattr(restore, "_change", change)
    try:
        restore.restore(MagicMock(), "prod", restore.Order(name, to), MagicMock())
    finally:
        written = change.call_args and change.call_args.args[1]
    return written


@pytest.mark.parametrize("to", [LATER, "LATEST"])
def test_a_database_that_has_data_is_not_restored_to_another_moment(
    target: MagicMock, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """Patroni restores into an empty volume only: the command would report what did not happen."""
    change = MagicMock(side_effect=AssertionError("the stack was changed"))
    monkeypatch.setattr(restore, "_change", change)
    with pytest.raises(
        SlipwayError, match="restored before, to 20260131T120000Z, and is never restored again"
    ):
        restore.restore(MagicMock(), "prod", restore.Order("db-2", to), MagicMock())


@pytest.mark.parametrize(
    "time", ["20260131T120000Z", "2026-01-31T12:00:00+00:00", "2026-01-31 14:00:00+02:00"]
)
def test_the_same_moment_changes_nothing_and_is_accepted(
    target: MagicMock, monkeypatch: pytest.MonkeyPatch, time: str
) -> None:
    target.file.value.return_value = {"db-2": {"server": "db", "time": time}}
    assert restored(monkeypatch, BEFORE)["shop:restored", "db-2", "time"] == KNOWN["time"]


def test_a_restore_that_failed_may_be_repeated_to_another_moment(
    target: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database has no CronJob of backups yet."""
    target.objects = state("db")
    assert restored(monkeypatch, LATER)["shop:restored", "db-2", "time"] == "20260131T130000Z"


@pytest.mark.parametrize(
    ("names", "advice"), [(("db",), "run the same command again"), (("db", "db-2"), "then `pulumi up`")]
)
def test_a_failed_update_says_how_to_continue(
    target: MagicMock, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], advice: str
) -> None:
    target.objects = state("db")
    target.reload.return_value = MagicMock(objects=state(*names))
    with pytest.raises(SlipwayError) as failed:
        restored(monkeypatch, "LATEST", failure="no")
    assert advice in str(failed.value)
    assert ("db-2 is restored" in str(failed.value)) is ("db-2" in names)
