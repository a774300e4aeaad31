"""The components on a Docker engine: the names and arguments of components.kubernetes."""

from typing import NoReturn

from components.docker.job import Job
from components.docker.model_service import ModelService
from components.docker.namespace import Namespace
from components.docker.postgres import Postgres
from components.docker.redis import Redis
from components.docker.table import ABSENT
from components.docker.web_service import WebService
from components.docker.worker import Worker

__all__ = ["Job", "ModelService", "Namespace", "Postgres", "Redis", "WebService", "Worker"]


def __getattr__(name: str) -> NoReturn:
    """Refuse a component that an engine does not run."""
    advice = ABSENT.get(name, f"an engine runs {', '.join(__all__)}")
    raise AttributeError(f"components.docker has no {name}: {advice}")
