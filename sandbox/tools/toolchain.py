"""The tools: suitable ones on PATH, and others compiled once from pinned Go modules.

The name of a family's directory has a hash of everything that determines its binaries, so nothing is compiled
twice, and a change never mixes with older binaries.
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
from threading import Lock

from sandbox.platform import files
from sandbox.platform.instance import Instance, SandboxError
from sandbox.progress import Part
from sandbox.shell import run
from sandbox.tools import reachability
from sandbox.tools.catalogue import FAMILIES, FOR_USERS, SYSTEM, Family, Stage, Tool

SOURCES = Path(__file__).parent / "go"


class Toolchain:
    """The tools of an instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def path(self, name: str) -> str:
        """Return the path of a tool."""
        link = self._instance.libexec / name
        if not link.exists():
            raise SandboxError(f"{name} is not installed: run `{self._instance.command('up')}`")
        return str(link.readlink())

    def has(self, name: str) -> bool:
        """Return whether a tool exists."""
        return (self._instance.libexec / name).exists()

    def missing(self, *stages: Stage) -> list[Family]:
        """Return the families of these stages that have tools to compile."""
        return [
            family
            for family in FAMILIES
            if family.stage in stages
            and not all(self._find(family, tool) for tool in _to_build(family.tools))
        ]

    def link(self) -> None:
        """Link every existing tool in the instance's libexec/, and the tools for users in its bin/."""
        for directory in (self._instance.libexec, self._instance.bin):
            directory.mkdir(parents=True, exist_ok=True)
        tools = [(tool.name, self._find(family, tool)) for family in FAMILIES for tool in family.tools]
        tools += [(tool.name, on_path(tool)) for tool in SYSTEM]
        for name, path in tools:
            if path:
                _symlink(self._instance.libexec / name, path)
        for name in FOR_USERS:
            _symlink(self._instance.bin / name, str(self._instance.libexec / name))

    def fetch(self, families: Iterable[Family]) -> None:
        """Download the modules of families, so that no compilation waits for them."""
        for family in families:
            _fetch(family, _packages(family))

    def build(self, family: Family, part: Part) -> None:
        """Compile a family's tools that are not on PATH, unless another process has done it."""
        directory = self._directory(family)
        with self._build_lock():
            if not directory.exists():
                # In a temporary directory until the end: a killed build leaves nothing that looks complete.
                with tempfile.TemporaryDirectory(prefix=".building-", dir=directory.parent) as draft:
                    output = Path(draft, "bin")
                    _compile(family, _packages(family), output, part)
                    for tool in family.tools:
                        if tool.built:
                            (output / tool.built).rename(output / tool.name)
                    _copy_files(family, output)
                    output.rename(directory)

    @contextmanager
    def _build_lock(self) -> Iterator[None]:
        """Hold the lock for builds of all instances: two at the same time would each take twice as long."""
        with files.locked(self._instance.tools / ".lock"):
            for abandoned in self._instance.tools.glob(".building-*"):
                shutil.rmtree(abandoned)
            yield

    def _find(self, family: Family, tool: Tool) -> str | None:
        built = self._directory(family) / tool.name
        return str(built) if built.exists() else on_path(tool)

    def _directory(self, family: Family) -> Path:
        return self._instance.tools / f"{family.name}-{key(family)}"


_FETCHING = Lock()


@cache
def on_path(tool: Tool) -> str | None:
    """Return the path of a suitable tool on PATH; None without one."""
    path = shutil.which(tool.name, path=_search_path())
    if not path or (tool.package and not tool.suitable):
        return None
    if not tool.suitable:
        return path
    done = subprocess.run([path, *tool.version], capture_output=True, text=True, check=False, timeout=20)
    return path if re.search(tool.suitable, done.stdout + done.stderr) else None


def _search_path() -> str:
    """Return PATH with the virtualenv first and without the links of instances."""
    entries = [entry for entry in os.environ["PATH"].split(os.pathsep) if not _is_instance(Path(entry))]
    return os.pathsep.join((str(Path(sys.executable).parent), *entries))


def _is_instance(directory: Path) -> bool:
    return directory.name in ("bin", "libexec") and (directory.parent / "lock").exists()


@cache
def key(family: Family) -> str:
    """Return a hash of everything that determines the binaries: sources, versions, flags and Go release."""
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
    """Return the Go release in use, which a go.mod may select."""
    return run("go", "version").strip() if shutil.which("go") else "none"


def _compile(family: Family, packages: tuple[str, ...], output: Path, part: Part) -> None:
    # The standard library needs no modules, so it compiles while they download.
    with _go(family, *family.command, "std") as standard_library:
        total, output_lines = _fetch(family, packages), []
        standard_library.communicate()
    with _go(family, *family.command, "-v", "-o", f"{output}/", *packages) as process:
        for line in process.stderr or ():
            output_lines.append(line)
            part(len(output_lines), total)
    if process.returncode:
        raise SandboxError(f"the compilation of {family.name} failed:\n{''.join(output_lines[-20:])}")


def _fetch(family: Family, packages: tuple[str, ...]) -> int:
    """Download the modules of packages, and return their number; the compilation reports failures."""
    with _FETCHING:  # the second thread that wants a family waits for the first
        return _fetched(family, packages)


@cache
def _fetched(family: Family, packages: tuple[str, ...]) -> int:
    with _go(family, "go", "list", *family.tagged, "-deps", *packages) as process:
        return len(process.communicate()[0].splitlines())


def _packages(family: Family) -> tuple[str, ...]:
    return tuple(sorted({tool.package for tool in _to_build(family.tools) if not on_path(tool)}))


def _to_build(tools: Iterable[Tool]) -> Iterator[Tool]:
    """Return the tools without the plugins of Pulumi that can be downloaded."""
    return (tool for tool in tools if not (tool.plugin and reachability.pulumi_releases()))


def _copy_files(family: Family, output: Path) -> None:
    """Copy the family's files from their Go modules."""
    for module, _, path in (file.partition("//") for file in family.files):
        with _go(family, "go", "list", "-m", "-f", "{{.Dir}}", module) as process:
            directory = process.communicate()[0].strip()
        shutil.copy(Path(directory, path), output)


def _memory_for_time() -> dict[str, str]:
    """Return variables that switch off the compiler's garbage collector if there is enough memory.

    Compilation then takes 6 % less time. Each compiler may take its share of half of the available memory.
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
