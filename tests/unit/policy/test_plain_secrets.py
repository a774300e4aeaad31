"""Secrets in the arguments of commands, in all usual forms; what only looks like them is left alone."""

import sys
from typing import Any

import pytest

from tests.unit.policy.test_policy import broken, deployment

SECRETS: list[list[str]] = [
    ["--password=hunter2"],
    ["--password", "hunter2"],
    ["-password", "hunter2"],
    ["--api-key", "hunter2"],
    ["redis://:abc=@redis:6379"],
    ["--url=redis://:abc=@redis:6379"],
    ["https://x/?password=foo"],
    ["https://x/?a=b&token=foo"],
    ["sh", "-c", "PGPASSWORD=hunter2 psql"],
    ["sh", "-c", "export PGPASSWORD='hunter2'; psql"],
    ["sh", "-c", "a && psql --password hunter2 db"],
    ["sh", "-c", "sh -c 'PGPASSWORD=hunter2 psql'"],
    ["sh", "-c", "PGPASSWORD=${PGPASSWORD:-hunter2} psql"],
    ["sh", "-c", "psql postgres://me:hunter2@db/shop"],
    ["env", "PGPASSWORD=hunter2", "psql"],
    ["--set=auth.password=hunter2"],
    ["--set", "auth.password=hunter2"],
    ["redis-server", "--requirepass", "hunter2"],
    ["redis-cli", "-a", "hunter2", "ping"],
    ["sh", "-c", "redis-cli -a hunter2 ping"],
    ["mysqldump", "-uroot", "-phunter2", "shop"],
    ["sshpass", "-p", "hunter2", "ssh", "host"],
    ["curl", "-u", "me:hunter2", "https://x"],
    ["curl", "-fsume:hunter2", "https://x"],
    ["/usr/bin/curl", "--user=me:hunter2", "https://x"],
    ["curl", "-H", "Authorization: Bearer hunter2", "https://x"],
    ["sh", "-c", "curl -H 'Authorization: hunter2' https://x"],
    ["app", '{"user": "me", "password": "hunter2"}'],
    ["sh", "-c", "mkdir -p /backup && mongodump -p hunter2"],
    ["sh", "-c", "# Don't wait\nredis-cli -a hunter2 ping"],
    ["curl", "-H", "X-Api-Key: hunter2", "https://x"],
    ["psql", "host=db password=hunter2"],
    ["app", "--db", "Server=db;User Id=sa;Password=hunter2"],
    ["bash", "-euo", "pipefail", "-c", "export TOKEN=${TOKEN:-hunter2}"],
    ["app", "--signing-key=aHVudGVyMg=="],
]
OTHERS: list[list[str]] = [
    ["--password=$(PASSWORD)"],
    ["--password", "$(PASSWORD)"],
    ["--password-file", "/run/secret"],
    ["docker", "login", "--password-stdin", "registry"],
    ["psql", "--no-password", "shop"],
    ["--password", "--host", "db"],
    ["--password="],
    ["sh", "-c", "PGPASSWORD=$PW psql"],
    ["sh", "-c", 'PGPASSWORD="$PW" psql'],
    ["sh", "-c", "PGPASSWORD=${PW} psql"],
    ["sh", "-c", "PGPASSWORD=${PW:?missing} psql"],
    ["sh", "-c", "PGPASSWORD=$(cat /run/secret) psql"],
    ["sh", "-c", "psql postgres://me:$PW@db/shop"],
    ["sh", "-c", "psql postgres://me:${PW}@db/shop"],
    ["sh", "-c", 'redis-cli -a "$REDIS_PASSWORD" ping'],
    ["sh", "-c", "mysql -p$PW shop"],
    ["mysql", "-p", "shop"],
    ["docker", "build", "--secret", "id=pip"],
    ["curl", "-u", "1000:1000", "https://x"],
    ["curl", "-u", "me:$PW", "https://x"],
    ["curl", "-H", "Authorization: Bearer $(TOKEN)", "https://x"],
    ["gosu", "-u", "app:staff", "serve"],
    ["python", "-c", "connect(password=os.environ['PW'])"],
    ["--max-tokens=100", "--tokenizer=x"],
    ["sh", "-c", "it's not \"closed"],
    ["gunicorn", "--bind=:8000", "app:app"],
]


def sets(where: str, arguments: list[str]) -> dict[str, Any]:
    probe = {"exec": {"command": arguments}}
    given: dict[str, Any] = {where: probe if where.endswith("Probe") else arguments}
    return deployment(**given)


@pytest.mark.parametrize("where", ["command", "args", "livenessProbe"])
@pytest.mark.parametrize("arguments", SECRETS, ids=" ".join)
def test_a_secret_in_an_argument_is_found(where: str, arguments: list[str]) -> None:
    assert broken("Deployment", sets(where, arguments)) == {"secrets-in-secrets"}


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
def test_an_argument_without_a_secret_is_left_alone(arguments: list[str]) -> None:
    assert broken("Deployment", sets("args", arguments)) == set()


def test_an_option_of_the_command_may_have_its_value_in_the_arguments() -> None:
    manifest = deployment(command=["redis-server", "--requirepass"], args=["hunter2"])
    assert broken("Deployment", manifest) == {"secrets-in-secrets"}


def test_a_text_of_blanks_and_quotes_ends() -> None:
    assert not sys.modules["plain_secrets"].has_secret(["' \" " * 200, "\\" * 200 + " x"])
