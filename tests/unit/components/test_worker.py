"""The promises of Worker."""

from typing import Any

import pytest

from components import Autoscaling, Probe, Redis, Worker
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder


def made(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: Worker("mail", namespace="shop", image="i", **arguments) and None)


def spec(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = recorder.one("Deployment")["spec"]
    return found


def pod(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = spec(recorder)["template"]["spec"]
    return found


def test_it_has_no_port_and_nobody_connects_to_it(engine: Run) -> None:
    recorder = made(engine)
    assert not recorder.of("Service")
    assert "ports" not in pod(recorder)["containers"][0]
    policy = recorder.one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    assert policy["podSelector"]["matchLabels"] == spec(recorder)["selector"]["matchLabels"]


def test_it_reaches_the_broker_that_its_environment_names(engine: Run) -> None:
    def program() -> None:
        Worker("mail", namespace="shop", image="i", env=Redis("cache", namespace="shop").env)

    recorder = engine(program)
    reach = recorder.one("NetworkPolicy", "mail")["spec"]["egress"][-1]
    assert reach["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "cache"}}}]
    [deployment] = [item for item in recorder.of("Deployment") if item.name == "mail"]
    assert deployment.inputs["spec"]["template"]["metadata"]["labels"]["cache-client"] == "true"


def test_a_task_may_end_before_its_pod_does(engine: Run) -> None:
    assert pod(made(engine))["terminationGracePeriodSeconds"] == 60
    assert pod(made(engine, grace=900))["terminationGracePeriodSeconds"] == 900
    assert "lifecycle" not in pod(made(engine))["containers"][0], "SIGTERM comes at once"


def test_a_command_shows_that_it_hangs(engine: Run) -> None:
    probe = pod(made(engine, probe=Probe.exec("celery", "inspect", "ping")))["containers"][0]["livenessProbe"]
    assert probe["exec"]["command"] == ["celery", "inspect", "ping"]
    assert probe["timeoutSeconds"] >= 10, "starting an interpreter takes long where CPU is scarce"
    assert not {"livenessProbe", "readinessProbe", "startupProbe"} & pod(made(engine))["containers"][0].keys()


def test_one_that_crashes_at_once_does_not_replace_the_old(engine: Run) -> None:
    """And the error has the end of its log."""
    deployment = spec(made(engine))
    [container] = deployment["template"]["spec"]["containers"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert deployment["minReadySeconds"] == 5
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_it_scales_by_cpu(engine: Run) -> None:
    recorder = made(engine, replicas=Autoscaling(min_replicas=1, max_replicas=4))
    assert "replicas" not in spec(recorder)
    assert recorder.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "mail"
    assert spec(made(engine))["replicas"] == 1


def test_several_run_one_image(engine: Run) -> None:
    def program() -> None:
        for queue in ("mail", "reports"):
            Worker(queue, namespace="shop", image="i", command=["work", queue])

    deployments = engine(program).of("Deployment")
    commands = [item.inputs["spec"]["template"]["spec"]["containers"][0]["command"] for item in deployments]
    assert sorted(commands) == [["work", "mail"], ["work", "reports"]]


def test_it_has_the_safe_defaults_of_every_process(engine: Run) -> None:
    recorder = made(engine)
    assert pod(recorder)["securityContext"]["runAsNonRoot"] is True
    [container] = pod(recorder)["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert pod(recorder)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("way_out", ["network_policy", "spread"])
def test_defaults_have_a_way_out(way_out: str, engine: Run) -> None:
    gone = {"network_policy": "NetworkPolicy", "spread": "topologySpreadConstraints"}[way_out]
    assert gone in str(made(engine).resources)
    assert gone not in str(made(engine, **{way_out: False}).resources)
