"""`slipway prune`: delete the images that no stack and no rollback needs."""

from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import make_prompter, print_json
from slipway.cli.options import HERE, Directory, Json, Yes
from slipway.errors import SlipwayError
from slipway.images.registry import Repository
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.retention import named_tags, needed_by, repositories, unneeded


def prune(
    last: Annotated[
        int, typer.Option(min=1, help="Keep the images of this number of verified receipts of each stack.")
    ] = 10,
    repository: Annotated[
        list[str] | None,
        typer.Option(help="Only images of this repository; repeatable (default: all of the project's)."),
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Ask, then delete the images; without this, only list them.")
    ] = False,
    yes: Yes = False,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """List the images of the stacks' repositories that no stack needs; with --delete, delete them.

    A stack needs the images in its state, its stack file, its cluster and its last verified receipts, and its
    build caches. If a stack cannot be read, prune stops. The repositories must belong to this project alone:
    prune does not know the images that others use.

    Exit code: 0 listed or deleted, 1 an error.
    """
    with interrupts.deferred():
        prompter = make_prompter(yes or not delete)
        project = Project(cwd)
        names = project.stacks()
        images = _unneeded(project, names, last, repository)
        for name, digests in images.items():
            for digest, tags in digests.items():
                prompter.info(f"{name}@{digest} ({', '.join(tags)})")
        count = sum(map(len, images.values()))
        prompter.info(
            f"{count} images are not needed by {', '.join(names)}" + ("" if delete else "; nothing deleted")
        )
        deleted = 0
        if delete and count and prompter.confirm(f"Delete {count} images?"):
            # Read again: a stack may have been deployed while the question waited.
            deleted = _delete(images, _unneeded(project, names, last, repository))
            prompter.info(f"{deleted} images deleted; the registry's garbage collection frees their layers")
    if as_json:
        print_json({"unneeded": images, "deleted": deleted})


Images = dict[str, dict[str, list[str]]]
"""Tags by digest by repository."""


def _unneeded(project: Project, names: list[str], last: int, only: list[str] | None) -> Images:
    if not names:
        raise SlipwayError("the backend has no stacks of this project, so the needed images are unknown")
    snapshots = [StackSnapshot.read(project, name) for name in names]
    needed = {digest for snapshot in snapshots for digest in needed_by(snapshot, last)}
    own = {name for snapshot in snapshots for name in repositories(snapshot)}
    if foreign := set(only or ()) - own:
        raise SlipwayError(
            f"no stack uses the repository {', '.join(foreign)}; they use {', '.join(sorted(own))}"
        )
    images = {}
    for name in sorted(only or own):
        repository = Repository(name)
        tags = repository.tags()
        kept = {
            tags[tag] for snapshot in snapshots for tag in named_tags(snapshot.state, name) if tag in tags
        }
        images[name] = unneeded(tags, needed | kept, repository.children)
    return images


def _delete(confirmed: Images, current: Images) -> int:
    deleted = 0
    for name, digests in confirmed.items():
        repository = Repository(name)
        for digest in digests:
            interrupts.check()
            if digest in current.get(name, {}):
                repository.delete(digest)
                deleted += 1
    return deleted
