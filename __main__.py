"""The whole system: an image of app/, a Redis, and the web service, in a namespace of the stack's own."""

import pulumi

from components import AppImage, EnvVar, Exposure, Probes, RedisCache, RestrictedNamespace, WebService
from stack.build_secrets import build_secrets
from stack.settings import Settings

settings = Settings.load()

# First, so that the engine looks at the rest while the image is built.
if settings.build:
    image = AppImage(
        "web",
        context=settings.build,
        repository=settings.repository,
        credentials=settings.registry_credentials,
        secrets=build_secrets(),
    ).ref
else:
    image = pulumi.Output.from_input(settings.image_reference)

version = image.apply(lambda reference: reference.partition("@")[0].rpartition(":")[2])

namespace = RestrictedNamespace(
    settings.namespace, repository=settings.repository, credentials=settings.registry_credentials
)

cache = RedisCache(
    "cache",
    namespace=namespace.name,
    password=settings.redis_password,
    storage=settings.redis.storage,
    resources=settings.redis.resources,
)

web = WebService(
    "web",
    namespace=namespace.name,
    image=image,
    env=[*cache.env, EnvVar(name="APP_VERSION", value=version)],
    replicas=settings.web.scale,
    resources=settings.web.resources,
    probes=Probes(ready="/livez"),  # the page is served while Redis is away, without its count
    expose=Exposure(type=settings.web.service_type),
    pull_secret=namespace.pull_secret,
)

pulumi.export("url", web.url)
pulumi.export("image", image)
pulumi.export("namespace", namespace.name)
