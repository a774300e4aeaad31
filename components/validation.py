"""What components check their arguments with: option classes, types, errors that say what is allowed."""

import functools
import re
from collections.abc import Awaitable, Callable, Container, Iterator
from decimal import Decimal
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

T = TypeVar("T")
P = ParamSpec("P")

_CONFIG = ConfigDict(
    extra="forbid",
    arbitrary_types_allowed=True,
    validate_default=True,  # a default must fit the other values too
    use_attribute_docstrings=True,  # they become the schema's descriptions
    alias_generator=to_camel,  # stack files say minReplicas, as Kubernetes does
    validate_by_name=True,
    validate_by_alias=True,
    loc_by_alias=False,
)


class BadArgument(pulumi.RunError, ValueError):
    """An argument that cannot work. Being a RunError, it ends the program with its message alone."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def options(cls: type[T]) -> type[T]:
    """Make a frozen, keyword-only dataclass that checks its values and refuses unknown ones."""
    return dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)  # type: ignore[return-value] # same class


def checked(constructor: Callable[P, None]) -> Callable[P, None]:
    """Check a component's arguments against their annotations; raise BadArgument with all that is wrong."""
    checking = validate_call(config=_CONFIG)(constructor)

    @functools.wraps(constructor)
    def check(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            checking(*args, **kwargs)
        except ValidationError as error:
            name = args[1] if len(args) > 1 else kwargs.get("name", "")
            problems = "\n".join(
                f"  {'.'.join(str(part) for part in problem.path if part != 1) or 'name'} {problem.text}"
                for problem in explained(error)
            )
            raise BadArgument(f"{type(args[0]).__name__} {name!r} cannot be made:\n{problems}") from None

    return check


class Problem(NamedTuple):
    """One thing wrong: where, pydantic's name for it, and in plain words the value and what is allowed."""

    path: tuple[str | int, ...]
    kind: str
    text: str
    use: str | None = None
    """A value that would do, where it follows from others."""


def conflict(text: str, *path: str, use: str | None = None) -> PydanticCustomError:
    """Return the error to raise for values that do not go together; `path` leads to the one to change."""
    return PydanticCustomError("conflict", "{text}", {"text": text, "path": path, "use": use})


def explained(error: ValidationError, hide: Container[str | int] = ()) -> Iterator[Problem]:
    """Yield all that a validation found; what stands under the keys in `hide` is not shown."""
    for problem in error.errors(include_url=False):
        kind, path, context = problem["type"], problem["loc"], problem.get("ctx", {})
        if kind == "conflict":
            yield Problem((*path, *context["path"]), kind, problem["msg"], context["use"])
        elif "missing" in kind:
            yield Problem(path, "missing", "is missing")
        elif kind in ("extra_forbidden", "unexpected_keyword_argument"):
            yield Problem(path, "unknown", "is not known")
        else:
            value = "[secret]" if path[0] in hide else repr(problem["input"])
            reason = problem["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
            yield Problem(path, kind, f"is {value}, but {reason}")


def quantity(value: str) -> Decimal:
    """Return what a Kubernetes quantity ("250m", "128Mi") amounts to in its base unit: cores or bytes."""
    number, suffix = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", value).groups()  # type: ignore[union-attr] # validated
    return Decimal(number) * _FACTORS[suffix]


_FACTORS = {"": Decimal(1), "m": Decimal("0.001"), "k": Decimal(1000)}
_FACTORS |= {unit: Decimal(1000) ** (power + 2) for power, unit in enumerate("MGT")}
_FACTORS |= {f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGT")}


def _number_as_text(value: object) -> object:
    """YAML reads `cpu: 1` as a number; Kubernetes takes both."""
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


def _label(value: str) -> str:
    if not re.fullmatch(_LABEL, value):
        raise ValueError("must be at most 63 lower-case letters, digits and hyphens, starting with a letter")
    return value


def _text(value: object) -> object:
    if isinstance(value, pulumi.Output | Awaitable) or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError("must be text, or an Output of text")


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
    AfterValidator(_label),
    WithJsonSchema({"type": "string", "pattern": f"^{_LABEL}$"}),
]
InputText = Annotated[str | Awaitable[str] | pulumi.Output[str], PlainValidator(_text)]
Count = Annotated[int, Field(strict=True, ge=1)]
Seconds = Annotated[int, Field(strict=True, ge=0)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
