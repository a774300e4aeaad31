"""The application's own image: reproducible, and nothing in it that need not be."""

import json
import subprocess
import tarfile
from pathlib import Path

import httpx
import pytest

from sandbox.platform.images import MANIFESTS
from tests.e2e.image.conftest import PROJECT, REGISTRY

CA = Path("/etc/ssl/certs/ca-certificates.crt")
INSTALLERS = {"pip", "pip3", "apt", "apt-get", "dpkg", "uv", "ensurepip", "setuptools"}


def build(environment: dict[str, str], *options: str) -> None:
    secret = [f"--secret=id=ca,src={CA}"] if CA.exists() else []
    command = [
        "docker",
        "buildx",
        "build",
        "--quiet",
        "--build-arg=SOURCE_DATE_EPOCH=0",
        "--provenance=false",
    ]
    subprocess.run([*command, *secret, *options, str(PROJECT / "app")], env=environment, check=True)


def digest_without_cache(environment: dict[str, str], directory: Path) -> str:
    metadata = directory / "metadata"
    build(
        environment, "--no-cache", f"--output=type=oci,dest={directory}/image", f"--metadata-file={metadata}"
    )
    return str(json.loads(metadata.read_text())["containerimage.digest"])


@pytest.fixture(scope="module")
def files(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tarfile.TarInfo]:
    """Everything in the runtime image, by path."""
    path = tmp_path_factory.mktemp("image") / "files.tar"
    build(sandbox, f"--output=type=tar,dest={path}")
    with tarfile.open(path) as archive:
        return {member.name.rstrip("/"): member for member in archive}


def test_two_builds_without_cache_are_the_same_bit_for_bit(sandbox: dict[str, str], tmp_path: Path) -> None:
    assert digest_without_cache(sandbox, tmp_path) == digest_without_cache(sandbox, tmp_path)


def test_its_base_can_be_pinned_by_digest(sandbox: dict[str, str]) -> None:
    """As one does in the Dockerfile's first line, where a registry gives a digest."""
    manifest = f"http://{REGISTRY}/v2/library/python/manifests/3.11-slim-bookworm"
    answer = httpx.head(manifest, headers={"Accept": MANIFESTS})
    if answer.status_code == 404:
        pytest.skip("the base image comes from Docker Hub, and its digest is not known here")
    base = "--build-arg=PYTHON_IMAGE=python:3.11-slim-bookworm"
    answer.raise_for_status()
    build(sandbox, f"{base}@{answer.headers['Docker-Content-Digest']}", "--output=type=cacheonly")
    with pytest.raises(subprocess.CalledProcessError):
        build(sandbox, f"{base}@sha256:{'0' * 64}", "--output=type=cacheonly")


@pytest.mark.parametrize("stage", ["builder", "test", "runtime"])
def test_each_stage_can_be_built_alone(sandbox: dict[str, str], stage: str) -> None:
    build(sandbox, f"--target={stage}", "--output=type=cacheonly")


def test_it_holds_no_package_installer(files: dict[str, tarfile.TarInfo]) -> None:
    programs = {Path(name).name for name in files if Path(name).parent.name in ("bin", "sbin")}
    modules = {Path(name).name for name in files if "-packages/" in name or "/python3" in name}
    assert {"python3", "gunicorn", "sh"} <= programs
    assert not INSTALLERS & programs
    assert not INSTALLERS & modules


def test_the_runtime_user_owns_nothing_and_can_change_nothing(files: dict[str, tarfile.TarInfo]) -> None:
    ours = {name: file for name, file in files.items() if name.startswith(("app/", "opt/"))}
    assert "app/hitcounter/web.py" in ours
    assert {file.uid for file in files.values()} == {0}
    assert not [name for name, file in ours.items() if file.mode & 0o002 and not file.issym()]


def test_bytecode_is_there_and_tests_are_not(files: dict[str, tarfile.TarInfo]) -> None:
    assert "app/hitcounter/__pycache__/web.cpython-311.pyc" in files
    assert not [name for name in files if name.startswith("app/tests") or "pytest" in name]
