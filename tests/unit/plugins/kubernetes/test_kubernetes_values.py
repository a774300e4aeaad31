"""Property values on the wire, and where secrets are in a state."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.kubernetes import state
from sandbox.plugins.kubernetes.secrets import mark
from sandbox.plugins.kubernetes.state import Applied
from sandbox.plugins.kubernetes.values import (
    Properties,
    Secret,
    Unknown,
    equal,
    from_struct,
    has_secret,
    has_unknown,
    to_struct,
    without_secrets,
)

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | st.text() | st.just(Unknown())
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.builds(Secret, inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_what_is_sent_comes_back(properties: dict[str, Any]) -> None:
    assert from_struct(to_struct(properties)) == properties


@given(values)
def test_without_secrets_nothing_is_secret_and_unknowns_stay(value: Any) -> None:
    assert not has_secret(without_secrets(value))
    assert has_unknown(without_secrets(value)) == has_unknown(value)


def test_a_number_is_no_truth_value() -> None:
    assert not equal({"a": [1]}, {"a": [True]})
    assert equal({"a": [1]}, {"a": [1.0]})


def test_a_list_with_one_secret_is_secret_as_a_whole() -> None:
    outputs = {"spec": {"env": [{"value": "x"}], "image": "i"}}
    mark(outputs, {"spec": {"env": [{"value": Secret("x")}], "image": "i"}})
    assert outputs == {"spec": {"env": Secret([{"value": "x"}]), "image": "i"}}


def test_the_data_of_a_secret_is_secret_whoever_made_it() -> None:
    outputs: Properties = {"kind": "Secret", "data": {"a": "Yg=="}}
    mark(outputs, {})
    assert outputs["data"] == Secret({"a": "Yg=="})


def test_a_state_holds_the_live_object_and_the_inputs() -> None:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}
    live = {**inputs, "metadata": {"uid": "u"}}
    built = state.build(inputs, live, {"data": {"a": Secret("1")}}, Applied("v1", "manager"))
    assert built["__inputs"]["data"] == {"a": Secret("1")}
    assert built["data"] == {"a": Secret("1")}
    assert (built["__initialApiVersion"], built["__fieldManager"]) == ("v1", "manager")
    stored_inputs, stored_live = state.parse(built)
    assert stored_inputs == inputs
    assert stored_live["metadata"] == {"uid": "u"}


def test_schema_extensions_have_names_that_sdks_can_spell() -> None:
    schema = {"x-kubernetes-preserve-unknown-fields": True}
    built = state.build({}, {"spec": [schema]}, {}, Applied("", ""))
    assert built["spec"] == [{"x_kubernetes_preserve_unknown_fields": True}]
    assert state.to_object(built)["spec"] == [schema]


def test_a_field_manager_is_kept_and_an_annotation_overrides_it() -> None:
    annotated = {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "mine"}}}
    assert Applied.of({"__fieldManager": "old"}, {}).field_manager == "old"
    assert Applied.of({"__fieldManager": "old"}, annotated).field_manager == "mine"
    assert Applied.of({}, {}).field_manager.startswith("pulumi-kubernetes-")
