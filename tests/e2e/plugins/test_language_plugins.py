"""Policy packs, component packages and dynamic providers written in Python, and the packages they install."""

import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.e2e.plugins.pulumi_project import VIRTUALENV, Project

PULUMI_PLUGIN = json.dumps(
    {"runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(VIRTUALENV)}}}
)


def _make_virtualenv(directory: Path, *packages: str) -> None:
    """Make a virtualenv apart from the project's, which pulumi-policy would force to older packages."""
    uv = VIRTUALENV / "bin/uv"
    subprocess.run((uv, "venv", "--no-config", "--quiet", directory), check=True)
    install = (uv, "pip", "install", "--no-config", "--quiet", "--python", directory / "bin/python")
    subprocess.run((*install, *packages), check=True)


def test_a_policy_pack_judges_what_the_program_asks_for(sandbox: dict[str, str], tmp_path: Path) -> None:
    made = Project(tmp_path / "project", sandbox)
    made.write(
        "__main__.py",
        """
        import pulumi
        pulumi.ComponentResource("suite:index:Thing", pulumi.Config().require("name"))
        """,
    )
    made.write(
        "../pack/PulumiPolicy.yaml",
        "{runtime: {name: python, options: {toolchain: pip, virtualenv: venv}}, version: 0.0.1}\n",
    )
    made.write(
        "../pack/__main__.py",
        """
        import pulumi
        from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

        name = pulumi.Config("suite").require("name")  # the stack's configuration, while the pack is loaded

        def judge(args, report):
            if args.resource_type == "suite:index:Thing" and args.name != "good":
                report(f"{args.name} is not good, the stack {pulumi.get_stack()} asks for {name}")

        PolicyPack(
            "pack",
            enforcement_level=EnforcementLevel.MANDATORY,
            policies=[ResourceValidationPolicy("goodness", "Things are good.", judge)],
        )
        """,
    )
    _make_virtualenv(made.directory / "../pack/venv", "pulumi-policy==1.21.0")
    made.pulumi("config", "set", "name", "bad")
    refused = made.operate("preview", "--policy-pack", "../pack", check=False)
    assert refused.code != 0
    assert "bad is not good, the stack dev asks for bad" in refused.output
    made.pulumi("config", "set", "name", "good")
    made.operate("preview", "--policy-pack", "../pack")


def test_a_component_package_serves_its_components(sandbox: dict[str, str], tmp_path: Path) -> None:
    made = Project(tmp_path / "project", sandbox)
    made.write("greeter/PulumiPlugin.yaml", PULUMI_PLUGIN)
    made.write(
        "greeter/__main__.py",
        """
        from typing import TypedDict
        import pulumi
        from pulumi.provider.experimental import component_provider_host

        class GreetingArgs(TypedDict):
            who: pulumi.Input[str]

        class Greeting(pulumi.ComponentResource):
            text: pulumi.Output[str]

            def __init__(self, name: str, args: GreetingArgs, opts: pulumi.ResourceOptions | None = None):
                super().__init__("greeter:index:Greeting", name, {}, opts)
                self.text = pulumi.Output.concat("Hello, ", args["who"])
                self.register_outputs({"text": self.text})

        component_provider_host(name="greeter", components=[Greeting])
        """,
    )
    made.configure(plugins={"providers": [{"name": "greeter", "path": "greeter"}]})
    made.write(
        "__main__.py",
        """
        import pulumi

        class Greeting(pulumi.ComponentResource):
            text: pulumi.Output[str]

            def __init__(self, name, who):
                super().__init__(
                    "greeter:index:Greeting", name, {"who": who, "text": None}, None, remote=True
                )

        pulumi.export("text", Greeting("greeting", "you").text)
        """,
    )
    made.operate("up")
    assert made.outputs() == {"text": "Hello, you"}


def test_a_dynamic_provider_runs_in_the_projects_virtualenv(sandbox: dict[str, str], tmp_path: Path) -> None:
    made = Project(tmp_path / "project", sandbox)
    made.write(
        "__main__.py",
        """
        import sys
        import pulumi
        from pulumi.dynamic import CreateResult, Resource, ResourceProvider

        class Provider(ResourceProvider):
            def create(self, props):
                import sys
                return CreateResult("one", {"doubled": props["number"] * 2, "python": sys.prefix})

        class Doubled(Resource):
            doubled: pulumi.Output[int]
            python: pulumi.Output[str]

        made = Doubled(Provider(), "doubled", {"number": 21, "doubled": None, "python": None})
        pulumi.export("doubled", made.doubled)
        pulumi.export("same", made.python.apply(lambda prefix: prefix == sys.prefix))
        """,
    )
    made.operate("up")
    assert made.outputs() == {"doubled": 42, "same": True}
    assert made.operate("preview").output.count("unchanged") == 1


TOOLCHAINS = {"pip": {"virtualenv": "venv"}, "uv": {"virtualenv": ".venv"}, "poetry": {"virtualenv": ""}}


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_dependencies_are_installed_with_the_projects_toolchain(
    sandbox: dict[str, str], tmp_path: Path, toolchain: str
) -> None:
    path = f"{VIRTUALENV / 'bin'}{os.pathsep}{sandbox['PATH']}"
    if toolchain != "pip" and not shutil.which(toolchain, path=path):
        pytest.skip(f"not run: {toolchain} is not on this machine")
    environment = {**sandbox, "PATH": path, "POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    options = {"toolchain": toolchain, **TOOLCHAINS[toolchain]}
    made = Project(tmp_path / "project", environment, **options)
    made.write("requirements.txt", "iniconfig==2.1.0\n")
    made.pulumi("install")
    assert list(made.directory.glob("*venv/lib/python*/site-packages/iniconfig"))
    listed = json.loads(made.pulumi("about", "--json").output)["dependencies"]
    assert {"name": "iniconfig", "version": "2.1.0"} in listed


def test_a_preview_makes_a_virtualenv_that_does_not_exist(sandbox: dict[str, str], tmp_path: Path) -> None:
    made = Project(tmp_path / "project", sandbox, virtualenv="venv")
    made.write("__main__.py", "raise SystemExit(0)\n")
    made.write("requirements.txt", f"pulumi=={version('pulumi')}\n")
    made.operate("preview")
    assert (made.directory / "venv/bin/python").exists()


def test_a_directory_that_is_not_a_virtualenv_is_refused(sandbox: dict[str, str], tmp_path: Path) -> None:
    made = Project(tmp_path / "project", sandbox, virtualenv="venv")
    made.write("venv/something", "")
    made.write("__main__.py", "")
    done = made.operate("preview", check=False)
    assert done.code != 0
    assert f"{made.directory}/venv/bin/python" in done.errors
