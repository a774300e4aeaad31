"""The components on a Kubernetes cluster."""

from components.kubernetes.cron_job import CronJob
from components.kubernetes.job import Job
from components.kubernetes.model_service import ModelService
from components.kubernetes.namespace import Namespace
from components.kubernetes.postgres import Postgres
from components.kubernetes.redis import Redis
from components.kubernetes.training import Training
from components.kubernetes.web_service import WebService
from components.kubernetes.worker import Worker

__all__ = [
    "CronJob",
    "Job",
    "ModelService",
    "Namespace",
    "Postgres",
    "Redis",
    "Training",
    "WebService",
    "Worker",
]
