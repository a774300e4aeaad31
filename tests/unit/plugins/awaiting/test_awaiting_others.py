"""When Services, Ingresses, claims and other kinds are ready, and what a refresh or a `waitFor` looks at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.kubernetes.awaiting import annotations, ingresses, others, services, storage
from sandbox.plugins.kubernetes.awaiting.expressions import parse
from sandbox.plugins.kubernetes.awaiting.kinds import awaiter_for
from sandbox.plugins.kubernetes.awaiting.settling import Settling
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict
from sandbox.plugins.kubernetes.awaiting_context import Object
from tests.unit.plugins.awaiting import samples
from tests.unit.plugins.awaiting.samples import condition, obj

NO_TARGET = (
    "Service does not target any Pods. Selected Pods may not be ready, or "
    "field '.spec.selector' may not match labels on any Pods"
)


def told(verdict: Verdict) -> list[str]:
    return [message.text for message in verdict.progress]


def test_a_service_is_ready_when_its_settled_endpoints_are() -> None:
    served = {"Endpoints": [samples.endpoints(ready=2), samples.endpoints("other", pending=1)]}
    assert not services.judge(Observed(samples.service(), served, settled=False)).ready
    assert told(services.judge(Observed(samples.service(), served))) == [
        "[1/3] Finding Pods to direct traffic to",
        "Service initialization complete",
    ]


def test_a_service_without_pods_is_ready_once_none_has_come() -> None:
    assert services.judge(Observed(samples.service(), {"Endpoints": [samples.endpoints()]})).ready


def test_a_service_names_the_pods_that_it_waits_for() -> None:
    starting = {"Endpoints": [samples.endpoints(ready=1, pending=1)]}
    verdict = services.judge(Observed(samples.service(), starting))
    assert verdict.reasons == ["Selected Pods that are not ready: web-2"]
    nothing = services.judge(Observed(samples.service(), {"Endpoints": [samples.endpoints(pending=1)]}))
    assert nothing.reasons[0] == NO_TARGET


def test_a_service_that_was_settling_when_time_ran_out_is_ready() -> None:
    served = {"Endpoints": [samples.endpoints(ready=1)]}
    assert services.judge(Observed(samples.service(), served, settled=False, final=True)).ready


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName"}, {"selector": {}}])
def test_a_service_without_endpoints_of_its_own_does_not_wait(spec: dict[str, Any]) -> None:
    assert services.judge(Observed(samples.service(**spec), settled=False)).ready


def test_a_load_balancer_waits_for_its_address() -> None:
    balancer, served = samples.service(type="LoadBalancer"), {"Endpoints": [samples.endpoints(ready=1)]}
    verdict = services.judge(Observed(balancer, served))
    assert verdict.reasons == [
        "Service was not allocated an IP address; does your cloud provider support this?"
    ]
    assert told(verdict)[-1] == "[2/3] Attempting to allocate IP address to Service"
    balancer["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    assert services.judge(Observed(balancer, served)).ready


def ingress(*, address: bool, host: str = "shop.example", path: str = "/") -> Object:
    rule = {"host": host, "http": {"paths": [{"path": path, "backend": {"service": {"name": "web"}}}]}}
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}} if address else {}
    return obj("networking.k8s.io/v1", "Ingress", "shop", spec={"rules": [rule]}, status=status)


def test_an_ingress_needs_endpoints_and_an_address() -> None:
    served = {"Endpoints": [samples.endpoints(ready=1)]}
    assert ingresses.judge(Observed(ingress(address=True), served, settled=False)).ready
    assert told(ingresses.judge(Observed(ingress(address=False), served)))[-1] == (
        "[2/3] Waiting for update of .status.loadBalancer with hostname/IP"
    )
    verdict = ingresses.judge(Observed(ingress(address=False), settled=False))
    assert [reason[:30] for reason in verdict.reasons] == [
        "Ingress has at least one rule ",
        "Ingress .status.loadBalancer f",
    ]


@pytest.mark.parametrize(
    ("host", "path", "shown"),
    [("shop.example", "/a", '"shop.example/a"'), ("", "/a", '"/a"'), ("", "", '"" (default path)')],
)
def test_an_ingress_without_a_service_warns_once_all_is_settled(host: str, path: str, shown: str) -> None:
    verdict = ingresses.judge(Observed(ingress(address=True, host=host, path=path)))
    assert verdict.ready
    assert told(verdict)[1] == f'No matching service found for ingress rule: {shown} -> "web"'
    external = {"Service": [samples.service(type="ExternalName")]}
    assert len(told(ingresses.judge(Observed(ingress(address=True), external)))) == 2


def claim(phase: str, storage_class: str | None = "fast") -> Object:
    spec = {"storageClassName": storage_class} if storage_class else {}
    return obj("v1", "PersistentVolumeClaim", "data", spec=spec, status={"phase": phase})


@pytest.mark.parametrize(
    ("phase", "mode", "ready"),
    [
        ("Bound", "Immediate", True),
        ("Pending", "Immediate", False),
        ("Pending", "WaitForFirstConsumer", True),
        ("Bound", "WaitForFirstConsumer", True),
        ("Lost", "WaitForFirstConsumer", False),
    ],
)
def test_a_claim_waits_as_its_storage_class_binds(phase: str, mode: str, ready: bool) -> None:
    fast = obj("storage.k8s.io/v1", "StorageClass", "fast", volumeBindingMode=mode)
    assert storage.judge_claim(Observed(claim(phase), {"StorageClass": [fast]})).ready is ready


def test_a_pending_claim_tells_why() -> None:
    pending = claim("Pending", None)
    why = "no persistent volumes available and no storage class is set"
    unbound = samples.event(pending, "FailedBinding", why, kind="Normal")
    verdict = storage.judge_claim(Observed(pending, {"Event": [unbound]}))
    assert told(verdict) == ['no storage class found for "data"']
    assert verdict.reasons[-1].endswith(
        "[FailedBinding] no persistent volumes available and no storage class is set"
    )


def test_a_quota_is_ready_when_in_force_and_a_token_when_filled_in() -> None:
    quota = obj("v1", "ResourceQuota", "small", spec={"hard": {"pods": "1"}}, status={})
    assert not others.judge_resource_quota(Observed(quota)).ready
    quota["status"]["hard"] = {"pods": "1"}
    assert others.judge_resource_quota(Observed(quota)).ready
    token = obj("v1", "Secret", "ci", type="kubernetes.io/service-account-token")
    assert not others.judge_token(Observed(token)).ready
    assert others.judge_token(Observed({**token, "data": {"token": "eA=="}})).ready
    assert awaiter_for(obj("v1", "Secret", "plain", type="Opaque")) is None


@pytest.mark.parametrize(
    "kind",
    [
        ("v1", "ConfigMap"),
        ("v1", "Namespace"),
        ("apps/v1", "ReplicaSet"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("example.com/v1", "Widget"),
    ],
)
def test_other_kinds_are_not_awaited_unless_all_shall_be(
    kind: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_K8S_AWAIT_ALL", raising=False)
    assert awaiter_for(obj(*kind, "x")) is None
    monkeypatch.setenv("PULUMI_K8S_AWAIT_ALL", "true")
    assert awaiter_for(obj(*kind, "x")) is not None


WIDGET = obj(
    "example.com/v1",
    "Widget",
    "w",
    generation=2,
    spec={"size": 3, "on": True, "none": None, "parts": ["a"]},
    status={
        "observedGeneration": 2,
        "phase": "Running",
        "conditions": [condition("Synced", "False"), condition("Ready")],
    },
)


@pytest.mark.parametrize(
    ("expression", "ready", "line"),
    [
        ("condition=Ready", True, None),
        ("condition=ready=true", True, None),
        ("condition=Synced", False, "Resource has condition Synced=False (want True)"),
        ("condition=Synced=False", True, None),
        ("condition=Missing", False, None),
        ("jsonpath={.status.phase}", True, "Found {.status.phase}"),
        ("jsonpath={.status.phase}=Running", True, "Found {.status.phase}=Running"),
        ("jsonpath={ $.status.phase }=Done", False, 'Waiting for { $.status.phase }=Done (found "Running")'),
        ("jsonpath={.status.missing}", False, "{.status.missing} selected nothing"),
        ("jsonpath={.spec.size}=3", True, "Found {.spec.size}=3"),
        ("jsonpath={.spec.on}=true", True, "Found {.spec.on}=true"),
        ("jsonpath={.spec.none}=<nil>", True, "Found {.spec.none}=<nil>"),
        ("jsonpath={.spec.parts}", True, "Found {.spec.parts}"),
        ("jsonpath={.spec.parts}=a", False, "Waiting for {.spec.parts}=a"),
        ('jsonpath={.status.conditions[?(@.type=="Ready"||@.type=="Done")].status}=True', True, ...),
        ('["condition=Ready", "jsonpath={.status.phase}=Running"]', True, "Found {.status.phase}=Running"),
        ('["condition=Ready", "condition=Synced"]', False, "Resource has condition Synced=False (want True)"),
    ],
)
def test_an_expression_decides(expression: str, ready: bool, line: Any) -> None:
    verdict = parse(expression)(Observed(WIDGET))
    assert verdict.ready is ready
    if line is not ...:
        assert told(verdict) == ([line] if line else [])


@pytest.mark.parametrize("expression", ["condition=Ready", "jsonpath={.status.phase}=Running"])
def test_an_expression_trusts_no_old_status(expression: str) -> None:
    changed = {**WIDGET, "metadata": {**WIDGET["metadata"], "generation": 3}}
    assert not parse(expression)(Observed(changed)).ready


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("Ready", 'expected a "jsonpath=" or "condition=" prefix, got "Ready"'),
        ("[]", "at least one condition must be specified"),
        ("jsonpath='{.a}'", "should omit shell quotes"),
        ("jsonpath=.a", ".a should be wrapped in brackets { ... }"),
        ("jsonpath={.a}=", "{.a}= requires a value"),
        ("jsonpath={.a}=b=c", "format should be {.path}=value or {.path}"),
        ("jsonpath={.a[}", 'parsing "{.a[}"'),
    ],
)
def test_an_expression_that_is_not_understood_is_quoted(expression: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(expression)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("custom", "annotation", "seconds"),
    [(0, None, None), (0, "30", 30), (90, "30", 90), (0, "30s", None), (0, "+5", 5), (1.9, None, 1)],
)
def test_custom_timeouts_go_before_the_annotation(
    custom: float, annotation: str | None, seconds: float | None
) -> None:
    noted = {"pulumi.com/timeoutSeconds": annotation} if annotation else {}
    found = obj("v1", "Pod", "web", metadata={"annotations": noted})
    assert annotations.timeout_seconds(custom, found) == seconds


@pytest.mark.parametrize(
    ("annotation", "policy"),
    [("", "Foreground"), ("background", "Background"), ("Orphan", "Orphan"), ("other", "Foreground")],
)
def test_owned_objects_are_deleted_first_unless_the_user_says_otherwise(annotation: str, policy: str) -> None:
    found = obj("v1", "Pod", "web", metadata={"annotations": {annotations.DELETION_PROPAGATION: annotation}})
    assert annotations.propagation(found) == policy


CHANGES = st.lists(st.floats(0, 100), max_size=8).map(sorted)


@given(CHANGES)
def test_settling_ends_ten_seconds_after_the_last_change_at_the_latest(changes: list[float]) -> None:
    settling = Settling()
    for number, when in enumerate(changes):
        assert not settling.update(number, when), "a change is never settled at once"
    if changes:
        assert settling.update(len(changes) - 1, changes[-1] + 10)
        assert settling.next() is None
    else:
        assert not settling.update(None, 1000)


@given(CHANGES)
def test_settling_takes_ten_seconds_after_a_change_that_followed_quiet(changes: list[float]) -> None:
    settling, quiet_from = Settling(), -1.0
    for number, when in enumerate(changes):
        settling.update(number, when)
        if when >= quiet_from:
            quiet_from = when + 10
        assert settling.next() == quiet_from


def test_settling_without_any_change_can_be_given_up() -> None:
    settling = Settling(idle_at=60)
    assert not settling.update(None, 59)
    assert settling.next() == 60
    assert settling.update(None, 60)
