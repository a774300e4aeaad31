"""The typed configuration of a stack, `Pulumi.<stack>.yaml`, and its JSON schema for editors.

`python -m stack.settings` writes the schema.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Self

import pulumi
import yaml
from pulumi.runtime.config import CONFIG, is_config_secret
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel

from components.image.app_image import Platforms, RegistryCredentials
from components.image.reference import PINNED, ImageReference, RepositoryName
from components.kubernetes import redis, web_service
from components.kubernetes.exposure import Exposure, ServiceType
from components.kubernetes.web_service import Autoscaling
from components.validation import Count, Memory, Name, Port, Problem, Text, conflict, explained, options
from slipway.cluster.kubeconfig import BadKubeconfig, Kubeconfig
from stack.errors import report

PROJECT = Path(__file__).parent.parent
SCHEMA = Path(__file__).with_name("schema.json")
CONTEXT = "kubernetes:context"
Runtime = Literal["kubernetes", "docker"]
SECRETS = ("registryCredentials", "redisPassword")

_IMAGE_OF_DEV = '"$(pulumi stack output image --stack dev)"'


def _image(value: str, info: ValidationInfo) -> ImageReference:
    return ImageReference.parse(value, info.data.get("repository", "invalid"))


def _password(value: str) -> pulumi.Output[str]:
    if len(value) < 12:
        raise ValueError("must have at least 12 characters")
    return pulumi.Output.secret(value)


def _credentials(value: str) -> RegistryCredentials:
    username, _, password = value.partition(":")
    if not (username and password):
        raise ValueError("must be username:password, or username:token")
    return RegistryCredentials(username=username, password=pulumi.Output.secret(password))


def _group(value: object) -> object:
    """Parse a group of keys, which Pulumi passes as JSON; return other values, which pydantic rejects."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


_SECRET = WithJsonSchema(
    {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }
)


@options
class WebSettings:
    """The size and the reach of the web service."""

    replicas: Annotated[Count | None, Field(examples=[3])] = None
    """A fixed number of replicas; 3 if there is no autoscaling either."""
    autoscaling: Autoscaling | None = None
    """Autoscaling in place of a fixed number."""
    resources: web_service.WebResources = web_service.DEFAULT_RESOURCES
    """The resources of each pod. An amount not given keeps its default."""
    service_type: ServiceType = "ClusterIP"
    """ClusterIP is for clients in the cluster, NodePort and LoadBalancer for clients outside too."""
    public: Annotated[Text | None, Field(examples=['"REASON"'])] = None
    """The reason why clients outside the cluster may reach the service, for NodePort and LoadBalancer."""
    port: Annotated[Port, Field(examples=[5000])] = 80
    """The service's port; on a Docker engine also the port of the machine."""

    @field_validator("autoscaling")
    @classmethod
    def _owns_the_number(cls, value: Autoscaling | None, info: ValidationInfo) -> Autoscaling | None:
        if value and info.data.get("replicas") is not None:
            raise conflict("and replicas are both set, but an autoscaler owns the number of replicas")
        return value

    @field_validator("public")
    @classmethod
    def _fits_the_type(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("service_type")
        if value and kind == "ClusterIP":
            raise conflict("is set, but serviceType is ClusterIP, which only clients in the cluster reach")
        if not value and kind in ("NodePort", "LoadBalancer"):
            text = f"is missing, but serviceType is {kind}: give the reason why clients outside may reach it"
            raise conflict(text, use='"REASON"')
        return value

    @property
    def scale(self) -> int | Autoscaling:
        """The argument `replicas` of WebService."""
        return self.autoscaling or self.replicas or 3

    @property
    def exposure(self) -> Exposure:
        """The argument `expose` of WebService."""
        return Exposure(port=self.port, type=self.service_type, public=self.public)


@options
class RedisSettings:
    """The size and the persistence of Redis."""

    storage: Annotated[Memory | None, Field(examples=["1Gi"])] = None
    """The size of the volume; without it the content goes with the pod."""
    eviction: Annotated[redis.Eviction | None, Field(examples=["noeviction"])] = None
    """What Redis does when its memory is full: by default it evicts keys, but with storage refuses writes."""
    resources: redis.RedisResources = redis.DEFAULT_RESOURCES
    """The resources of the pod; three quarters of the memory limit are for data."""


class Settings(BaseModel):
    """The settings of one stack."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )

    runtime: Runtime = "kubernetes"
    """What runs the containers: a Kubernetes cluster, or one Docker engine (`docker`)."""
    context: Annotated[str | None, Field(alias=CONTEXT, examples=["sandbox"])] = None
    """The kubeconfig context to deploy to, whichever context is current; on Kubernetes only."""
    namespace: Annotated[Name, Field(examples=["hits"])]
    """The namespace; <project>-<stack> by default."""
    create_namespace: bool = True
    """False if the namespace exists, and is not the program's to change."""
    repository: Annotated[RepositoryName, Field(examples=["ghcr.io/acme/hits"])]
    """The repository that images are pushed to and pulled from, for all stacks in Pulumi.yaml."""
    registry_credentials: Annotated[RegistryCredentials | None, PlainValidator(_credentials), _SECRET] = None
    """`username:password`. Without it, builds use the login of `docker login`, and nodes pull without."""
    build: Annotated[Path | None, Field(examples=["app"]), WithJsonSchema({"type": "string"})] = None
    """The directory to build the image from."""
    platforms: Annotated[Platforms | None, BeforeValidator(_group), Field(examples=['["linux/arm64"]'])] = (
        None
    )
    """The platforms to build for, linux/amd64 by default. If there is one, pods run on its nodes only."""
    image: Annotated[
        ImageReference | None,
        PlainValidator(_image),
        WithJsonSchema({"type": "string", "pattern": PINNED}),
        Field(examples=[_IMAGE_OF_DEV]),
    ] = None
    """The version to run, by digest, in place of a build. Relative to `repository` unless it names one."""
    web: Annotated[WebSettings, BeforeValidator(_group)] = WebSettings()
    """The web service."""
    redis: Annotated[RedisSettings, BeforeValidator(_group)] = RedisSettings()
    """Its Redis."""
    redis_password: Annotated[pulumi.Output[str] | None, PlainValidator(_password), _SECRET] = None
    """The password of Redis; the program makes one, once, if there is none."""

    @property
    def components(self) -> ModuleType:
        """The components of the runtime: components.kubernetes or components.docker."""
        return import_module(f"components.{self.runtime}")

    @property
    def platform(self) -> str | None:
        """The argument `platform` of WebService."""
        return self.platforms[0] if self.platforms and len(self.platforms) == 1 else None

    @classmethod
    def load(cls) -> Self:
        """Read the stack's configuration, and check it against this machine.

        Raises:
            pulumi.RunError: with every problem, and for each a command that repairs it.
        """
        project, stack = pulumi.get_project(), pulumi.get_stack()
        config = {key.removeprefix(f"{project}:"): value for key, value in CONFIG.get().items()}
        own = {key: value for key, value in config.items() if ":" not in key or key == CONTEXT}
        secret = {key for key in own if is_config_secret(f"{project}:{key}")}
        problems = [
            *_image_problems(own),
            *_secret_problems(own, secret),
            *_runtime_problems(own),
            *_machine_problems(own, config.get("kubernetes:kubeconfig")),
        ]
        try:
            settings = cls.model_validate({"namespace": f"{project}-{stack}", **own})
        except ValidationError as error:
            problems = [*explained(error, hide=secret), *problems]
        if problems:
            raise pulumi.RunError(report(stack, problems, cls.model_json_schema()))
        return settings


def _image_problems(config: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem unless exactly one of `image` and `build` is set."""
    if "image" in config and "build" in config:
        text = "and build are both set, but a stack either builds an image or runs an existing one"
        yield Problem(("image",), "conflict", text)
    if "image" not in config and "build" not in config:
        text = "and build are missing: a stack either runs an existing image or builds one"
        yield Problem(("image",), "missing", text)


def _secret_problems(config: Iterable[str], secret: set[str]) -> Iterator[Problem]:
    """Yield the secrets in plain text, and the encrypted values that the cluster shows anyway."""
    for key in config:
        if key in SECRETS and key not in secret:
            yield Problem((key,), "plain", "is in plain text, but must be encrypted")
        if key not in SECRETS and key in secret:
            text = "is encrypted, but the cluster shows it: it must be in plain text"
            yield Problem((key,), "encrypted", text)


def _runtime_problems(config: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem if the stack names a context and runs on Docker, or neither."""
    docker = config.get("runtime") == "docker"
    if docker == (CONTEXT in config):
        text = "is set, but runtime is docker, which needs no cluster" if docker else "is missing"
        yield Problem((CONTEXT,), "conflict" if docker else "missing", text)


def _machine_problems(config: Mapping[str, str], kubeconfig: str | None) -> Iterator[Problem]:
    """Yield the context and the directory that do not exist on this machine."""
    if (context := config.get(CONTEXT)) is not None:
        chosen = Kubeconfig.choose(kubeconfig)
        try:
            contexts = chosen.contexts()
        except BadKubeconfig as error:
            yield Problem((CONTEXT,), "kubeconfig", f"is {context!r}, but {error}")
        else:
            if context not in contexts:
                text = f"must be a context of the kubeconfig {chosen.origin}, which has: "
                text += ", ".join(sorted(contexts)) or "none"
                yield Problem((CONTEXT,), "context", f"is {context!r}, but {text}")
    if (build := config.get("build")) is not None and not (PROJECT / build / "Dockerfile").is_file():
        text = f"is {build!r}, but must be a directory with a Dockerfile, relative to {PROJECT}"
        yield Problem(("build",), "directory", text)


def schema() -> dict[str, Any]:
    """Return the JSON schema of stack files for editors."""
    project = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["name"]
    model = Settings.model_json_schema()
    runtime = f"{project}:runtime"
    model["if"] = {"properties": {runtime: {"const": "docker"}}, "required": [runtime]}
    model["then"] = {"not": {"required": [CONTEXT]}}
    model["else"] = {"required": [CONTEXT]}
    del model["required"]  # all other keys have defaults
    model["oneOf"] = [{"required": [f"{project}:image"]}, {"required": [f"{project}:build"]}]
    model["properties"] = {
        key if ":" in key else f"{project}:{key}": value for key, value in model["properties"].items()
    }
    definitions = model.pop("$defs")
    # The keys of other namespaces (kubernetes:, docker-build:, pulumi:) belong to their providers.
    model["patternProperties"] = {f"^(?!{project}:)[^:]+:": True}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A stack of {project}",
        "type": "object",
        "properties": {
            "config": model,
            "environment": True,
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n")
