"""What a preview was made of, so that it is not applied once any of it has changed."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery import images
from delivery.errors import DeliveryError
from delivery.images import Image
from delivery.live import fingerprint, read
from delivery.side import Side
from delivery.stack_file import SALT


class Changed(DeliveryError):
    """Something is not as it was when the preview was made."""


@dataclass(frozen=True)
class Seen:
    """Hashes of everything that an update depends on."""

    program: str
    configuration: str
    state: str
    cluster: str
    image: str

    @classmethod
    def now(cls, target: Side, image: Image) -> "Seen":
        """Look at everything once."""
        return cls(
            program=_program(target.stack.project.directory),
            configuration=_configuration(target),
            state=_hash(target.state["deployment"].get("resources")),
            cluster=fingerprint(read(target.cluster, target.objects)),
            image=_image(image),
        )

    def check_unchanged(self, target: Side) -> None:
        """Return if all is as it was.

        Raises:
            Changed: something is not; nothing was touched.
        """
        now = Seen.now(
            target, Image.parse(target.file.image() or self.image.partition(" ")[0], target.repository)
        )
        what = [name for name, value in vars(self).items() if value != getattr(now, name)]
        if what:
            raise Changed(
                f"{_named(what)} changed since the preview of {target.name} was made, so that it says nothing"
                " about what would happen now; nothing was applied. Run it again to see"
            )


_NAMES = {
    "program": "the program",
    "configuration": "the configuration",
    "state": "the state (another update)",
    "cluster": "objects in the cluster",
    "image": "the image, or what its tag names,",
}


def _named(what: list[str]) -> str:
    return " and ".join(_NAMES[one] for one in what)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _image(image: Image) -> str:
    images.manifest(image)
    return f"{image} {images.tagged(image)}"


def _configuration(target: Side) -> str:
    """Hash the stack's configuration and the project's, less the salt that a preview may add."""
    document = yaml.safe_load(target.file.text()) or {}
    document.pop(SALT, None)
    return _hash([document, (target.stack.project.directory / "Pulumi.yaml").read_text()])


def _program(directory: Path) -> str:
    """Hash every file that git does not ignore; outside of a repository every file that is not hidden."""
    digest = hashlib.sha256()
    for path in sorted(_files(directory)):
        digest.update(f"{path.relative_to(directory)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [directory / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [path for path in directory.rglob("*") if not _hidden(path.relative_to(directory))]
    stack_files = {path for path in directory.glob("Pulumi.*.yaml")}
    return (path for path in paths if path.is_file() and path not in stack_files)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
