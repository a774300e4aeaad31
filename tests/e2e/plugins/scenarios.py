"""Programs that go through stages, and the steps that Pulumi takes for them, whoever wrote the plugins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.e2e.plugins.pulumi_project import Step


@dataclass(frozen=True)
class Stage:
    """One operation on the stack. `{ns}` stands for the run's own namespace.

    `steps` are those of the resources that are not left as they are, `errors` what a failing one has to say;
    a `foreseen` failure is one of the preview too.
    """

    title: str
    steps: Mapping[str, Step]
    config: Mapping[str, str] = field(default_factory=dict)
    meanwhile: tuple[str, ...] = ()
    """What others do with kubectl before."""
    operation: str = "up"
    errors: tuple[str, ...] = ()
    foreseen: bool = False

    @property
    def leaves_work(self) -> bool:
        """Whether the next `up` has something to do although the program has not changed."""
        return bool(self.errors) or self.operation == "refresh"


def _create(*names: str) -> dict[str, Step]:
    return {name: Step("create") for name in names}


def _update(*paths: str) -> Step:
    return Step("update", tuple(sorted(paths)))


def _replace(*paths: str) -> Step:
    return Step("replace", tuple(sorted(paths)))


_COMMAND = "spec.template.spec.containers[0].command[2]"
_TIMEOUT = 'metadata.annotations["pulumi.com/timeoutSeconds"]'

SCENARIOS: Mapping[str, list[Stage]] = {
    "components": [
        Stage(
            "made",
            _create(
                *("space", "policy", "words", "password", "generated", "account", "service", "web", "store"),
                *("scaler", "budget"),
            ),
            {"greeting": "hello", "port": "80", "storage": "1Mi", "budget": "true"},
        ),
        Stage(
            "drifted",
            {
                "store": _update("metadata.labels.app"),
                "policy": Step("delete"),
            },
            meanwhile=(
                "-n {ns} label statefulset store stray=1 app=other --overwrite",
                "-n {ns} delete networkpolicy policy",
                "-n {ns} scale deployment web --replicas 2",
            ),
            operation="refresh",
        ),
        Stage("mended", {"policy": Step("create"), "store": _update("metadata.labels.app")}),
        Stage(
            "changed",
            {
                "space": _update("metadata.labels.stage"),
                "policy": _update("spec.ingress[0].ports[0].port"),
                "words": _replace("data.greeting"),
                "password": _replace("data.password"),
                "account": _update("automountServiceAccountToken"),
                "service": _update("spec.ports[0].targetPort"),
                "web": _update(
                    "spec.template.spec.containers[0].envFrom[0].configMapRef.name",
                    "spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name",
                ),
                "scaler": _update("spec.maxReplicas"),
            },
            {"greeting": "goodbye", "port": "81"},
        ),
        Stage(
            "replaced and removed",
            {
                "store": _replace("spec.volumeClaimTemplates[0].spec.resources.requests.storage"),
                "budget": Step("delete"),
            },
            {"storage": "2Mi", "budget": "false"},
        ),
    ],
    "custom": [
        Stage(
            "made",
            _create("definition", "widget"),
            {"group": "{ns}.example.com", "size": "1", "versions": "v1"},
        ),
        Stage(
            "drifted",
            {"widget": _update("spec.size")},
            meanwhile=(
                """patch widgets.{ns}.example.com widget --type merge -p '{{"spec":{{"size":9}}}}'""",
            ),
            operation="refresh",
        ),
        Stage("mended", {"widget": _update("spec.size")}),
        Stage(
            "changed",
            {"widget": _update("spec.size"), "definition": _update("spec.versions[1]")},
            {"size": "2", "versions": "v1 v2"},
        ),
    ],
    "rollout": [
        Stage(
            "made",
            _create("space", "web", "migrate"),
            {"command": "touch /tmp/ready; sleep 3600", "timeout": "60", "words": "one"},
        ),
        Stage(
            "broken",
            {"web": _update(_COMMAND, _TIMEOUT)},
            {"command": "echo no DATABASE_URL; exit 3", "timeout": "6"},
            errors=("timed out waiting to be Ready",),
        ),
        Stage(
            "mended",
            {"web": _update(_COMMAND, _TIMEOUT)},
            {"command": "touch /tmp/ready; sleep 3601", "timeout": "60"},
        ),
        Stage(
            "another job",
            {"migrate": _replace("spec.template.spec.containers[0].command[1]")},
            {"words": "two"},
        ),
    ],
    "shared": [
        Stage(
            "made",
            {"space": Step("import"), **_create("contested", "ignored", "patch")},
            {"value": "one", "force": "false"},
            meanwhile=("create namespace {ns}",),
        ),
        Stage(
            "changed",
            {"contested": _update("metadata.labels.owner"), "patch": _update("metadata.labels.{ns}")},
            {"value": "two"},
        ),
        Stage(
            "contested",
            {"contested": _update("metadata.labels.owner"), "patch": _update("metadata.labels.{ns}")},
            {"value": "three"},
            meanwhile=(
                "-n {ns} label service contested owner=somebody --overwrite --field-manager somebody",
                "-n {ns} label serviceaccount ignored owner=somebody --overwrite --field-manager somebody",
            ),
            errors=("field conflict detected", 'conflict with "somebody"'),
            foreseen=True,
        ),
        Stage(
            "forced",
            {"contested": _update("metadata.labels.owner", 'metadata.annotations["pulumi.com/patchForce"]')},
            {"force": "true"},
        ),
    ],
}
