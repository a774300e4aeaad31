"""The summary of the engine's events."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from slipway.pulumi.changes import SECRET, UNKNOWN, Op
from slipway.pulumi.events import summarise
from slipway.pulumi.property_diff import parse_path, value_at
from tests.unit.slipway import engine
from tests.unit.slipway.engine import step

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def test_replacement_is_one_change() -> None:
    ops = ("create-replacement", "replace", "delete-replaced")
    summary = summarise(
        [step(op, DEPLOYMENT, "web", {"a": 1}, {"a": 2}, {"a": "update-replace"}) for op in ops]
    )
    [change] = summary.changes
    assert change.op is Op.REPLACE
    assert not change.deleted_first
    assert [(item.path, item.old, item.new, item.replaces) for item in change.properties] == [
        ("a", 1, 2, True)
    ]


def test_replacement_that_deletes_first() -> None:
    ops = ("delete-replaced", "replace", "create-replacement")
    [change] = summarise([step(op, DEPLOYMENT, "web", {"a": 1}, {"a": 2}) for op in ops]).changes
    assert change.deleted_first


def test_replacement_without_detailed_diff() -> None:
    """A replacement that another replacement causes has property changes too."""
    [change] = summarise(
        [step("replace", DEPLOYMENT, "web", {"a": {"b": [1]}}, {"a": {"b": [1, 2]}})]
    ).changes
    assert [(item.path, item.kind, item.new) for item in change.properties] == [("a.b[1]", "add", 2)]


def test_secrets_and_unknown_values() -> None:
    inputs = {"data": engine.SECRET, "image": engine.UNKNOWN, "list": ["[secret]"]}
    [change] = summarise([step("create", DEPLOYMENT, "web", None, inputs)]).changes
    assert change.new == {"data": SECRET, "image": UNKNOWN, "list": [SECRET]}
    assert value_at(change.new, "data.password") is SECRET


def test_unchanged_resource() -> None:
    summary = summarise([step("same", DEPLOYMENT, "web", {"a": 1}, {"a": 1})])
    assert not summary.changes
    assert [change.op for change in summary.unchanged] == [Op.SAME]


def refreshed(before: dict[str, Any], after: dict[str, Any], kind: str = DEPLOYMENT, **inputs: Any) -> Any:
    results = []
    for op in ("refresh", "update"):  # the ops of `preview --refresh` and `refresh --preview-only`
        start = step("refresh", kind, "web", inputs, inputs)
        end = step(op, kind, "web", inputs, inputs, event="resOutputsEvent", outputs=(before, after))
        drift = summarise([start, end]).drift
        results.append([(item.path, item.old, item.new) for change in drift for item in change.properties])
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize(
    "noise",
    [
        {"status": {"replicas": 3}},
        {"metadata": {"resourceVersion": "2", "generation": 4, "managedFields": []}},
        {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2"}}},
        {"__inputs": {"spec": {}}},
        {"spec": {"replicas": 3}},
    ],
)
def test_fields_of_the_cluster_are_not_drift(noise: dict[str, Any]) -> None:
    assert refreshed({}, noise) == []


def test_manual_changes_are_drift() -> None:
    before = {"spec": {"replicas": 1, "template": {"env": []}}}
    after = {
        "spec": {"replicas": 5, "template": {"env": [{"name": "X"}]}},
        "metadata": {"labels": {"a/b": "c"}},
    }
    assert refreshed(before, after, spec={"replicas": 1}) == [
        ('metadata.labels["a/b"]', None, "c"),
        ("spec.replicas", 1, 5),
        ("spec.template.env[0]", None, {"name": "X"}),
    ]


def template(**metadata: Any) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": metadata}}}


@pytest.mark.parametrize(
    "annotation",
    [
        "kubectl.kubernetes.io/restartedAt",
        "reloader.stakater.com/last-reloaded-from",
        "linkerd.io/inject",
        "vpaUpdates",
    ],
)
def test_annotations_of_controllers_are_not_drift(annotation: str) -> None:
    """Neither when they are new, nor when they change or disappear."""
    states = [template(), template(annotations={annotation: "1"}), template(annotations={annotation: "2"})]
    for before, after in [(0, 1), (1, 2), (2, 0)]:
        assert refreshed(states[before], states[after]) == []
    own = {"template": {"metadata": {"annotations": {annotation: "1"}}}}
    assert refreshed(states[1], states[2], spec=own) != []


SERVICE = "kubernetes:core/v1:Service"


@pytest.mark.parametrize(
    ("kind", "annotation"),
    [
        (DEPLOYMENT, "field.cattle.io/publicEndpoints"),
        (DEPLOYMENT, "keel.sh/update-time"),
        ("kubernetes:core/v1:PersistentVolumeClaim", "backup.velero.io/last"),
        (SERVICE, "cloud.google.com/neg-status"),
        (SERVICE, "metallb.io/ip-allocated-from-pool"),
        (SERVICE, "field.cattle.io/publicEndpoints"),
        ("kubernetes:networking.k8s.io/v1:Ingress", "ingress.kubernetes.io/backends"),
    ],
)
def test_annotations_that_controllers_write_on_objects_are_not_drift(kind: str, annotation: str) -> None:
    """Neither when they are new, nor when they change or disappear."""
    states: list[dict[str, Any]] = [{}, *({"metadata": {"annotations": {annotation: text}}} for text in "ab")]
    for before, after in [(0, 1), (1, 2), (2, 0)]:
        assert refreshed(states[before], states[after], kind=kind) == []
    assert refreshed(states[1], states[2], kind=kind, metadata=states[1]["metadata"]) != [], "the program's"


@pytest.mark.parametrize(
    ("kind", "annotation"),
    [
        ("kubernetes:networking.k8s.io/v1:Ingress", "nginx.ingress.kubernetes.io/whitelist-source-range"),
        (SERVICE, "service.beta.kubernetes.io/aws-load-balancer-internal"),
        ("kubernetes:core/v1:Pod", "container.apparmor.security.beta.kubernetes.io/web"),
    ],
)
def test_annotations_that_open_an_object_are_drift(kind: str, annotation: str) -> None:
    assert refreshed({}, {"metadata": {"annotations": {annotation: "x"}}}, kind=kind) != []


def test_labels_of_injectors_are_not_drift() -> None:
    assert refreshed(template(labels={}), template(labels={"service.istio.io/canonical-name": "web"})) == []


def test_fields_that_change_the_pods_are_drift() -> None:
    """Labels select pods, and some annotations weaken their confinement."""
    apparmor = "container.apparmor.security.beta.kubernetes.io/web"
    assert refreshed(template(), template(labels={"app.kubernetes.io/name": "web"})) != []
    assert refreshed(template(), template(annotations={apparmor: "unconfined"})) != []


@pytest.mark.parametrize("name", ["web", "worker"])
def test_autoscaled_replicas_are_not_drift(name: str) -> None:
    """Also if the program sets the number, but only for the target of the autoscaler."""
    metadata = {"namespace": "shop", "name": "web"}
    old = {"metadata": metadata, "spec": {"replicas": 2}}
    live = {"metadata": metadata, "spec": {"replicas": 5}}
    autoscaler = {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}}}
    scaler = {"metadata": {"namespace": "shop", "name": "scaler"}, **autoscaler}
    kind = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
    events = [
        step("refresh", DEPLOYMENT, "web", old, old),
        step("update", DEPLOYMENT, "web", old, old, event="resOutputsEvent", outputs=(old, live)),
        step("refresh", kind, "scaler", scaler, scaler),
        step("refresh", kind, "scaler", scaler, scaler, event="resOutputsEvent", outputs=(scaler, scaler)),
    ]
    assert len(summarise(events).drift) == (0 if name == "web" else 1)


def test_changed_secret_is_drift() -> None:
    before, after = ({"metadata": {"resourceVersion": version}, "data": engine.SECRET} for version in "12")
    assert refreshed(before, after, kind="kubernetes:core/v1:Secret") == [("data", SECRET, SECRET)]


def test_deleted_object_is_drift() -> None:
    start = step("refresh", DEPLOYMENT, "web", {"a": 1}, {"a": 1})
    end = step("refresh", DEPLOYMENT, "web", {"a": 1}, None, event="resOutputsEvent")
    [change] = summarise([start, end]).drift
    assert change.op is Op.DELETE


def test_debug_messages_are_dropped() -> None:
    texts = ("debug", "info", "warning", "error")
    events = [
        EngineEvent.from_json({"diagnosticEvent": {"message": f"{text}\n", "severity": text}})
        for text in texts
    ]
    assert [(item.severity, item.message) for item in summarise(events).diagnostics] == [
        (text, text) for text in texts[1:]
    ]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("spec.template", ["spec", "template"]),
        ("containers[0].image", ["containers", 0, "image"]),
        ('annotations["a.b/c"]', ["annotations", "a.b/c"]),
        ('data["redis.conf"].x[10]', ["data", "redis.conf", "x", 10]),
        ("[0][1]", [0, 1]),
        ("", []),
    ],
)
def test_property_paths(path: str, parts: list[str | int]) -> None:
    assert list(parse_path(path)) == parts
