"""Base class of the components on a Docker engine: creates labelled children and applies `transform`."""

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pulumi
import pulumi_docker as docker

from components.image.reference import ImageReference
from components.kubernetes.component import NAME_LABEL, Transform
from components.kubernetes.pod import PodSecurity

R = TypeVar("R", bound=pulumi.Resource)
LINES = 20
"""Lines of a container's log to print when it does not become healthy."""


class EngineComponent(pulumi.ComponentResource):
    """A component whose children live on a Docker engine and carry its labels."""

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str],
        transform: Transform | None,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        super().__init__(f"slipway:docker:{type(self).__name__}", name, None, opts)
        self._namespace = pulumi.Output.from_input(namespace)
        self._transform = transform

    @property
    def selector(self) -> dict[str, str]:
        """The labels by which an Endpoint names this component."""
        return {NAME_LABEL: self.pulumi_resource_name}

    def _network_of(self, component: str) -> pulumi.Output[str]:
        """Return the name of a component's own network, which its clients join."""
        return pulumi.Output.concat(self._namespace, "-", component)

    def _add(
        self,
        make: Callable[..., R],
        *,
        suffix: str = "",
        labels: dict[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **args: Any,
    ) -> R:
        """Make a child with labels."""
        own = {"app.kubernetes.io/managed-by": "pulumi", **self.selector, **(labels or {})}
        args["labels"] = [
            {"label": "slipway/namespace", "value": self._namespace},
            *({"label": label, "value": value} for label, value in own.items()),
        ]
        if self._transform:
            self._transform(make.__name__, args)
        options = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), opts)
        return make(self.pulumi_resource_name + suffix, opts=options, **args)

    def _add_own_network(self) -> docker.Network:
        """Make the network that only this component and its declared clients join; it has no way out."""
        return self._add(docker.Network, name=self._network_of(self.pulumi_resource_name), internal=True)

    def _pull(self, image: pulumi.Input[str], platform: str | None, suffix: str = "") -> pulumi.Output[str]:
        """Pull an image, by digest if it names one, and return its id."""
        pulled = docker.RemoteImage(
            self.pulumi_resource_name + suffix,
            name=pulumi.Output.from_input(image).apply(_by_digest),
            platform=platform,
            keep_locally=True,  # for a quick way back
            # The provider would delete first, because the name is given, and with it every container.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=False),
        )
        return pulled.image_id

    def _made_once(self, suffix: str, password: str) -> pulumi.Output[str]:
        """Return a password that the stack's state keeps from its first update on."""
        stash = pulumi.Stash(
            self.pulumi_resource_name + suffix,
            input=pulumi.Output.secret(password),
            # Each run makes another, and only the first counts.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        return pulumi.Output.secret(stash.output)

    def _add_kept(
        self,
        path: str,
        image_id: pulumi.Input[str],
        security: PodSecurity | None,
        protect: bool | None = None,
    ) -> tuple[dict[str, Any], pulumi.Resource]:
        """Make a named volume, which Pulumi never deletes, for a directory of the image.

        Return the arguments of the container that has it, and what must exist before that starts.
        """
        volume = self._add(
            docker.Volume,
            suffix="-data",
            name=pulumi.Output.concat(self._network_of(self.pulumi_resource_name), "-data"),
            opts=pulumi.ResourceOptions(retain_on_delete=True, protect=protect),
        )
        mounts = [{"type": "volume", "source": volume.name, "target": path}]
        if not security or not (security.user or security.group):
            return {"mounts": mounts}, volume
        return {"mounts": mounts}, self._add_owner(path, image_id, mounts, security)

    def _add_owner(
        self, path: str, image_id: pulumi.Input[str], mounts: list[dict[str, Any]], security: PodSecurity
    ) -> pulumi.Resource:
        """Give the volume to the container's user, or its group as fsGroup does, in a container that ends."""
        group = security.group or security.user
        give, capabilities = f"chown -R {security.user}:{group} {path}", ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]
        if not security.user:
            give = f"chgrp -R {group} {path} && chmod -R g+rwX {path}"
            capabilities.append("CAP_FOWNER")
        return self._add_container(
            "-owner",
            name=pulumi.Output.concat(self._network_of(self.pulumi_resource_name), "-owner"),
            image=image_id,
            # While a volume is empty, each new container gives it the owner that the image has for the path.
            entrypoints=["sh", "-c", f"touch {path}/.owned && {give}"],
            user="0:0",
            mounts=mounts,
            read_only=True,
            capabilities={
                "drops": ["ALL"],
                "adds": capabilities,
            },
            network_mode="none",
            attach=True,  # the provider waits until it ends
            must_run=False,
        )

    def _add_container(
        self,
        suffix: str = "",
        *,
        depends_on: Sequence[pulumi.Resource] = (),
        custom_timeouts: pulumi.CustomTimeouts | None = None,
        **args: Any,
    ) -> docker.Container:
        """Make a container; if it is not healthy, or has not ended, in time, print the end of its log."""
        explain = pulumi.ErrorHook(f"{self._name}{suffix} failed", self._explain)
        opts = pulumi.ResourceOptions(
            depends_on=list(depends_on),
            custom_timeouts=custom_timeouts,
            hooks=pulumi.ResourceHookBinding(on_error=[explain]),
        )
        return self._add(docker.Container, suffix=suffix, opts=opts, **args)

    def _explain(self, failed: pulumi.ErrorHookArgs) -> bool:
        """Print the end of the log of a container that failed: the provider reports only the time."""
        container = (failed.new_inputs or {}).get("name")
        if failed.failed_operation == "create" and container:
            pulumi.log.error(f"The end of the log of {container}:\n{end_of_log(str(container))}", self)
        return False  # do not try again


def _by_digest(image: str) -> str:
    """Return `repository@sha256:…` without the tag, which the engine would not keep with the digest."""
    try:
        reference = ImageReference.parse(image)
    except ValueError:
        return image
    return f"{reference.repository}@{reference.digest}"


def end_of_log(container: str) -> str:
    """Return the last lines of a container's log, and of its health check if it has one."""
    try:
        log = docker_command("container", "logs", "--tail", str(LINES), container)
        health = docker_command("container", "inspect", "--format", "{{json .State.Health}}", container)
    except (OSError, subprocess.SubprocessError) as error:
        return f"not available ({error}): run `docker logs {container}` on the engine's machine"
    if not (checks := (json.loads(health) or {}).get("Log")):
        return log.strip()
    reason = checks[-1].get("Output", "").strip().rpartition("\n")[2]
    return f"{log.strip()}\nIts last health check: {reason or 'no output'}"


def docker_command(*command: str) -> str:
    """Run the `docker` command, which reaches the engine by DOCKER_HOST or by its context."""
    done = subprocess.run(
        ("docker", *command),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, timeout=20,
    )  # fmt: skip
    return done.stdout
