"""The tools: found on PATH where a suitable one is, otherwise built once from pinned Go modules.

What is built lies in a directory named by a hash of all that determines it, so that nothing is
built twice and a change never mixes with what was there before.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sandbox.platform import files
from sandbox.platform.instance import Instance, SandboxError
from sandbox.progress import Part
from sandbox.shell import run
from sandbox.tools import releases
from sandbox.tools.families import FAMILIES, FOR_USERS, SYSTEM, Family, Stage, Tool

SOURCES = Path(__file__).parent / "go"


class Toolchain:
    """Where each tool of an instance is."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def path(self, name: str) -> str:
        """The path of a tool, found or built."""
        link = self._instance.libexec / name
        if not link.exists():
            raise SandboxError(f"{name} is not there: run `python -m sandbox up`")
        return str(link.readlink())

    def has(self, name: str) -> bool:
        """Whether a tool is there already."""
        return (self._instance.libexec / name).exists()

    @property
    def cni(self) -> str:
        """The directory of the CNI plugins."""
        return "/usr/lib/cni"

    def missing(self, *stages: Stage) -> list[Family]:
        """The families of these stages of which something is to be built."""
        return [
            family
            for family in FAMILIES
            if family.stage in stages
            and not all(self._found(family, tool) for tool in _to_build(family.tools))
        ]

    def link(self) -> None:
        """Point the instance's libexec/ at every tool there is, and its bin/ at those for the user."""
        for directory in (self._instance.libexec, self._instance.bin):
            directory.mkdir(parents=True, exist_ok=True)
        found = [(tool.name, self._found(family, tool)) for family in FAMILIES for tool in family.tools]
        found += [(tool.name, on_path(tool)) for tool in SYSTEM]
        for name, path in found:
            if path:
                _symlink(self._instance.libexec / name, path)
        for name in FOR_USERS:
            _symlink(self._instance.bin / name, str(self._instance.libexec / name))

    def fetch(self, families: Iterable[Family]) -> None:
        """Download what families are built from, so that no compiler waits for it."""
        for family in families:
            _fetch(family, _packages(family))

    def build(self, family: Family, part: Part) -> None:
        """Compile a family's tools that are not on PATH, unless another process has just done so."""
        directory = self._directory(family)
        with self._build_lock():
            if not directory.exists():
                # Built aside and moved whole: a build that is killed leaves nothing that looks finished.
                with tempfile.TemporaryDirectory(prefix=".building-", dir=directory.parent) as draft:
                    output = Path(draft, "bin")
                    _compile(family, _packages(family), output, part)
                    _copy_files(family, output)
                    output.rename(directory)

    @contextmanager
    def _build_lock(self) -> Iterator[None]:
        """One build at a time, also among instances: two at once would each take twice as long."""
        with files.locked(self._instance.tools / ".lock"):
            for abandoned in self._instance.tools.glob(".building-*"):
                shutil.rmtree(abandoned)
            yield

    def _found(self, family: Family, tool: Tool) -> str | None:
        built = self._directory(family) / tool.name
        return str(built) if built.exists() else on_path(tool)

    def _directory(self, family: Family) -> Path:
        return self._instance.tools / f"{family.name}-{key(family)}"


@cache
def on_path(tool: Tool) -> str | None:
    """A suitable tool that the machine has already."""
    found = shutil.which(tool.name, path=_search_path())
    if not found or (tool.package and not tool.suitable):
        return None
    if not tool.suitable:
        return found
    done = subprocess.run([found, *tool.version], capture_output=True, text=True, check=False, timeout=20)
    return found if re.search(tool.suitable, done.stdout + done.stderr) else None


def _search_path() -> str:
    """PATH with the virtualenv's programs first and no instance's own links."""
    entries = [entry for entry in os.environ["PATH"].split(os.pathsep) if not _is_instance(Path(entry))]
    return os.pathsep.join((str(Path(sys.executable).parent), *entries))


def _is_instance(directory: Path) -> bool:
    return directory.name in ("bin", "libexec") and (directory.parent / "lock").exists()


@cache
def key(family: Family) -> str:
    """A hash of what determines the family's binaries: sources, versions, flags and the Go release."""
    packages = [tool.package for tool in family.tools]
    digest = hashlib.sha256(repr((_go_version(), family.command, packages, family.files)).encode())
    root = SOURCES / family.module
    own = [root / package for package in packages if package.startswith("./")]
    sources = [root / "go.mod", root / "go.sum", *(root / "stubs").rglob("*")]
    sources += [path for directory in own for path in directory.rglob("*")]
    for file in sorted(path for path in sources if path.is_file()):
        digest.update(b"\0".join((str(file.relative_to(root)).encode(), file.read_bytes())))
    return digest.hexdigest()[:12]


@cache
def _go_version() -> str:
    """The release that go.mod files select. Without Go nothing can be built, and nothing has a key."""
    return run("go", "version").strip() if shutil.which("go") else "none"


def _compile(family: Family, packages: tuple[str, ...], output: Path, part: Part) -> None:
    total, said = _fetch(family, packages), []
    with _go(family, *family.command, "-v", "-o", f"{output}/", *packages) as process:
        for line in process.stderr or ():
            said.append(line)
            part(len(said), total)
    if process.returncode:
        raise SandboxError(f"building {family.name} failed:\n{''.join(said[-20:])}")


@cache
def _fetch(family: Family, packages: tuple[str, ...]) -> int:
    """Download what these packages are made from, and count it. What fails is for the compilation to tell."""
    with _go(family, "go", "list", "-deps", *packages) as process:
        return len(process.communicate()[0].splitlines())


def _packages(family: Family) -> tuple[str, ...]:
    return tuple(sorted({tool.package for tool in _to_build(family.tools) if not on_path(tool)}))


def _to_build(tools: Iterable[Tool]) -> Iterator[Tool]:
    """Leave out the plugins of Pulumi that can be downloaded."""
    return (tool for tool in tools if not (tool.plugin and releases.reachable()))


def _copy_files(family: Family, output: Path) -> None:
    """Copy the family's files from the Go modules that they are part of."""
    for module, _, path in (file.partition("//") for file in family.files):
        with _go(family, "go", "list", "-m", "-f", "{{.Dir}}", module) as process:
            directory = process.communicate()[0].strip()
        shutil.copy(Path(directory, path), output)


def _memory_for_time() -> dict[str, str]:
    """Switch the compiler's garbage collector off where there is memory for that.

    It took 6 % less time; the bytes were the same. Each compiler at work may take its share of what is free.
    """
    available = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    share = int(available[1]) // 2 // (os.cpu_count() or 1) if available else 0
    return {"GOGC": "off", "GOMEMLIMIT": f"{share}KiB"} if share >= 2 * 2**20 else {}


def _go(family: Family, *command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=SOURCES / family.module,
        env={**_memory_for_time(), **os.environ, "CGO_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _symlink(link: Path, target: str) -> None:
    if not (link.is_symlink() and link.readlink() == Path(target)):
        draft = link.with_name(f".{link.name}.new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        draft.rename(link)
