"""The drill is able to fail: each of these would keep the database from being restored."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.postgres.restoring import RestoreStack


@contextmanager
def archive_that_lies(stack: RestoreStack) -> Iterator[None]:
    stack.psql("db", "ALTER SYSTEM SET archive_command = 'true'", "postgres")
    stack.psql("db", "SELECT pg_reload_conf()", "postgres")
    yield
    stack.psql("db", "ALTER SYSTEM RESET archive_command", "postgres")
    stack.psql("db", "SELECT pg_reload_conf()", "postgres")


@contextmanager
def missing_segment(stack: RestoreStack) -> Iterator[None]:
    files = (stack.archive / "wals").rglob("*.gz")
    newest = sorted(file for file in files if ".backup" not in file.name)[-1]
    # The drill writes after it, so that a segment between others is missing.
    with moved(newest):
        yield


@contextmanager
def moved(path: Path) -> Iterator[None]:
    aside = path.parents[3] / f"aside-{path.name}"
    path.rename(aside)
    yield
    aside.rename(path)


def newest_backup(stack: RestoreStack) -> Path:
    return max((stack.archive / "base").iterdir())


@contextmanager
def flipped_bytes(stack: RestoreStack) -> Iterator[None]:
    file = newest_backup(stack) / "data.tar.gz"
    kept = file.read_bytes()
    middle = len(kept) // 2
    with file.open("r+b") as damaged:
        damaged.seek(middle)
        damaged.write(bytes(byte ^ 0xFF for byte in kept[middle : middle + 4]))
    yield
    with file.open("r+b") as repaired:
        repaired.write(kept)


@contextmanager
def wrong_credentials(stack: RestoreStack) -> Iterator[None]:
    secrets = json.loads(stack.kubectl("get", "secrets", "--output=json"))["items"]
    [name] = [item["metadata"]["name"] for item in secrets if item["metadata"]["name"].startswith("db-store")]
    [right] = [item["data"]["secret-key"] for item in secrets if item["metadata"]["name"] == name]

    def patch(value: str) -> None:
        stack.kubectl("patch", "secret", name, "--patch", json.dumps({"data": {"secret-key": value}}))

    patch(base64.b64encode(b"another").decode())
    yield
    patch(right)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (flipped_bytes, "is damaged"),
        (wrong_credentials, "SignatureDoesNotMatch"),
        (missing_segment, "the store lacks"),
        (archive_that_lies, "archive_command is 'true'"),
    ],
)
def test_it_fails_with_the_reason(backed_up: RestoreStack, fault, reason: str) -> None:  # type: ignore[no-untyped-def] # a context manager of any of these
    with fault(backed_up):
        result = backed_up.drill()
    assert (result["status"], reason in result["reason"]) == ("failed", True), result


def test_a_new_base_backup_covers_what_was_lost(backed_up: RestoreStack) -> None:
    lost = newest_backup(backed_up)
    lost.rename(backed_up.archive.parent / f"lost-{lost.name}")
    result = backed_up.drill()
    assert result["status"] == "failed", result
    assert f"has lost the base backup {lost.name}" in result["reason"], result
    backed_up.back_up()
    result = backed_up.drill()
    assert result["status"] == "passed", result


def test_status_shows_it_and_a_promotion_can_demand_it(backed_up: RestoreStack) -> None:
    shown = json.loads(backed_up.slipway("status", backed_up.name, "--json").stdout)
    assert "db was restored" in " ".join(shown[0]["drills"]), shown
