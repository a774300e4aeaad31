"""The whole system: an image of app/, a Redis, and the web service, in a namespace of its own."""

import pulumi

from components import AppImage, EnvVar, Probe, Probes
from components.image.reference import ImageReference
from stack.build_secrets import build_secrets
from stack.settings import Settings

settings = Settings.load()
runtime = settings.components  # for Kubernetes, or for a Docker engine

# First, so that the engine creates the other resources during the build.
if settings.build:
    image = AppImage(
        "web",
        **settings.build.arguments,
        repository=settings.repository,
        credentials=settings.registry_credentials,
        secrets=build_secrets(),
        platforms=settings.platforms,
    ).ref
else:
    image = pulumi.Output.from_input(str(settings.image))
version = image.apply(lambda reference: ImageReference.parse(reference).version)

namespace = runtime.Namespace(
    settings.namespace,
    repository=settings.repository,
    credentials=settings.pull_credentials or settings.registry_credentials,
    create=settings.create_namespace,
)

cache = runtime.Redis(
    "cache",
    namespace=namespace.name,
    password=settings.redis_password,
    storage=settings.redis.storage,
    eviction=settings.redis.eviction,
    resources=settings.redis.resources,
    pull_secret=namespace.pull_secret,
)

web = runtime.WebService(
    "web",
    namespace=namespace.name,
    image=image,
    env=[*cache.env, EnvVar.value("APP_VERSION", version)],
    replicas=settings.web.scale,
    resources=settings.web.resources,
    tmp=settings.web.tmp,
    probes=Probes(ready=Probe.http("/livez")),  # without Redis, the page is served without its count
    expose=settings.web.exposure,
    pull_secret=namespace.pull_secret,
    platform=settings.platform,
)

pulumi.export("url", web.url)
pulumi.export("image", image)
pulumi.export("namespace", namespace.name)
