"""Namespace: rejects privileged pods and denies all traffic that no policy allows."""

from __future__ import annotations

import json

import pulumi
import pulumi_kubernetes as k8s

from components.image.reference import RepositoryName
from components.image.registry import RegistryCredentials
from components.kubernetes.component import NamespacedComponent, Transform
from components.validation import Name, checked
from slipway.images.references import split


class Namespace(NamespacedComponent):
    """A namespace that enforces the Pod Security level `restricted` and denies all traffic by default.

    With `create=False` the namespace exists, and its owner sets its Pod Security level: the component creates
    only the objects in it. Its policy denies the traffic of all pods there, including pods of other programs.
    Do not change `create` of a namespace that this component created: Pulumi would delete it with all its
    content.
    """

    name: pulumi.Output[str]
    """The name of the namespace, known once it exists."""
    pull_secret: pulumi.Output[str] | None
    """The name of the Secret with which pods pull images; None without `credentials`."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        repository: RepositoryName | None = None,
        credentials: RegistryCredentials | None = None,
        create: bool = True,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the namespace `name`, or its content; `credentials` are for images from `repository`."""
        super().__init__(name, None, transform, opts, former_type="RestrictedNamespace")
        self.name = self._add_namespace(name) if create else pulumi.Output.from_input(name)
        self._namespace = self.name
        self._add(
            k8s.networking.v1.NetworkPolicy,
            name="default-deny",
            spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
        )
        self.pull_secret = None
        if repository and credentials:
            docker_config = pull_config(split(repository)[0], credentials)
            secret = self._add(
                k8s.core.v1.Secret,
                suffix="-pull",
                type="kubernetes.io/dockerconfigjson",
                string_data={".dockerconfigjson": docker_config},
            )
            self.pull_secret = secret.metadata.name
        self.register_outputs({"name": self.name})

    def _add_namespace(self, name: str) -> pulumi.Output[str]:
        # https://kubernetes.io/docs/concepts/security/pod-security-standards/
        levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
        return self._add(k8s.core.v1.Namespace, name=name, labels=levels).metadata.name


def pull_config(host: str, credentials: RegistryCredentials) -> pulumi.Output[str]:
    """Return the file that `docker login` writes: https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/."""
    server = "https://index.docker.io/v1/" if host == "docker.io" else host

    def config(password: str) -> str:
        return json.dumps({"auths": {server: {"username": credentials.username, "password": password}}})

    return pulumi.Output.secret(credentials.password).apply(config)
