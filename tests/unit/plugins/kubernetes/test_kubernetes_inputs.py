"""Inputs in normal form, quantities among them, and what a live object has of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.kubernetes.normalize import normalize
from sandbox.plugins.kubernetes.prune import prune
from sandbox.plugins.kubernetes.quantity import canonical
from sandbox.plugins.kubernetes.values import Unknown


@pytest.mark.parametrize(
    ("written", "answered"),
    [
        ("0.5", "500m"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("1000m", "1"), ("100m", "100m"),
        ("1e3", "1e3"), ("2000000", "2M"), ("1.250", "1.250"), ("1.25", "1250m"), ("0.1n", "1n"),
        ("1025Mi", "1025Mi"), ("9Ei", "9223372036854775807"), ("00", "0"), (2, "2"), (0.25, "250m"),
    ],
)  # fmt: skip
def test_quantities_read_as_the_api_server_answers_them(written: str | float, answered: str) -> None:
    assert canonical(written) == answered


@pytest.mark.parametrize("text", ["", "1Zi", "abc", "1.2.3", "--1", "."])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        canonical(text)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi", "e3"]))
def test_a_canonical_quantity_stays_as_it_is(number: int, suffix: str) -> None:
    once = canonical(f"{number}{suffix}")
    assert canonical(once) == once


def pod(**spec: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it"}, "spec": spec}


def test_zero_values_that_the_api_server_drops_are_dropped() -> None:
    given_pod = pod(hostNetwork=False, nodeName="", containers=[], nodeSelector={})
    assert normalize(given_pod) == pod(containers=[])


def test_zero_values_that_mean_something_stay() -> None:
    given_pod = pod(automountServiceAccountToken=False, priority=0, runtimeClassName="")
    assert normalize(given_pod) == given_pod


def test_unknown_fields_of_built_in_kinds_go() -> None:
    assert normalize(pod(hostname="a", hostnam="b")) == pod(hostname="a")


def test_inputs_of_a_wrong_type_are_left_for_the_api_server_to_refuse() -> None:
    wrong = pod(hostNetwork="yes", nodeName="")
    assert normalize(wrong) == wrong


def test_unknowns_leave_an_object_as_it_is() -> None:
    waiting = pod(nodeName=Unknown(), hostNetwork=False)
    assert normalize(waiting) == waiting


def test_custom_resources_are_left_as_they_are() -> None:
    custom = {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "a"},
        "spec": {"on": False},
    }
    assert normalize(custom) == custom


def test_string_data_of_a_secret_becomes_data() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {},
        "stringData": {"a": "b"},
        "data": {"c": "ZA=="},
    }
    assert normalize(secret) == {
        "apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"a": "Yg==", "c": "ZA=="},
    }  # fmt: skip


def test_read_only_metadata_goes() -> None:
    given_pod = pod() | {"metadata": {"name": "it", "uid": "u", "resourceVersion": "1", "generation": 2}}
    assert normalize(given_pod)["metadata"] == {"name": "it"}


def test_a_live_object_is_cut_down_to_what_was_asked_for() -> None:
    live = {"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4, "g": 5}, {"f": 6}], "h": [1, 2, 3]}
    assert prune(live, {"a": 0, "b": {"c": 0}, "e": [{"f": 0}], "h": [0, 0], "z": 0}) == {
        "a": 1, "b": {"c": 2}, "e": [{"f": 4}], "h": [1, 2],
    }  # fmt: skip
