"""The options of the checks, which `slipway promote` and `slipway rollback` share."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from slipway.promotion.options import VerifyOptions

_option = functools.partial(typer.Option, rich_help_panel="Checks")


def check_options(
    check_path: Annotated[
        str, _option(help="Path to request through the Service; a status of 200 to 299 passes.")
    ] = VerifyOptions.path,
    check_host: Annotated[
        str | None, _option(help="Host header of the requests, such as one of Django's ALLOWED_HOSTS.")
    ] = VerifyOptions.host,
    check_status: Annotated[
        int | None,
        _option(min=100, max=599, help="Status that passes, also a redirect (default: 200 to 299)."),
    ] = VerifyOptions.status,
    service: Annotated[
        str | None,
        _option(help="Service to request (default: one that selects pods of the image, and answers)."),
    ] = VerifyOptions.service,
    check_command: Annotated[
        str | None,
        _option(
            help="Command that must exit 0. Gets STACK, IMAGE, NAMESPACE in its environment, and not Pulumi's"
            " passphrase and token; not run in a shell."
        ),
    ] = VerifyOptions.command,
    soak: Annotated[
        float, _option(min=0, help="Keep checking for this many seconds after the first success.")
    ] = VerifyOptions.soak_s,
    rate: Annotated[
        float, _option(min=0.1, max=100, help="Requests per second during the soak.")
    ] = VerifyOptions.rate,
    max_errors: Annotated[
        float, _option(min=0, max=1, help="Share of the soak's requests that may fail: 0.01 is 1 %.")
    ] = VerifyOptions.max_errors,
) -> VerifyOptions:
    """Return the options of the checks."""
    return VerifyOptions(
        path=check_path,
        service=service,
        command=check_command,
        soak_s=soak,
        rate=rate,
        max_errors=max_errors,
        host=check_host,
        status=check_status,
    )


def with_checks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the parameters of `check_options` in place of its parameter `verify`."""
    own, checks = (inspect.signature(function).parameters for function in (command, check_options))
    parameters = [
        parameter.replace(kind=parameter.KEYWORD_ONLY)
        for own_parameter in own.values()
        for parameter in (checks.values() if own_parameter.name == "verify" else [own_parameter])
    ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        verify = check_options(**{name: values.pop(name) for name in checks})
        command(verify=verify, **values)

    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(run)["__signature__"] = inspect.Signature(parameters)  # which typer reads
    return run
