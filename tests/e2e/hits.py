"""The count that the application of app/ shows."""

import re
import time

import httpx


def hits(url: str, seconds: float = 30) -> int:
    """Return the count of a visit to a page, as soon as the application serves and reaches Redis.

    Without Redis it serves a page that says "unavailable". If an answer of Redis is late, it asks again: so a
    visit may count twice.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            text = httpx.get(url, params={"format": "text"}, timeout=10).text
        except httpx.HTTPError as error:
            text = repr(error)
        if found := re.match(r"hits=(\d+) ", text):
            return int(found[1])
        assert time.monotonic() < deadline, text
        time.sleep(0.5)
