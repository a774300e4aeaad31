"""The components on a Kubernetes cluster."""

from components.kubernetes.namespace import Namespace
from components.kubernetes.redis import Redis
from components.kubernetes.web_service import WebService

__all__ = ["Namespace", "Redis", "WebService"]
