"""Trainings: which one runs, what waits, and until when a run is kept."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from slipway import interrupts
from slipway.cli import train as train_command
from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.errors import SlipwayError
from slipway.images.model_image import ModelImage
from slipway.images.references import Image
from slipway.images.registry import Repository
from slipway.models import training
from slipway.models.training import KNOWN, LABEL, Output, Training
from slipway.pulumi.stack_file import StackFile
from slipway.pulumi.stack_snapshot import MODEL, StackSnapshot
from tests.unit.models.making import files
from tests.unit.models.test_promoting import DIGESTS, snapshot


def template(name: str, labels: dict[str, str]) -> StackObject:
    manifest = {"metadata": {"name": name, "labels": labels}}
    return StackObject("urn", "batch/v1", "CronJob", "digits", name, manifest)


@pytest.mark.parametrize(
    ("trainings", "name", "problem"),
    [
        ((), None, r"has no training in its state: add Training\(…\)"),
        (("a", "b"), None, "has several trainings, name one: a, b"),
        (("a", "b"), "c", "has no training c, but a, b"),
        (("a",), None, "is not in the cluster"),
    ],
)
def test_which_training_is_run(
    trainings: tuple[str, ...], name: str | None, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = [template("cleanup", {}), *(template(item, {LABEL: "true"}) for item in trainings)]
    stack = cast(StackSnapshot, SimpleNamespace(name="dev", objects=objects, cluster=None))
    monkeypatch.setattr(training, "live_objects", lambda cluster, items: {})
    with pytest.raises(SlipwayError, match=problem):
        Training.find(stack, name, print)


CRON_JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "digits", "namespace": "digits", "uid": "1"},
    "spec": {
        "jobTemplate": {
            "spec": {
                "activeDeadlineSeconds": 0,
                "template": {
                    "spec": {
                        "initContainers": [
                            {
                                "name": "digits",
                                "image": "trainer",
                                "env": [{"name": "SEED", "value": "1"}, {"name": KNOWN, "value": "b"}],
                            }
                        ]
                    }
                },
            }
        }
    },
}
POD = {"metadata": {"name": "digits-1", "namespace": "digits"}}


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ({"phase": "Failed"}, "the training failed .*\nKeyError: 'SEED'"),
        (
            {"initContainerStatuses": [{"name": "digits", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
            "container digits cannot start: ErrImagePull",
        ),
        ({"phase": "Pending"}, "did not end in the `timeout`"),
        ({"phase": "Succeeded"}, "the training wrote no card.json"),
    ],
)
def test_a_training_that_fails(status: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def kubectl(self: Cluster, *words: str) -> str:
        return "KeyError: 'SEED'"

    monkeypatch.setattr(Cluster, "kubectl", kubectl)
    monkeypatch.setattr(Cluster, "create", lambda self, manifest: manifest)
    monkeypatch.setattr(Cluster, "get", lambda self, *words: [{**POD, "status": status}])
    with pytest.raises(SlipwayError, match=problem):
        Training(Cluster("nowhere"), CRON_JOB, lambda text: None).run()


def test_a_run_of_train_trains_on_known_data_too() -> None:
    manifest = Training(Cluster("nowhere"), CRON_JOB, print)._manifest()
    [container] = manifest["spec"]["template"]["spec"]["initContainers"]
    assert container["env"] == [{"name": "SEED", "value": "1"}]


RUNNING = [{"name": "output", "state": {"running": {}}}]


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ({"phase": "Running", "containerStatuses": RUNNING}, ["digits-2"]),
        (
            {"phase": "Succeeded", "containerStatuses": [{"name": "output", "state": {"terminated": {}}}]},
            None,
        ),
        ({"phase": "Pending"}, None),
    ],
)
def test_the_output_of_the_latest_scheduled_run(
    status: dict[str, Any], read: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of `slipway train`, which no schedule made, does not count."""
    controller = {"uid": "1", "controller": True}
    jobs = [
        {"metadata": {"name": name, "creationTimestamp": name, "ownerReferences": [owner]}}
        for name, owner in (("digits-1", controller), ("digits-2", controller), ("digits-3", {"uid": "1"}))
    ]
    deleted: list[str] = []
    monkeypatch.setattr(
        Cluster,
        "get",
        lambda self, kind, *words: (
            jobs
            if kind == "jobs"
            else [{"metadata": {"name": words[-1].removeprefix("job-name=")}, "status": status}]
        ),
    )
    monkeypatch.setattr(Training, "_fetch", lambda self, pod: {pod["metadata"]["name"]: b""})
    monkeypatch.setattr(Training, "_delete", lambda self, job, namespace: deleted.append(job))
    made = Training(Cluster("nowhere"), CRON_JOB, print)
    output = made.scheduled()
    assert (list(output.files) if output else None) == read
    assert deleted == [], "the model is not safe yet"
    if output:
        made.delete(output)
        assert deleted == read
        assert list(made.of_job("digits-3").files) == ["digits-3"]
    else:
        with pytest.raises(SlipwayError, match="no output waits in job digits-3"):
            made.of_job("digits-3")
    with pytest.raises(SlipwayError, match="has no job other, but digits-1, digits-2, digits-3"):
        made.of_job("other")


def test_the_output_of_a_run_waits_for_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    waiting = {"phase": "Running", "containerStatuses": RUNNING}
    monkeypatch.setattr(Cluster, "create", lambda self, manifest: manifest)
    monkeypatch.setattr(Cluster, "get", lambda self, *_: [{**POD, "status": waiting}])
    monkeypatch.setattr(training, "read_pod", lambda cluster, pod: pod)
    monkeypatch.setattr(Training, "_fetch", lambda self, pod: {"card.json": b""})
    monkeypatch.setattr(Cluster, "kubectl", lambda self, *given: words.extend(given[:1]))
    made = Training(Cluster("nowhere"), CRON_JOB, lambda text: None)
    output = made.run()
    assert (dict(output.files), words) == ({"card.json": b""}, [])
    made.delete(output)
    assert words == ["delete"]


class Trained:
    """A training whose output waits in a job, and what the command does with it."""

    image = "trainer"
    template: ClassVar[Any] = {"spec": {"jobTemplate": {"spec": {"template": {"spec": {}}}}}}

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, bytes]) -> None:
        self.done: list[str] = []
        self.given = given
        read = snapshot(MODEL, tmp_path)
        self.file = read.file.path
        self.file.write_text("config:\n  digits:model: a\n")
        monkeypatch.setattr(train_command, "Project", lambda directory: None)
        monkeypatch.setattr(train_command, "_commit", lambda _: {})
        monkeypatch.setattr(StackSnapshot, "read", lambda *_: read)
        monkeypatch.setattr(Training, "find", lambda *_: self)
        self.scheduled = self.run = lambda: self.of_job("digits-1")

    def of_job(self, job: str) -> Output:
        return Output(self.given, job, "n")

    def delete(self, output: Output) -> None:
        assert DIGESTS["new"] in self.file.read_text(), "the model is safe"
        self.done.append(output.job)


def pushed(self: ModelImage, repository: Repository) -> Image:
    return Image("r/model", DIGESTS["new"])


@pytest.mark.parametrize(
    ("given", "job"), [({}, "digits-1"), ({"scheduled": True}, "digits-1"), ({"job": "digits-9"}, "digits-9")]
)
def test_a_run_is_deleted_when_its_model_is_in_the_stack_file(
    given: dict[str, Any], job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Trained(tmp_path, monkeypatch, files())
    monkeypatch.setattr(ModelImage, "push", pushed)
    train_command.train("prod", **given)
    assert made.done == [job]


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize("failure", ["card", "registry", "interruption", "stack file"])
def test_an_output_stays_until_its_model_is_in_the_stack_file(
    failure: str,
    scheduled: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise SlipwayError("no")

    made = Trained(tmp_path, monkeypatch, files(format="x" if failure == "card" else "slipway.dev/card/v1"))
    monkeypatch.setattr(ModelImage, "push", fail if failure == "registry" else pushed)
    if failure == "interruption":
        monkeypatch.setattr(interrupts, "check", fail)
    if failure == "stack file":
        monkeypatch.setattr(StackFile, "set_image", fail)
    with pytest.raises(SlipwayError):
        train_command.train("prod", scheduled=scheduled)
    assert made.done == []
    assert "add --job digits-1 to take it" in capsys.readouterr().err


def test_without_an_output_nothing_is_proposed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read = snapshot(MODEL, tmp_path)
    read.file.path.write_text("config:\n  digits:model: a\n")
    monkeypatch.setattr(train_command, "Project", lambda directory: None)
    monkeypatch.setattr(StackSnapshot, "read", lambda *_: read)
    monkeypatch.setattr(Training, "find", lambda *_: SimpleNamespace(scheduled=lambda: None))
    train_command.train("prod", scheduled=True, as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"model": "a", "changed": False}
    assert "no output of a scheduled run waits" in printed.err


def test_a_scheduled_run_that_failed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {
        "metadata": {
            "name": "digits-1",
            "creationTimestamp": "1",
            "ownerReferences": [{"uid": "1", "controller": 1}],
        }
    }
    failed = {**POD, "status": {"phase": "Failed"}}
    monkeypatch.setattr(Cluster, "get", lambda self, kind, *words: [job] if kind == "jobs" else [failed])
    monkeypatch.setattr(Cluster, "kubectl", lambda self, *words: "KeyError")
    with pytest.raises(SlipwayError, match=r"the training failed \(job digits-1\)"):
        Training(Cluster("nowhere"), CRON_JOB, print).scheduled()
    monkeypatch.setattr(Cluster, "get", lambda self, *words: [])
    assert Training(Cluster("nowhere"), CRON_JOB, print).scheduled() is None
