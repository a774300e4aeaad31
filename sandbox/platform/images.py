"""The images in the registry: those of the cluster, and base images for Dockerfiles."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from platform import machine

import httpx

from sandbox.platform import files, readiness
from sandbox.platform.instance import Instance, SandboxError
from sandbox.shell import run
from sandbox.tools.reachability import DOCKER_HUB, reachable

SOURCES = Path(__file__).parent / "dockerfiles"
DEBIAN = "bookworm"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LABEL = "org.opencontainers.image"
CONTENT = "slipway.sandbox.content"
CREATED = f"{LABEL}.created"
MAX_AGE = timedelta(days=30)
"""The age of packages in a stand-in after which they are renewed, with the security fixes since."""
STAND_IN = "Stand-in for the official image made from Debian packages"
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_NAME, _PROCESSES = "the registry", ("registry", "registry-loopback")


@dataclass(frozen=True)
class BaseImage:
    """An official image, and the Debian packages of its stand-in for machines without Docker Hub."""

    directory: str
    reference: str
    packages: tuple[str, ...]


BASE_IMAGES = (
    BaseImage(
        "python",
        "library/python:3.11-slim-bookworm",
        ("python3", "python3-venv", "python3-pip", "ca-certificates", "netbase", "tzdata"),
    ),
    BaseImage("redis", "library/redis:7-bookworm", ("redis-server", "redis-sentinel")),
    BaseImage("busybox", "library/busybox:1.35", ("busybox-static",)),
)
PROXY_IMAGE = BaseImage("haproxy", "library/haproxy:2.6-bookworm", ("haproxy",))
"""For web services on a Docker engine."""
POSTGRES_IMAGE = BaseImage(
    "postgres", "library/postgres:15-bookworm", ("postgresql-15", "python3", "ca-certificates", "tzdata")
)
"""For databases. Images on it need python3, which a build cannot install where no mirror is reached."""


def base_images(instance: Instance) -> Iterator[BaseImage]:
    """Yield the base images that every instance has, and those that this one was asked for."""
    yield from BASE_IMAGES
    if instance.docker.exists():
        yield PROXY_IMAGE
    if instance.postgres.exists():
        yield POSTGRES_IMAGE


def component(name: str, executable: Path) -> str:
    """Return the reference, without a registry, of the image of an executable; its tag is a content hash."""
    file = executable.resolve()
    status = file.stat()
    content = f"{file} {status.st_size} {status.st_mtime_ns} {(SOURCES / name / 'Dockerfile').read_text()}"
    return f"sandbox/{name}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def unready(instance: Instance) -> list[str]:
    """Return why the registry does not serve; nothing if it does."""
    return readiness.unserved(instance, _NAME, _url(instance.registry_port), *_PROCESSES)


def _annotations(instance: Instance, reference: str) -> dict[str, str] | None:
    """Return the annotations of an image in the registry; None if it does not exist."""
    repository, tag = reference.rsplit(":", 1)
    try:
        response = _registry(instance.registry_port).get(f"{repository}/manifests/{tag}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return dict(response.raise_for_status().json().get("annotations", {}))
    except httpx.HTTPError as error:
        raise SandboxError(readiness.silent(instance, _NAME, error, *_PROCESSES)) from error


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/v2/"


@cache
def _registry(port: int) -> httpx.Client:
    client = readiness.plain_client(_url(port), timeout=10)
    client.headers["Accept"] = MANIFESTS
    return client


def ensure_component(instance: Instance, env: dict[str, str], name: str, executable: Path) -> None:
    """Push the image of an executable unless the registry has it."""
    reference = component(name, executable)
    if _annotations(instance, reference) is None:
        _build(instance, env, SOURCES / name, reference, executable.resolve(), executable.name)


def ensure_base(
    instance: Instance, env: dict[str, str], image: BaseImage, note: Callable[[str], None]
) -> None:
    """Push a base image to the registry: the official one, or its stand-in.

    An existing image is kept, unless it is a stand-in with another definition, or older than MAX_AGE. It is
    kept too if its packages cannot be downloaded. `note` is called with what did not succeed.
    """
    name = image.reference.removeprefix("library/")
    content, annotations = _hash(image), _annotations(instance, image.reference)
    current = annotations if annotations and annotations.get(CONTENT) == content else {}
    if annotations is not None and CONTENT not in annotations:
        return  # the official image
    if current and not _is_old(current.get(CREATED, "")):
        return
    if reachable(DOCKER_HUB):
        try:
            copy(env, f"docker.io/{image.reference}", f"{instance.registry}/{image.reference}")
            return
        except SandboxError as error:  # such as a limit of downloads, or a firewall's refusal
            note(f"{name} is a stand-in, because the official image cannot be copied: {_last_line(error)}")
    labels = {
        f"{LABEL}.title": name,
        f"{LABEL}.description": STAND_IN,
        f"{LABEL}.vendor": "Slipway sandbox",
        CONTENT: content,
    }
    try:
        archive = rootfs(instance, image)
    except SandboxError as error:
        if annotations is None:
            raise
        note(f"{name} stays an old stand-in, because its packages cannot be downloaded: {_last_line(error)}")
        return
    labels[CREATED] = _changed(archive).isoformat()
    if current.get(CREATED) == labels[CREATED]:
        return  # its packages are the newest that this machine has
    _build(instance, env, SOURCES / image.directory, image.reference, archive, "rootfs.tar", labels)


def _last_line(error: SandboxError) -> str:
    """Return the last line of a program's output, which has the reason."""
    return str(error).splitlines()[-1]


def origin(instance: Instance, image: BaseImage) -> str | None:
    """Describe the origin of an image in the registry; None if it does not exist."""
    annotations = _annotations(instance, image.reference)
    if annotations is None:
        return None
    return STAND_IN if CONTENT in annotations else "official, copied from Docker Hub"


def _hash(image: BaseImage) -> str:
    """Return a hash of the definition of a stand-in."""
    definition = hashlib.sha256(repr((DEBIAN, image.packages, _OPTIONS, _COMPRESSION)).encode())
    for file in sorted((SOURCES / image.directory).iterdir()):
        definition.update(file.read_bytes())
    return definition.hexdigest()[:12]


def copy(env: dict[str, str], source: str, target: str) -> None:
    """Copy this machine's platform of an image, by the digest that its tag has now."""
    inspect = ("buildx", "imagetools", "inspect", source, "--format", "{{.Manifest.Digest}}")
    by_digest = f"{source.rsplit(':', 1)[0]}@{run(*inspect, env=env).strip()}"
    platform = f"--platform=linux/{ARCHITECTURES[machine()]}"
    run("buildx", "imagetools", "create", platform, "--tag", target, by_digest, env=env, timeout=600)


def rootfs(instance: Instance, image: BaseImage) -> Path:
    """Return the cached archive with the unpacked packages of a stand-in, not older than MAX_AGE.

    If they cannot be renewed, as without a network, the old archive is returned.
    """
    definition = repr((DEBIAN, image.packages, _OPTIONS)).encode()
    archive = (
        instance.cache_home
        / "images"
        / f"{image.directory}-{hashlib.sha256(definition).hexdigest()[:12]}.tar"
    )
    with files.locked(archive.with_suffix(".lock")):
        try:
            if not archive.exists() or _is_old(_changed(archive).isoformat()):
                draft = archive.with_name(f".{archive.name}")
                packages = f"--include={','.join(image.packages)}"
                run("mmdebstrap", *_OPTIONS, packages, "--format=tar", DEBIAN, str(draft), timeout=900)
                draft.rename(archive)
        except SandboxError:
            if not archive.exists():
                raise
    return archive


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(int(file.stat().st_mtime), UTC)


def _is_old(created: str) -> bool:
    """Return whether a time is longer ago than MAX_AGE; an unknown time is."""
    return not created or datetime.now(UTC) - datetime.fromisoformat(created) > MAX_AGE


# Docker before version 23 cannot read zstd. These images are not downloaded, so a fast level is best.
_COMPRESSION = "compression=gzip,compression-level=1,force-compression=true"
_OPTIONS = (
    "--quiet",
    "--mode=root",
    "--variant=minbase",
    # Like the official slim images, without documentation and translations.
    *(f"--dpkgopt=path-exclude=/usr/share/{directory}/*" for directory in ("doc", "man", "info", "locale")),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)


def _build(
    instance: Instance,
    env: dict[str, str],
    source: Path,
    reference: str,
    file: Path,
    name: str,
    labels: dict[str, str] | None = None,
) -> None:
    """Build a directory's Dockerfile with one more file in the context, and push the image."""
    with tempfile.TemporaryDirectory(dir=instance.run) as scratch:
        context = Path(scratch, "context")
        shutil.copytree(source, context)
        shutil.copy2(file, context / name)
        arguments = [
            word for label, text in (labels or {}).items() for word in ("--label", f"{label}={text}")
        ]
        annotations = "".join(f",annotation.{label}={text}" for label, text in (labels or {}).items())
        run(
            "buildx", "build", "--builder", instance.name, "--provenance=false", *arguments,
            f"--output=type=image,push=true,{_COMPRESSION},oci-mediatypes=true,"
            f"name={instance.registry}/{reference}{annotations}",
            str(context),
            env=env, timeout=600,
        )  # fmt: skip
