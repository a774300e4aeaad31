"""The only place that touches Pulumi's Automation API: a project on disk, and its stacks.

A stack is never selected: the user's current stack stays what it is. Nothing here asks for a secret in the
clear: state and configuration are read as they lie in the backend, encrypted.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError
from pulumi.automation.events import EngineEvent

from slipway.errors import SlipwayError, StackLocked, StackNotFound
from slipway.pulumi.updates import ConfigValue, Run, Update

OnEvent = Callable[[EngineEvent], None]


class _Unselected(automation.Stack):
    """A stack that each command names by `--stack`; the SDK's own constructor selects it for all shells."""

    def __init__(self, name: str, workspace: automation.Workspace) -> None:
        self.name = name
        self.workspace = workspace

    # After each operation the SDK asks for the outputs, also with secrets in the clear, and for the history:
    # three processes more, for what nobody here reads.
    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:
        return automation.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


class Project:
    """A Pulumi project: the directory with its Pulumi.yaml."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        """Look at a directory; `environment` is added to that of the process.

        Raises:
            SlipwayError: when there is no project there, or no pulumi on PATH.
        """
        self.directory = directory.resolve()
        if not (self.directory / "Pulumi.yaml").is_file():
            raise SlipwayError(
                f"{self.directory} has no Pulumi.yaml; run this where it is, or say where with --cwd"
            )
        try:
            self._workspace = automation.LocalWorkspace(str(self.directory), env_vars=environment)
        except FileNotFoundError:
            raise SlipwayError(
                "pulumi is not on PATH; install it: https://www.pulumi.com/docs/install/"
            ) from None
        except automation.InvalidVersionError as error:
            raise SlipwayError(str(error)) from None

    def stack(self, name: str) -> "Stack":
        """Return a stack by name; whether the backend has it shows when it is first used."""
        return Stack(name, self, self._workspace)

    def stacks(self) -> list[str]:
        """Names of the stacks that the backend has of this project, those with a file first."""
        names = [stack.name for stack in self._workspace.list_stacks()]
        return sorted(names, key=lambda name: (not self.file(name).is_file(), name))

    def file(self, stack: str) -> Path:
        """Return where a stack's configuration lies, whether or not it exists."""
        return self.directory / f"Pulumi.{stack.rpartition('/')[2]}.yaml"


class Stack:
    """One stack of a project, whatever backend it lives in."""

    def __init__(self, name: str, project: Project, workspace: automation.LocalWorkspace) -> None:
        """Use `Project.stack`."""
        self.name = name
        self.project = project
        self._workspace = workspace

    @property
    def file(self) -> Path:
        """Its configuration: Pulumi.<stack>.yaml."""
        return self.project.file(self.name)

    def create(self) -> None:
        """Make it in the backend, with nothing deployed.

        With a passphrase pulumi writes the salt into the stack's file: see `StackFile.undo_rewriting`.
        """
        self.command("stack", "init", "--no-select")

    def preview(
        self,
        *,
        refresh: bool = False,
        save_plan: Path | None = None,
        policy_packs: Sequence[Path] = (),
        on_event: OnEvent | None = None,
    ) -> Run:
        """Have the engine tell what `up` would do; a program that fails is told in the result.

        Args:
            refresh: look at what there is in the cluster first, instead of trusting the state.
            save_plan: file to write the engine's update plan to. It holds secrets encrypted.
            policy_packs: directories of packs to check against.
            on_event: called with each event as it comes, from another thread.

        Raises:
            SlipwayError: when there is no such stack, or it is locked by another operation.
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
        """Update the stack, without asking; with a plan, only as far as the plan allows.

        Raises:
            SlipwayError: when there is no such stack, or it is locked by another operation.
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
        """Have the engine tell how the cluster differs from the state; nothing is written."""
        return self._run(self._stack.preview_refresh, on_event, show_secrets=False)

    def cancel(self) -> None:
        """Remove the lock of an operation that is no longer running."""
        self.command("cancel", "--yes")

    def config(self) -> dict[str, ConfigValue]:
        """Its configuration, keys with their namespace: slipway:image."""
        found = json.loads(self.command("config", "--json"))
        return {key: ConfigValue(one.get("value"), one["secret"]) for key, one in found.items()}

    def state(self) -> dict[str, Any]:
        """Its state as `pulumi stack export` writes it: version and deployment, secrets encrypted."""
        state: dict[str, Any] = json.loads(self.command("stack", "export"))
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put another state, as `state()` returns it, in place of its own; pending operations are dropped.

        Raises:
            SlipwayError: when it is locked by another operation, or pulumi finds the state inconsistent.
        """
        with tempfile.NamedTemporaryFile("w", prefix="slipway-", suffix=".json") as file:
            json.dump(state, file)
            file.flush()
            self.command("stack", "import", "--file", file.name)

    def history(self, last: int | None = None) -> list[Update]:
        """Its past operations, the latest first."""
        size = ("--page-size", str(last), "--page", "1") if last else ()
        found = json.loads(self.command("stack", "history", "--json", *size))
        return [Update.of(one) for one in found]

    def command(self, *words: str) -> str:
        """Run another command of pulumi on this stack; return what it printed.

        Raises:
            SlipwayError: with what it said, when it fails.
        """
        try:
            done = self._workspace.pulumi_command.run(
                [*words, "--stack", self.name], str(self.project.directory), self._workspace.env_vars
            )
        except CommandError as error:
            raise self._explained(error) from None
        return done.stdout

    @cached_property
    def _stack(self) -> automation.Stack:
        return _Unselected(self.name, self._workspace)

    def _run(self, operation: Callable[..., Any], on_event: OnEvent | None, **options: Any) -> Run:
        events: list[EngineEvent] = []

        def keep(event: EngineEvent) -> None:
            events.append(event)
            if on_event:
                on_event(event)

        failure = ""
        try:
            operation(on_event=keep, color="never", suppress_progress=True, **options)
        except (StackNotFoundError, ConcurrentUpdateError) as error:
            raise self._explained(error) from None
        except CommandError as error:
            failure = str(error)
        return Run(events, failure)

    def _explained(self, error: CommandError) -> SlipwayError:
        if isinstance(error, StackNotFoundError):
            return StackNotFound(self.name)
        if isinstance(error, ConcurrentUpdateError):
            return StackLocked(self.name, str(error))
        return SlipwayError(_message(str(error)))


def _message(printed: str) -> str:
    """Take what pulumi wrote as an error out of the SDK's record of a command."""
    stderr = printed.partition("\n stderr: ")[2].strip() or printed
    return stderr.removeprefix("error: ")
