"""Argument checks for components: option classes, types, and readable errors."""

import functools
import re
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator
from typing import Annotated, NamedTuple, ParamSpec, TypeVar, dataclass_transform

import pulumi
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    validate_call,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from slipway.cluster.quantities import quantity as quantity  # for the components

T = TypeVar("T")
P = ParamSpec("P")

_CONFIG = ConfigDict(
    extra="forbid",
    arbitrary_types_allowed=True,
    validate_default=True,  # a default must fit the other values too
    use_attribute_docstrings=True,  # they become the schema's descriptions
    alias_generator=to_camel,  # stack files use minReplicas, as Kubernetes does
    validate_by_name=True,
    validate_by_alias=True,
    loc_by_alias=False,
)


class BadArgument(pulumi.RunError, ValueError):
    """A component has invalid arguments. As a RunError it ends the program without a traceback."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def options(cls: type[T]) -> type[T]:
    """Make a frozen, keyword-only dataclass that checks its values and rejects unknown names."""
    return dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)  # type: ignore[return-value] # same class


def checked(constructor: Callable[P, None]) -> Callable[P, None]:
    """Check a component's arguments against their annotations; raise BadArgument with every problem."""
    validated = validate_call(config=_CONFIG)(constructor)

    @functools.wraps(constructor)
    def check(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            validated(*args, **kwargs)
        except ValidationError as error:
            name = args[1] if len(args) > 1 else kwargs.get("name", "")
            problems = (f"{_argument(problem.path)} {problem.text}" for problem in problems_in(error))
            raise invalid(type(args[0]), name, problems) from None

    return check


def _argument(path: tuple[str | int, ...]) -> str:
    """Return the path to an argument; pydantic calls `name`, the first after `self`, 1."""
    return "name" if path == (1,) else ".".join(map(str, path))


def invalid(component: type, name: object, problems: Iterable[str]) -> BadArgument:
    """Return the error that lists what is wrong with a component's arguments."""
    return BadArgument("\n  ".join((f"Invalid {component.__name__} {name!r}:", *problems)))


class Problem(NamedTuple):
    """A value that failed validation."""

    path: tuple[str | int, ...]
    kind: str
    """Pydantic's name for the problem."""
    text: str
    """The value and what is allowed. The path in front of it makes a sentence."""
    use: str | None = None
    """A value that is allowed, if it follows from other values."""


def conflict(text: str, *path: str, use: str | None = None) -> PydanticCustomError:
    """Return the error for values that do not fit together; `path` leads to the value to change."""
    return PydanticCustomError("conflict", "{text}", {"text": text, "path": path, "use": use})


def problems_in(error: ValidationError, hide: Container[str | int] = ()) -> Iterator[Problem]:
    """Yield every problem that a validation reported, without the values under the keys in `hide`."""
    for problem in error.errors(include_url=False):
        kind, path, context = problem["type"], problem["loc"], problem.get("ctx", {})
        if kind == "conflict":
            yield Problem((*path, *context["path"]), kind, problem["msg"], context["use"])
        elif "missing" in kind:
            yield Problem(path, "missing", "is missing")
        elif kind in ("extra_forbidden", "unexpected_keyword_argument"):
            yield Problem(path, "unknown", "is unknown")
        else:
            value = "[secret]" if path and path[0] in hide else repr(problem["input"])
            reason = problem["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
            if path[-1:] == ("[key]",):  # as pydantic marks a key that is wrong, not its value
                yield Problem(path[:-1], "key", f"has a wrong name: {reason}")
            elif path:
                yield Problem(path, kind, f"is {value}, but {reason}")
            else:
                yield Problem(path, kind, reason)


def integer_from_text(value: object) -> object:
    """Convert "3", 3.0 and "3.0" to 3: they are unambiguous, and other programs write them."""
    whole = re.fullmatch(rf"({_WHOLE})(\.0)?", str(value)) if isinstance(value, str | float) else None
    return int(whole[1]) if whole else value


def _number_as_text(value: object) -> object:
    """Convert a number to text: YAML reads `cpu: 1` as a number, and Kubernetes takes both."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _cpu(value: str) -> str:
    if not re.fullmatch(_CPU, value) or not quantity(value):
        raise ValueError("must be cores or thousandths of a core, above 0: 250m, 0.5, 2")
    return value


def _memory(value: str) -> str:
    if not re.fullmatch(_MEMORY, value):
        raise ValueError("must be an amount with a unit of Ki, Mi, Gi, Ti (or k, M, G, T): 128Mi, 1Gi")
    if quantity(value) < 1024**2:
        raise ValueError("must be at least 1Mi: 128Mi, 1Gi")
    return value


def matching(pattern: str, problem: str) -> AfterValidator:
    """Return the annotation of a text that a pattern matches as a whole."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(problem)
        return value

    return AfterValidator(check)


def _text(value: object) -> object:
    if isinstance(value, pulumi.Output | Awaitable) or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError("must be text, or an Output of text")


_PLATFORM = r"linux/(386|amd64|arm/v[567]|arm64|mips64|mips64le|ppc64le|riscv64|s390x)"
_WHOLE = "0|[1-9][0-9]*"
_CPU = r"[0-9]+m|[0-9]+(\.[0-9]{1,3})?"
_MEMORY = r"[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?"
_LABEL = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"

Cpu = Annotated[
    str,
    BeforeValidator(_number_as_text),
    AfterValidator(_cpu),
    WithJsonSchema({"type": ["string", "number"], "pattern": f"^({_CPU})$", "examples": ["250m"]}),
]
Memory = Annotated[
    str,
    BeforeValidator(_number_as_text),
    AfterValidator(_memory),
    WithJsonSchema({"type": "string", "pattern": f"^{_MEMORY}$", "examples": ["256Mi"]}),
]
Name = Annotated[
    str,
    matching(_LABEL, "must be at most 63 lower-case letters, digits and hyphens, starting with a letter"),
    WithJsonSchema({"type": "string", "pattern": f"^{_LABEL}$"}),
]
Platform = Annotated[
    str,
    matching(
        _PLATFORM, "must be a platform that BuildKit builds for: linux/amd64, linux/arm64, linux/arm/v7"
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_PLATFORM}$", "examples": ["linux/arm64"]}),
]
InputText = Annotated[str | Awaitable[str] | pulumi.Output[str], PlainValidator(_text)]
Text = Annotated[str, Field(pattern=r"\S")]
Count = Annotated[
    int,
    Field(strict=True, ge=1),
    BeforeValidator(integer_from_text),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": "^[1-9][0-9]*$"}),
]
Retries = Annotated[int, Field(strict=True, ge=0), BeforeValidator(integer_from_text)]
Percent = Annotated[
    int,
    Field(strict=True, ge=1, le=100),
    BeforeValidator(integer_from_text),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "maximum": 100, "pattern": "^[1-9][0-9]*$"}),
]
Seconds = Annotated[int, Field(strict=True, ge=0), BeforeValidator(integer_from_text)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535), BeforeValidator(integer_from_text)]
