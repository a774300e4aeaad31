"""Every component of a cluster takes the same arguments on a Docker engine, and each has an answer."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import components
from components import docker, kubernetes
from components.docker.answers import Answer
from components.docker.table import ABSENT, ANSWERS
from components.kubernetes.component import NamespacedComponent

NAMES = sorted(docker.__all__)
GUIDE = Path(__file__).parents[4] / "docs/guides/docker.md"


def parameters(component: type) -> dict[str, Parameter]:
    return dict(signature(component, eval_str=True).parameters)


def arguments(component: type) -> Iterator[str]:
    """Yield each argument, and for an option class each of its fields: `rollout.timeout`."""
    hints = get_type_hints(vars(component)["__init__"])
    for name in parameters(component):
        group = next((part for part in (hints[name], *get_args(hints[name])) if is_dataclass(part)), None)
        yield from (f"{name}.{field.name}" for field in fields(group)) if group else (name,)


def answered(argument: str, answers: tuple[Answer, ...]) -> bool:
    names = {answer.argument for answer in answers if not answer.value}
    return argument in names or argument.partition(".")[0] in names


def test_every_component_of_a_cluster_has_a_counterpart() -> None:
    exported = (getattr(components, name) for name in components.__all__)
    on_clusters = {
        one.__name__ for one in exported if isinstance(one, type) and issubclass(one, NamespacedComponent)
    }
    assert on_clusters == {*NAMES, *ABSENT} == {*kubernetes.__all__, *ABSENT}


@pytest.mark.parametrize("name", NAMES)
def test_the_arguments_are_the_same(name: str) -> None:
    assert parameters(getattr(docker, name)) == parameters(getattr(kubernetes, name))


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_the_same(name: str) -> None:
    def outputs(component: type) -> set[str]:
        return set(component.__annotations__)

    assert outputs(getattr(docker, name)) == outputs(getattr(kubernetes, name))


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_has_an_answer(name: str) -> None:
    component: Any = getattr(kubernetes, name)
    missing = [one for one in arguments(component) if not answered(one, ANSWERS[name])]
    assert missing == [], "add an answer to components/docker/table.py"


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_for_an_argument(name: str) -> None:
    known = set(arguments(getattr(kubernetes, name)))
    known |= {argument.partition(".")[0] for argument in known}
    assert {answer.argument for answer in ANSWERS[name]} <= known


def test_an_argument_without_an_answer_is_found() -> None:
    assert not answered("rollout.faster", ANSWERS["WebService"])
    assert "rollout.timeout" in set(arguments(kubernetes.WebService))


def test_the_guide_shows_the_table() -> None:
    rows = [
        f"| {name} | `{answer.label}` | {answer.kind.value} | {answer.text} |"
        for name in ANSWERS
        for answer in ANSWERS[name]
    ]
    shown = [
        line for line in GUIDE.read_text().splitlines() if line.startswith(tuple(f"| {n} |" for n in ANSWERS))
    ]
    assert shown == rows, "\n".join(rows)


def test_a_component_that_an_engine_does_not_run_is_an_error() -> None:
    with pytest.raises(AttributeError, match=r"components\.docker has no Cluster"):
        _ = docker.Cluster
