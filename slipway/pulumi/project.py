"""A Pulumi project and its stacks: the only module that calls Pulumi's Automation API.

No command selects a stack, so the user's current stack stays the same. State and configuration are read with
encrypted secrets, apart from the kubeconfig.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError
from pulumi.automation.events import EngineEvent

from slipway.errors import SlipwayError, StackLocked, StackNotFound
from slipway.pulumi.half_written import HALF_LOCK, T, retried
from slipway.pulumi.operations import Run, Update
from slipway.pulumi.stack_file import StackFile, stack_files

OnEvent = Callable[[EngineEvent], None]

_VARIABLES = {
    # It means --yes, which pulumi refuses together with --preview-only. Slipway asks its own questions.
    "PULUMI_SKIP_CONFIRMATIONS": "false",
    # The stack file need not have the salt: without it, every command uses the salt in the state.
    "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
}


class _Unselected(automation.Stack):
    """A stack that each command names by `--stack`; the SDK's own constructor selects the stack."""

    def __init__(self, name: str, workspace: automation.Workspace) -> None:
        self.name = name
        self.workspace = workspace

    # After each operation the SDK runs three more commands, for the outputs (with decrypted secrets) and the
    # history. Slipway does not use the results.
    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:
        return automation.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


@dataclass(frozen=True)
class ConfigValue:
    """A configuration value."""

    value: str | None
    """None for a secret."""
    secret: bool


class Project:
    """A Pulumi project: the directory with its Pulumi.yaml."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        """Open the project in a directory; `environment` is added to the variables of this process."""
        self.directory = directory.resolve()
        if not (self.directory / "Pulumi.yaml").is_file():
            raise SlipwayError(f"{self.directory} has no Pulumi.yaml; run this in the project, or pass --cwd")
        variables = {**_VARIABLES, **(environment or {})}
        try:
            self._workspace = automation.LocalWorkspace(str(self.directory), env_vars=variables)
        except FileNotFoundError:
            raise SlipwayError(
                "pulumi is not on PATH; install it: https://www.pulumi.com/docs/install/"
            ) from None
        except automation.InvalidVersionError as error:
            raise SlipwayError(str(error)) from None

    @property
    def name(self) -> str:
        """The name in Pulumi.yaml, which is the namespace of the project's configuration keys."""
        return str(self._settings["name"])

    @property
    def working_directory(self) -> Path:
        """The directory in which the engine runs the program and plugins: that of `main` in Pulumi.yaml.

        https://github.com/pulumi/pulumi/blob/master/pkg/engine/project.go
        """
        main = self.directory / str(self._settings.get("main", "."))
        return main.resolve() if main.is_dir() else main.parent.resolve()

    @property
    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = yaml.safe_load((self.directory / "Pulumi.yaml").read_text())
        return settings

    def stack(self, name: str) -> "Stack":
        """Return a stack by name; its first command fails if the backend does not have it."""
        return Stack(name, self, self._workspace)

    def stacks(self) -> list[str]:
        """Return the names of the project's stacks in the backend, stacks with a file first."""
        try:
            names = [stack.name for stack in retried(self._workspace.list_stacks)]
        except CommandError as error:
            raise SlipwayError(_message(str(error))) from None
        return sorted(names, key=lambda name: (not self.file(name).is_file(), name))

    def file(self, stack: str) -> Path:
        """Return the path of a stack's configuration, whether or not the file exists."""
        return stack_files(self.directory) / f"Pulumi.{stack.rpartition('/')[2]}.yaml"


class Stack:
    """A stack of a project, in any backend."""

    def __init__(self, name: str, project: Project, workspace: automation.LocalWorkspace) -> None:
        """Use `Project.stack`."""
        self.name = name
        self.project = project
        self._workspace = workspace

    @property
    def file(self) -> Path:
        """The path of the stack's configuration: Pulumi.<stack>.yaml."""
        return self.project.file(self.name)

    def create(self) -> None:
        """Create the stack in the backend, with nothing deployed."""
        self.command("stack", "init", "--no-select")

    def preview(
        self,
        *,
        refresh: bool = False,
        save_plan: Path | None = None,
        policy_packs: Sequence[Path] = (),
        on_event: OnEvent | None = None,
    ) -> Run:
        """Preview an update; the result has the failure of a program that fails.

        Args:
            refresh: read the cluster first, instead of trusting the state.
            save_plan: file for the engine's update plan, in which secrets are encrypted.
            policy_packs: directories of policy packs.
            on_event: called with each event as it arrives, from another thread.

        Raises:
            StackNotFound: the backend does not have the stack.
            StackLocked: another operation holds the stack's lock.
        """
        return self._run(
            self._stack.preview,
            on_event,
            refresh=refresh or None,
            plan=str(save_plan) if save_plan else None,
            policy_packs=[str(pack) for pack in policy_packs] or None,
        )

    def up(
        self,
        *,
        plan: Path | None = None,
        refresh: bool = False,
        policy_packs: Sequence[Path] = (),
        message: str | None = None,
        on_event: OnEvent | None = None,
    ) -> Run:
        """Update the stack without confirmation; with a plan, the engine refuses any other change.

        Raises:
            StackNotFound: the backend does not have the stack.
            StackLocked: another operation holds the stack's lock.
        """
        return self._run(
            self._stack.up,
            on_event,
            plan=str(plan) if plan else None,
            refresh=refresh or None,
            policy_packs=[str(pack) for pack in policy_packs] or None,
            message=message,
            show_secrets=False,
        )

    def preview_refresh(self, on_event: OnEvent | None = None) -> Run:
        """Compare the cluster with the state, without writing the state."""
        return self._run(self._stack.preview_refresh, on_event, show_secrets=False)

    def cancel(self) -> None:
        """Remove the lock of an operation that no longer runs."""
        self.command("cancel", "--yes")

    def config(self) -> dict[str, ConfigValue]:
        """Return the configuration by keys with their namespace: slipway:image."""
        entries = json.loads(self.command("config", "--json"))
        return {key: ConfigValue(entry.get("value"), entry["secret"]) for key, entry in entries.items()}

    def secret(self, key: str) -> str:
        """Return a configuration value in plain text, also that of a secret."""
        return self.command("config", "get", key).removesuffix("\n")

    def state(self, *, secrets: bool = False) -> dict[str, Any]:
        """Return the state as `pulumi stack export` writes it: with encrypted, or with plain, secrets."""
        options = ("--show-secrets",) if secrets else ()
        state: dict[str, Any] = json.loads(self.command("stack", "export", *options))
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state; pulumi drops its pending operations.

        Raises:
            StackLocked: another operation holds the stack's lock.
            SlipwayError: the state is inconsistent.
        """
        with tempfile.NamedTemporaryFile("w", prefix="slipway-", suffix=".json") as file:
            json.dump(state, file)
            file.flush()
            self.command("stack", "import", "--file", file.name)

    def history(self, last: int | None = None) -> list[Update]:
        """Return the past operations, the latest first."""
        size = ("--page-size", str(last), "--page", "1") if last else ()
        entries = json.loads(self.command("stack", "history", "--json", *size))
        return [Update.from_json(entry) for entry in entries]

    def command(self, *arguments: str) -> str:
        """Run another pulumi command on this stack, and return its output."""
        words = [*arguments, "--stack", self.name]
        pulumi, directory = self._workspace.pulumi_command, str(self.project.directory)
        try:
            return self._retried(lambda: pulumi.run(words, directory, self._workspace.env_vars)).stdout
        except CommandError as error:
            raise self._error(error) from None

    @cached_property
    def _stack(self) -> automation.Stack:
        return _Unselected(self.name, self._workspace)

    def _run(self, operation: Callable[..., Any], on_event: OnEvent | None, **options: Any) -> Run:
        events: list[EngineEvent] = []

        def record(event: EngineEvent) -> None:
            events.append(event)
            if on_event:
                on_event(event)

        def run() -> None:
            events.clear()
            operation(on_event=record, color="never", suppress_progress=True, **options)

        try:
            self._retried(run)
        except CommandError as error:
            reason = self._error(error)
            if isinstance(reason, StackNotFound | StackLocked):
                raise reason from None
            return Run(events, str(error))
        return Run(events)

    def _retried(self, command: Callable[[], T]) -> T:
        """Run a command of pulumi without a change of the stack file's formatting or salt."""
        with StackFile(self.file, "").kept():
            return retried(command)

    def _error(self, error: CommandError) -> SlipwayError:
        if isinstance(error, StackNotFoundError):
            return StackNotFound(self.name)
        if isinstance(error, ConcurrentUpdateError) or HALF_LOCK.search(str(error)):
            return StackLocked(self.name, str(error))
        return SlipwayError(_message(str(error)))


def _message(output: str) -> str:
    """Return the error of pulumi from the SDK's text, which has all output of the command."""
    stderr = output.partition("\n stderr: ")[2].strip() or output
    return stderr.removeprefix("error: ")
