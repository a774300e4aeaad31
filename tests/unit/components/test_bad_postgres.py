"""The arguments that Postgres refuses, in words."""

from typing import Any

import pytest

from components import Compute, Database, Postgres, Resources, Restore
from tests.unit.components.test_postgres import STORE, made, store
from tests.unit.conftest import Run

LIMITS = Resources(limits=Compute(memory="512Mi"))
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no image": ({"image": None}, "image is None, but must be text"),
    "no namespace": ({"namespace": " "}, "namespace is ' ', but must be text"),
    "no storage": ({"storage": None}, "storage is None, but must"),
    "storage without unit": ({"storage": "10"}, "storage is '10', but must be"),
    "storage in words": ({"storage": "large"}, "storage is 'large', but must be an amount with a unit"),
    "too little storage": ({"storage": "64Mi"}, "storage is '64Mi', but must be at least 256Mi"),
    "no member": ({"replicas": 0}, "replicas is 0, but must be greater than or equal to 1"),
    "too many members": ({"replicas": 10}, "replicas is 10, but must be less than or equal to 9"),
    "half a member": ({"replicas": 1.5}, "replicas is 1.5, but must be a valid integer"),
    "members in words": ({"replicas": "two"}, "replicas is 'two', but must be a valid integer"),
    "unknown durability": ({"durability": "safe"}, "durability is 'safe', but must be 'async' or 'sync'"),
    "sync alone": ({"durability": "sync"}, "durability is 'sync', but replicas is 1"),
    "no database": ({"databases": []}, "databases is empty, but must have at least one"),
    "database by name": ({"databases": ["app"]}, "databases.0 is 'app', but must be"),
    "two of a name": (
        {"databases": [Database(name="app"), Database(name="app")]},
        "databases has 2 with the name 'app'",
    ),
    "a user twice": (
        {"databases": [Database(name="app", readers=["x"], writers=["x"])]},
        "databases name the user 'x' 2 times",
    ),
    "a reader of two": (
        {"databases": [Database(name="a", readers=["x"]), Database(name="b", readers=["x"])]},
        "databases name the user 'x' 2 times",
    ),
    "an owner as reader": (
        {"databases": [Database(name="a", readers=["b"]), Database(name="b")]},
        "databases name the user 'b' 2 times",
    ),
    "version of passwords 0": ({"password_version": 0}, "password_version is 0, but must be"),
    "parameters in a list": ({"parameters": ["a"]}, "but must be a mapping of parameters"),
    "a parameter in capitals": ({"parameters": {"Work_Mem": "1MB"}}, "'Work_Mem' must be the name of a"),
    "a parameter with a quote": ({"parameters": {"a'b": "1"}}, "must be the name of a parameter"),
    "a parameter of the component": (
        {"parameters": {"port": "1"}},
        "must not have port, which the component",
    ),
    "no fsync": ({"parameters": {"fsync": "off"}}, "must not have fsync"),
    "no TLS by parameter": ({"parameters": {"ssl": "off"}}, "must not have ssl, which the component"),
    "another archive": ({"parameters": {"archive_command": "true"}}, "must not have archive_command"),
    "a truth": ({"parameters": {"jit": True}}, "jit is True, but must be text or a number"),
    "a value of nothing": ({"parameters": {"jit": None}}, "jit is None, but must be text or a number"),
    "two lines": ({"parameters": {"a": "1\nb = 2"}}, "a must be at most 1000 characters of one line"),
    "few connections": ({"parameters": {"max_connections": "5"}}, "max_connections is '5', but must be a"),
    "connections in words": ({"parameters": {"max_connections": "many"}}, "max_connections is 'many'"),
    "no standby's log": ({"parameters": {"wal_level": "minimal"}}, "wal_level is 'minimal', but must be"),
    "buffers above the limit": (
        {"parameters": {"shared_buffers": "2GB"}, "resources": LIMITS},
        "parameters.shared_buffers is 2GB, but may be 60 % of the limit, 512Mi",
    ),
    "pages above the limit": (
        {"parameters": {"shared_buffers": "100000"}, "resources": LIMITS},
        "parameters.shared_buffers is 100000, but may be",
    ),
    "buffers in words": ({"parameters": {"shared_buffers": "half"}}, "parameters.shared_buffers is 'half'"),
    "too little memory": (
        {"resources": Resources(requests=Compute(memory="64Mi"), limits=Compute(memory="128Mi"))},
        "resources.limits.memory is 128Mi, but must be at least 256Mi",
    ),
    "limit below request": (
        {"resources": Resources(requests=Compute(memory="2Gi"))},
        "resources.limits.memory is 512Mi by default, but must not be below the request, 2Gi",
    ),
    "resources of a dictionary": ({"resources": {"memory": "1Gi"}}, "resources"),
    "class of nothing": ({"storage_class": ""}, "storage_class is '', but"),
    "timeout 0": ({"timeout": 0}, "timeout is 0, but must be"),
    "address of the API server": ({"api_server": "10.0.0.1/99"}, "api_server is '10.0.0.1/99', but"),
    "name of the API server": ({"api_server": "kubernetes"}, "api_server is 'kubernetes', but"),
    "unknown platform": ({"platform": "linux/z80"}, "platform is 'linux/z80', but must be a platform"),
    "unknown argument": ({"replica": 2}, "replica is unknown"),
    "protect in words": ({"protect": "perhaps"}, "protect is 'perhaps', but must be a valid boolean"),
    "backups by address": ({"backups": "s3://archive"}, "backups is 's3://archive', but must be"),
    "restore without a store": ({"restore": Restore(server="old")}, "restore is given, but backups is not"),
    "restore from itself": (
        {"restore": Restore(server="db"), "backups": STORE},
        "restore.server is 'db', the database itself",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_in_words(engine: Run, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match="Invalid Postgres 'db'") as refused:
        made(engine, **arguments)
    assert message in str(refused.value)


BAD_OPTIONS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "database of capitals": (Database, {"name": "App"}, "lower-case letters"),
    "database of PostgreSQL": (Database, {"name": "postgres"}, "PostgreSQL or the component uses itself"),
    "database with a hyphen": (Database, {"name": "my-app"}, "lower-case letters, digits and underscores"),
    "user of PostgreSQL": (Database, {"name": "app", "readers": ["pg_monitor"]}, "uses itself"),
    "readers in one text": (Database, {"name": "app", "readers": "report"}, "must be a list"),
    "extension of a quote": (Database, {"name": "app", "extensions": ['a"b']}, "must be the name of an"),
    "store without a scheme": (store, {"url": "archive"}, "must be s3://BUCKET"),
    "store with a slash": (store, {"url": "s3://archive/"}, "without a slash at the end"),
    "endpoint without a scheme": (store, {"endpoint": "10.0.0.5:7070"}, "must be the URL of an S3 server"),
    "endpoint with a login": (store, {"endpoint": "http://u:p@s3.example"}, "must be without a login"),
    "window of no day": (store, {"window_days": 0}, "greater than or equal to 1"),
    "schedule in words": (store, {"schedule": "nightly"}, "must have five fields"),
    "encryption unknown": (store, {"encryption": "rot13"}, "'AES256' or 'aws:kms'"),
    "restore of no moment": (Restore, {"server": "db", "time": "yesterday"}, "must be LATEST, or a time"),
    "restore without a zone": (Restore, {"server": "db", "time": "2026-01-31T12:00"}, "must have a zone"),
}


@pytest.mark.parametrize(("make", "arguments", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options_are_refused(make: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="validation error") as refused:
        make(**arguments)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["Db", "d" * 41, "1db", ""])
def test_a_name_that_does_not_fit_is_refused(engine: Run, name: str) -> None:
    with pytest.raises(Exception, match="name is"):
        engine(lambda: Postgres(name, namespace="shop", image="i", storage="1Gi") and None)
