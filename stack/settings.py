"""The typed configuration of a stack, `Pulumi.<stack>.yaml`, and its JSON schema for editors.

`python -m stack.settings` writes the schema.
"""

import difflib
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
)
from pydantic.alias_generators import to_camel

from components.image.app_image import Platforms
from components.image.reference import PINNED, ImageReference, RepositoryName
from components.image.registry import RegistryCredentials
from components.kubernetes import redis
from components.validation import Memory, Name, Problem, options, problems_in
from slipway.cluster.kubeconfig import BadKubeconfig, Kubeconfig
from slipway.images.references import BadReference
from stack.build import Build, build_problems, group
from stack.errors import report
from stack.web import WebSettings

PROJECT = Path(__file__).parent.parent
SCHEMA = Path(__file__).with_name("schema.json")
CONTEXT = "kubernetes:context"
Runtime = Literal["kubernetes", "docker"]
SECRETS = ("registryCredentials", "pullCredentials", "redisPassword")

_IMAGE_OF_DEV = '"$(pulumi stack output image --stack dev)"'


def _image(value: str, info: ValidationInfo) -> ImageReference:
    try:
        return ImageReference.parse(value, info.data.get("repository", "invalid"))
    except BadReference as error:
        raise ValueError(error.reason) from None


def _password(value: str) -> pulumi.Output[str]:
    if len(value) < 12:
        raise ValueError("must have at least 12 characters")
    return pulumi.Output.secret(value)


def _credentials(value: str) -> RegistryCredentials:
    username, _, password = value.partition(":")
    if not (username and password):
        raise ValueError("must be username:password, or username:token")
    return RegistryCredentials(username=username, password=password)


_SECRET = WithJsonSchema(
    {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }
)


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
    pull_credentials: Annotated[RegistryCredentials | None, PlainValidator(_credentials), _SECRET] = None
    """`username:token` that may only read, for the nodes; `registryCredentials` by default."""
    build: Annotated[Build | None, BeforeValidator(group), Field(examples=["app"])] = None
    """The directory to build the image from; or a group: directory, Dockerfile, stage, arguments."""
    platforms: Annotated[Platforms | None, BeforeValidator(group), Field(examples=['["linux/arm64"]'])] = None
    """The platforms to build for, linux/amd64 by default. If there is one, pods run on its nodes only."""
    image: Annotated[
        ImageReference | None,
        PlainValidator(_image),
        WithJsonSchema({"type": "string", "pattern": PINNED}),
        Field(examples=[_IMAGE_OF_DEV]),
    ] = None
    """The version to run, by digest, in place of a build. Relative to `repository` unless it names one."""
    web: Annotated[WebSettings, BeforeValidator(group)] = WebSettings()
    """The web service."""
    redis: Annotated[RedisSettings, BeforeValidator(group)] = RedisSettings()
    """Its Redis."""
    redis_password: Annotated[pulumi.Output[str] | None, PlainValidator(_password), _SECRET] = None
    """The password of Redis; without it, the program generates a password once."""

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
            *_context_problems(own, config.get("kubernetes:kubeconfig")),
            *build_problems(group(own.get("build")), PROJECT),
        ]
        try:
            settings = cls.model_validate({"namespace": f"{project}-{stack}", **own})
        except ValidationError as error:
            problems = [*problems_in(error, hide=secret | {*SECRETS}), *problems]
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


def _context_problems(config: Mapping[str, str], kubeconfig: str | None) -> Iterator[Problem]:
    """Yield the context that does not exist on this machine."""
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
                # Of several contexts the user chooses: the first could be a production cluster.
                use = contexts if len(contexts) == 1 else difflib.get_close_matches(context, contexts, 1)
                yield Problem(
                    (CONTEXT,), "context", f"is {context!r}, but {text}", next(iter(use), "CONTEXT")
                )


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
