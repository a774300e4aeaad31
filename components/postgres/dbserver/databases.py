"""Databases and users with the least rights that they need."""

import base64
import hashlib
import hmac
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dbserver.server import PATIENCE_S, password

OURS = "of the program"
"""The comment on users that the program names; one that it no longer names may not log in."""
_RIGHTS = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_READ = "SELECT"
_WRITE = "SELECT, INSERT, UPDATE, DELETE"
_ITERATIONS = 4096
_NOT_CONNECTED = 2
"""The exit code of psql without a connection."""


def apply_databases(databases: Sequence[Mapping[str, Any]]) -> None:
    """Make the databases and their users, and set rights and passwords."""
    users = [user for database in databases for user in _users(database)]
    _run("postgres", "\n".join(_roles(users)))
    for database in databases:
        print(f"database {database['name']}", flush=True)
        _run("postgres", "\n".join(_database(database)))
        _run(database["name"], "\n".join(_inside(database)))


def _users(database: Mapping[str, Any]) -> list[str]:
    return [database["name"], *database["readers"], *database["writers"]]


def _roles(users: Sequence[str]) -> Iterator[str]:
    for user in users:
        yield (
            f"SELECT 'CREATE ROLE {identifier(user)}'"
            f" WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(user)}) \\gexec"
        )
        yield (f"ALTER ROLE {identifier(user)} LOGIN {_RIGHTS} PASSWORD {literal(verifier(password(user)))};")
        yield f"COMMENT ON ROLE {identifier(user)} IS {literal(OURS)};"
    listed = ", ".join(map(literal, users))
    yield (
        "SELECT format('ALTER ROLE %I NOLOGIN', rolname) FROM pg_roles"
        f" WHERE shobj_description(oid, 'pg_authid') = {literal(OURS)} AND rolname NOT IN ({listed}) \\gexec"
    )
    yield "REVOKE ALL ON DATABASE postgres FROM PUBLIC;"


def _database(database: Mapping[str, Any]) -> Iterator[str]:
    name = database["name"]
    yield (
        f"SELECT 'CREATE DATABASE {identifier(name)} OWNER {identifier(name)}'"
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(name)}) \\gexec"
    )
    yield f"REVOKE ALL ON DATABASE {identifier(name)} FROM PUBLIC;"
    for user in (*database["readers"], *database["writers"]):
        yield f"GRANT CONNECT ON DATABASE {identifier(name)} TO {identifier(user)};"


def _inside(database: Mapping[str, Any]) -> Iterator[str]:
    owner = identifier(database["name"])
    for extension in database["extensions"]:
        yield f"CREATE EXTENSION IF NOT EXISTS {identifier(extension)};"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
    for rights, users in ((_READ, database["readers"]), (_WRITE, database["writers"])):
        for user in map(identifier, users):
            default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT"
            yield f"GRANT USAGE ON SCHEMA public TO {user};"
            yield f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {user};"
            yield f"{default} {rights} ON TABLES TO {user};"
            if rights == _WRITE:
                yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user};"
                yield f"{default} USAGE ON SEQUENCES TO {user};"


def _run(database: str, script: str) -> None:
    """Run a script as the superuser; it comes by standard input, so that no argument shows it."""
    environment = {**os.environ, "PGPASSWORD": password("superuser"), "PGUSER": "postgres"}
    command = ("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database}")
    deadline = time.monotonic() + PATIENCE_S
    # Nodes learn a moment later than Patroni where the primary is; every statement can be repeated.
    while code := subprocess.run(command, env=environment, input=script, text=True, check=False).returncode:
        if code != _NOT_CONNECTED or time.monotonic() > deadline:
            raise SystemExit(f"the databases and users were not made: psql ended with {code}")
        time.sleep(1)


def verifier(secret: str) -> str:
    """Return what PostgreSQL stores for a password, so that no log of statements shows it.

    https://www.rfc-editor.org/rfc/rfc5803
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"


def identifier(name: str) -> str:
    """Return a quoted name."""
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    """Return a quoted text."""
    return "'{}'".format(text.replace("'", "''"))
