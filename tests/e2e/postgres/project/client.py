"""Writes numbers without a pause and reads them, and records each attempt.

`writes` and `reads` in $RECORDS, or /tmp, have a line for each: begin, end, number, and "ok" or the error.
"""

import os
import threading
import time
from pathlib import Path

import psycopg

PAUSE_S = 0.01
# Without tcp_user_timeout, a client waits for minutes for an answer of a node that has lost its power.
OPTIONS = {"connect_timeout": 2, "autocommit": True, "tcp_user_timeout": 5000}


class Client:
    """A client with one connection, which it renews when it fails."""

    def __init__(self, url: str, *, again: bool) -> None:
        """Connect later; with `again`, a connection that the server closed is not a failure, as in pools."""
        self._url, self._again = url, again
        self._connection: psycopg.Connection | None = None

    def execute(self, statement: str) -> str:
        """Execute a statement, and return "ok" or the error."""
        repeat = self._again and self._connection is not None
        try:
            self._connection = self._connection or psycopg.connect(
                self._url, **OPTIONS, options="-c statement_timeout=5000"
            )
            self._connection.execute(statement)
        except psycopg.Error as error:
            if self._connection:
                self._connection.close()
            self._connection = None
            return self.execute(statement) if repeat else " ".join(str(error).split()) or repr(error)
        return "ok"


def attempts(client: Client, log: str, statement: str) -> None:
    """Execute a statement without end, with the next number each time."""
    number = 0
    with Path(os.environ.get("RECORDS", "/tmp"), log).open("w", buffering=1) as file:
        while True:
            number += 1
            begun = time.time()
            outcome = client.execute(statement.format(number=number))
            file.write(f"{begun:.3f} {time.time():.3f} {number} {outcome}\n")
            time.sleep(PAUSE_S)


def _prepared(url: str) -> bool:
    """Make the table; in a pod's first second, a network policy may not admit it yet."""
    try:
        with psycopg.connect(url, **OPTIONS) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS numbers"
                " (run text, number bigint, at timestamptz DEFAULT clock_timestamp())"
            )
    except psycopg.OperationalError:
        return False
    return True


def main() -> None:
    """Write and read until the process ends."""
    url = os.environ["DATABASE_URL"]
    while not _prepared(url):
        time.sleep(0.5)
    write = f"INSERT INTO numbers (run, number) VALUES ('{os.environ['HOSTNAME']}', {{number}})"
    if "READ_URL" in os.environ:
        reader = Client(os.environ["READ_URL"], again=True)
        threading.Thread(target=attempts, args=(reader, "reads", "SELECT {number}"), daemon=True).start()
    attempts(Client(url, again=False), "writes", write)


main()
