"""Types of image references that check arguments. `slipway/images/references.py` has the rules."""

import re
from typing import Annotated

from pydantic import AfterValidator

from slipway.images.references import PINNED, REPOSITORY, TAG, split
from slipway.images.references import Image as ImageReference

__all__ = ["PINNED", "ImageReference", "RepositoryName", "TaggedReference"]


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
    return value


def _tagged(value: str) -> str:
    if not re.fullmatch(f"{REPOSITORY}:{TAG}", value):
        raise ValueError("must be a repository and a tag: ghcr.io/you/web:buildcache")
    return value


RepositoryName = Annotated[str, AfterValidator(_repository)]
TaggedReference = Annotated[str, AfterValidator(_tagged)]
