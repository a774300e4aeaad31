"""The build context of an image: its files, their identity, and a normalised copy.

The identity covers what Git records of a file: its bytes and executable bit, or the target of a link. Two
checkouts of a commit have the same identity, whatever their umask, times and paths. Directories without files
do not count, because Git does not record them, but are sent, as BuildKit sends them.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
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

    directories: list[str] = field(init=False)
    """The directories that are not ignored, by path below `root`: their files may be."""

    executables: set[str] = field(init=False)
    """The files that are executable, by path below `root`."""

    def __post_init__(self) -> None:
        """List the files.

        Raises:
            BadContext: the directory or the Dockerfile is missing, the ignore file is malformed, or a name
                is not UTF-8.
        """
        if not self.root.is_dir():
            raise BadContext(f"context {str(self.root)!r} is not a directory")
        if not (self.root / self.dockerfile).is_file():
            raise BadContext(f"dockerfile {str(self.root / self.dockerfile)!r} does not exist")
        entries = dict(sorted(_walk(self.root, self._ignore())))
        files = {path: entry for path, entry in entries.items() if entry.is_symlink() or not entry.is_dir()}
        for path, entry in entries.items():
            _check_utf8(path, entry)
        object.__setattr__(self, "files", files)
        object.__setattr__(self, "directories", [path for path in entries if path not in files])
        object.__setattr__(self, "executables", _executables(self.root, files))

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
            "files": self._identities,
            "dockerfile": self._dockerfile_hash,
            "target": target,
            "build_args": dict(build_args),
            "platforms": sorted(platforms),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]

    def copy(self, tag: str) -> Path:
        """Copy the files, with normalised modes and times, to a directory named by the tag; return its path.

        BuildKit and the provider take mode bits into account, which differ with the umask, and read
        `.dockerignore` themselves: the copy holds exactly what the tag covers. The files are in `context`,
        next to the `Dockerfile`. An existing copy is used again; copies unused for a day are deleted.

        Raises:
            BadContext: a file has changed since its hash was read, or `.slipway` is a link.
        """
        if CACHE.is_symlink():
            raise BadContext(f"{CACHE} is a link to {CACHE.readlink()}: remove it, builds need it themselves")
        copy = CACHE / tag
        if not copy.exists():
            CACHE.mkdir(exist_ok=True)
            CACHE.chmod(0o700)  # a file that only its owner may read stays so
            (CACHE / ".gitignore").write_text("*\n")
            partial = CACHE / f"{tag}.{secrets.token_hex(4)}"
            (partial / "context").mkdir(parents=True)
            try:
                self._fill(partial)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            os.utime(partial)  # other processes delete old copies
            try:
                partial.rename(copy)
            except OSError:  # another process was faster
                shutil.rmtree(partial)
        os.utime(copy)
        for other in CACHE.iterdir():
            ours = re.fullmatch(r"[0-9a-f]{20}(\.[0-9a-f]{8})?", other.name)
            if ours and other.is_dir() and other.stat().st_mtime < time.time() - DAY:
                shutil.rmtree(other, ignore_errors=True)
        return copy

    def _fill(self, directory: Path) -> None:
        shutil.copyfile(self.root / self.dockerfile, directory / "Dockerfile")
        self._check(self.root / self.dockerfile, _sha256(directory / "Dockerfile") == self._dockerfile_hash)
        # This file prevents a second filtering. It is not empty, because an empty file is ignored.
        (directory / "Dockerfile.dockerignore").write_text("# The context is filtered already.\n")
        for path in self.directories:
            (directory / "context" / path).mkdir(parents=True, exist_ok=True)
        for path, source in self.files.items():
            target = directory / "context" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target, follow_symlinks=False)
            if not target.is_symlink():
                target.chmod(0o755 if path in self.executables else 0o644)
            self._check(source, _identity(target, path in self.executables) == self._identities[path])
            time_ns = _time(self._identities[path])
            os.utime(target, ns=(time_ns, time_ns), follow_symlinks=False)
        for parent, _, _ in os.walk(directory, topdown=False):
            Path(parent).chmod(0o755)
            os.utime(parent, (EPOCH, EPOCH))

    @cached_property
    def _identities(self) -> dict[str, list[str]]:
        return {path: _identity(file, path in self.executables) for path, file in self.files.items()}

    @cached_property
    def _dockerfile_hash(self) -> str:
        return _sha256(self.root / self.dockerfile)

    @staticmethod
    def _check(source: Path, same: bool) -> None:
        if not same:
            raise BadContext(f"{source} has changed since its hash was read: run the command again")


def _identity(file: Path, executable: bool) -> list[str]:
    """Return what Git records: the kind, and a hash of the bytes or the link's target."""
    if file.is_symlink():
        return ["link", str(file.readlink())]
    return ["executable" if executable else "file", _sha256(file)]


def _walk(root: Path, ignore: Ignore) -> Iterator[tuple[str, Path]]:
    """Yield the files, links and directories that are not ignored, by path below `root`."""
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
            if not ignored:
                yield path, Path(entry)
            yield from _walk_below(Path(entry), f"{path}/", ignore, matches)
        elif not ignored and (entry.is_symlink() or entry.is_file()):
            yield path, Path(entry)


def _check_utf8(path: str, entry: Path) -> None:
    """Refuse a name that BuildKit cannot send; its own message does not have the path."""
    target = str(entry.readlink()) if entry.is_symlink() else ""
    for name, kind in ((path, "its name"), (target, "its target")):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise BadContext(
                f"{os.fsencode(entry)!r} cannot be sent to BuildKit: {kind} is not UTF-8"
            ) from None


def _executables(root: Path, files: Mapping[str, Path]) -> set[str]:
    """Return the executable files: by their mode, or by Git's index where core.fileMode is false.

    It is false where the file system has no executable bits (WSL, SMB): each file has the same mode there.
    """
    if _git(root, "config", "--type=bool", "core.fileMode").strip() != "false":
        return {path for path, file in files.items() if not file.is_symlink() and file.stat().st_mode & 0o100}
    entries = _git(root, "ls-files", "--stage", "-z").split("\0")
    return {path for mode, _, path in (entry.partition("\t") for entry in entries) if mode[:6] == "100755"}


def _git(directory: Path, *command: str) -> str:
    """Return Git's answer; empty without Git or a repository."""
    try:
        done = subprocess.run(["git", *command], cwd=directory, capture_output=True)
    except OSError:
        return ""
    return "" if done.returncode else os.fsdecode(done.stdout)


def _time(identity: list[str]) -> int:
    """Return a time in nanoseconds, from 1980 to 1988, that depends on the content.

    BuildKit treats a file with the same size, mode and time as unchanged, without reading it: with a fixed
    time, it would deploy the old content whenever the size stays the same. Layers record whole seconds.
    """
    content = int(hashlib.sha256("\0".join(identity).encode()).hexdigest(), 16)
    return (EPOCH + content % 2**28) * 10**9 + (content >> 28) % 10**9


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
