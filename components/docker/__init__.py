"""The components on a Docker engine: the names and arguments of components.kubernetes."""

from components.docker.namespace import Namespace
from components.docker.redis import Redis
from components.docker.web_service import WebService

__all__ = ["Namespace", "Redis", "WebService"]
