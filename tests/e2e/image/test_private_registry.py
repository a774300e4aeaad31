"""A registry that asks for a password."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.image.conftest import Project

USERNAME, PASSWORD = "me", "correct-horse"
# As `htpasswd -nbB` writes it; the registry takes bcrypt alone.
HTPASSWD = f"{USERNAME}:$2b$04$nj91OYH0Xo3upyOUVGvdvO.JR6j2fqM4k5SWGvZITysoIVkPbEv0q\n"


@pytest.fixture(scope="module")
def registry(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its host and port."""
    directory = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"localhost:{probe.getsockname()[1]}"
    (directory / "htpasswd").write_text(HTPASSWD)
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": host.replace("localhost", "127.0.0.1")},
        "auth": {"htpasswd": {"realm": "private", "path": str(directory / "htpasswd")}},
    }
    (directory / "config.yml").write_text(json.dumps(config))
    program = shutil.which("docker-registry", path=f"{sandbox['PATH']}:/usr/bin")
    assert program
    with (directory / "log").open("w") as log:
        process = subprocess.Popen((program, "serve", directory / "config.yml"), stdout=log, stderr=log)
        try:
            _wait(f"http://{host}/v2/", directory / "log")
            yield host
        finally:
            process.terminate()
            process.wait(10)


def _wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert httpx.get(url).status_code == 401
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def _credentials(project: Project, registry: str, password: str) -> None:
    project.arguments["repository"] = f"{registry}/team/web"
    project.arguments["credentials"] = {"username": USERNAME, "password": password}


def test_the_image_goes_in_with_its_credentials_and_is_looked_for_with_them(
    project: Project, registry: str
) -> None:
    _credentials(project, registry, PASSWORD)
    assert project.up()["create"] == 3
    url = f"http://{registry}/v2/team/web/manifests/{project.output('tag')}"
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    assert httpx.head(url, headers=accept, auth=(USERNAME, PASSWORD)).status_code == 200
    assert set(project.preview().values()) == {"same"}
    assert PASSWORD not in project.succeed("stack", "export")


def test_a_wrong_password_fails_the_build_with_a_reason(project: Project, registry: str) -> None:
    _credentials(project, registry, "wrong")
    done = project.run("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "401" in output or "authorization failed" in output, output
    assert registry in output
