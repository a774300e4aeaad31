"""Conditions of harmless changes, and the changes of the same properties that are not harmless."""

from typing import Any

import pytest

from slipway.preview.rules import Level, Situation, consequences, highest
from slipway.preview.rules.consequence import Object
from slipway.preview.rules.workloads import Compute, workloads
from slipway.pulumi.changes import Change, Op


def made(kind: str, spec: dict[str, Any], name: str = "web", version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def change(old: dict[str, Any], new: dict[str, Any]) -> Change:
    urn = f"urn::{old['kind']}-{old['metadata']['name']}"
    return Change(urn, f"kubernetes:x:{old['kind']}", Op.SAME if old == new else Op.UPDATE, "", old, new, {})


def level(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> Level:
    """Return the level of a report about objects before and after."""
    changes = [change(*pair) for pair in pairs]
    different = tuple(item for item in changes if item.op is not Op.SAME)
    same = tuple(item for item in changes if item.op is Op.SAME)
    return highest(item.level for item in consequences(Situation(different, same)))


class TestSchedules:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("0 9-17 * * *", "0 9-9 * * *"),
            ("0 3 * * 1-5", "0 3 * * 1-1"),
            ("0 3 1 * *", "0 3 31 * *"),
            ("0 3 31 * *", "0 3 1 * *"),
            ("0 3 28 2 *", "0 3 30 2 *"),
            ("0 3 30 1 *", "0 3 30 2 *"),
            ("0 3 * * *", "0 3 * * 0"),
            ("0 3 * * *", "0,30 3 * * *"),
            ("*/5 * * * *", "*/7 * * * *"),
            ("0 3 * * *", "@daily"),
        ],
    )
    def test_another_number_of_runs_needs_attention(self, before: str, after: str) -> None:
        old, new = (made("CronJob", {"schedule": schedule}) for schedule in (before, after))
        assert level((old, new)) is Level.ATTENTION

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("0 3 * * *", "30 4 * * *"),
            ("0 3 1 * *", "0 3 15 * *"),
            ("0 9-17 * * 1-5", "30 9-17 * * 1-5"),
            ("0 3 31 * *", "0 4 31 * *"),
            ("*/5 3 * * *", "*/5 4 * * *"),
        ],
    )
    def test_another_time_is_safe(self, before: str, after: str) -> None:
        old, new = (made("CronJob", {"schedule": schedule}) for schedule in (before, after))
        assert level((old, new)) is Level.SAFE


class TestReplicas:
    def web(self, replicas: int, **spec: Any) -> dict[str, Any]:
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
        pod = {"containers": [{"name": "web", "image": "web@sha256:1"}], "volumes": [volume]}
        return made("Deployment", {"replicas": replicas, "template": {"spec": pod}, **spec})

    @pytest.mark.parametrize(
        ("mode", "before", "expected"),
        [
            ("ReadWriteOnce", 1, Level.ATTENTION),
            ("ReadWriteOnce", 2, Level.SAFE),
            ("ReadWriteMany", 1, Level.SAFE),
        ],
    )
    def test_a_second_pod_needs_a_volume_of_several_nodes(
        self, mode: str, before: int, expected: Level
    ) -> None:
        claim = made("PersistentVolumeClaim", {"accessModes": [mode]}, "data")
        assert level((self.web(before), self.web(3)), (claim, claim)) is expected

    def test_pods_that_never_run_together_stay_alone(self) -> None:
        claim = made("PersistentVolumeClaim", {"accessModes": ["ReadWriteMany"]}, "data")
        recreate = {"strategy": {"type": "Recreate"}}
        pair = self.web(1, **recreate), self.web(2, **recreate)
        assert level(pair, (claim, claim)) is Level.ATTENTION


class TestResources:
    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (
                {"limits": {"cpu": "500m"}},
                {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}},
                Level.ATTENTION,
            ),
            (
                {"limits": {"cpu": "500m"}},
                {"requests": {"cpu": "500m"}, "limits": {"cpu": "500m"}},
                Level.SAFE,
            ),
            ({}, {"requests": {"cpu": "100m"}}, Level.SAFE),
            ({}, {"requests": {"nvidia.com/gpu": 1}}, Level.ATTENTION),
            ({"limits": {"nvidia.com/gpu": 1}}, {"limits": {"nvidia.com/gpu": 2}}, Level.ATTENTION),
        ],
    )
    def test_a_request_is_no_less_than_its_default_and_of_a_kind_that_rules_count(
        self, before: dict[str, Any], after: dict[str, Any], expected: Level
    ) -> None:
        old, new = (
            made(
                "Deployment",
                {
                    "replicas": 2,
                    "template": {
                        "spec": {"containers": [{"name": "web", "image": "a", "resources": resources}]}
                    },
                },
            )
            for resources in (before, after)
        )
        assert level((old, new)) is expected

    def test_a_limit_is_the_default_of_a_request(self) -> None:
        assert self.requests(self.limited()) == Compute(0.5, 2**30)

    def test_init_containers_need_capacity_too(self) -> None:
        def container(cpu: str, **more: Any) -> dict[str, Any]:
            return {"name": cpu, "resources": {"requests": {"cpu": cpu}}, **more}

        first = [container("1", restartPolicy="Always"), container("4"), container("2")]
        pod = made("Pod", {"initContainers": first, "containers": [container("3")]})
        assert self.requests(pod) == Compute(5)
        small = made("Pod", {"initContainers": first[:1], "containers": [container("3")]})
        assert self.requests(small) == Compute(4)

    def requests(self, pod: dict[str, Any]) -> Compute:
        [workload] = workloads(Situation(()), (Object(change(pod, pod), pod),))
        return workload.requests()

    def limited(self) -> dict[str, Any]:
        resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
        return made("Pod", {"containers": [{"name": "web", "resources": resources}]})


def test_a_budget_keeps_its_pods() -> None:
    def labelled(name: str) -> dict[str, Any]:
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}}
        return made("Deployment", {"replicas": 2, "template": template}, name)

    web, api = labelled("web"), labelled("api")
    selectors: list[dict[str, Any]] = [{"app": "web"}, {"app": "api"}, {}]
    old, new, both = (
        made("PodDisruptionBudget", {"maxUnavailable": 1, "selector": {"matchLabels": labels}})
        for labels in selectors
    )
    assert level((old, new), (web, web), (api, api)) is Level.ATTENTION
    assert level((old, both), (web, web), (api, api)) is Level.SAFE


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("apps/v1beta1", "apps/v1", Level.SAFE),
        ("extensions/v1beta1", "apps/v1", Level.SAFE),
        ("a.example.com/v1", "b.example.com/v1", Level.ATTENTION),
        ("v1", "example.com/v1", Level.ATTENTION),
    ],
)
def test_another_api_group_is_another_kind(before: str, after: str, expected: Level) -> None:
    old, new = (made("Deployment", {"template": {}}, version=version) for version in (before, after))
    assert level((old, new)) is expected


@pytest.mark.parametrize(
    "spec",
    [
        {"workloadSelector": {"labels": {"version": "1"}}},
        {"subsets": [{"name": "one", "labels": {"version": "1"}}]},
        {"selector": {"matchLabels": {"version": "1"}}},
    ],
)
def test_custom_resources_select_pods_by_labels_too(spec: dict[str, Any]) -> None:
    old, new = (
        made("Deployment", {"template": {"metadata": {"labels": {"version": version}}, "spec": {}}})
        for version in "12"
    )
    rule = made("DestinationRule", spec)
    assert level((old, new)) is Level.SAFE
    assert level((old, new), (rule, rule)) is Level.ATTENTION


@pytest.mark.parametrize(("before", "expected"), [(0, Level.ATTENTION), (1, Level.SAFE)])
def test_a_job_that_runs_at_most_once_is_not_repeated(before: int, expected: Level) -> None:
    old, new = (
        made("CronJob", {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"backoffLimit": limit}}})
        for limit in (before, 6)
    )
    assert level((old, new)) is expected


def test_a_redirect_to_another_port_is_another_rule() -> None:
    old, new = (
        made(
            "HTTPRoute",
            {
                "rules": [
                    {
                        "filters": [{"type": "RequestRedirect", "requestRedirect": {"port": port}}],
                        "backendRefs": [{"name": "web", "port": 80}],
                    }
                ]
            },
        )
        for port in (8443, 443)
    )
    service = made("Service", {"ports": [{"port": 80}]})
    assert level((old, new), (service, service)) is Level.ATTENTION


@pytest.mark.parametrize("source", ["podCertificate", "serviceAccountToken"])
def test_a_volume_with_credentials_of_the_pod_needs_attention(source: str) -> None:
    volumes = ({"name": "all", "projected": {"sources": [{part: {}}]}} for part in ("downwardAPI", source))
    without, plain, secret = (
        made("Deployment", {"replicas": 2, "template": {"spec": {"containers": [], "volumes": items}}})
        for items in ([], *([volume] for volume in volumes))
    )
    assert level((without, plain)) is Level.SAFE
    assert level((without, secret)) is Level.ATTENTION


@pytest.mark.parametrize(
    ("field", "before", "after", "expected"),
    [
        ("memory", 0, 128, Level.ATTENTION),
        ("memorySwap", -1, 512, Level.ATTENTION),
        ("stopTimeout", -1, 10, Level.ATTENTION),
        ("memory", 128, 256, Level.SAFE),
    ],
)
def test_a_limit_of_a_container_where_there_was_none(
    field: str, before: int, after: int, expected: Level
) -> None:
    old, new = ({"name": "web", field: value} for value in (before, after))
    container = Change("urn::web", "docker:index/container:Container", Op.UPDATE, "", old, new, {})
    assert highest(item.level for item in consequences(Situation((container,)))) is expected
