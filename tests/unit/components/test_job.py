"""The promises of Job and CronJob."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components import CronJob, EnvVar, File, Job, Redis, Resources, WebService, Worker
from components.kubernetes import job
from components.kubernetes.pod import Compute
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

SHOP: dict[str, Any] = {"namespace": "shop", "image": "i"}


def made(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: Job("migrate", **{"namespace": "shop", "image": "i", **arguments}) and None)


def spec(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = recorder.one("Job")["spec"]
    return found


def name(recorder: Recorder) -> str:
    return str(recorder.one("Job")["metadata"]["name"])


def test_the_same_input_is_the_same_job(engine: Run) -> None:
    assert name(made(engine)) == name(made(engine))
    assert name(made(engine)).startswith("migrate-")


def test_a_new_release_of_the_components_runs_no_job_again(engine: Run) -> None:
    """Another name here means that every migration of every stack runs once more: say so in the release."""
    given = made(engine, image="shop@sha256:1", command=["migrate"], env=[EnvVar.value("A", "1")])
    assert name(given) == "migrate-32f0a462d5"


@pytest.mark.parametrize(
    "other",
    [
        {"image": "other"},
        {"command": ["migrate"]},
        {"args": ["--all"]},
        {"env": [EnvVar.value("A", "1")]},
        {"env": [EnvVar.secret("A", "s", "k")]},
        {"files": [File.text("/etc/a", "1")]},
        {"resources": Resources(limits=Compute(memory="1Gi"))},
    ],
    ids=["image", "command", "args", "value", "secret", "file", "resources"],
)
def test_other_input_is_another_job(other: dict[str, Any], engine: Run) -> None:
    """Kubernetes never lets the pod of a Job change."""
    assert name(made(engine)) != name(made(engine, **other))


def test_the_value_of_an_output_counts(engine: Run) -> None:
    """Made within the test: from Python 3.12 on, an output needs an event loop that exists."""
    for value, same in (("i", True), ("other", False)):
        other = made(engine, image=pulumi.Output.from_input(value))
        assert (name(made(engine)) == name(other)) is same


def test_what_transform_changes_is_another_job_too(engine: Run) -> None:
    def tolerate(kind: str, args: dict[str, Any]) -> None:
        if kind == "Job":
            args["spec"]["template"]["spec"]["tolerations"] = [{"key": "batch"}]

    assert name(made(engine)) != name(made(engine, transform=tolerate))


def test_a_secret_value_makes_no_secret_of_the_name(engine: Run) -> None:
    async def program() -> None:
        migrate = Job("migrate", namespace="shop", image=pulumi.Output.secret("i"))
        assert not await migrate.object_name.is_secret()

    engine(program)


def test_a_finished_job_is_never_deleted_so_that_it_would_run_again(engine: Run) -> None:
    recorder = made(engine)
    assert "ttlSecondsAfterFinished" not in spec(recorder)
    assert recorder.request("batch/v1:Job", "migrate").retainOnDelete


def test_it_fails_in_time_with_the_end_of_its_log(engine: Run) -> None:
    recorder = made(engine)
    assert spec(recorder)["backoffLimit"] == 1, "the policies of a new pod may come late"
    assert spec(recorder)["activeDeadlineSeconds"] == 600
    waited = int(recorder.one("Job")["metadata"]["annotations"]["pulumi.com/timeoutSeconds"])
    assert waited > 600, "Kubernetes' reason comes before Pulumi gives up"
    pod = spec(recorder)["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "a pod that failed stays, with its log"
    assert pod["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert spec(made(engine, retries=0, timeout=30))["backoffLimit"] == 0


def test_a_drained_node_is_no_failure(engine: Run) -> None:
    [rule] = spec(made(engine))["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("Deployment", lambda **more: WebService("next", namespace="shop", image="i", **more)),
        ("Deployment", lambda **more: Worker("next", namespace="shop", image="i", **more)),
        ("batch/v1:Job", lambda **more: Job("next", namespace="shop", image="i", **more)),
        (
            "batch/v1:CronJob",
            lambda **more: CronJob("next", **SHOP, schedule="@daily", **more),
        ),
    ],
    ids=["web service", "worker", "job", "cron job"],
)
def test_what_names_it_waits_for_it(kind: str, make: Callable[..., Any], engine: Run) -> None:
    def program() -> None:
        make(after=[Job("migrate", namespace="shop", image="i")])

    needed = {one.rpartition("$")[2] for one in engine(program).request(kind, "next").dependencies}
    assert "kubernetes:batch/v1:Job::migrate" in needed


def test_it_starts_after_its_policy_account_and_what_it_reaches(engine: Run) -> None:
    """A pod of a Job that is refused, or does not reach its database, fails the update."""

    def program() -> None:
        Job("migrate", namespace="shop", image="i", env=Redis("cache", namespace="shop").env)

    needed = {
        one.rpartition("$")[2] for one in engine(program).request("batch/v1:Job", "migrate").dependencies
    }
    assert needed >= {
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::migrate",
        "kubernetes:core/v1:ServiceAccount::migrate",
        "kubernetes:apps/v1:StatefulSet::cache",
    }


def test_a_failure_says_what_to_do() -> None:
    text = job.advice("migrate-1a", "shop", ["resource was not successfully created"])
    assert "What waits for it was left as it was" in text
    assert "Job migrate-1a failed" in text
    assert "kubectl --namespace shop logs job/migrate-1a" in text
    assert "kubectl --namespace shop delete job/migrate-1a && pulumi up --refresh" in text


def test_a_job_that_never_ends_is_called_so() -> None:
    text = job.advice("migrate-1a", "shop", ["[DeadlineExceeded] Job was active longer than specified"])
    assert "Job migrate-1a ran for longer than its `timeout`" in text


def test_a_job_of_an_earlier_version_is_taken_over(engine: Run) -> None:
    """From release 4.29 on the plugin makes no object that exists."""
    text = job.advice("migrate-1a", "shop", ['jobs.batch "migrate-1a" already exists'])
    assert "pulumi config set kubernetes:upsertExistingObjects true && pulumi up" in text
    assert "delete" not in text


def test_the_longest_name_gets_a_pod(engine: Run) -> None:
    """Kubernetes labels the pods with the Job's name, of at most 63 characters."""
    longest = "m" * 52
    recorder = engine(lambda: Job(longest, namespace="shop", image="i") and None)
    assert len(name(recorder)) == 63


def cron(engine: Run, **arguments: Any) -> dict[str, Any]:
    given = {"schedule": "30 4 * * *", **arguments}
    recorder = engine(lambda: CronJob("cleanup", namespace="shop", image="i", **given) and None)
    found: dict[str, Any] = recorder.one("CronJob")["spec"]
    return found


def test_runs_never_overlap_and_late_runs_are_left_out(engine: Run) -> None:
    given = cron(engine)
    assert given["concurrencyPolicy"] == "Forbid"
    assert given["startingDeadlineSeconds"] == 600, "without, 100 missed runs stop it for good"
    assert (given["schedule"], given["timeZone"], given["suspend"]) == ("30 4 * * *", "Etc/UTC", False)
    assert cron(engine, time_zone="Europe/Berlin")["timeZone"] == "Europe/Berlin"


def test_a_run_ends(engine: Run) -> None:
    run = cron(engine, command=["flask", "cleanup"], timeout=60)["jobTemplate"]["spec"]
    assert (run["activeDeadlineSeconds"], run["backoffLimit"]) == (60, 1)
    pod = run["template"]["spec"]
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("Never", "cleanup")
    assert pod["containers"][0]["command"] == ["flask", "cleanup"]


@pytest.mark.parametrize(
    "schedule", ["@hourly", "*/15 * * * *", "0 0 1,15 * mon-fri", "0 22 * jan,DEC 0-5/2", "59 23 31 12 6"]
)
def test_schedules_that_kubernetes_takes(schedule: str, engine: Run) -> None:
    assert cron(engine, schedule=schedule)["schedule"] == schedule
