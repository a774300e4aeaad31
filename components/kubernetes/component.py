"""Base class of the Kubernetes components: creates labelled, namespaced children and applies `transform`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pulumi
import pulumi_kubernetes as k8s

NAME_LABEL = "app.kubernetes.io/name"
"""The label by which the `selector` of a component names it."""

NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""Annotation of objects that become ready together with pods that Pulumi awaits.

Pulumi waits 10 seconds for the endpoints of a Service to settle. Before release 4.27 the Kubernetes plugin
waits 5 minutes, in vain, when it updates a bound claim whose class binds on first use (WaitForFirstConsumer).
"""

TAKES_OVER = {"pulumi.com/patchForce": "true"}
"""Annotation of an object that another field manager may have created: server-side apply still changes it."""

R = TypeVar("R", bound=pulumi.Resource)

Transform = Callable[[str, dict[str, Any]], None]
"""A function that may change the arguments of each child before it is created.

It gets the kind ("Deployment") and the arguments of pulumi_kubernetes:
`args["spec"]["template"]["spec"]["priority_class_name"] = "high"`.
"""


class NamespacedComponent(pulumi.ComponentResource):
    """A component whose children live in one namespace and carry its labels."""

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str] | None,
        transform: Transform | None,
        opts: pulumi.ResourceOptions | None,
        former_type: str | None = None,
    ) -> None:
        """Register the component; `former_type` is the class's former name, under which stacks have it."""
        aliases: list[pulumi.Input[str | pulumi.Alias]] = []
        if former_type:
            aliases = [pulumi.Alias(type_=_type(former_type))]
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=aliases))
        super().__init__(_type(type(self).__name__), name, None, opts)
        self._namespace = namespace
        self._transform = transform

    @property
    def selector(self) -> dict[str, str]:
        """The labels by which Services, policies and budgets select this component's pods."""
        return {NAME_LABEL: self.pulumi_resource_name}

    def _add_service_account(
        self, pull_secret: pulumi.Input[str] | None, *, token: bool = False
    ) -> k8s.core.v1.ServiceAccount:
        """Create the ServiceAccount of the pods, with the name of a Secret to pull images with."""
        return self._add(
            k8s.core.v1.ServiceAccount,
            name=self.pulumi_resource_name,
            automount_service_account_token=token,
            image_pull_secrets=[{"name": pull_secret}] if pull_secret else None,
        )

    def _add_claim(
        self,
        name: str,
        suffix: str,
        size: str,
        access: str = "ReadWriteOnce",
        storage_class: str | None = None,
        protect: bool | None = None,
    ) -> k8s.core.v1.PersistentVolumeClaim:
        """Create a claim, which outlives the component: Pulumi never deletes it."""
        spec: k8s.core.v1.PersistentVolumeClaimSpecArgsDict = {
            "access_modes": [access],
            "resources": {"requests": {"storage": size}},
        }
        if storage_class:
            spec["storage_class_name"] = storage_class
        return self._add(
            k8s.core.v1.PersistentVolumeClaim,
            name=name,
            suffix=suffix,
            annotations=NOT_AWAITED | TAKES_OVER,
            spec=spec,
            opts=pulumi.ResourceOptions(retain_on_delete=True, protect=protect),
        )

    def _add(
        self,
        make: Callable[..., R],
        *,
        name: pulumi.Input[str] | Callable[[dict[str, Any]], pulumi.Input[str]] | None = None,
        suffix: str = "",
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **args: Any,
    ) -> R:
        """Create a child. Without `name`, Pulumi names it, and a change of its content renames it.

        A `name` that follows from the arguments is a function of them, as they are after `transform`.
        """
        metadata: dict[str, Any] = {
            "labels": {**self.selector, "app.kubernetes.io/managed-by": "pulumi", **(labels or {})}
        }
        if self._namespace is not None:
            metadata["namespace"] = self._namespace
        if name and not callable(name):
            metadata["name"] = name
        if annotations:
            metadata["annotations"] = annotations
        args = {"metadata": metadata, **args}
        if self._transform:
            self._transform(make.__name__, args)
        if callable(name):
            metadata["name"] = name(args)
        options = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), opts)
        return make(self.pulumi_resource_name + suffix, opts=options, **args)


def _type(component: str) -> str:
    return f"slipway:components:{component}"
