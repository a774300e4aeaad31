"""The plugins that Pulumi's engine finds in the instance's PULUMI_HOME."""

from pathlib import Path

from sandbox import environment, files
from sandbox.instance import Instance
from sandbox.plugins import install
from sandbox.progress import Progress
from sandbox.toolchain import Toolchain
from sandbox.tools import DOCKER_BUILD

BUILDER = install.Plugin("resource", "docker-build", DOCKER_BUILD, module="")


def ensure(instance: Instance, tools: Toolchain, progress: Progress) -> None:
    """Install what is missing: docker-build from our own build of it, the others as plugins/ knows."""
    env = environment.process(instance)
    executable = tools.path(BUILDER.executable)
    stamp = instance.state / "pulumi/docker-build"
    with progress.step("install Pulumi's plugins"):
        if not stamp.exists() or stamp.read_text() != executable:
            install.put(BUILDER, {BUILDER.executable: Path(executable)}, env)
            files.write(stamp, executable)
        install.install(env)


def report(instance: Instance) -> list[str]:
    """The plugins that are installed, each with whether it is the official one."""
    if not instance.libexec.exists():
        return []
    env = environment.process(instance)
    built = (
        [f"{BUILDER} (official, compiled here)"] if (instance.state / "pulumi/docker-build").exists() else []
    )
    return [*built, *map(str, install.in_use(env))]
