"""Plugins that are written in Python: component packages and policy packs."""

import os
import subprocess
from pathlib import Path
from threading import Thread

import grpc

from sandbox.plugins.language_python.policy import PolicyProxy
from sandbox.plugins.language_python.processes import Processes
from sandbox.plugins.language_python.toolchain import Toolchain, ToolchainError, Write, forward, package_name
from sandbox.plugins.protocol import language_pb2

ANALYZER = "analyzer"


def run(
    request: language_pb2.RunPluginRequest,
    processes: Processes,
    context: grpc.ServicerContext,
    out: Write,
    err: Write,
) -> int:
    """Run a plugin until it ends, and return its exit code."""
    analyzer = request.kind == ANALYZER
    toolchain = Toolchain.of(request.info, plugin=not analyzer)
    toolchain.validate()
    command = _command(request, toolchain)
    environment = toolchain.environment() if toolchain.virtualenv else {}
    directory = Path(request.info.program_directory if analyzer else request.pwd)
    proxy = PolicyProxy(out) if analyzer else None
    if proxy:
        environment |= proxy.environment()
    environment |= dict(entry.split("=", 1) for entry in request.env)
    process = processes.start(command, environment or dict(os.environ), directory, piped=True)
    context.add_callback(process.kill)
    return _pass_on(processes, process, proxy, out, err)


def _pass_on(
    processes: Processes, process: subprocess.Popen[bytes], proxy: PolicyProxy | None, out: Write, err: Write
) -> int:
    errors = Thread(target=forward, args=(process.stderr, err))
    errors.start()
    try:
        forward(process.stdout, proxy.write if proxy else out)
    finally:
        if proxy:
            proxy.close("could not read policy pack port: unexpected EOF")
            process.kill()
        code = processes.wait(process)
        errors.join()
    return code


def _command(request: language_pb2.RunPluginRequest, toolchain: Toolchain) -> list[str]:
    """A policy pack runs under pulumi.policy, a __main__.py as it is, a package by its name."""
    directory = request.info.program_directory
    if not (toolchain.root / "__main__.py").exists() and _runs_packages(toolchain):
        name = package_name(toolchain.root)
        if not name:
            raise ToolchainError(
                "plugin is not runnable, it provides neither __main__.py nor a buildable pyproject.toml"
            )
        return toolchain.command("-m", "pulumi.run.plugin", name, *request.args)
    if request.kind == ANALYZER:
        return toolchain.command("-u", "-m", "pulumi.policy", *request.args, directory)
    return toolchain.command(directory, *request.args)


def _runs_packages(toolchain: Toolchain) -> bool:
    """Whether the plugin's SDK is new enough to run a package."""
    try:
        toolchain.output("-c", "import pulumi.run.plugin")
    except ToolchainError as error:
        return "ModuleNotFoundError" not in str(error)
    return True
