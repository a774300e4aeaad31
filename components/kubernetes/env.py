"""Environment variables of containers."""

from abc import ABC, abstractmethod
from typing import Annotated

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field

from components.kubernetes.endpoint import Endpoint
from components.validation import InputText, options

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class EnvVar(ABC):
    """An environment variable: `EnvVar.value`, `EnvVar.secret` or `EnvVar.config_map` makes one.

    `endpoint` is what the variable leads to: a pod with the variable may reach it, and is admitted there.
    """

    name: str
    endpoint: Endpoint | None

    @staticmethod
    def value(name: str, value: pulumi.Input[str], *, endpoint: Endpoint | None = None) -> "EnvVar":
        """Return a variable with this value, which whoever may read the pod can read."""
        return _Value(name=name, text=value, endpoint=endpoint)

    @staticmethod
    def secret(
        name: str, secret: pulumi.Input[str], key: pulumi.Input[str], *, endpoint: Endpoint | None = None
    ) -> "EnvVar":
        """Return a variable with the value of a key of the Secret named `secret`."""
        return _SecretKey(name=name, secret_name=secret, key=key, endpoint=endpoint)

    @staticmethod
    def config_map(
        name: str, config_map: pulumi.Input[str], key: pulumi.Input[str], *, endpoint: Endpoint | None = None
    ) -> "EnvVar":
        """Return a variable with the value of a key of the ConfigMap named `config_map`."""
        return _ConfigMapKey(name=name, config_map_name=config_map, key=key, endpoint=endpoint)

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
class _SecretKey(EnvVar):
    name: VariableName
    secret_name: InputText
    key: InputText
    endpoint: Endpoint | None

    @property
    def as_dict(self) -> k8s.core.v1.EnvVarArgsDict:
        reference: k8s.core.v1.SecretKeySelectorArgsDict = {"name": self.secret_name, "key": self.key}
        return {"name": self.name, "value_from": {"secret_key_ref": reference}}


@options
class _ConfigMapKey(EnvVar):
    name: VariableName
    config_map_name: InputText
    key: InputText
    endpoint: Endpoint | None

    @property
    def as_dict(self) -> k8s.core.v1.EnvVarArgsDict:
        reference: k8s.core.v1.ConfigMapKeySelectorArgsDict = {"name": self.config_map_name, "key": self.key}
        return {"name": self.name, "value_from": {"config_map_key_ref": reference}}
