"""Images between registries, and which of them may go."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from slipway.images import references as delivery_images
from slipway.images.references import Image
from slipway.images.registry import Repository
from tests.e2e.slipway.promotion.conftest import REPOSITORY, Pipeline, digest, wait_for


@pytest.fixture
def elsewhere(sandbox: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Another registry, of the test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "data")}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    (tmp_path / "config.yml").write_text(json.dumps(config))
    executable = shutil.which("docker-registry") or "registry"
    process = subprocess.Popen((executable, "serve", tmp_path / "config.yml"), stderr=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            return httpx.get(f"http://{address}/v2/").status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(answers, 30)
    yield address
    process.terminate()
    process.wait()


@pytest.mark.parametrize("version", ["one", "two"])
def test_an_image_is_copied_in_whole_under_the_same_digest(
    version: str,
    elsewhere: str,
    images: dict[str, str],
    sandbox: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Version one is a single manifest; two is an index, with an attestation of how it was built."""
    monkeypatch.setenv("DOCKER_CONFIG", sandbox["DOCKER_CONFIG"])
    monkeypatch.setenv("BUILDX_CONFIG", sandbox["BUILDX_CONFIG"])
    image = Image.parse(images[version])
    copied = delivery_images.copy(image, f"{elsewhere}/acme/web")
    assert (copied.digest, copied.tag) == (image.digest, image.tag)
    assert delivery_images.manifest(copied) == delivery_images.manifest(image)
    inside = delivery_images.manifest(image).get("manifests", [])
    assert len(inside) == (2 if version == "two" else 0)
    for item in inside:
        part = Image(copied.repository, item["digest"])
        for layer in delivery_images.manifest(part)["layers"]:
            blob = httpx.head(f"http://{elsewhere}/v2/acme/web/blobs/{layer['digest']}")
            assert blob.status_code == 200
    assert delivery_images.copy(image, f"{elsewhere}/acme/web") == copied, "again does nothing"


def test_prune_deletes_unneeded_images_only_with_delete(
    fresh: Pipeline, images: dict[str, str], sandbox: dict[str, str]
) -> None:
    repository = f"{REPOSITORY}-{fresh.suffix}"
    plugin = Path(sandbox["DOCKER_CONFIG"], "cli-plugins/docker-buildx")
    for tag in ("one", "two", "broken", "slow"):
        words = ("imagetools", "create", "--prefer-index=false", "--tag", f"{repository}:{tag}", images[tag])
        subprocess.run((plugin, *words), env={**os.environ, **sandbox}, check=True, stderr=subprocess.DEVNULL)
    fresh.deploy("prod", f"{repository}:one@{digest(images['one'])}")
    fresh.pulumi("staging", "config", "set", "later", images["two"])
    pruned = fresh.slipway("prune", "--repository", repository, "--json")
    assert pruned.code == 0, pruned.stderr
    unneeded = json.loads(pruned.stdout)["unneeded"][repository]
    assert sorted(tag for tags in unneeded.values() for tag in tags) == ["broken", "slow"]
    assert set(Repository(repository).tags()) == {"one", "two", "broken", "slow"}, "listed, not deleted"
    refused = fresh.slipway("prune", "--repository", repository, "--delete")
    assert refused.code == 1 and "--yes" in refused.stderr
    done = fresh.slipway("prune", "--repository", repository, "--delete", "--yes", "--json")
    assert done.code == 0 and json.loads(done.stdout)["deleted"] == 2, done.stderr
    assert set(Repository(repository).tags()) == {"one", "two"}
    fresh.pulumi("staging", "config", "rm", "later")
    fresh.deploy("prod", images["one"])
