"""What is promoted: the receipts, repositories and trainings of a stack's models."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.cli import train as train_command
from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.models import training
from slipway.models.training import KNOWN, LABEL, Training
from slipway.promotion import promote as flow
from slipway.promotion.receipts import Outcome, Receipt, now
from slipway.pulumi.project import ConfigValue, Stack
from slipway.pulumi.stack_snapshot import IMAGE, MODEL, StackSnapshot, stack_file

DIGESTS = {name: f"sha256:{digit * 64}" for name, digit in (("old", "1"), ("new", "2"), ("image", "3"))}


def receipt(number: int, setting: str, name: str) -> Receipt:
    return Receipt(
        number=number,
        stack="prod",
        setting=setting,
        source="staging",
        image=f"r/{setting}@{DIGESTS[name]}",
        who="me",
        started=now(),
        outcome=Outcome.VERIFIED,
    )


def snapshot(setting: str, tmp_path: Path) -> StackSnapshot:
    stack = SimpleNamespace(
        name="prod", file=tmp_path / "Pulumi.prod.yaml", project=SimpleNamespace(name="digits")
    )
    outputs = {"image": f"r/image@{DIGESTS['image']}", "model": f"r/model@{DIGESTS['new']}"}
    state = {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]}}
    config = {
        "digits:repository": ConfigValue("r/image", False),
        "digits:modelRepository": ConfigValue("r/model", False),
    }
    return StackSnapshot(cast(Stack, stack), "digits", config, Cluster("nowhere"), state, setting)


@pytest.mark.parametrize(("setting", "name"), [(IMAGE, "image"), (MODEL, "new")])
def test_each_setting_has_its_own_image_repository_and_line(setting: str, name: str, tmp_path: Path) -> None:
    read = snapshot(setting, tmp_path)
    assert read.image == Image(f"r/{setting}", DIGESTS[name])
    assert read.repository == f"r/{setting}"
    assert read.file.key == f"digits:{setting}"
    assert read.promoting(MODEL).image == Image("r/model", DIGESTS["new"])


def test_a_rollback_of_the_model_passes_over_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a rollback of the image over models; receipts from before there were models are of images."""
    receipts = [receipt(3, MODEL, "new"), receipt(2, IMAGE, "image"), receipt(1, MODEL, "old")]
    monkeypatch.setattr(
        StackSnapshot, "receipts", property(lambda self: SimpleNamespace(all=lambda: receipts))
    )
    read = snapshot(MODEL, tmp_path)
    chosen = flow.choose_receipt(read.promotions, read.image, None, "prod")
    assert chosen.number == 1
    with pytest.raises(SlipwayError, match="no earlier version"):
        flow.choose_receipt(read.promoting(IMAGE).promotions, read.promoting(IMAGE).image, None, "prod")
    assert Receipt.model_validate(receipt(1, IMAGE, "old").model_dump(exclude={"setting"})).setting == IMAGE


def test_a_model_of_a_strange_repository_is_not_rolled_back_to(tmp_path: Path) -> None:
    with pytest.raises(SlipwayError, match="pulumi config set digits:modelRepository r/strange --stack prod"):
        flow.check_repository(Image("r/strange", DIGESTS["old"]), snapshot(MODEL, tmp_path), "receipt #1")


def test_the_stack_file_has_a_line_for_each(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config:\n  digits:image: a  # the server\n")
    stack = cast(Stack, SimpleNamespace(file=file, project=SimpleNamespace(name="digits")))
    stack_file(stack, MODEL).set_image("b")
    assert file.read_text() == "config:\n  digits:image: a  # the server\n  digits:model: b\n"


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
    files = Training(Cluster("nowhere"), CRON_JOB, print).scheduled()
    assert (list(files) if files else None, deleted) == (read, read or [])


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
