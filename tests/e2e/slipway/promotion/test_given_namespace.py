"""A promotion to an application that serves HTTPS, in a namespace that an administrator made."""

import json

import pytest
import trustme

from tests.e2e.slipway.promotion.conftest import INSTANCE, Pipeline, digest


def test_an_https_service_in_a_given_namespace(
    fresh: Pipeline, images: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """The page is requested by HTTPS, receipts are in the given namespace, and no other namespace is made."""
    namespace = fresh.namespace("given")
    certificate = trustme.CA().issue_cert("web.example.com")
    parts = {
        "tls.crt": certificate.cert_chain_pems[0].bytes().decode(),
        "tls.key": certificate.private_key_pem.bytes().decode(),
    }
    fresh.kubectl("create", "namespace", namespace)
    request.addfinalizer(lambda: fresh.kubectl("delete", "namespace", namespace))
    fresh.file("given").write_text(
        f"config:\n  kubernetes:context: {INSTANCE.name}\n"
        f"  pm:namespace: {namespace}\n  pm:createNamespace: false\n"
    )
    fresh.pulumi("given", "stack", "init")
    request.addfinalizer(lambda: fresh.remove("given"))
    fresh.pulumi("given", "config", "set", "--secret", "certificate", json.dumps(parts))
    before = namespaces(fresh)

    done = fresh.promote("dev", "given", "--check-host", "web.example.com")
    assert done.code == 0, done.stderr
    assert done.receipt["outcome"] == "verified"
    assert [check["name"] for check in done.receipt["checks"]] == ["rollout", "digest", "http"]
    fresh.deploy("dev", images["broken"])
    refused = fresh.promote("dev", "given")
    assert refused.code == 1 and "answers 500" in refused.receipt["reason"], refused.stdout
    assert fresh.running("given") == {digest(images["two"])}
    assert [receipt["outcome"] for receipt in fresh.history("given")] == ["rolled back", "verified"]
    assert [receipts(fresh, place) for place in (namespace, "receipts-pm")] == [2, 0]
    assert namespaces(fresh) == before


def namespaces(pipeline: Pipeline) -> set[str]:
    """The namespaces of these stacks: other tests make theirs at the same time."""
    names = pipeline.kubectl("get", "namespaces", "-o", "name").split()
    return {name for name in names if name.endswith(pipeline.suffix)}


def receipts(pipeline: Pipeline, namespace: str) -> int:
    """How many receipts of the stack are in a namespace."""
    words = ("get", "configmaps", "-n", namespace, "-l", "slipway.dev/receipt-of", "-o", "name")
    return sum(pipeline.stack("given") in name for name in pipeline.kubectl(*words).split())
