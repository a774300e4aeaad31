"""Answers: what a Docker engine does with an argument of a component."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from inspect import signature
from typing import Any

import pulumi

from components.validation import invalid

Arguments = Mapping[str, Any]


class Kind(Enum):
    """The three answers."""

    DONE = "done"
    REFUSED = "refused"
    SAID = "said"


@dataclass(frozen=True)
class Answer:
    """The answer for an argument, such as `rollout.timeout`; with `value`, for some of its values only."""

    kind: Kind
    argument: str
    text: str
    value: str = ""
    applies: Callable[[Arguments], bool] | None = None
    """Whether the arguments ask for it; by default they do if this one is not the component's default."""

    @property
    def label(self) -> str:
        """The argument as a program writes it."""
        return f"{self.argument}={self.value}" if self.value else self.argument

    def concerns(self, component: type, arguments: Arguments) -> bool:
        """Return whether the arguments ask for what is refused or said."""
        if self.kind is Kind.DONE:
            return False
        if self.applies:
            return self.applies(arguments)
        name, *path = self.argument.split(".")
        default = signature(component).parameters[name].default
        return arguments[name] is not None and _at(arguments[name], path) != _at(default, path)


def _at(value: Any, path: list[str]) -> Any:
    return reduce(getattr, path, value)


def check(answers: tuple[Answer, ...], component: type, arguments: Arguments) -> list[str]:
    """Return what to say in the output about a component with these arguments.

    Raises:
        BadArgument: with a sentence for each argument that is refused, before anything is touched.
    """
    concerned = [answer for answer in answers if answer.concerns(component, arguments)]
    sentences = {
        kind: [f"{answer.label} {answer.text}" for answer in concerned if answer.kind is kind]
        for kind in Kind
    }
    if sentences[Kind.REFUSED]:
        raise invalid(component, arguments["name"], sentences[Kind.REFUSED])
    return sentences[Kind.SAID]


def say(sentences: list[str], resource: pulumi.Resource) -> None:
    """Print the sentences, once in each preview and update."""
    if sentences:
        pulumi.log.info("\n  ".join(("On a Docker engine:", *sentences)), resource)
