"""Variables, volumes, ConfigMaps and Secrets: no change is safe that takes something from pods."""

from typing import Any

import pytest

from slipway.preview.rules import Level, Situation, consequences, highest
from slipway.pulumi.changes import SECRET, UNKNOWN, Change, Op

PLAIN = {"name": "COLOUR", "value": "blue"}


def content(name: str, kind: str = "ConfigMap", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data or SECRET}


def pods(
    name: str = "web", image: str = "1", volumes: tuple[Any, ...] = (), **container: Any
) -> dict[str, Any]:
    pod = {
        "containers": [{"name": "web", "image": f"web@sha256:{image}", **container}],
        "volumes": list(volumes),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "template": {"spec": pod}},
    }


def reads(*entries: Any, **more: Any) -> dict[str, Any]:
    """Return pods that read ConfigMaps, by their names, or other entries, as variables."""
    refs = [{"configMapRef": {"name": item}} if isinstance(item, str) else item for item in entries]
    return pods(envFrom=refs, **more)


def secret(name: str) -> dict[str, Any]:
    return {"secretRef": {"name": name}}


def variable(key: str, name: str = "c1", **more: Any) -> dict[str, Any]:
    return {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": name, "key": key, **more}}}


def mounted(name: str) -> dict[str, Any]:
    return {"name": "config", "configMap": {"name": name}}


def change(old: dict[str, Any], new: dict[str, Any], op: Op = Op.UPDATE) -> Change:
    urn = f"urn::{old['kind']}-{old['metadata']['name']}"
    op = Op.SAME if old == new else op
    return Change(urn, f"kubernetes:x:{old['kind']}", op, "", old, new, {}, deleted_first=False)


def same(*objects: dict[str, Any]) -> tuple[Change, ...]:
    return tuple(change(item, item) for item in objects)


def level(*changes: Change) -> Level:
    different = tuple(item for item in changes if item.op is not Op.SAME)
    unchanged = tuple(item for item in changes if item.op is Op.SAME)
    return highest(item.level for item in consequences(Situation(different, unchanged)))


CONTENT = same(content("c1", A="1", B="2"), content("c2", A="3"), content("c3", A="1", B="2", C="3"))
SECRETS = same(content("s1", "Secret"), content("s2", "Secret"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["c1", secret("s1")], ["c1"], Level.ATTENTION),
        (["c1"], [], Level.ATTENTION),
        (["c1"], ["c2"], Level.ATTENTION),
        (["c1"], [{"configMapRef": {"name": "elsewhere", "optional": True}}], Level.ATTENTION),
        (["c1"], [{"prefix": "APP_", "configMapRef": {"name": "c1"}}], Level.ATTENTION),
        ([secret("s1")], [secret("s2")], Level.ATTENTION),
        (["c1"], ["c3"], Level.SAFE),
        (["c1"], ["c1", secret("s1")], Level.SAFE),
        (["c1", "c2"], ["c2", "c1"], Level.SAFE),
    ],
)
def test_pods_that_read_whole_objects_lose_no_variable(
    before: list[Any], after: list[Any], expected: Level
) -> None:
    assert level(change(reads(*before), reads(*after)), *CONTENT, *SECRETS) is expected


@pytest.mark.parametrize(("name", "expected"), [("c2", Level.ATTENTION), ("c3", Level.SAFE)])
def test_a_volume_of_another_config_map_loses_no_file(name: str, expected: Level) -> None:
    before, after = (pods(volumes=(mounted(item),)) for item in ("c1", name))
    assert level(change(before, after), *CONTENT) is expected


@pytest.mark.parametrize("whole", ["variables", "files"])
def test_a_key_that_pods_read_with_all_others_is_not_lost_unnoticed(whole: str) -> None:
    """As of an auto-named ConfigMap, which is replaced under another name together with its readers."""
    names = ("c-1", "c-2")
    before, after = (
        reads(name) if whole == "variables" else pods(volumes=(mounted(name),)) for name in names
    )
    web = change(before, after)
    old = content("c-1", A="1", B="2")
    assert level(change(old, content("c-2", A="1"), Op.REPLACE), web) is Level.ATTENTION
    assert level(change(old, content("c-2", A="9", B="2", C="3"), Op.REPLACE), web) is Level.SAFE


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (PLAIN, {"name": "COLOUR"}, Level.ATTENTION),
        (variable("A"), {"name": "COLOUR", "valueFrom": {}}, Level.ATTENTION),
        (variable("A"), variable("A", "elsewhere", optional=True), Level.ATTENTION),
        (variable("A"), variable("Z", optional=True), Level.ATTENTION),
        (variable("A"), variable("B", optional=True), Level.SAFE),
        (variable("A"), variable("A", optional=True), Level.SAFE),
        (PLAIN, variable("A"), Level.SAFE),
        (variable("A"), PLAIN, Level.SAFE),
        (PLAIN, {"name": "COLOUR", "value": "red"}, Level.SAFE),
    ],
)
def test_a_variable_that_changes_keeps_a_value(before: Any, after: Any, expected: Level) -> None:
    assert level(change(pods(env=[before]), pods(env=[after])), *CONTENT) is expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Level.SAFE),
        ({"value": ""}, Level.SAFE),
        ({"value": SECRET}, Level.SAFE),
        ({"valueFrom": UNKNOWN}, Level.SAFE),
        ({"valueFrom": {"configMapKeyRef": {"name": "elsewhere", "key": "A"}}}, Level.ATTENTION),
    ],
)
def test_an_added_variable_takes_nothing_from_pods(more: dict[str, Any], expected: Level) -> None:
    assert level(change(pods(env=[PLAIN]), pods(env=[PLAIN, {"name": "A", **more}])), *CONTENT) is expected


def test_pods_that_read_a_key_if_it_exists_are_readers_too() -> None:
    strict = change(pods("api", env=[variable("A")]), pods("api", "2", env=[variable("A")]))
    reader = pods(env=[variable("B", optional=True)])
    [lenient] = same(reader)
    before = content("c1", A="1", B="2")
    assert level(change(before, content("c1", A="1", B="3")), strict, lenient) is Level.ATTENTION
    restarting = change(reader, pods(image="2", env=[variable("B", optional=True)]))
    assert level(change(before, content("c1", A="1")), strict, restarting) is Level.ATTENTION


def test_a_config_map_under_another_name_leaves_no_reader_behind() -> None:
    moved = change(pods("api", env=[variable("A")]), pods("api", env=[variable("A", "c2")]))
    renamed = change(content("c1", A="1"), content("c2", A="1"), Op.REPLACE)
    [left] = same(pods(env=[variable("A")]))
    assert level(renamed, moved) is Level.SAFE
    assert level(renamed, moved, left) is Level.DANGEROUS


@pytest.mark.parametrize(
    ("path", "container", "expected"),
    [
        ("/cache", {}, Level.SAFE),
        ("/data/cache", {}, Level.ATTENTION),
        ("/database", {}, Level.SAFE),
        ("/app", {"workingDir": "/app/src"}, Level.ATTENTION),
        ("/app", {"command": ["/app/run"]}, Level.ATTENTION),
        ("/", {"command": ["/app/run"]}, Level.ATTENTION),
    ],
)
def test_a_mount_hides_neither_data_nor_the_program(
    path: str, container: dict[str, Any], expected: Level
) -> None:
    data = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    volumes, mounts = (data, {"name": "cache", "emptyDir": {}}), [{"name": "data", "mountPath": "/data"}]
    before = pods(volumes=volumes, volumeMounts=mounts, **container)
    after = pods(volumes=volumes, volumeMounts=[*mounts, {"name": "cache", "mountPath": path}], **container)
    assert level(change(before, after)) is expected
