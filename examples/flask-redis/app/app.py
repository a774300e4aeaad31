"""Compose's classic: a page that counts its visits in Redis."""

import os

import redis
from flask import Flask

app = Flask(__name__)
visits = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.get("/")
def page() -> str:
    """Count the visit."""
    return f"visits={visits.incr('visits')}\n"


@app.get("/healthz")
def healthz() -> str:
    """Answer as long as Redis does."""
    visits.ping()
    return "ok\n"
