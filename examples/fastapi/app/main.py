"""An API that leaves work to a worker: `uvicorn main:app`, and `arq main.WorkerSettings`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from fastapi import FastAPI

REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def shout(context: dict[str, Any], text: str, seconds: float) -> str:
    """Do the work, which takes a while."""
    await asyncio.sleep(seconds)
    return text.upper()


class WorkerSettings:
    """What the worker does, and where its tasks are."""

    functions: ClassVar = [shout]
    redis_settings = REDIS
    job_timeout = 20
    """Seconds. The task of a killed worker begins again on another, 10 s after this time at most."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect to Redis as long as the process runs."""
    app.state.redis = await create_pool(REDIS)
    yield
    await app.state.redis.aclose()


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> str:
    """Answer as long as Redis does."""
    await app.state.redis.ping()
    return "ok"


@app.post("/tasks")
async def begin(text: str, seconds: float = 0) -> str:
    """Queue a task, and return its name."""
    job = await app.state.redis.enqueue_job("shout", text, seconds)
    return str(job.job_id)


@app.get("/tasks/{name}")
async def result(name: str) -> str | None:
    """Return the result of a task, if the worker has done it."""
    done = await Job(name, app.state.redis).result_info()
    return str(done.result) if done else None
