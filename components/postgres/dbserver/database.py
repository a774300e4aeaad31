"""Connections to the primary as the superuser, and the project's own tables."""

import os
import time
from typing import Any

import psycopg

from dbserver.server import PATIENCE_S, password

SCHEMA = """
    CREATE SCHEMA IF NOT EXISTS slipway;
    REVOKE ALL ON SCHEMA slipway FROM PUBLIC;
    CREATE TABLE IF NOT EXISTS slipway.backup (
        server text, id text, ended timestamptz, PRIMARY KEY (server, id));
    ALTER TABLE slipway.backup ADD COLUMN IF NOT EXISTS reported boolean NOT NULL DEFAULT false;
    CREATE TABLE IF NOT EXISTS slipway.drill (
        id bigserial PRIMARY KEY, note text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
"""
"""What backups and drills write down, in the database `postgres`."""


def connect() -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection to the primary; each statement is a transaction of its own.

    Network policies reach a new pod seconds after its start, and a switchover takes seconds.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return psycopg.connect(
                host=os.environ["PGHOST"],
                port=os.environ.get("PGPORT", "5432"),
                user="postgres",
                password=password("superuser"),
                dbname="postgres",
                autocommit=True,
                connect_timeout=10,
                target_session_attrs="read-write",  # a member that starts may have the label of the primary
            )
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
