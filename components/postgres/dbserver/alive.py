"""The probe of a member: a container that does not pass it is restarted, and `server` begins anew."""

import http.client
import os
import sys
from pathlib import Path

from dbserver.server import REST_PORT

TIMEOUT_S = 4


def problem(data: Path) -> str:
    """Return why the member has to begin anew; empty if it lives."""
    # Patroni writes the signal again and again, but does not start without the other files, nor copy them.
    if (data / "standby.signal").exists() and not (data / "global/pg_control").exists():
        return f"{data} has only remains of a database"
    connection = http.client.HTTPConnection("localhost", REST_PORT, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/liveness")
        status = connection.getresponse().status
    except OSError as error:
        return f"Patroni does not answer: {error}"
    return "" if status == http.HTTPStatus.OK else f"Patroni answers {status}"


if __name__ == "__main__":
    sys.exit(problem(Path(os.environ["PGDATA"])) or 0)
