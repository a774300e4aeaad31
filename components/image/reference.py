"""What names in the world of images may look like, for AppImage to check its arguments with."""

import re
from typing import Annotated

from pydantic import AfterValidator

# https://github.com/distribution/reference: host[:port]/path, lower case, without tag or digest
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"(?:[A-Za-z0-9][-A-Za-z0-9.]*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"


def _repository(value: str) -> str:
    if not re.fullmatch(_REPOSITORY, value):
        raise ValueError(
            "must be a repository without tag or digest: localhost:5001/web, ghcr.io/you/web, you/web"
        )
    return value


def _reference(value: str) -> str:
    if not re.fullmatch(rf"{_REPOSITORY}:[\w][\w.-]{{0,127}}", value, re.ASCII):
        raise ValueError("must be a repository and a tag: ghcr.io/you/web:buildcache")
    return value


def _platform(value: str) -> str:
    if not re.fullmatch(r"linux/(386|amd64|arm/v[567]|arm64|mips64|mips64le|ppc64le|riscv64|s390x)", value):
        raise ValueError(
            "must be a platform that BuildKit builds for: linux/amd64, linux/arm64, linux/arm/v7"
        )
    return value


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", value):
        raise ValueError("must be letters, digits, `_`, `.` or `-`: ca, pip, PYTHON_IMAGE")
    return value


def _not_empty(values: list[str]) -> list[str]:
    if not values or len(set(values)) < len(values):
        raise ValueError("must name at least one, and each once")
    return values


RepositoryName = Annotated[str, AfterValidator(_repository)]
Reference = Annotated[str, AfterValidator(_reference)]
Platforms = Annotated[list[Annotated[str, AfterValidator(_platform)]], AfterValidator(_not_empty)]
Identifier = Annotated[str, AfterValidator(_identifier)]
