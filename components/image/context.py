"""The build context of an image: its files, their identity, and a normalised copy.

The identity covers what Git records of a file: its bytes and executable bit, or the target of a link. Empty
directories do not count. Two checkouts of a commit have the same identity, whatever their umask, times and
paths.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.image.dockerignore import BadPattern, Ignore, Matches, read_patterns

CACHE = Path(".slipway")
"""The directory of the copies, below the program's. It is relative because the stack's state records it."""

DAY = 86_400

EPOCH = 315_619_200
"""2 January 1980, in seconds: zip files, and so Python wheels, cannot record earlier times."""


class BadContext(ValueError):
    """The context cannot be built from; the message names the path and what to do."""


@dataclass(frozen=True)
class BuildContext:
    """The files below `root` that `.dockerignore` lets through, and a Dockerfile."""

    root: Path
    dockerfile: Path
    """Relative to `root`, as in a Compose file."""

    files: dict[str, Path] = field(init=False)
    """Regular files and symbolic links, by path below `root`, sorted."""

    def __post_init__(self) -> None:
        """List the files.

        Raises:
            BadContext: the directory or the Dockerfile is missing, or the ignore file is malformed.
        """
        if not self.root.is_dir():
            raise BadContext(f"context {str(self.root)!r} is not a directory")
        if not (self.root / self.dockerfile).is_file():
            raise BadContext(f"dockerfile {str(self.root / self.dockerfile)!r} does not exist")
        files = _walk(self.root, self._ignore())
        object.__setattr__(self, "files", dict(sorted(files)))

    def _ignore(self) -> Ignore:
        """Read the ignore file next to the Dockerfile, or else the context's.

        https://docs.docker.com/build/concepts/context/#filename-and-location
        """
        own = self.root / f"{self.dockerfile}.dockerignore"
        path = own if own.exists() and own.stat().st_size else self.root / ".dockerignore"
        if not path.exists():
            return Ignore()
        try:
            return Ignore(read_patterns(path.read_text(errors="surrogateescape")))
        except BadPattern as error:
            raise BadContext(f"{path}: {error}") from None

    def tag(self, *, target: str | None, build_args: Mapping[str, str], platforms: list[str]) -> str:
        """Return a hash of everything that the image is made of: 20 hexadecimal digits."""
        identity = {
            "files": {path: _identity(file) for path, file in self.files.items()},
            "dockerfile": _sha256(self.root / self.dockerfile),
            "target": target,
            "build_args": dict(build_args),
            "platforms": sorted(platforms),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]

    def check_target(self, target: str | None) -> None:
        """Check that the Dockerfile has the stage.

        Raises:
            BadContext: the stage does not exist; the message lists the stages.
        """
        path = self.root / self.dockerfile
        lines = re.sub(r"\\\s*\n", " ", path.read_text(errors="replace"))
        stages = re.findall(r"^\s*FROM\s.*?(?:\sAS\s+(\S+))?\s*$", lines, re.IGNORECASE | re.MULTILINE)
        named = [stage for stage in stages if stage]
        if target is None or target.lower() in map(str.lower, named):
            return
        if not (target.isdecimal() and int(target) < len(stages)):
            raise BadContext(
                f"target is {target!r}, but the stages of {path} are {', '.join(named) or 'unnamed'}"
            )

    def copy(self, tag: str) -> Path:
        """Copy the files, with normalised modes and times, to a directory named by the tag; return its path.

        BuildKit and the provider take mode bits into account, which differ with the umask, and read
        `.dockerignore` themselves: the copy holds exactly what the tag covers. The files are in `context`,
        next to the `Dockerfile`. An existing copy is used again; copies unused for a day are deleted.
        """
        copy = CACHE / tag
        if not copy.exists():
            CACHE.mkdir(exist_ok=True)
            (CACHE / ".gitignore").write_text("*\n")
            partial = CACHE / f"{tag}.{secrets.token_hex(4)}"
            (partial / "context").mkdir(parents=True)
            self._fill(partial)
            try:
                partial.rename(copy)
            except OSError:  # another process was faster
                shutil.rmtree(partial)
        os.utime(copy)
        for other in CACHE.iterdir():
            if other.is_dir() and other.stat().st_mtime < time.time() - DAY:
                shutil.rmtree(other, ignore_errors=True)
        return copy

    def _fill(self, directory: Path) -> None:
        shutil.copyfile(self.root / self.dockerfile, directory / "Dockerfile")
        # This file prevents a second filtering. It is not empty, because an empty file is ignored.
        (directory / "Dockerfile.dockerignore").write_text("# The context is filtered already.\n")
        for path, source in self.files.items():
            target = directory / "context" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target, follow_symlinks=False)
            if not target.is_symlink():
                target.chmod(0o755 if _executable(source) else 0o644)
            os.utime(target, ns=(_time(source), _time(source)), follow_symlinks=False)
        for parent, _, _ in os.walk(directory, topdown=False):
            Path(parent).chmod(0o755)
            os.utime(parent, (EPOCH, EPOCH))


def _walk(root: Path, ignore: Ignore) -> Iterator[tuple[str, Path]]:
    """Yield the files and links that are not ignored, by path below `root`."""
    yield from _walk_below(root, "", ignore, ())


def _walk_below(directory: Path, prefix: str, ignore: Ignore, parent: Matches) -> Iterator[tuple[str, Path]]:
    for entry in os.scandir(directory):
        path = prefix + entry.name
        ignored, matches = ignore.match(path, parent)
        if entry.is_dir(follow_symlinks=False):
            if ignored and not ignore.may_readmit_inside(path):
                continue
            if entry.name == CACHE.name and Path(entry).resolve() == CACHE.resolve():
                continue
            yield from _walk_below(Path(entry), f"{path}/", ignore, matches)
        elif not ignored and (entry.is_symlink() or entry.is_file()):
            yield path, Path(entry)


def _identity(file: Path) -> list[str]:
    """Return what Git records: the kind, and a hash of the bytes or the link's target."""
    if file.is_symlink():
        return ["link", str(file.readlink())]
    return ["executable" if _executable(file) else "file", _sha256(file)]


def _time(file: Path) -> int:
    """Return a time in nanoseconds, from 1980 to 1988, that depends on the content.

    BuildKit treats a file with the same size, mode and time as unchanged, without reading it: with a fixed
    time, it would deploy the old content whenever the size stays the same. Layers record whole seconds.
    """
    content = int(hashlib.sha256("\0".join(_identity(file)).encode()).hexdigest(), 16)
    return (EPOCH + content % 2**28) * 10**9 + (content >> 28) % 10**9


def _executable(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o100)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
