"""Image references are taken apart in one way."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.image.reference import PINNED, ImageReference
from slipway.images.references import Image
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


@pytest.mark.parametrize("text", ["", "7", "hits:latest", f"hits/X@{DIGEST}", f"@{DIGEST}", DIGEST[:-1]])
def test_a_text_without_a_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must name one version by digest"):
        ImageReference.parse(text, "localhost:5001/hits")
    assert not re.fullmatch(PINNED, text)


@given(st.from_regex(PINNED, fullmatch=True).map(str.strip))
def test_the_program_and_slipway_agree(text: str) -> None:
    """Both have a parser: components/ is copied without slipway, and slipway imports no components."""
    program, tool = (
        ImageReference.parse(text, "ghcr.io/acme/hits"),
        Image.parse(text, "ghcr.io/acme/hits"),
    )
    assert (program.repository, program.tag, program.digest) == (tool.repository, tool.tag, tool.digest)
    assert str(program) == str(tool)
