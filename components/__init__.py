"""The components: each is one Pulumi resource that makes a working, safe part of a system out of many."""

from components._imports import lasting

with lasting():
    from components._network import Endpoint
    from components._pod import Compute, EnvVar, KeyRef, PodSecurity, Probes, Resources
    from components._rollout import Rollout
    from components.image import AppImage, RegistryCache, RegistryCredentials
    from components.namespace import RestrictedNamespace
    from components.redis import RedisCache
    from components.web import Autoscaling, Exposure, WebService

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
