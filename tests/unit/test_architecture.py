"""The arrows of docs/architecture.md: which part may import which."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
PARTS = {"slipway", "components", "stack", "sandbox", "policy", "app", "benchmarks", "examples", "tests"}
LIBRARIES = {
    "pulumi",
    "pulumi_docker",
    "pulumi_docker_build",
    "pulumi_kubernetes",
    "pydantic",
    "pydantic_core",
}
OF_IMAGES = {PROJECT / "components/model_server", PROJECT / "components/postgres"}
"""The sources of images, which no program imports."""
MAY_IMPORT = {
    "slipway": {"slipway"},
    "slipway/cluster": {"slipway.cluster", "slipway.errors", "slipway.process", "slipway.masking"},
    "slipway/images": {"slipway.images", "slipway.errors", "slipway.process", "slipway.masking"},
    "components": {"components", "slipway.images", "slipway.cluster", "slipway.masking"},
    "stack": {"stack", "components", "slipway.images", "slipway.cluster"},
    "sandbox": {"sandbox"},
    "policy": {"policy"},
}


def imports(source: str) -> Iterator[str]:
    """Yield the full name of each imported module or symbol."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_by(part: str) -> dict[str, str]:
    """Return what a part imports, and a file that does."""
    files = (file for file in (PROJECT / part).rglob("*.py") if not OF_IMAGES & {*file.parents})
    return {
        name: str(file) for file in files if ".venv" not in file.parts for name in imports(file.read_text())
    }


def within(name: str, packages: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_arrows_go_one_way(part: str) -> None:
    names = imported_by(part)
    assert names
    forbidden = {name: file for name, file in names.items() if within(name, PARTS - MAY_IMPORT[part])}
    assert {name: file for name, file in forbidden.items() if not within(name, MAY_IMPORT[part])} == {}


def test_components_need_few_libraries() -> None:
    """A user copies `components/` and `slipway/`, and installs no more than Pulumi and pydantic."""
    names = set(imported_by("components"))
    while more := {name for module in modules(names) for name in imports(module.read_text())} - names:
        names |= more
    assert "slipway.errors.SlipwayError" in names
    allowed = {"components", "slipway"} | LIBRARIES | set(sys.stdlib_module_names)
    assert {name for name in names if not within(name, allowed)} == set()


def modules(names: set[str]) -> Iterator[Path]:
    """Yield the modules of Slipway among the names of modules and symbols."""
    for name in names:
        if within(name, {"slipway"}):
            path = PROJECT.joinpath(*name.split("."))
            yield from (
                file for file in (path.with_suffix(".py"), path.parent.with_suffix(".py")) if file.exists()
            )


@pytest.mark.parametrize("source", ["import stack.settings", "from components import Redis"])
def test_imports_are_found(source: str) -> None:
    [name] = imports(f"def late():\n    {source}\n")
    assert within(name, {"stack", "components"})


def test_the_types_of_kubernetes_load_when_they_are_first_used() -> None:
    """They take half a second, and a stack on a Docker engine needs none. Annotations must not load them."""
    loaded = "import sys, stack.settings, components.docker; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", loaded], cwd=PROJECT, text=True).split()
    assert "pulumi_kubernetes" in modules
    assert not [name for name in modules if name.startswith("pulumi_kubernetes.core.v1")]
