"""Programs run in their project's Python, and fail with messages that a user can act on."""

import json
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sandbox.tools.catalogue import PULUMI
from tests.e2e.plugins.pulumi_project import VIRTUALENV, Project

Make = Callable[..., Project]


@pytest.fixture
def project(sandbox: dict[str, str], tmp_path: Path) -> Make:
    def make(program: str = "", **options: str) -> Project:
        made = Project(tmp_path / "project", sandbox, **options)
        if program:
            made.write("__main__.py", program)
        return made

    return make


def test_a_program_knows_where_it_runs_and_its_configuration(project: Make) -> None:
    made = project(
        """
        import os, sys
        import pulumi
        import helper

        print("a line of output")
        pulumi.export("names", [pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()])
        pulumi.export("root", pulumi.get_root_directory() == os.getcwd())
        pulumi.export("helper", helper.NAME)
        pulumi.export("argv", sys.argv)
        pulumi.export("main", [__name__, os.path.basename(__file__)])
        pulumi.export("virtualenv", os.environ["VIRTUAL_ENV"])
        pulumi.export("plain", pulumi.Config().get("plain"))
        pulumi.export("secret", pulumi.Config().require_secret("hidden"))
        pulumi.export("marked", pulumi.runtime.is_config_secret("suite:hidden"))
        """
    )
    made.write("helper.py", "NAME = 'next to the program'")
    made.pulumi("config", "set", "plain", "a value")
    made.pulumi("config", "set", "--secret", "hidden", "a hidden value")
    done = made.operate("up")
    assert "a line of output" in done.output
    assert "a hidden value" not in done.output
    assert made.outputs() == {
        "names": ["organization", "suite", "dev"],
        "root": True,
        "helper": "next to the program",
        "argv": ["."],
        "main": ["__main__", "__main__.py"],
        "virtualenv": str(VIRTUALENV),
        "plain": "a value",
        "secret": "a hidden value",
        "marked": True,
    }


def test_configuration_is_on_no_command_line_and_in_no_other_environment(project: Make) -> None:
    made = project(
        """
        import os
        from pathlib import Path
        import pulumi

        found = []
        for process in Path("/proc").glob("[0-9]*"):
            for kind in ("cmdline", "environ"):
                try:
                    words = (process / kind).read_bytes()
                except OSError:
                    continue
                if b"hidden-value" in words and not (kind == "environ" and process.name == str(os.getpid())):
                    found.append(f"{kind} of {process.name}")
        pulumi.export("found", found)
        """
    )
    made.pulumi("config", "set", "--secret", "hidden", "hidden-value")
    made.operate("up")
    assert made.outputs() == {"found": []}


FAILING = {
    "an exception": (
        """
        import helper
        helper.go()
        """,
        """
        Program failed with an unhandled exception:
        Traceback (most recent call last):
          File "DIRECTORY/__main__.py", line 2, in <module>
            helper.go()
          File "DIRECTORY/helper.py", line 2, in go
            raise ValueError("no good")
        ValueError: no good
        """,
    ),
    "a RunError": (
        """
        import pulumi
        raise pulumi.RunError("this will not do")
        """,
        """
        this will not do
        an unhandled error occurred: program exited with non-zero exit code: 1
        """,
    ),
    "an exit code": (
        """
        import sys
        sys.exit(3)
        """,
        """
        an unhandled error occurred: program exited with non-zero exit code: 3
        """,
    ),
    "a signal": (
        """
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        """
        an unhandled error occurred: program exited with non-zero exit code: -1
        """,
    ),
    "no program": (
        "",
        """
        unable to find main python program `__main__.py` in `DIRECTORY`
        """,
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_failing_program_is_explained_in_its_own_terms(project: Make, case: str) -> None:
    program, expected = FAILING[case]
    made = project(program)
    made.write("helper.py", 'def go():\n    raise ValueError("no good")\n')
    done = made.operate("preview", check=False)
    assert done.code != 0
    errors = done.failures.replace(str(made.directory), "DIRECTORY")
    assert errors.split() == expected.split()


def test_an_early_exit_without_an_error_succeeds(project: Make) -> None:
    assert project("import sys\nsys.exit(0)\n").operate("preview").code == 0


OPTIONS = {
    "toolchain": ("conda", "unsupported toolchain option: conda"),
    "typechecker": ("pyre", "unsupported typechecker option: pyre"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_unknown_option_is_refused(project: Make, option: str) -> None:
    value, message = OPTIONS[option]
    done = project("", **{option: value}).operate("preview", check=False)
    assert done.code != 0
    assert message in done.output + done.errors


def test_a_program_with_type_errors_is_not_run(project: Make) -> None:
    done = project("print('ran')\nx: int = 'text'\n", typechecker="mypy").operate("preview", check=False)
    assert done.code != 0
    assert "mypy failed: exit status 1" in done.output + done.errors
    assert "Incompatible types in assignment" in done.output + done.errors
    assert "ran" not in done.output.split()


def test_about_names_the_python_that_runs_programs(project: Make) -> None:
    about = json.loads(project("").pulumi("about", "--json").output)
    assert about["runtime"]["language"] == "python"
    assert about["runtime"]["executable"] == str(VIRTUALENV / "bin/python")
    assert about["runtime"]["version"] == platform.python_version()
    assert {"name": "python", "version": PULUMI}.items() <= next(
        each for each in about["plugins"] if each["kind"] == "language"
    ).items()
    assert "pulumi-kubernetes" in {each["name"] for each in about["dependencies"]}


def test_a_plugin_that_the_program_does_not_use_is_not_downloaded(project: Make) -> None:
    """The virtualenv has pulumi-docker; its plugin is compiled only for stacks on a Docker engine."""
    done = project("pass").pulumi("preview", "-v", "7", "--logtostderr")
    assert "downloading plugin" not in done.errors
    assert "kubernetes" in done.errors


def test_interrupting_pulumi_ends_the_program(project: Make) -> None:
    made = project(
        """
        import os, pathlib, time
        pathlib.Path("pid").write_text(str(os.getpid()))
        time.sleep(300)
        """
    )
    command = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
    with subprocess.Popen(command, cwd=made.directory, env=made.environment) as running:
        program = _eventually(lambda: int((made.directory / "pid").read_text()))
        running.send_signal(signal.SIGINT)
        _eventually(lambda: not Path(f"/proc/{program}").exists() or None, within=60)
        running.wait(30)
    assert running.returncode != 0


def test_interrupting_a_failed_program_prints_no_traceback(project: Make) -> None:
    """As the engine does after a failed rollout, while threads of the program still wait for an answer."""
    made = project(
        """
        import asyncio, os, pathlib, time
        asyncio.get_event_loop().run_in_executor(None, time.sleep, 60)
        pathlib.Path("pid").write_text(str(os.getpid()))
        raise SystemExit(1)
        """
    )
    command = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
    with subprocess.Popen(
        command, cwd=made.directory, env=made.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        program = _eventually(lambda: int((made.directory / "pid").read_text()))
        time.sleep(4)  # until only the threads are left
        os.kill(program, signal.SIGINT)
        output, _ = running.communicate(timeout=30)
    assert running.returncode != 0
    assert "Traceback" not in output.decode()


def _eventually(look: Callable[[], Any], within: float = 60) -> Any:
    end = time.monotonic() + within
    while time.monotonic() < end:
        with suppress(OSError, ValueError):
            if (found := look()) is not None:
                return found
        time.sleep(0.1)
    pytest.fail(f"nothing within {within} s")
