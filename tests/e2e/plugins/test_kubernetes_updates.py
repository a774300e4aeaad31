"""An object that was changed equals one that was made so at once: random pairs, on a real API server."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.plugins.kubernetes_provider import Plugin, urn_of
from tests.e2e.plugins.test_kubernetes_objects import deployment

Pair = tuple[str, dict[str, Any], dict[str, Any]]

keys = st.sampled_from(["a", "b", "c.d", "e/f"])
labels = st.dictionaries(keys, st.sampled_from(["", "1", "two"]), max_size=3)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["one", "two", "three"]), "image": st.sampled_from(["i:1", "i:2"])},
        optional={
            "args": st.lists(st.sampled_from(["x", "y"]), max_size=3),
            "env": st.lists(
                st.fixed_dictionaries({"name": st.sampled_from("ABC")}, optional={"value": st.just("v")}),
                max_size=3, unique_by=lambda item: item["name"],
            ),
            "ports": st.lists(
                st.fixed_dictionaries({"containerPort": st.sampled_from([80, 81])}),
                max_size=2, unique_by=lambda item: item["containerPort"],
            ),
            "resources": st.fixed_dictionaries(
                {}, optional={"limits": st.dictionaries(st.just("cpu"), st.sampled_from(["1", "0.5"]))}
            ),
            "stdin": st.booleans(),
        },
    ),
    min_size=1, max_size=3, unique_by=lambda item: item["name"],
)  # fmt: skip
specs = st.fixed_dictionaries(
    {"containers": containers},
    optional={
        "hostNetwork": st.just(False),
        "automountServiceAccountToken": st.booleans(),
        "nodeSelector": labels.map(lambda found: {f"x{key[0]}": value for key, value in found.items()}),
        "terminationGracePeriodSeconds": st.integers(0, 5),
    },
)


protocols = st.sampled_from(["TCP", "UDP"])
services = st.fixed_dictionaries(
    {
        "ports": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from("abc"), "port": st.sampled_from([80, 81]), "protocol": protocols},
                optional={"targetPort": st.sampled_from([8080, "http"])},
            ),
            min_size=1, max_size=3,
            unique_by=(lambda item: item["name"], lambda item: (item["port"], item["protocol"])),
        )
    },
    optional={
        "selector": labels,
        "publishNotReadyAddresses": st.booleans(),
        "sessionAffinity": st.sampled_from(["None", "ClientIP"]),
        "internalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
    },
)  # fmt: skip
peers = st.lists(
    st.fixed_dictionaries({"podSelector": st.fixed_dictionaries({"matchLabels": labels})}), max_size=2
)
ports = st.lists(
    st.fixed_dictionaries({"port": st.sampled_from([80, "http"])}, optional={"protocol": protocols}),
    max_size=2,
)
policies = st.fixed_dictionaries(
    {"podSelector": st.fixed_dictionaries({}, optional={"matchLabels": labels})},
    optional={
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "ingress": st.lists(st.fixed_dictionaries({}, optional={"from": peers, "ports": ports}), max_size=2),
        "egress": st.lists(st.fixed_dictionaries({}, optional={"to": peers, "ports": ports}), max_size=2),
    },
)


@st.composite
def workloads(draw: st.DrawFn) -> dict[str, Any]:
    more = st.fixed_dictionaries({}, optional={"minReadySeconds": st.integers(0, 3)})
    made = deployment("it", **draw(more))
    made["spec"]["template"]["spec"] = draw(specs)
    return made


def of(kind: str, specs: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of a kind, by their specs."""
    api_version, _, word = kind.rpartition("/")
    bare = {"apiVersion": st.just(api_version), "kind": st.just(word), "metadata": st.just({"name": "it"})}
    return st.fixed_dictionaries({**bare, "spec": specs})


KINDS = {
    "apps/v1:Deployment": workloads(),
    "core/v1:Service": of("v1/Service", services),
    "networking.k8s.io/v1:NetworkPolicy": of("networking.k8s.io/v1/NetworkPolicy", policies),
}


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Two objects of one kind and name."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    first, second = ({**draw(KINDS[kind]), "metadata": _metadata(draw, kind)} for _ in range(2))
    return kind, first, second


def _metadata(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    hurried = {"pulumi.com/skipAwait": "true"} if kind == "core/v1:Service" else {}
    return {"name": "it", "annotations": {**draw(labels), **hurried}, "labels": draw(labels)}


def essence(obj: dict[str, Any]) -> dict[str, Any]:
    """What a user may have asked for, without what tells one object from another."""
    metadata = obj["metadata"]
    ours = {k: v for k, v in metadata.get("annotations", {}).items() if not k.startswith("deployment.kub")}
    spec = {key: value for key, value in obj["spec"].items() if key not in ("clusterIP", "clusterIPs")}
    return {"annotations": ours, "labels": metadata.get("labels", {}), "spec": spec}


@settings(max_examples=45, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=pairs())
def test_an_updated_object_equals_a_fresh_one(plugin: Plugin, pair: Pair) -> None:
    """And a Diff says "no change" only where there is none to make, and none is left after an update."""
    kind, first, second = pair
    urn = urn_of(kind)
    before, after = plugin.check(urn, first), plugin.check(urn, second)
    fresh_id, fresh = plugin.create(urn, after)
    plugin.delete(urn, fresh_id, fresh)
    identifier, state = plugin.create(urn, before)
    try:
        change = plugin.diff(urn, state, after)
        assert not change.replaces
        if change.changes:
            state = plugin.update(urn, identifier, state, after)
        assert essence(state) == essence(fresh)
        assert not plugin.diff(urn, state, after).changes
    finally:
        plugin.delete(urn, identifier, state)
