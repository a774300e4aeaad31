"""Databases and users with the least rights that they need."""

import base64
import hashlib
import hmac
import os
import secrets
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dbserver.server import PATIENCE_S, password

OURS = "of the program"
"""The comment on users that the program names; one that it no longer names may not log in."""
_RIGHTS = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_MAY: Mapping[str, Mapping[str, Sequence[str]]] = {
    "readers": {"SCHEMA": ["USAGE"], "TABLE": ["SELECT"]},
    "writers": {
        "SCHEMA": ["USAGE"],
        "TABLE": ["SELECT", "INSERT", "UPDATE", "DELETE"],
        "SEQUENCE": ["USAGE"],
    },
}
"""What the users of a database may do in its schema public, by kind of object."""
_ITERATIONS = 4096
_NOT_CONNECTED = 2
"""The exit code of psql without a connection."""


def apply_databases(databases: Sequence[Mapping[str, Any]]) -> None:
    """Make the databases and their users, and set rights and passwords."""
    users = [user for database in databases for user in _users(database)]
    query_primary("postgres", "\n".join((*_roles(users), _disconnected(databases))))
    for database in databases:
        print(f"database {database['name']}", flush=True)
        query_primary("postgres", "\n".join(_database(database)))
        query_primary(database["name"], "\n".join(_inside(database)))


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
    yield "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;"


def _disconnected(databases: Sequence[Mapping[str, Any]]) -> str:
    """Return what takes the way to a database from users that the program has elsewhere, or no more.

    A user keeps the databases that it owns. The databases of the program are those that its users own: rights
    on others, such as one made by hand, are not the program's.
    """
    kept = [(database["name"], user) for database in databases for user in _users(database)]
    return f"""
        SELECT DISTINCT format('REVOKE ALL ON DATABASE %I FROM %I CASCADE', datname, rolname)
        FROM pg_database CROSS JOIN LATERAL aclexplode(datacl) AS granted
            JOIN pg_roles ON pg_roles.oid = granted.grantee
        WHERE datdba <> pg_roles.oid AND shobj_description(datdba, 'pg_authid') = {literal(OURS)}
            AND shobj_description(pg_roles.oid, 'pg_authid') = {literal(OURS)}
            AND (datname::text, rolname::text) NOT IN ({_rows(kept)})
        \\gexec"""


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
    # From here on, the owner's functions and operators are never called: this is the superuser.
    yield "SET search_path = pg_catalog;"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
    yield _taken_back(database)
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT"
    for user, kind, rights in _rights(database):
        name, listed = identifier(user), ", ".join(rights)
        if kind == "SCHEMA":
            yield f"GRANT {listed} ON SCHEMA public TO {name};"
        else:
            yield f"{default} {listed} ON {kind}S TO {name};"
            yield f"GRANT {listed} ON ALL {kind}S IN SCHEMA public TO {name};"


def _rights(database: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield each user other than the owner, with a kind of objects and its rights on these."""
    for role, kinds in _MAY.items():
        for user in database[role]:
            for kind, rights in kinds.items():
                yield user, kind, rights


def _taken_back(database: Mapping[str, Any]) -> str:
    """Return what takes rights in the schema public back that the program gave earlier, and gives no more.

    Nothing that a user keeps is taken for a moment, and nobody loses rights on what it owns. The owner of the
    database keeps all: it may have been given what another one, such as a superuser, has made.
    """
    owner = database["name"]
    given = {(kind, right) for kinds in _MAY.values() for kind, rights in kinds.items() for right in rights}
    kept = [(user, kind, right) for user, kind, rights in _rights(database) for right in rights]
    default = literal(f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(owner)} IN SCHEMA public ")
    return f"""
        WITH placed (owner, acl, kind, prefix, place) AS (
            SELECT nspowner, nspacl, 'SCHEMA', '', 'SCHEMA public' FROM pg_namespace WHERE nspname = 'public'
            UNION ALL
            SELECT relowner, relacl, kind, '', kind || ' ' || pg_class.oid::regclass
            FROM pg_class, LATERAL (
                SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END
            ) AS kinds (kind)
            WHERE relnamespace = 'public'::regnamespace
            UNION ALL
            SELECT defaclrole, defaclacl, kind, {default}, kind || 'S'
            FROM pg_default_acl
                JOIN (VALUES ('r', 'TABLE'), ('S', 'SEQUENCE')) AS kinds (letter, kind)
                ON letter = defaclobjtype::text
            WHERE defaclnamespace = 'public'::regnamespace
                AND defaclrole = {literal(identifier(owner))}::regrole
        )
        SELECT DISTINCT format('%sREVOKE %s ON %s FROM %I CASCADE', prefix, privilege_type, place, rolname)
        FROM placed CROSS JOIN LATERAL aclexplode(acl) AS granted
            JOIN pg_roles ON pg_roles.oid = granted.grantee
        WHERE owner <> pg_roles.oid AND shobj_description(pg_roles.oid, 'pg_authid') = {literal(OURS)}
            AND rolname <> {literal(owner)} AND (kind, privilege_type) IN ({_rows(sorted(given))})
            AND (rolname::text, kind, privilege_type) NOT IN ({_rows([("", "", ""), *kept])})
        \\gexec"""


def _rows(values: Iterable[Sequence[str]]) -> str:
    return ", ".join(f"({', '.join(map(literal, row))})" for row in values)


def query_primary(database: str, script: str) -> str:
    """Run a script as the superuser, and return what it prints.

    It comes by standard input, so that no argument shows it.
    """
    environment = {**os.environ, "PGPASSWORD": password("superuser"), "PGUSER": "postgres"}
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database}")
    command = ("psql", *options, "--tuples-only", "--no-align")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run(
            command, env=environment, input=script, text=True, stdout=subprocess.PIPE, check=False
        )
        if not done.returncode:
            return done.stdout
        # Nodes learn a moment later than Patroni where the primary is; every statement can be repeated.
        if done.returncode != _NOT_CONNECTED or time.monotonic() > deadline:
            raise SystemExit(f"the primary did not do what was asked: psql ended with {done.returncode}")
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
