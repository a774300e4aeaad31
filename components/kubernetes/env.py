"""Environment variables of containers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field

from components.kubernetes.endpoint import Endpoint
from components.validation import InputText, options

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class EnvVar(ABC):
    """An environment variable. Create it with `EnvVar.value`, `EnvVar.secret` or `EnvVar.config_map`.

    `endpoint` is the destination that the variable names: a pod with the variable may reach it, and is
    admitted there.
    """

    name: str
    endpoint: Endpoint | None

    @staticmethod
    def value(name: str, value: pulumi.Input[str], *, endpoint: Endpoint | None = None) -> EnvVar:
        """Return a variable with this value, which is visible to everyone who may read the pod."""
        return _Value(name=name, text=value, endpoint=endpoint)

    @staticmethod
    def secret(
        name: str, secret: pulumi.Input[str], key: pulumi.Input[str], *, endpoint: Endpoint | None = None
    ) -> EnvVar:
        """Return a variable with the value of a key of the Secret named `secret`."""
        return _Key(name=name, kind="secret", object_name=secret, key=key, endpoint=endpoint)

    @staticmethod
    def config_map(
        name: str, config_map: pulumi.Input[str], key: pulumi.Input[str], *, endpoint: Endpoint | None = None
    ) -> EnvVar:
        """Return a variable with the value of a key of the ConfigMap named `config_map`."""
        return _Key(name=name, kind="config_map", object_name=config_map, key=key, endpoint=endpoint)

    @property
    @abstractmethod
    def as_dict(self) -> k8s.core.v1.EnvVarArgsDict:
        """The entry of the container's `env`."""


@options
class _Value(EnvVar):
    name: VariableName
    text: InputText
    endpoint: Endpoint | None

    @property
    def as_dict(self) -> k8s.core.v1.EnvVarArgsDict:
        return {"name": self.name, "value": self.text}


@options
class _Key(EnvVar):
    name: VariableName
    kind: Literal["secret", "config_map"]
    object_name: InputText
    key: InputText
    endpoint: Endpoint | None

    @property
    def as_dict(self) -> k8s.core.v1.EnvVarArgsDict:
        reference: k8s.core.v1.SecretKeySelectorArgsDict = {"name": self.object_name, "key": self.key}
        source: k8s.core.v1.EnvVarSourceArgsDict = (
            {"secret_key_ref": reference} if self.kind == "secret" else {"config_map_key_ref": reference}
        )
        return {"name": self.name, "value_from": source}
