"""The rules of the policy pack, without an engine."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components import Exposure, WebService
from slipway import masking
from tests.unit.conftest import Run
from tests.unit.program.test_program import STACKS
from tests.unit.recorder import Recorder

PACK = Path(__file__).parents[3] / "policy"


def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the rules as the pack does: by names of their own, from the pack's directory."""
    monkeypatch.syspath_prepend(PACK)
    spec = importlib.util.spec_from_file_location("house_rules", PACK / "rules.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["house_rules"] = module
    spec.loader.exec_module(module)
    return module


with pytest.MonkeyPatch.context() as patch:
    rules = load(patch)
UNKNOWN = sys.modules["objects"].UNKNOWN
COMPUTE = {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"memory": "1Mi"}}
GOOD: dict[str, Any] = {
    "name": "web",
    "image": "web:1@sha256:0",
    "resources": COMPUTE,
    "securityContext": {"runAsNonRoot": True},
    "ports": [{"containerPort": 80}],
    "readinessProbe": {"httpGet": {}},
    "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {}}}],
}


def broken(kind: str, manifest: dict[str, Any]) -> set[str]:
    return {policy.name for policy in rules.POLICIES if list(policy.violations(kind, manifest))}


def template(pod: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{**GOOD, **container}], **(pod or {})}}


def deployment(pod: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    return {"spec": {"template": template(pod, **container)}}


def test_a_good_deployment_breaks_no_rule() -> None:
    """The control of the tests below."""
    assert broken("Deployment", deployment()) == set()


def broken_by(recorder: Recorder) -> dict[str, set[str]]:
    objects = [item for item in recorder.resources if item.type.startswith("kubernetes:")]
    return {
        f"{item.kind} {item.name}": names for item in objects if (names := broken(item.kind, item.inputs))
    }


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_breaks_no_rule(program: Callable[..., Recorder], stack: str) -> None:
    """Except that Redis runs an image by tag."""
    recorder = program(**STACKS[stack])
    assert broken_by(recorder) == {"StatefulSet cache": {"image-by-digest"}}
    [container] = recorder.one("Deployment")["spec"]["template"]["spec"]["containers"]
    container["env"].append({"name": "SECRET_KEY", "value": "x"})
    assert broken_by(recorder)["Deployment web"] == {"secrets-in-secrets"}, "the control"


def test_an_open_web_service_needs_a_reason(engine: Run) -> None:
    def program(expose: Exposure) -> Recorder:
        image = "web:1@sha256:0"
        return engine(lambda: WebService("web", namespace="shop", image=image, expose=expose) and None)

    assert broken_by(program(Exposure(type="NodePort"))) == {"Service web": {"public-only-on-purpose"}}
    assert broken_by(program(Exposure(type="NodePort", public="the shop's front door"))) == {}


NON_ROOT = {"runAsNonRoot": True}


@pytest.mark.parametrize(
    ("container", "policy"),
    [
        ({"resources": {}}, "resources-set"),
        ({"image": "web:1"}, "image-by-digest"),
        ({"image": "localhost:5000/web"}, "no-latest-image"),
        ({"image": "web:latest"}, "no-latest-image"),
        ({"securityContext": {"privileged": True, **NON_ROOT}}, "no-privileged-pod"),
        ({"securityContext": {"allowPrivilegeEscalation": True, **NON_ROOT}}, "no-privileged-pod"),
        ({"securityContext": {"procMount": "Unmasked", **NON_ROOT}}, "no-privileged-pod"),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}, **NON_ROOT}}, "no-privileged-pod"),
        ({"securityContext": {"windowsOptions": {"hostProcess": True}, **NON_ROOT}}, "no-privileged-pod"),
        ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}, **NON_ROOT}}, "no-privileged-pod"),
        ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "no-privileged-pod"),
        ({"securityContext": {}}, "not-as-root"),
        ({"securityContext": {"runAsUser": 0}}, "not-as-root"),
        ({"env": [{"name": "API_KEY", "value": "x"}]}, "secrets-in-secrets"),
        ({"args": ["--password=x"]}, "secrets-in-secrets"),
        ({"command": ["sh", "-c", "backup postgres://me:x@db/shop"]}, "secrets-in-secrets"),
        ({"readinessProbe": None}, "readiness-probe"),
    ],
)
def test_each_rule_is_broken_by_what_it_forbids(container: dict[str, Any], policy: str) -> None:
    assert policy in broken("Deployment", deployment(**container))


@pytest.mark.parametrize(
    "pod", [{"hostNetwork": True}, {"volumes": [{"name": "n", "hostPath": {"path": "/"}}]}]
)
def test_pods_may_not_have_access_to_their_node(pod: dict[str, Any]) -> None:
    assert broken("Deployment", deployment(pod)) == {"no-privileged-pod"}


BAD = template({"hostNetwork": True}, image="x", env=[{"name": "DB_PASS", "value": "x"}])


@pytest.mark.parametrize(
    ("kind", "manifest"),
    [
        ("Pod", BAD),
        ("PodPatch", BAD),
        ("PodList", {"items": [BAD]}),
        ("PodTemplate", {"template": BAD}),
        ("ReplicationController", {"spec": {"template": BAD}}),
        ("DaemonSet", {"spec": {"template": BAD}}),
        ("DeploymentPatch", {"spec": {"template": BAD}}),
        ("Job", {"spec": {"template": BAD}}),
        ("CronJob", {"spec": {"jobTemplate": {"spec": {"template": BAD}}}}),
        ("CronJobPatch", {"spec": {"jobTemplate": {"spec": {"template": BAD}}}}),
        ("Rollout", {"spec": {"template": BAD}}),
        ("List", {"items": [{"kind": "Job", "spec": {"template": BAD}}]}),
    ],
)
def test_pods_are_found_in_every_kind(kind: str, manifest: dict[str, Any]) -> None:
    assert broken(kind, manifest) >= {"no-latest-image", "no-privileged-pod", "secrets-in-secrets"}


RUN = {"activeDeadlineSeconds": 60, "template": template(image="web:1@sha256:0")}


@pytest.mark.parametrize(
    ("kind", "spec", "broken_rules"),
    [
        ("Job", RUN, set()),
        ("Job", {**RUN, "activeDeadlineSeconds": None}, {"runs-end"}),
        ("JobPatch", {**RUN, "activeDeadlineSeconds": None}, set()),
        ("CronJob", {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": RUN}}, set()),
        ("CronJob", {"concurrencyPolicy": "Replace", "jobTemplate": {"spec": RUN}}, set()),
        ("CronJob", {"jobTemplate": {"spec": RUN}}, {"runs-end"}),
        ("CronJob", {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {}}}, {"runs-end"}),
    ],
)
def test_runs_end_and_do_not_overlap(kind: str, spec: dict[str, Any], broken_rules: set[str]) -> None:
    assert broken(kind, {"spec": spec}) == broken_rules


@pytest.mark.parametrize("group", ["initContainers", "ephemeralContainers"])
def test_other_containers_are_checked_too(group: str) -> None:
    assert "no-latest-image" in broken("Pod", template({group: [{**GOOD, "image": "x"}]}))


def test_a_patch_is_checked_for_what_it_sets() -> None:
    container: dict[str, Any] = {"name": "web", "image": "web:1@sha256:0", "ports": [{"containerPort": 80}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    assert broken("DeploymentPatch", patch) == set()
    container["securityContext"] = {"runAsNonRoot": False}
    assert broken("DeploymentPatch", patch) == {"not-as-root"}
    assert broken("PodPatch", {"spec": {"hostPID": True}}) == {"no-privileged-pod"}


def test_a_helm_release_is_reported_as_unchecked() -> None:
    assert broken("Release", {"chart": "redis"}) == {"release-unchecked"}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Service", {"type": "NodePort"}),
        ("ServicePatch", {"type": "LoadBalancer"}),
        ("Service", {"externalIPs": ["192.0.2.1"]}),
        ("Ingress", {}),
        ("HTTPRoute", {}),
    ],
)
def test_what_is_public_needs_a_reason(kind: str, spec: dict[str, Any]) -> None:
    assert broken(kind, {"spec": spec}) == {"public-only-on-purpose"}
    reason = {"metadata": {"annotations": {rules.PUBLIC: "the shop's front door"}}, "spec": spec}
    assert broken(kind, reason) == set()


def test_a_service_in_the_cluster_needs_no_reason() -> None:
    assert broken("Service", {"spec": {"type": "ClusterIP"}}) == set()


def test_unknown_values_are_skipped() -> None:
    assert broken("Deployment", deployment(image=UNKNOWN)) == set()
    assert broken("Deployment", {"spec": None}) == set()


SECRETS = """
SECRET_KEY SECRET_KEY_BASE AWS_SECRET_ACCESS_KEY accessKey ENCRYPTION_KEY SIGNING_KEY JWT_KEY SSH_KEY
APP_KEY api-key CREDENTIALS GOOGLE_APPLICATION_CREDENTIALS_JSON TOKENS GITHUB_TOKEN GITHUB_PAT DB_PASS
dbPass MYSQL_PWD BASIC_AUTH REDISCLI_AUTH PASSPHRASE POSTGRES_PASSWORD spring.datasource.password
privateKey AZURE_STORAGE_KEY CLIENT_SECRET TLS_KEY ENCRYPT_KEY SUPABASE_SERVICE_ROLE_KEY GPG_KEY DB_PW CREDS
"""
OTHERS = """
PWD OLDPWD PATH AWS_ACCESS_KEY_ID REDIS_PASSWORD_FILE TOKEN_TTL tokenExpirationSeconds secretName
MAX_TOKENS TOKEN_URL PASSWORD_MIN_LENGTH TOKENIZERS_PARALLELISM topologyKey PARTITION_KEY COMPASS
JWT_ALGORITHM PUBLIC_KEY spec.secret.name
"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_a_variable_named_like_a_secret_must_not_be_plain(name: str) -> None:
    manifest = deployment(env=[{"name": name, "value": "x"}])
    assert broken("Deployment", manifest) == {"secrets-in-secrets"}
    assert broken("ConfigMap", {"data": {name: "x"}}) == {"secrets-in-secrets"}
    referred = [{"name": name, "value": "$(PASSWORD)"}, {"name": name, "valueFrom": {"secretKeyRef": {}}}]
    assert broken("Deployment", deployment(env=referred)) == set()


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_names_may_be_plain(name: str) -> None:
    assert broken("Deployment", deployment(env=[{"name": name, "value": "x"}])) == set()


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("postgres://me:x@db/shop", True),
        ("redis://:x@cache:6379/0", True),
        ("redis://:$(REDIS_PASSWORD)@cache:6379/0", False),
        ("jdbc:postgresql://db/shop?user=me&password=x", True),
        ("jdbc:postgresql://db/shop?password=$(DB_PASSWORD)", False),
        ("Server=db;User Id=me;Password=x;Encrypt=true", True),
        ("AccountName=me;AccountKey=x==", True),
        ("https://me@example.org:8080/a", False),
        ("http://[::1]:80/a@b", False),
    ],
)
def test_a_password_in_a_url_is_a_secret(url: str, secret: bool) -> None:
    broken_names = broken("Deployment", deployment(env=[{"name": "DATABASE_URL", "value": url}]))
    assert broken_names == ({"secrets-in-secrets"} if secret else set())
    assert (masking.masked([url]) != [url]) == secret


def test_the_policy_pack_and_the_reports_have_the_same_patterns() -> None:
    patterns = sys.modules["plain_secrets"]
    assert (masking.SECRET_NAME, masking.PASSWORD_IN_URL) == (patterns.SECRET_NAME, patterns.PASSWORD_IN_URL)
