"""The environment variables with which pulumi, kubectl and docker buildx use the sandbox."""

import os
import secrets
import sys
from pathlib import Path

from sandbox.platform import files, network, object_store
from sandbox.platform.instance import Instance
from sandbox.shell import run


def variables(instance: Instance) -> dict[str, str]:
    """Return the variables to export; PATH gets the sandbox's tools, then the virtualenv, in front.

    The virtualenv has a kubectl too, which may not suit the cluster.
    """
    first = (str(instance.bin), *_virtualenv())
    backups = object_store.find(instance)
    path = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry not in first]
    return {
        "PATH": os.pathsep.join((*first, *path)),
        "PULUMI_HOME": str(instance.pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{instance.pulumi_backend}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(instance.passphrase),
        # Without `encryptionsalt` in a stack file, pulumi takes the salt from the state.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "KUBECONFIG": str(instance.kubeconfig),
        "DOCKER_CONFIG": str(instance.docker_config),
        "BUILDX_CONFIG": str(instance.state / "buildx"),
        "BUILDX_BUILDER": instance.name,
        **({"DOCKER_HOST": f"unix://{instance.docker_socket}"} if instance.docker.exists() else {}),
        **(_store(backups) if backups else {}),
        **network.unproxied(instance),
    }


def _store(found: object_store.Store) -> dict[str, str]:
    """Return the variables with which AWS' tools and SDKs use the store; a file has the credentials."""
    return {
        "AWS_ENDPOINT_URL_S3": found.endpoint,
        "AWS_SHARED_CREDENTIALS_FILE": str(found.credentials),
        "AWS_DEFAULT_REGION": found.region,
    }


def process(instance: Instance) -> dict[str, str]:
    """Return the environment of a program that uses the sandbox."""
    exported = variables(instance)
    return {**os.environ, **exported, "PATH": f"{instance.libexec}{os.pathsep}{exported['PATH']}"}


def ensure(instance: Instance) -> None:
    """Create the directories and files of the variables."""
    for directory in (instance.pulumi_home, instance.pulumi_backend):
        directory.mkdir(parents=True, exist_ok=True)
    if not instance.passphrase.exists():
        files.write(instance.passphrase, secrets.token_urlsafe(32), mode=0o600)
    plugins = instance.docker_config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    for plugin, tool in {"docker-buildx": "buildx", "docker-compose": "docker-compose"}.items():
        if not (plugins / plugin).is_symlink():
            (plugins / plugin).symlink_to(instance.libexec / tool)
    if not (instance.docker_config / "config.json").exists():
        files.write(instance.docker_config / "config.json", "{}\n", mode=0o600)


def ensure_builder(instance: Instance) -> None:
    """Register the builder with buildx."""
    if not (instance.state / "buildx/instances" / instance.name).exists():
        create = ("buildx", "create", "--name", instance.name, "--driver", "remote")
        run(*create, f"unix://{instance.buildkit_socket}", env=process(instance))


def _virtualenv() -> tuple[str, ...]:
    """Return the directory with the programs of the running virtualenv, if there is one."""
    return (str(Path(sys.executable).parent),) if sys.prefix != sys.base_prefix else ()
