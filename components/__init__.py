"""The components: each is one Pulumi resource that makes a working, safe part of a system out of many."""

from components.imports import lasting

with lasting():
    from components.image.app_image import AppImage, RegistryCache, RegistryCredentials
    from components.kubernetes.endpoint import Endpoint
    from components.kubernetes.namespace import RestrictedNamespace
    from components.kubernetes.pod import Compute, EnvVar, KeyRef, PodSecurity, Probes, Resources
    from components.kubernetes.redis import RedisCache
    from components.kubernetes.rollout import Rollout
    from components.kubernetes.web_service import Autoscaling, Exposure, WebService

__all__ = [
    "AppImage",
    "Autoscaling",
    "Compute",
    "Endpoint",
    "EnvVar",
    "Exposure",
    "KeyRef",
    "PodSecurity",
    "Probes",
    "RedisCache",
    "RegistryCache",
    "RegistryCredentials",
    "Resources",
    "RestrictedNamespace",
    "Rollout",
    "WebService",
]
