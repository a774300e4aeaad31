"""Commands whose `--help` names values in words of users, without the types of Python."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

_DURATION = dict.fromkeys(("over", "duration_", "every", "history", "slot"), "DURATION")
_PRICE = dict.fromkeys(("core_hour", "gib_hour", "throttled_hour", "kill", "unmet", "change"), "PRICE")
METAVARS = {
    **_DURATION, **_PRICE, "autoscaled": "BOUND",
    "base_ref": "REF", "budget": "SHARE", "check_command": "COMMAND", "check_host": "HOST",
    "check_path": "PATH", "check_status": "STATUS", "confidence": "SHARE", "context": "CONTEXT",
    "cwd": "DIRECTORY", "days": "N", "delay": "N", "file": "FILE", "html": "FILE", "job": "NAME",
    "key": "WORKLOAD=KEY", "last": "N", "least": "N", "load": "LOAD", "loss": "LOSS", "margin": "DIFFERENCE",
    "max_errors": "SHARE", "max_failed": "SHARE", "max_shift": "INDEX", "min_requests": "N",
    "patience": "SECONDS", "shares": "PERCENTS", "step": "SECONDS",
    "max_latency": "TIMES", "max_size": "TIMES", "min_age": "SECONDS", "most": "N", "nodes": "FILE",
    "output": "FILE", "plan": "FILE", "policy_pack": "DIRECTORY", "port": "PORT", "profile": "NAME",
    "rate": "N", "repository": "REPOSITORY", "require_drill": "SECONDS", "save_plan": "DIRECTORY",
    "service": "NAME", "soak": "SECONDS", "stack": "STACK", "tail": "N", "time_limit": "SECONDS", "to": "N",
}  # fmt: skip
"""The name of an option's value, by the name of the parameter; a `metavar` of the option comes first."""


class _PlainHelp:
    """Help in which flags and arguments have no types, and options name their value."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in ctx.command.get_params(ctx):
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif parameter.param_type_name == "option":
                parameter.metavar = parameter.metavar or METAVARS.get(parameter.name)
            else:
                vars(parameter)["display_type_rich"] = lambda ctx: None
        super().format_help(ctx, formatter)  # type: ignore[misc]  # of the command that this is mixed into


class Command(_PlainHelp, TyperCommand):
    """A command with plain help."""


class Group(_PlainHelp, TyperGroup):
    """A group of commands with plain help."""
