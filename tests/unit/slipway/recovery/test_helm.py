"""Helm's records of revisions that were killed, which keep it from making others."""

import json
from typing import Any

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.recovery import helm

TYPE = "kubernetes:helm.sh/v3:Release"
URN = f"urn:pulumi:dev::shop::{TYPE}::cache"
RECORD = helm.Record(URN, "cache", "shop", "sh.helm.release.v1.cache.v2")


class Recording(Cluster):
    """Answers with one Secret, and keeps what it was asked."""

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_s: int = 0) -> str:
        self.__dict__.setdefault("asked", []).append(arguments)
        return json.dumps({"items": [{"metadata": {"name": RECORD.secret}}]})


def resource(kind: str = TYPE, **inputs: Any) -> dict[str, Any]:
    return {"urn": URN, "type": kind, "inputs": {"name": "cache", "namespace": "shop", **inputs}}


def test_an_unfinished_revision_is_looked_for_in_the_namespace_of_its_release() -> None:
    cluster = Recording("sandbox")
    assert list(helm.unfinished(cluster, [resource()])) == [RECORD]
    [arguments] = cluster.__dict__["asked"]
    assert arguments[:4] == ("get", "secrets", "-n", "shop")
    assert "owner=helm,name=cache,status in (pending-install, pending-upgrade" in arguments[4]


@pytest.mark.parametrize(
    "other", [resource("kubernetes:core/v1:Secret"), resource(name={"ciphertext": "v1:x"}), {"type": TYPE}]
)
def test_other_resources_and_unreadable_names_have_no_record(other: dict[str, Any]) -> None:
    cluster = Recording("sandbox")
    assert list(helm.unfinished(cluster, [other])) == []
    assert "asked" not in cluster.__dict__


def test_only_the_record_is_deleted() -> None:
    cluster = Recording("sandbox")
    helm.delete(cluster, [RECORD])
    assert cluster.__dict__["asked"] == [
        ("delete", "secret", RECORD.secret, "-n", "shop", "--ignore-not-found")
    ]


def test_a_release_with_an_unfinished_revision_differs_from_any_program() -> None:
    """The program may say what the last finished revision had."""
    outputs = {"version": "0.1.0", "name": "cache"}
    other = {"urn": "other", "inputs": {}, "outputs": {}}
    before = {"version": 3, "deployment": {"resources": [{**resource(), "outputs": outputs}, other]}}
    [release, same] = helm.outdated(before, [RECORD])["deployment"]["resources"]
    assert release["outputs"] == {"version": "unfinished", "name": "cache"}
    assert same == other
