"""`slipway train`: run a training, make an image of the model, and propose it in the stack file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from slipway import interrupts, process
from slipway.cli.console import info, print_json
from slipway.cli.options import HERE, Directory, Json, Stack
from slipway.errors import CommandFailed, SlipwayError
from slipway.images.model_image import pack
from slipway.images.registry import Repository
from slipway.models.training import Output, Training
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import MODEL, REPOSITORIES, StackSnapshot

UPLOAD_S = 600.0
"""The time limit for each request of an upload."""


def train(
    stack: Stack,
    training: Annotated[
        str | None, typer.Argument(metavar="TRAINING", help="Name of the component (default: the only one).")
    ] = None,
    scheduled: Annotated[
        bool,
        typer.Option("--scheduled", help="Take the output of the latest scheduled run instead; run nothing."),
    ] = False,
    job: Annotated[
        str | None,
        typer.Option(help="Take the output of this run instead, whose model was not pushed; run nothing."),
    ] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Run a training of a stack, push the model as an image, and write it into the stack file.

    Deploys nothing: `pulumi up` serves the model, and `slipway promote --model` compares it first.
    A training with the same result has the same digest, and changes nothing.
    The run stays until its model is in the stack file: if that fails, its output can be taken again.

    Exit code: 0 trained, or no output waits; 1 the training failed, or wrote no model.
    """
    if job and scheduled:
        raise SlipwayError("--job and --scheduled name different runs: choose one")
    with interrupts.deferred():
        snapshot = StackSnapshot.read(Project(cwd), stack, MODEL)
        if not snapshot.repository:
            key = f"{snapshot.project}:{REPOSITORIES[MODEL]}"
            raise SlipwayError(
                f"{stack} has no repository for models: `pulumi config set {key} REPOSITORY --stack {stack}`"
            )
        run = Training.find(snapshot, training, info)
        output = run.of_job(job) if job else run.scheduled() if scheduled else run.run()
        if output is None:
            info("no output of a scheduled run waits: there were no new data, or no run has ended")
            if as_json:
                print_json({"model": snapshot.file.image(), "changed": False})
            return
        with _kept(output, run):
            interrupts.check()
            origin = {"dev.slipway.training.image": run.image, **_commit(snapshot)}
            model = pack(output.files, origin, _platform(run))
            image = model.push(Repository(snapshot.repository, timeout_s=UPLOAD_S))
            changed = snapshot.file.image() != str(image)
            snapshot.file.set_image(str(image))
    metrics = ", ".join(f"{name} {value:g}" for name, value in model.card.metrics.items())
    proposal = f"written into {snapshot.file.path.name}; `pulumi up --stack {stack}` serves it"
    info(f"{image}\n{metrics}; {proposal if changed else 'the stack file has it already'}")
    if as_json:
        print_json({"model": str(image), "changed": changed, "metrics": model.card.metrics})


@contextmanager
def _kept(output: Output, run: Training) -> Iterator[None]:
    """Delete a run after the block; if the block fails, print how to take its output again."""
    try:
        yield
    except BaseException:
        info(
            f"The output waits in job {output.job} of namespace {output.namespace} until that ends:"
            f" add --job {output.job} to take it"
        )
        raise
    run.delete(output)


def _commit(snapshot: StackSnapshot) -> dict[str, str]:
    """Return the annotation with the commit of the project; none outside of git."""
    try:
        arguments = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
        commit = process.git(*arguments, directory=snapshot.stack.project.directory)
    except CommandFailed:
        return {}
    return {"org.opencontainers.image.revision": commit.strip()}


def _platform(run: Training) -> str:
    selector = run.template["spec"]["jobTemplate"]["spec"]["template"]["spec"].get("nodeSelector") or {}
    return f"linux/{selector.get('kubernetes.io/arch', 'amd64')}"
