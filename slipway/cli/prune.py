"""`slipway prune`: delete the images that no stack runs and no rollback could want."""

import json
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.options import HERE, Directory, Json
from slipway.cli.promote import prompter
from slipway.errors import SlipwayError
from slipway.images.registry import Repository
from slipway.images.retention import needed_by, repositories, unneeded
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot


def prune(
    last: Annotated[
        int, typer.Option(min=1, help="How many good receipts of each stack keep their images.")
    ] = 10,
    repository: Annotated[
        list[str] | None, typer.Option(help="Only this repository; may be given several times; default: all.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete, after asking; without it, only tell.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --delete: without asking.")] = False,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Tell which images of the stacks' repositories nobody needs, and with --delete delete them.

    Needed is what any stack of the project has in its state, its file or its cluster, and what its last good
    receipts promise to go back to. A stack that cannot be read stops it. The repositories must be this
    project's own: images that others use from them are not known here.
    """
    with interrupts.deferred():
        talk = prompter(yes or not delete)
        project = Project(cwd)
        names = project.stacks()
        found = _unneeded(project, names, last, repository)
        for name, digests in found.items():
            for digest, tags in digests.items():
                talk.info(f"{name}@{digest} ({', '.join(tags)})")
        count = sum(map(len, found.values()))
        talk.info(
            f"{count} images that none of {', '.join(names)} needs" + ("" if delete else "; nothing deleted")
        )
        deleted = 0
        if delete and count and talk.confirm(f"Delete {count} images?"):
            # Looked at anew: a stack may have been deployed while the question stood there.
            deleted = _delete(found, _unneeded(project, names, last, repository))
            talk.info(f"{deleted} images deleted; the registry's own clean-up frees their layers")
    if as_json:
        print(json.dumps({"unneeded": found, "deleted": deleted}, indent=2))


Found = dict[str, dict[str, list[str]]]


def _unneeded(project: Project, names: list[str], last: int, only: list[str] | None) -> Found:
    if not names:
        raise SlipwayError("the backend has no stack of this project, so that nobody knows what is needed")
    sides = [StackSnapshot.read(project, name) for name in names]
    needed = {digest for side in sides for digest in needed_by(side, last)}
    found = {}
    known = {name for side in sides for name in repositories(side)}
    if strange := set(only or ()) - known:
        raise SlipwayError(
            f"{', '.join(strange)} is no repository of {', '.join(names)}; theirs: {', '.join(sorted(known))}"
        )
    for name in sorted(only or known):
        with Repository(name) as repository:
            found[name] = unneeded(repository.tags(), needed, repository.children)
    return found


def _delete(agreed: Found, now: Found) -> int:
    deleted = 0
    for name, digests in agreed.items():
        with Repository(name) as repository:
            for digest in digests:
                interrupts.check()
                if digest in now.get(name, {}):
                    repository.delete(digest)
                    deleted += 1
    return deleted
