"""The stand-in answers as the official plugin does, call by call, wherever there is an official one."""

import copy
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sandbox.plugins.install import CHOICE, in_use
from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.values import Secret, has_unknown, without_secrets
from tests.e2e.plugins.kubernetes_objects import changed, objects
from tests.e2e.plugins.kubernetes_provider import Plugin, running, urn_of

Pair = tuple[Plugin, Plugin]
RANDOM = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.fixture(scope="module")
def both(sandbox: dict[str, str]) -> Iterator[Pair]:
    """The stand-in and the official plugin, connected to the same cluster."""
    named = Path(os.environ.get(CHOICE, ""), "pulumi-resource-kubernetes")
    installed = [one.path for one in in_use(sandbox) if one.official and one.plugin.name == "kubernetes"]
    official = named if named.is_absolute() and named.exists() else next(iter(installed), None)
    if official is None:
        pytest.skip("not run: no official plugin (kubernetes)")
    stand_in = (sys.executable, "-m", "sandbox.plugins.kubernetes")
    with running(stand_in, sandbox) as ours, running([str(official)], sandbox) as theirs:
        ours.configure()
        theirs.configure()
        yield ours, theirs


def urn(obj: dict[str, Any]) -> str:
    kind = Kind.of(obj)
    return urn_of(f"{kind.group or 'core'}/{kind.version}:{kind.kind}")


def answer(call: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or the words of the refusal."""
    try:
        return call(*arguments)
    except grpc.RpcError as error:
        return str(error)


@RANDOM
@given(obj=objects(unknowns=True), secret=st.booleans())
def test_inputs_are_completed_alike(both: Pair, obj: dict[str, Any], secret: bool) -> None:
    if secret and "spec" in obj:
        obj["spec"] = Secret(obj["spec"])
    ours, theirs = both
    assert answer(ours.check, urn(obj), obj) == answer(theirs.check, urn(obj), obj)


@RANDOM
@given(data=st.data(), obj=objects())
def test_differences_are_found_alike(both: Pair, data: st.DataObject, obj: dict[str, Any]) -> None:
    ours, theirs = both
    inputs = without_secrets(ours.check(urn(obj), obj))
    assume(not has_unknown(inputs))
    live = data.draw(changed(copy.deepcopy(inputs)))
    live["metadata"] = {**live["metadata"], "name": "it", "uid": "u"}
    stored = {**live, "__inputs": inputs, "__initialApiVersion": obj["apiVersion"], "__fieldManager": "m"}
    news = data.draw(changed(inputs))
    ignored = data.draw(st.lists(st.sampled_from(["spec", "data", "metadata.labels"]), max_size=1))
    arguments = urn(obj), stored, news, ignored
    assert answer(ours.diff, *arguments) == answer(theirs.diff, *arguments)


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ({"context": "a"}, {"context": "a"}),
        ({"context": "a"}, {"context": "b"}),
        ({"clusterIdentifier": "a"}, {"clusterIdentifier": "b"}),
        ({"clusterIdentifier": "a", "context": "a"}, {"clusterIdentifier": "a", "context": "b"}),
        ({}, {"namespace": "x"}),
    ],
)
def test_changes_of_a_provider_are_judged_alike(
    both: Pair, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    ours, theirs = (plugin.diff_config(olds, news) for plugin in both)
    assert ours == theirs
