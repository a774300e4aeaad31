"""What the engine asks of the language Python: the gRPC service LanguageRuntime."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.language_python import packages, plugin, typecheck
from sandbox.plugins.language_python.processes import Processes
from sandbox.plugins.language_python.streams import engine_log, streamed
from sandbox.plugins.language_python.toolchain import Toolchain, ToolchainError, Write, package_name
from sandbox.plugins.protocol import language_pb2 as proto
from sandbox.plugins.protocol import language_pb2_grpc, plugin_pb2, sdk_version

PROGRAM = Path(__file__).with_name("program.py")
GENERATED = "__main__.py"
# The program's exit code that says: the user has been told, the engine need not add anything.
TOLD = 32
_ABOUT = """
import importlib.metadata, platform, sys
print(sys.executable, platform.python_version(), importlib.metadata.version("pip"), sep="\\n")
"""

Answer = TypeVar("Answer")
Context = grpc.ServicerContext
Prompt = proto.RuntimeOptionPrompt


def _reported(method: Callable[[Any, Any, Context], Answer]) -> Callable[[Any, Any, Context], Answer]:
    """Make a `ToolchainError` the call's error, which the engine shows to the user."""

    @functools.wraps(method)
    def reporting(self: "LanguageHost", request: Any, context: Context) -> Answer:
        try:
            return method(self, request, context)
        except ToolchainError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise

    return reporting


def _not_offered(self: "LanguageHost", request: Any, context: Context) -> None:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        "generating code needs the official pulumi-language-python: the sandbox's stand-in does not offer it",
    )


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs and plugins in their projects' own Python, each in a process of its own."""

    GenerateProject = GeneratePackage = Pack = Link = _not_offered

    def __init__(self, engine: str, tracing: str, processes: Processes) -> None:
        self._engine = engine
        self._tracing = tracing
        self._processes = processes

    def Handshake(self, request: proto.LanguageHandshakeRequest, context: Context) -> Any:
        """Learn the address of an engine that did not start this host."""
        self._engine = request.engine_address
        return proto.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        """Tell the version: that of the SDK, which is released together with the official host."""
        return plugin_pb2.PluginInfo(version=str(sdk_version))

    @_reported
    def About(self, request: proto.AboutRequest, context: Context) -> proto.AboutResponse:
        """Tell which Python runs programs."""
        toolchain = Toolchain.of(request.info)
        executable, version, pip = toolchain.output("-c", _ABOUT).splitlines()
        return proto.AboutResponse(
            executable=executable,
            version=version,
            metadata={
                "toolchain": toolchain.named,
                "toolchainVersion": pip,
                "typechecker": toolchain.typechecker.capitalize() or "None",
            },
        )

    @_reported
    def GetRequiredPackages(self, request: proto.GetRequiredPackagesRequest, context: Context) -> Any:
        """Tell which plugins the program needs, once its virtualenv is there."""
        toolchain = Toolchain.of(request.info)
        toolchain.ensure(*engine_log(self._engine))
        toolchain.validate()
        return proto.GetRequiredPackagesResponse(packages=packages.required(toolchain))

    @_reported
    def GetProgramDependencies(self, request: proto.GetProgramDependenciesRequest, context: Context) -> Any:
        """Tell which packages are installed for the program."""
        found = packages.installed(Toolchain.of(request.info), request.transitiveDependencies)
        dependencies = [proto.DependencyInfo(name=one.name, version=one.version) for one in found]
        return proto.GetProgramDependenciesResponse(dependencies=dependencies)

    def InstallDependencies(
        self, request: proto.InstallDependenciesRequest, context: Context
    ) -> Iterator[proto.InstallDependenciesResponse]:
        """Make the virtualenv and fill it."""

        def work(out: Write, err: Write) -> None:
            toolchain = Toolchain.of(request.info, plugin=request.is_plugin)
            out(b"Installing dependencies...\n\n")
            if request.is_plugin and package_name(toolchain.directory):
                toolchain.ensure(out, err)
                toolchain.pip("installing package", out, err, str(toolchain.directory))
            toolchain.install(out, err)
            out(b"Finished installing dependencies\n\n")

        return streamed(proto.InstallDependenciesResponse, work, context)

    @_reported
    def GenerateProgram(self, request: proto.GenerateProgramRequest, context: Context) -> Any:
        """Write the code for what has been imported."""
        # Here, because every command of pulumi starts the host, and only `pulumi import` needs these.
        from sandbox.plugins.language_python.generate.code import program
        from sandbox.plugins.language_python.generate.pcl import PclError

        try:
            code = program("\n".join(request.source.values()))
        except PclError as error:
            raise ToolchainError(
                f"generating this code needs the official pulumi-language-python ({error}); "
                "`pulumi import --generate-code=false` generates none"
            ) from error
        return proto.GenerateProgramResponse(source={GENERATED: code.encode()})

    @_reported
    def Run(self, request: proto.RunRequest, context: Context) -> proto.RunResponse:
        """Run a program to its end."""
        toolchain = Toolchain.of(request.info)
        toolchain.validate()
        typecheck.check(toolchain)
        if request.attach_debugger:
            raise ToolchainError("attaching a debugger needs the official pulumi-language-python")
        environment = toolchain.environment() | {
            # As with the official host, the program reads its configuration here; nothing else is given it.
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        process = self._processes.start(self._command(toolchain, request), environment)
        context.add_callback(lambda: self._processes.end(process))
        code = self._processes.wait(process)
        if code == TOLD:
            return proto.RunResponse(bail=True)
        return proto.RunResponse(error=f"program exited with non-zero exit code: {code}" if code else "")

    def _command(self, toolchain: Toolchain, request: proto.RunRequest) -> list[str]:
        options = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
            "tracing": self._tracing,
            "organization": request.organization,
            "told": str(TOLD),
        }
        named = [word for name, value in options.items() if value for word in (f"--{name}", value)]
        return toolchain.command(str(PROGRAM), *named, request.info.entry_point, *request.args)

    def RunPlugin(
        self, request: proto.RunPluginRequest, context: Context
    ) -> Iterator[proto.RunPluginResponse]:
        """Run a component package or a policy pack to its end."""

        def work(out: Write, err: Write) -> proto.RunPluginResponse | None:
            code = plugin.run(request, self._processes, context, out, err)
            return proto.RunPluginResponse(exitcode=code) if code else None

        return streamed(proto.RunPluginResponse, work, context)

    def RuntimeOptionsPrompts(self, request: proto.RuntimeOptionsRequest, context: Context) -> Any:
        """Ask for the options that a new project needs and does not name."""
        options = dict(request.info.options)
        prompts = []
        if "toolchain" not in options:
            asked = "The toolchain to use for installing dependencies and running the program"
            prompts.append(_prompt("toolchain", asked, "pip"))
        elif options["toolchain"] == "pip" and "virtualenv" not in options:
            prompts.append(_prompt("virtualenv", "The virtualenv to use", "venv"))
        return proto.RuntimeOptionsResponse(prompts=prompts)

    def Template(self, request: proto.TemplateRequest, context: Context) -> proto.TemplateResponse:
        """Prepare a new project: with pip there is nothing to do."""
        return proto.TemplateResponse()

    def Cancel(self, request: Empty, context: Context) -> Empty:
        """End the program."""
        self._processes.interrupt()
        return Empty()


def _prompt(key: str, description: str, choice: str) -> Prompt:
    value = Prompt.RuntimeOptionValue(promptType=Prompt.STRING, stringValue=choice, displayName=choice)
    return Prompt(key=key, description=description, promptType=Prompt.STRING, choices=[value], default=value)
