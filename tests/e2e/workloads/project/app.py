"""An application with a web process, a worker, a migration and a report, for the tests of the components."""

import http.server
import json
import os
import pathlib
import signal
import socket
import sys
import time
import urllib.parse

HOST = "hits.example.com"


def connected(host: str, port: int) -> socket.socket:
    """Connect as clients do that wait for their database: the policies of a new pod may come late."""
    for _ in range(60):
        try:
            return socket.create_connection((host, port), timeout=5)
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{host} does not answer")


def redis(*words: str) -> str | None:
    """Send one command to Redis; return its answer as text."""
    url = urllib.parse.urlsplit(os.environ["REDIS_URL"])
    with connected(url.hostname or "", url.port or 0) as connection, connection.makefile("rb") as answer:
        for command in (("AUTH", urllib.parse.unquote(url.password or "")), words):
            parts = [f"*{len(command)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in command)]
            connection.sendall("".join(parts).encode())
            line = answer.readline().decode().strip()
            if line[0] == "-":
                raise SystemExit(f"Redis refuses {command[0]}: {line}")
            if line[0] == "$" and line != "$-1":
                line = answer.read(int(line[1:]) + 2).decode().strip()
        return None if line == "$-1" else line


def migrate() -> None:
    """Count the migrations; fail if that is asked for, and nobody has corrected the cause."""
    print("adding the column price", flush=True)
    redis("INCR", "migrations")
    if os.environ["MIGRATION"] == "bad" and not redis("GET", "corrected"):
        raise SystemExit("the table shop has no column price")


def work() -> None:
    """Take tasks from a list, and return the task that a killed worker has left."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    redis("LMOVE", "begun", "tasks", "LEFT", "RIGHT")
    while not stopping:
        if task := redis("LMOVE", "tasks", "begun", "LEFT", "RIGHT"):
            time.sleep(float(task))
            redis("LREM", "begun", "0", task)
            redis("RPUSH", "done", os.uname().nodename)
        time.sleep(0.1)


class Web(http.server.BaseHTTPRequestHandler):
    """Answers what the process can do, as long as the request names the right host."""

    def do_GET(self) -> None:
        """Answer as JSON, or refuse a wrong host as Django does."""
        wrong = self.path == "/readyz" and self.headers["Host"] != HOST
        self.send_response(400 if wrong else 200)
        self.end_headers()
        self.wfile.write(json.dumps(capabilities()).encode())


def capabilities() -> dict[str, object]:
    """Return the user of the process, and where it can write."""
    places = ("/srv/media", "/var/cache/shop", "/srv/fast", "/tmp", "/srv/shop", "/opt")  # noqa: S108 # in the pod
    return {"user": os.getuid(), "writable": [place for place in places if writable(place)]}


def writable(place: str) -> bool:
    """Return whether a file can be written there."""
    try:
        pathlib.Path(place, "written").write_text("x")
    except OSError:
        return False
    return True


match sys.argv[1]:
    case "migrate":
        migrate()
    case "work":
        work()
    case "report":
        print("done:", redis("LLEN", "done"))
    case "web":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # process 1 has no default for it
        http.server.ThreadingHTTPServer(("", 80), Web).serve_forever()
