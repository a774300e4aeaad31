"""What a database's pod makes of its limits and its environment, and how names and passwords get into SQL."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from dbserver import alive, databases, server
from dbserver.memory import disk_settings, memory_settings

GIB = 1024**3


def test_a_quarter_of_the_memory_is_shared_and_half_is_assumed_as_cache() -> None:
    settings = memory_settings(4 * GIB, connections=100)
    assert settings["shared_buffers"] == "1024MB"
    assert settings["effective_cache_size"] == "2048MB"
    assert settings["work_mem"] == f"{GIB // 100 // 1024}kB"


def test_a_small_pod_keeps_the_work_memory_that_postgresql_has_by_default() -> None:
    assert memory_settings(GIB // 4, connections=100)["work_mem"] == "4096kB"


@pytest.mark.parametrize("size", [GIB // 4, GIB, 1024 * GIB])
def test_logs_never_take_half_of_a_disk(size: int) -> None:
    kept = sum(
        int(disk_settings(size)[name].removesuffix("MB"))
        for name in ("max_wal_size", "max_slot_wal_keep_size")
    )
    assert kept * 1024**2 <= max(size // 2, 128 * 1024**2)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for user in ("superuser", "replication", "restapi"):
        (tmp_path / user).write_text(f"secret-{user}")
    monkeypatch.setattr(server, "USERS", tmp_path)
    pod = {"POD_IP": "10.0.0.9", "POD_NAME": "db-0-0", "POD_NAMESPACE": "shop"}
    return {**pod, "DB_NAME": "db", "DB_MEMORY": str(GIB), "DB_PARAMETERS": "{}", "PGDATA": "/data"}


def configured(environment: dict[str, str], **more: str) -> dict[str, Any]:
    return server.configuration({**environment, **more}, 10 * GIB)


def test_what_is_asked_for_wins_over_what_follows_from_the_pod(environment: dict[str, str]) -> None:
    found = configured(environment, DB_PARAMETERS='{"shared_buffers": "300MB", "max_connections": "50"}')
    assert found["postgresql"]["parameters"]["shared_buffers"] == "300MB"
    shared = found["bootstrap"]["dcs"]["postgresql"]["parameters"]
    assert shared == {"max_connections": "50"}, "Patroni takes these from all members alike"


def test_members_look_often_enough_for_their_time_to_live() -> None:
    """Patroni's own condition; else it changes the times."""
    times = server.TIMES
    assert times["loop_wait"] + 2 * times["retry_timeout"] <= times["ttl"]


def test_everybody_needs_a_password(environment: dict[str, str]) -> None:
    assert all(line.endswith("scram-sha-256") for line in configured(environment)["postgresql"]["pg_hba"])


def test_an_address_of_version_6_is_in_brackets(environment: dict[str, str]) -> None:
    found = configured(environment, POD_IP="fd00::9")
    assert found["postgresql"]["connect_address"] == "[fd00::9]:5432"


def test_a_verifier_is_that_of_the_password() -> None:
    """Computed again as PostgreSQL does it, from the salt: RFC 5802, section 3."""
    mechanism, counted, keys = databases.verifier("päss").split("$")
    iterations, salt = counted.split(":")
    stored, served = map(base64.b64decode, keys.split(":"))
    salted = hashlib.pbkdf2_hmac("sha256", "päss".encode(), base64.b64decode(salt), int(iterations))
    assert mechanism == "SCRAM-SHA-256"
    assert stored == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert served == hmac.digest(salted, b"Server Key", "sha256")


def test_names_and_texts_cannot_end_their_quotes() -> None:
    assert databases.identifier('a"; DROP TABLE t; --') == '"a""; DROP TABLE t; --"'
    assert databases.literal("it's") == "'it''s'"


def test_remains_of_a_database_are_set_aside_and_a_database_is_not(tmp_path: Path) -> None:
    data = tmp_path / "pgdata"
    server.set_aside(data)
    (data / "global").mkdir(parents=True)
    (data / "global/pg_control").touch()
    server.set_aside(data)
    assert data.exists()
    (data / "global/pg_control").unlink()
    (data / "standby.signal").touch()
    server.set_aside(data)
    assert not data.exists()
    assert (tmp_path / "pgdata.broken/standby.signal").exists()


class Patroni:
    """Stands in for the connection to Patroni."""

    status = 200

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def request(self, *_: str) -> None:
        if not self.status:
            raise ConnectionRefusedError("refused")

    def getresponse(self) -> "Patroni":
        return self


def test_a_member_with_remains_or_a_hung_patroni_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("http.client.HTTPConnection", Patroni)
    assert not alive.problem(tmp_path), "a copy in progress has no signal yet"
    (tmp_path / "standby.signal").touch()
    assert "only remains" in alive.problem(tmp_path)
    (tmp_path / "global").mkdir()
    (tmp_path / "global/pg_control").touch()
    assert not alive.problem(tmp_path)
    monkeypatch.setattr(Patroni, "status", 503)
    assert alive.problem(tmp_path) == "Patroni answers 503"
    monkeypatch.setattr(Patroni, "status", 0)
    assert alive.problem(tmp_path) == "Patroni does not answer: refused"
