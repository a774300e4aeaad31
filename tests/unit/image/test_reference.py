"""Image references are taken apart in one way."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.image import reference
from components.image.reference import PINNED, ImageReference
from slipway.images import references
from tests.unit.recorder import DIGEST

SHORT = "a" * 12


@pytest.mark.parametrize(
    ("text", "full", "version"),
    [
        (DIGEST, f"localhost:5001/hits@{DIGEST}", SHORT),
        (f"7@{DIGEST}", f"localhost:5001/hits:7@{DIGEST}", "7"),
        (f"ghcr.io/acme/hits@{DIGEST}", f"ghcr.io/acme/hits@{DIGEST}", SHORT),
        (f"ghcr.io/acme/hits:7@{DIGEST}", f"ghcr.io/acme/hits:7@{DIGEST}", "7"),
        (f"hits:7@{DIGEST}", f"hits:7@{DIGEST}", "7"),
        (f"localhost:5001/hits@{DIGEST}", f"localhost:5001/hits@{DIGEST}", SHORT),
    ],
)
def test_a_version_is_relative_to_the_repository_unless_it_names_one(
    text: str, full: str, version: str
) -> None:
    reference = ImageReference.parse(text, "localhost:5001/hits")
    assert (str(reference), reference.version) == (full, version)


def test_a_repository_of_one_word_is_not_a_tag() -> None:
    reference = ImageReference.parse(f"hits@{DIGEST}", "hits")
    assert (str(reference), reference.version) == (f"hits@{DIGEST}", SHORT)


@pytest.mark.parametrize("text", ["", "7", "hits:latest", f"hits/X@{DIGEST}", f"@{DIGEST}", DIGEST[:-1]])
def test_a_text_without_a_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must name one version by digest"):
        ImageReference.parse(text, "localhost:5001/hits")
    assert not re.fullmatch(PINNED, text)


@given(st.from_regex(PINNED, fullmatch=True).map(str.strip))
def test_the_schema_has_the_pattern_of_the_parser(text: str) -> None:
    assert ImageReference.parse(text, "ghcr.io/acme/hits").digest == text[-len(DIGEST) :]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("hits", ("docker.io", "library/hits")),
        ("acme/hits", ("docker.io", "acme/hits")),
        ("index.docker.io/acme/hits", ("docker.io", "acme/hits")),
        ("index.docker.io/hits", ("docker.io", "library/hits")),
        ("MyOrg/hits", ("MyOrg", "hits")),
        ("localhost/hits", ("localhost", "hits")),
        ("[::1]:5000/hits", ("[::1]:5000", "hits")),
        ("registry:5000/a/hits", ("registry:5000", "a/hits")),
    ],
)
def test_a_repository_is_in_the_registry_that_docker_asks(name: str, parts: tuple[str, str]) -> None:
    """The rules of distribution/reference."""
    assert references.split(name) == parts


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MyOrg/hits", "must be lower case: myorg/hits"),
        ("ghcr.io/MyOrg/Hits", "must be lower case: ghcr.io/myorg/hits"),
        ("https://ghcr.io/you/hits", "must be without a scheme: ghcr.io/you/hits"),
        (f"ghcr.io/{'a' * 248}", "must be at most 255 characters"),
    ],
)
def test_a_repository_that_docker_refuses_or_misreads(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TypeAdapter(reference.RepositoryName).validate_python(name)
    assert TypeAdapter(reference.RepositoryName).validate_python("Registry.Corp/hits") == "Registry.Corp/hits"
