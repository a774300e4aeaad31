"""Run a training in the cluster, and fetch the files of the model that it writes."""

import copy
import io
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from slipway import interrupts, process
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject, live_objects
from slipway.cluster.pods import check_start, read_pod
from slipway.errors import CommandFailed, Interrupted, SlipwayError
from slipway.images.model_image import CARD_FILE, MAX_BYTES
from slipway.pulumi.stack_snapshot import StackSnapshot

LABEL = "slipway.dev/training"
"""The label of the CronJobs that are the templates of trainings; `Training` sets it."""
KNOWN = "KNOWN_DATA"
"""The variable by which a scheduled run finds out that its data are known; `Training` sets it."""
OUTPUT, DIRECTORY = "output", "/output"
LOG_LINES = 15


@dataclass(frozen=True)
class Output:
    """The files of the model that a run wrote, by their names. The run keeps them until it is deleted."""

    files: Mapping[str, bytes]
    job: str
    namespace: str


@dataclass(frozen=True)
class Training:
    """A run of a training."""

    cluster: Cluster
    template: Object
    """The CronJob."""
    info: Callable[[str], None]

    @classmethod
    def find(cls, snapshot: StackSnapshot, name: str | None, info: Callable[[str], None]) -> "Training":
        """Return the training of a stack with a name, or its only one."""
        found = {item.name: item for item in snapshot.objects if _is_training(item)}
        if not found:
            raise SlipwayError(
                f"{snapshot.name} has no training in its state: add Training(…) to the program, and run"
                f" `pulumi up --stack {snapshot.name}`"
            )
        if name is None and len(found) > 1:
            raise SlipwayError(f"{snapshot.name} has several trainings, name one: {', '.join(sorted(found))}")
        if name is not None and name not in found:
            raise SlipwayError(f"{snapshot.name} has no training {name}, but {', '.join(sorted(found))}")
        chosen = found[name or next(iter(found))]
        live = live_objects(snapshot.cluster, [chosen])
        if not live:
            raise SlipwayError(f"{chosen} is not in the cluster: `pulumi up --refresh`")
        return cls(snapshot.cluster, next(iter(live.values())), info)

    @property
    def image(self) -> str:
        """The image that trains."""
        return str(self._container["image"])

    @property
    def _container(self) -> Object:
        pod: Object = self.template["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        container: Object = pod["initContainers"][0]
        return container

    def run(self) -> Output:
        """Train, and return the output; a run that failed stays, with its log."""
        job = self.cluster.create(self._manifest())
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        self.info(f"Training: job {name} in namespace {namespace}, with {self.image}…")
        try:
            pod = self._finished_pod(name, namespace)
        except Interrupted:
            self._delete(name, namespace)
            raise
        return Output(self._fetch(pod), name, namespace)

    def scheduled(self) -> Output | None:
        """Return the output of the latest scheduled run; None if no output waits.

        SlipwayError with the end of its log if the run failed.
        """
        jobs = self._jobs(scheduled=True)
        latest = max(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"]), default=None)
        return self._waiting(latest["metadata"]["name"]) if latest else None

    def of_job(self, job: str) -> Output:
        """Return the output of a run by the name of its Job; SlipwayError if none waits there."""
        if job not in (names := [item["metadata"]["name"] for item in self._jobs()]):
            raise SlipwayError(f"the training has no job {job}, but {', '.join(sorted(names)) or 'none'}")
        output = self._waiting(job)
        if output is None:
            raise SlipwayError(f"no output waits in job {job}: it has not ended, or it ended without one")
        return output

    def _jobs(self, *, scheduled: bool = False) -> list[Object]:
        """Return the runs of the training: those of its schedule alone, or also those of `slipway train`."""
        metadata = self.template["metadata"]
        return [
            job
            for job in self.cluster.get("jobs", "-n", metadata["namespace"])
            for owner in job["metadata"].get("ownerReferences") or ()
            if owner["uid"] == metadata["uid"] and (owner.get("controller") or not scheduled)
        ]

    def _waiting(self, job: str) -> Output | None:
        namespace = self.template["metadata"]["namespace"]
        for pod in self.cluster.get("pods", "-n", namespace, "-l", f"job-name={job}"):
            if self._waits(pod, job):
                return Output(self._fetch(pod), job, namespace)
        return None

    def delete(self, output: Output) -> None:
        """Delete the run that has an output, which is safe elsewhere."""
        self._delete(output.job, output.namespace)

    def _waits(self, pod: Object, job: str) -> bool:
        """Return whether the output of a run waits; SlipwayError if the run failed."""
        check_start(pod)
        if pod["status"].get("phase") == "Failed":
            raise SlipwayError(self._failure(pod, job))
        return any("running" in item["state"] for item in pod["status"].get("containerStatuses", ()))

    def _delete(self, job: str, namespace: str) -> None:
        self.cluster.kubectl("delete", "job", job, "-n", namespace, "--ignore-not-found", "--wait=false")

    def _manifest(self) -> Object:
        metadata = self.template["metadata"]
        owner = {key: self.template[key] for key in ("apiVersion", "kind")}
        owner |= {key: metadata[key] for key in ("name", "uid")}
        spec = copy.deepcopy(self.template["spec"]["jobTemplate"]["spec"])
        [train] = spec["template"]["spec"]["initContainers"]
        train["env"] = [item for item in train.get("env") or () if item["name"] != KNOWN]
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{metadata['name']}-{secrets.token_hex(3)}",
                "namespace": metadata["namespace"],
                "labels": metadata.get("labels") or {},
                "ownerReferences": [owner],
            },
            "spec": spec,
        }

    def _finished_pod(self, job: str, namespace: str) -> Object:
        """Return the pod when the process has ended well; SlipwayError with the end of its log if not."""
        deadline = time.monotonic() + self.template["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        while True:
            pods = self.cluster.get("pods", "-n", namespace, "-l", f"job-name={job}")
            if pods:
                pod = read_pod(self.cluster, pods[0])
                if self._waits(pod, job):
                    return pod
                if pod["status"].get("phase") == "Succeeded":
                    raise SlipwayError(f"the training wrote no {CARD_FILE} (job {job})")
            interrupts.check()
            if time.monotonic() > deadline:
                raise SlipwayError(
                    f"the training did not end in the `timeout` of its component; see"
                    f" `kubectl -n {namespace} describe job/{job}`"
                )
            time.sleep(0.5)

    def _failure(self, pod: Object, job: str) -> str:
        metadata, container = pod["metadata"], self._container["name"]
        where = (metadata["name"], "-n", metadata["namespace"], "-c", container, f"--tail={LOG_LINES}")
        try:
            log = self.cluster.kubectl("logs", *where).strip()
        except SlipwayError:
            log = ""  # the container never started
        reason = pod["status"].get("message") or pod["status"].get("reason") or ""
        return f"the training failed (job {job}) {reason}\n{log or 'it printed nothing'}"

    def _fetch(self, pod: Object) -> dict[str, bytes]:
        metadata = pod["metadata"]
        where = (metadata["name"], "-n", metadata["namespace"], "-c", OUTPUT)
        archive = ("tar", "-C", DIRECTORY, "-cf", "-", ".")
        result = process.run(*self.cluster.command("exec", *where, "--", *archive), timeout_s=600)
        if result.code:
            raise CommandFailed(f"the output of the training cannot be read: {result.error}")
        return dict(read_archive(result.stdout))


def _is_training(item: StackObject) -> bool:
    labels: Mapping[str, str] = (item.manifest.get("metadata") or {}).get("labels") or {}
    return item.kind == "CronJob" and LABEL in labels


def read_archive(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive that a training wrote; SlipwayError for anything but plain files."""
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
            for member in members:
                name = member.name.removeprefix("./")
                if member.isdir() and name in ("", "."):
                    continue
                if not member.isfile() or "/" in name:
                    raise SlipwayError(
                        f"the training wrote {name}, but a model consists of plain files directly in OUTPUT"
                    )
                size += member.size
                if size > MAX_BYTES:
                    raise SlipwayError(f"the training wrote more than {MAX_BYTES} bytes")
                file = members.extractfile(member)
                yield name, file.read() if file else b""
    except tarfile.TarError as error:
        raise SlipwayError(f"the output of the training cannot be read: {error}") from None
