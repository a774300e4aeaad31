"""Components for Pulumi programs: each creates a working part of a system, with safe defaults."""

from components.fast_imports import without_garbage_collection

with without_garbage_collection():
    from components.image.app_image import AppImage
    from components.image.registry import RegistryCache, RegistryCredentials
    from components.kubernetes.autoscaling import Autoscaling
    from components.kubernetes.canary import Canary
    from components.kubernetes.cron_job import CronJob
    from components.kubernetes.endpoint import Endpoint
    from components.kubernetes.entrance import Entrance, Tls
    from components.kubernetes.env import EnvVar
    from components.kubernetes.exposure import Exposure
    from components.kubernetes.job import Job
    from components.kubernetes.model_service import MODEL_SERVER, ModelService
    from components.kubernetes.namespace import Namespace
    from components.kubernetes.pod import Compute, PodSecurity, Resources
    from components.kubernetes.postgres import Backups, Database, Postgres, Restore
    from components.kubernetes.probes import Probe, Probes
    from components.kubernetes.process.files import File
    from components.kubernetes.process.volumes import Volume
    from components.kubernetes.redis import Redis
    from components.kubernetes.rollout import Rollout
    from components.kubernetes.training import Training
    from components.kubernetes.web_service import WebService
    from components.kubernetes.worker import Worker

__all__ = [
    "MODEL_SERVER",
    "AppImage",
    "Autoscaling",
    "Backups",
    "Canary",
    "Compute",
    "CronJob",
    "Database",
    "Endpoint",
    "Entrance",
    "EnvVar",
    "Exposure",
    "File",
    "Job",
    "ModelService",
    "Namespace",
    "PodSecurity",
    "Postgres",
    "Probe",
    "Probes",
    "Redis",
    "RegistryCache",
    "RegistryCredentials",
    "Resources",
    "Restore",
    "Rollout",
    "Tls",
    "Training",
    "Volume",
    "WebService",
    "Worker",
]
