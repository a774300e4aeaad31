"""Images and their bases, in a registry that holds documents by digest and tag."""

import hashlib
import json
from typing import Any

import pytest
from rich.text import Text

from slipway.cli.outdated import Row, bases_table
from slipway.errors import ImageNotFound, RegistryUnavailable
from slipway.images.base_images import BASE, State, compare
from slipway.images.references import Image
from slipway.images.registry import Repository


class Registry:
    """The documents of all repositories, by repository and digest or tag."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, repository: str, document: dict[str, Any], tag: str = "") -> str:
        digest = f"sha256:{hashlib.sha256(json.dumps(document).encode()).hexdigest()}"
        self.documents[repository, digest] = self.documents[repository, tag] = document
        return digest

    def get(self, repository: Repository, reference: str) -> dict[str, Any]:
        if repository.name.startswith("away/"):
            raise RegistryUnavailable("registry away cannot be reached")
        try:
            return self.documents[repository.name, reference]
        except KeyError:
            raise ImageNotFound(f"{repository.name} {reference} does not exist") from None

    def push(
        self, repository: str, layers: str, base: str = "", platform: str = "linux/amd64", tag: str = ""
    ) -> str:
        """Push an image whose layers are the letters of a text; return its digest."""
        os, architecture, *variant = platform.split("/")
        configuration = {
            "os": os,
            "architecture": architecture,
            "variant": "".join(variant),
            "rootfs": {"diff_ids": list(layers)},
            "config": {"Labels": {BASE: base} if base else None},
        }
        return self.put(repository, {"config": {"digest": self.put(repository, configuration)}}, tag)

    def index(self, repository: str, tag: str = "", **digests: str) -> str:
        """Push an index of images by architecture."""
        children: list[dict[str, Any]] = [
            {"digest": digest, "platform": {"os": "linux", "architecture": architecture}}
            for architecture, digest in digests.items()
        ]
        attestation = {
            "digest": "sha256:none",
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
        return self.put(repository, {"manifests": [*children, attestation]}, tag)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    for method in ("manifest", "blob"):
        monkeypatch.setattr(Repository, method, lambda *arguments: registry.get(*arguments))
    return registry


@pytest.mark.parametrize(
    ("layers", "state"), [("ab", State.CURRENT), ("ax", State.OUTDATED), ("abcd", State.OUTDATED)]
)
def test_an_image_is_current_if_it_begins_with_the_layers_of_its_base(
    layers: str, state: State, registry: Registry
) -> None:
    registry.push("python", layers, tag="3.11")
    image = Image("you/web", registry.push("you/web", "abc", "python:3.11"))
    assert compare(image) == (state, "python:3.11", "")


def test_each_platform_is_compared_with_the_same_platform_of_the_base(registry: Registry) -> None:
    parts = {
        arch: registry.push("python", f"{arch[0]}b", platform=f"linux/{arch}") for arch in ("amd64", "arm64")
    }
    registry.index("python", "3.11", **parts)
    own = {
        "amd64": registry.push("you/web", "abc", "python:3.11"),
        "arm64": registry.push("you/web", "abd", "python:3.11", platform="linux/arm64/v8"),
    }
    assert compare(Image("you/web", registry.index("you/web", **own))).state is State.CURRENT
    newer = registry.push("python", "abx", platform="linux/arm64")
    registry.index("python", "3.11", amd64=parts["amd64"], arm64=newer)
    assert compare(Image("you/web", registry.index("you/web", **own))).state is State.OUTDATED
    registry.index("python", "3.11", amd64=parts["amd64"])
    result = compare(Image("you/web", own["arm64"]))
    assert result == (State.UNKNOWN, "python:3.11", "the base python:3.11 has no image for linux/arm64/v8")


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("away/base:1", "registry away cannot be reached"),
        ("gone:1", "gone 1 does not exist"),
        ("python@sha256:0", "pinned by digest without a tag: write FROM name:tag@sha256:…"),
    ],
)
def test_a_base_that_cannot_be_compared_is_unknown(base: str, problem: str, registry: Registry) -> None:
    result = compare(Image("you/web", registry.push("you/web", "abc", base)))
    assert (result.state, result.base) == (State.UNKNOWN, base)
    assert problem in result.problem


def test_an_image_that_cannot_be_read_is_unknown(registry: Registry) -> None:
    assert compare(Image("you/web", "sha256:0")).state is State.UNKNOWN
    malformed = Image("you/web", registry.put("you/web", {"config": None}))
    assert "malformed manifest" in compare(malformed).problem


def test_an_image_without_the_label_has_no_base_recorded(registry: Registry) -> None:
    assert compare(Image("redis", registry.push("redis", "ab"))).state is State.NO_BASE


def test_the_table_shortens_digests() -> None:
    row = Row(stack="dev", image=f"you/web:1@sha256:{'a' * 64}", base="python:3.11", state=State.OUTDATED)
    cells = [next(iter(column.cells)) for column in bases_table([row]).columns]
    assert cells == [Text("dev"), Text(f"you/web:1@{'a' * 12}"), Text("python:3.11"), Text("outdated", "red")]
