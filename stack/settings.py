"""What a stack says of itself: `Pulumi.<stack>.yaml` as one checked model, and its JSON schema for editors.

`python -m stack.settings` writes the schema.
"""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import pulumi
import yaml
from pulumi.runtime.config import CONFIG, is_config_secret
from pydantic import (
    AfterValidator,
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

from components.image.app_image import RegistryCredentials, RepositoryName
from components.kubernetes.pod import Resources
from components.kubernetes.redis import SMALL
from components.kubernetes.web_service import Autoscaling, ServiceType
from components.validation import Count, Memory, Name, Problem, conflict, explained, options
from stack.build_secrets import kube_contexts
from stack.errors import report

PROJECT = Path(__file__).parent.parent
SCHEMA = Path(__file__).with_name("schema.json")
CONTEXT = "kubernetes:context"
SECRETS = ("registryCredentials", "redisPassword")

_OF_DEV = '"$(pulumi stack output image --stack dev)"'
_IMAGE = r"([A-Za-z0-9][A-Za-z0-9._:/-]*@)?sha256:[0-9a-f]{64}"


def _context(value: str, info: ValidationInfo) -> str:
    config: Mapping[str, str] = info.context or {}
    where, contexts = kube_contexts(config.get("kubernetes:kubeconfig"))
    if value not in contexts:
        has = ", ".join(sorted(contexts)) or "none"
        raise ValueError(f"must be a context of the kubeconfig {where}, which has: {has}")
    return value


def _build(value: str) -> Path:
    if not (PROJECT / value / "Dockerfile").is_file():
        raise ValueError(f"must be a directory with a Dockerfile, relative to {PROJECT}")
    return Path(value)


def _image(value: str) -> str:
    if not re.fullmatch(_IMAGE, value):
        raise ValueError("must name one version by digest: sha256:…, tag@sha256:… or repository:tag@sha256:…")
    return value


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
    """Parse a group of keys, which Pulumi hands over as JSON; leave what is none to be refused."""
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
class Web:
    """How the web service is sized and reached."""

    replicas: Annotated[Count | None, Field(examples=[3])] = None
    """A fixed number; 3 when there is no autoscaling either."""
    autoscaling: Autoscaling | None = None
    """Instead of a fixed number."""
    resources: Resources = Resources()
    """Of each pod."""
    service_type: ServiceType = "ClusterIP"
    """Who reaches it: the cluster, whoever reaches a node, or the world by a load balancer."""

    @field_validator("autoscaling")
    @classmethod
    def _owns_the_number(cls, value: Autoscaling | None, info: ValidationInfo) -> Autoscaling | None:
        if value and info.data.get("replicas") is not None:
            raise conflict("and replicas are both set, but an autoscaler owns the number of replicas")
        return value

    @property
    def scale(self) -> int | Autoscaling:
        """What WebService takes as `replicas`."""
        return self.autoscaling or self.replicas or 3


@options
class Redis:
    """How Redis is sized, and whether it keeps its content."""

    storage: Annotated[Memory | None, Field(examples=["1Gi"])] = None
    """Size of the volume; without it the content goes with the pod."""
    resources: Resources = SMALL
    """Three quarters of the memory limit are for data."""


class Settings(BaseModel):
    """The settings of one stack."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )

    context: Annotated[str, AfterValidator(_context), Field(alias=CONTEXT, examples=["sandbox"])]
    """The kubeconfig context to deploy to; whichever is current does not matter."""
    namespace: Annotated[Name, Field(examples=["hits"])]
    """The namespace to make; <project>-<stack> by default."""
    repository: Annotated[RepositoryName, Field(examples=["ghcr.io/acme/hits"])]
    """Where images are pushed to and pulled from, for all stacks in Pulumi.yaml."""
    registry_credentials: Annotated[RegistryCredentials | None, PlainValidator(_credentials), _SECRET] = None
    """`username:password`; without it, that of `docker login` pushes, and nodes pull without one."""
    build: Annotated[
        Path | None, PlainValidator(_build), WithJsonSchema({"type": "string"}), Field(examples=["app"])
    ] = None
    """The directory to build the image from."""
    image: Annotated[
        str | None,
        AfterValidator(_image),
        Field(examples=[_OF_DEV], json_schema_extra={"pattern": f"^{_IMAGE}$"}),
    ] = None
    """The version to run, by digest; then nothing is built. Relative to `repository` unless it names one."""
    web: Annotated[Web, BeforeValidator(_group)] = Web()
    """The web service."""
    redis: Annotated[Redis, BeforeValidator(_group)] = Redis()
    """Its Redis."""
    redis_password: Annotated[pulumi.Output[str] | None, PlainValidator(_password), _SECRET] = None
    """Made once when not given."""

    @property
    def image_reference(self) -> str:
        """The image to run, in full."""
        version, at, digest = (self.image or "").rpartition("@")
        if "/" in version or ":" in version:
            return f"{version}@{digest}"
        return f"{self.repository}{':' * bool(at)}{version}@{digest}"

    @classmethod
    def load(cls) -> Self:
        """Read the stack's configuration.

        Raises:
            pulumi.RunError: with everything that is wrong, and for each the command that mends it.
        """
        project, stack = pulumi.get_project(), pulumi.get_stack()
        config = {key.removeprefix(f"{project}:"): value for key, value in CONFIG.get().items()}
        own = {key: value for key, value in config.items() if ":" not in key or key == CONTEXT}
        secret = {key for key in own if is_config_secret(f"{project}:{key}")}
        problems = [*_about_the_image(own), *_about_secrets(own, secret)]
        try:
            settings = cls.model_validate({"namespace": f"{project}-{stack}", **own}, context=config)
        except ValidationError as error:
            problems = [*explained(error, hide=secret), *problems]
        if problems:
            raise pulumi.RunError(report(stack, problems, cls.model_json_schema()))
        return settings


def _about_the_image(config: Container[str]) -> Iterator[Problem]:
    if "image" in config and "build" in config:
        yield Problem(
            ("image",), "conflict", "and build are both set, but a stack either builds or runs what was built"
        )
    if "image" not in config and "build" not in config:
        yield Problem(
            ("image",), "missing", "and build are missing: a stack runs what another has built, or builds"
        )


def _about_secrets(config: Iterable[str], secret: Container[str]) -> Iterator[Problem]:
    for key in config:
        if key in SECRETS and key not in secret:
            yield Problem((key,), "plain", "is in plain text, but must be encrypted")
        if key not in SECRETS and key in secret:
            yield Problem(
                (key,), "encrypted", "is encrypted, but would be shown by the cluster: it must be plain"
            )


def schema() -> dict[str, Any]:
    """Return the JSON schema of stack files, for editors and for the report of what is wrong in one."""
    project = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["name"]
    model = Settings.model_json_schema()
    model["required"] = [CONTEXT]  # the rest has defaults
    model["oneOf"] = [{"required": [f"{project}:image"]}, {"required": [f"{project}:build"]}]
    model["properties"] = {
        key if ":" in key else f"{project}:{key}": value for key, value in model["properties"].items()
    }
    definitions = model.pop("$defs")
    # Keys of other namespaces (kubernetes:, docker-build:, pulumi:) are their owners' affair.
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
