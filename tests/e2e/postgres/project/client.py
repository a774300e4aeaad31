"""Writes numbers, and records each that was acknowledged and how long the database was away.

`/tmp/log` has a line for each attempt: time, number, and "ok" or the error. Reads go to any member.
"""

import os
import threading
import time
from pathlib import Path

import psycopg

PAUSE_S = 0.01
# Without tcp_user_timeout, a client waits for minutes for an answer of a node that has lost its power.
OPTIONS = {"connect_timeout": 2, "autocommit": True, "tcp_user_timeout": 5000}


def attempts(url: str, log: str, statement: str) -> None:
    """Execute a statement without end, with the next number each time, over connections that are renewed."""
    connection: psycopg.Connection | None = None
    number = 0
    with Path(log).open("w", buffering=1) as file:
        while True:
            number += 1
            begun = time.time()
            try:
                connection = connection or psycopg.connect(
                    url, **OPTIONS, options="-c statement_timeout=5000"
                )
                connection.execute(statement.format(number=number))
                outcome = "ok"
            except psycopg.Error as error:
                outcome = " ".join(str(error).split()) or type(error).__name__
                if connection:
                    connection.close()
                connection = None
            file.write(f"{begun:.3f} {time.time():.3f} {number} {outcome}\n")
            time.sleep(PAUSE_S)


def _prepared(url: str) -> bool:
    """Make the table; in a pod's first second, a network policy may not admit it yet."""
    try:
        with psycopg.connect(url, **OPTIONS) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS numbers (run text, number bigint)")
    except psycopg.OperationalError:
        return False
    return True


def main() -> None:
    """Write and read until the pod ends."""
    url = os.environ["DATABASE_URL"]
    while not _prepared(url):
        time.sleep(0.5)
    run = os.environ["HOSTNAME"]
    write = f"INSERT INTO numbers (run, number) VALUES ('{run}', {{number}})"
    reads = threading.Thread(
        target=attempts, args=(os.environ["READ_URL"], "/tmp/reads", "SELECT {number}"), daemon=True
    )
    reads.start()
    attempts(url, "/tmp/writes", write)


main()
