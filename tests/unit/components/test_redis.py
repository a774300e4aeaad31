"""The promises of Redis."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pulumi

from components import Compute, Redis, Resources, WebService, Worker
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder


def made(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: Redis("cache", namespace="shop", **arguments) and None)


def config(recorder: Recorder) -> str:
    return str(recorder.one("ConfigMap")["data"]["redis.conf"])


def test_a_password_is_made_when_none_is_given(engine: Run) -> None:
    first, second = (made(engine).one("Secret")["stringData"]["password"] for _ in range(2))
    assert len(first) >= 32
    assert first != second


def test_redis_demands_the_password_that_clients_are_given(engine: Run) -> None:
    for password in ("simple-one-12", 'quote"and\\slash', "two\nlines requirepass x", "ünï🔑"):
        data = made(engine, password=pulumi.Output.secret(password)).one("Secret")["stringData"]
        assert data["password"] == password
        directive = re.fullmatch(r'requirepass "((?:\\x[0-9a-f]{2})+)"\n', data["auth.conf"])
        assert directive
        assert bytes.fromhex(directive[1].replace("\\x", "")).decode() == password


def test_no_command_probe_or_variable_shows_the_password(engine: Run) -> None:
    recorder = made(engine, password="canary-7f3a-password")  # noqa: S106 # looked for below
    for resource in recorder.resources:
        assert resource.kind == "Secret" or "canary" not in str(resource.inputs)


def volume(recorder: Recorder) -> dict[str, Any]:
    spec = recorder.one("StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in spec, "they can never be changed"
    pod = spec["template"]["spec"]
    [mount] = [item for item in pod["containers"][0]["volumeMounts"] if item["mountPath"] == "/data"]
    [data] = [item for item in pod["volumes"] if item["name"] == mount["name"]]
    assert isinstance(data, dict)
    return data


def test_content_is_kept_exactly_when_storage_is_given(engine: Run) -> None:
    without = made(engine)
    assert "appendonly no" in config(without)
    assert "emptyDir" in volume(without)
    assert not without.of("PersistentVolumeClaim")
    kept = made(engine, storage="2Gi")
    assert "appendonly yes" in config(kept)
    claim = kept.one("PersistentVolumeClaim")
    assert claim["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
    assert volume(kept)["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}


def test_storage_is_added_and_raised_without_replacing_the_stateful_set(engine: Run) -> None:
    """All that differs is the pod template, which can be changed in place."""
    specs = [made(engine, storage=size).one("StatefulSet")["spec"] for size in (None, "1Gi", "2Gi")]
    assert specs[0].pop("template") != specs[1].pop("template") == specs[2].pop("template")
    assert specs[0] == specs[1] == specs[2]


def test_the_merge_of_a_pod_with_storage_and_one_without_is_valid(engine: Run) -> None:
    """From release 4.29 on the plugin previews the first update of an object as a merge, by volume names."""
    assert volume(made(engine))["name"] != volume(made(engine, storage="1Gi"))["name"]


def test_a_claim_that_a_stateful_set_made_is_found_again(engine: Run) -> None:
    """StatefulSets name claims TEMPLATE-SET-NUMBER; another manager owns the fields of such a claim."""
    metadata = made(engine, storage="1Gi").one("PersistentVolumeClaim")["metadata"]
    assert metadata["name"] == "data-cache-0"
    assert metadata["annotations"]["pulumi.com/patchForce"] == "true"


def test_the_claim_outlives_the_stack_and_is_not_waited_for(engine: Run) -> None:
    recorder = made(engine, storage="1Gi")
    assert recorder.request("PersistentVolumeClaim", "cache-data").retainOnDelete
    annotations = recorder.one("PersistentVolumeClaim")["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true"


def test_a_claim_that_cannot_be_made_leaves_the_stateful_set_alone(engine: Run) -> None:
    recorder = made(engine, storage="1Gi")
    [urn] = [item for item in recorder.requests if item.endswith(":PersistentVolumeClaim::cache-data")]
    assert urn in recorder.request("StatefulSet", "cache").dependencies


def test_a_full_store_refuses_writes_and_a_full_cache_evicts(engine: Run) -> None:
    def policy(**arguments: Any) -> str:
        [found] = re.findall(r"maxmemory-policy (\S+)", config(made(engine, **arguments)))
        return str(found)

    assert policy() == "allkeys-lru"
    assert policy(storage="1Gi") == "noeviction"
    assert policy(eviction="noeviction") == "noeviction"
    assert policy(storage="1Gi", eviction="volatile-ttl") == "volatile-ttl"


def test_its_image_may_be_private_and_of_one_platform(engine: Run) -> None:
    recorder = made(engine, image="acme/redis:7", pull_secret="registry", platform="linux/arm64")  # noqa: S106
    assert recorder.one("ServiceAccount")["imagePullSecrets"] == [{"name": "registry"}]
    pod = recorder.one("StatefulSet")["spec"]["template"]["spec"]
    assert pod["nodeSelector"]["kubernetes.io/arch"] == "arm64"


def test_a_pod_that_never_became_ready_does_not_keep_the_next_version_away(engine: Run) -> None:
    assert made(engine).one("StatefulSet")["spec"]["podManagementPolicy"] == "Parallel"


def test_data_is_bounded_below_the_memory_limit(engine: Run) -> None:
    resources = Resources(requests=Compute(cpu="50m", memory="64Mi"), limits=Compute(cpu="1", memory="1Gi"))
    [maximum] = re.findall(r"maxmemory (\d+)", config(made(engine, resources=resources)))
    assert int(maximum) == 768 * 1024**2


def test_an_amount_not_given_keeps_its_default(engine: Run) -> None:
    resources = Resources(limits=Compute(memory="1Gi"))
    recorder = made(engine, resources=resources)
    [container] = recorder.one("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert {"cpu": "500m", "memory": "1Gi"}.items() <= container["resources"]["limits"].items()
    assert {"cpu": "50m", "memory": "64Mi"}.items() <= container["resources"]["requests"].items()


def test_the_longest_name_gets_a_pod(engine: Run) -> None:
    """Kubernetes labels the pod with NAME-HASH, which a label above 63 characters would prevent."""
    name = "c" * 52
    assert engine(lambda: Redis(name, namespace="shop") and None).one("StatefulSet", name)
    longest_hash = "z" * 10
    assert len(f"{name}-{longest_hash}") == 63


def test_only_clients_may_connect_and_it_has_no_egress(engine: Run) -> None:
    policy = made(engine).one("NetworkPolicy")["spec"]
    assert policy["ingress"][0]["from"] == [{"podSelector": {"matchLabels": {"cache-client": "true"}}}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy


def test_its_url_is_for_clients_that_want_one_variable(engine: Run) -> None:
    password = "p@ss:w/rd#%25?ü"  # noqa: S105 # made up

    def program() -> None:
        cache = Redis("cache", namespace="shop", password=password)
        WebService("web", namespace="shop", image="i", env=[cache.url()])
        Worker("mail", namespace="shop", image="i", env=[cache.url("CELERY_BROKER_URL")])

    recorder = engine(program)
    url = urlsplit(recorder.one("Secret", "cache-url")["stringData"]["url"])
    assert (url.scheme, url.hostname, url.port, unquote(url.password or "")) == (
        "redis",
        "cache",
        6379,
        password,
    )
    for name, variable in (("web", "REDIS_URL"), ("mail", "CELERY_BROKER_URL")):
        template = recorder.one("Deployment", name)["spec"]["template"]
        assert template["metadata"]["labels"]["cache-client"] == "true"
        [given] = template["spec"]["containers"][0]["env"]
        assert given["name"] == variable
        assert given["valueFrom"]["secretKeyRef"]["key"] == "url"
        assert "value" not in given


def test_a_stack_that_does_not_ask_for_the_url_has_none(engine: Run) -> None:
    assert [secret.name for secret in made(engine).of("Secret")] == ["cache-auth"]
