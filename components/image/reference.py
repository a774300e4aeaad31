"""Types of image references that check arguments. `slipway/images/references.py` has the rules."""

import re
from typing import Annotated

from pydantic import AfterValidator

from components.validation import matching
from slipway.images.references import PINNED, REPOSITORY, TAG, split
from slipway.images.references import Image as ImageReference

__all__ = ["PINNED", "ImageReference", "RepositoryName", "TaggedReference"]


_LONGEST = 255
"""https://github.com/distribution/reference/blob/main/reference.go (RepositoryNameTotalLengthMax)"""


def _repository(value: str) -> str:
    lower = value.lower()
    host = split(value)[0]
    ambiguous = host != host.lower() and not re.search("[.:]", host)  # Docker takes MyOrg for a registry
    if (
        lower != value
        and re.fullmatch(REPOSITORY, lower)
        and (ambiguous or not re.fullmatch(REPOSITORY, value))
    ):
        raise ValueError(f"must be lower case: {lower}")
    if "://" in value:
        raise ValueError(f"must be without a scheme: {value.partition('://')[2]}")
    if not re.fullmatch(REPOSITORY, value):
        raise ValueError(
            "must be a repository without tag or digest: localhost:5001/web, ghcr.io/you/web, you/web"
        )
    if len(value) > _LONGEST:
        raise ValueError(f"must be at most {_LONGEST} characters")
    return value


RepositoryName = Annotated[str, AfterValidator(_repository)]
TaggedReference = Annotated[
    str, matching(f"{REPOSITORY}:{TAG}", "must be a repository and a tag: ghcr.io/you/web:buildcache")
]
