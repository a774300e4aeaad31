"""`slipway open`: a component in the browser."""

import webbrowser
from collections.abc import Sequence
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import info
from slipway.cli.options import HERE, Directory, OptionalComponent, Stack
from slipway.cluster.kubectl import Object
from slipway.cluster.objects import live_objects
from slipway.cluster.pods import component_name
from slipway.cluster.service_ports import forward, scheme, serves_http
from slipway.errors import SlipwayError
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot


def open(
    stack: Stack,
    component: OptionalComponent = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Local port (default: a free one).", show_default=False)
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    cwd: Directory = HERE,
) -> None:
    """Forward a port of 127.0.0.1 to the Service of a component, print its address, and open a browser.

    COMPONENT may be omitted if the stack has one Service with a port named http. Ends with Ctrl-C.
    """
    snapshot = StackSnapshot.read(Project(cwd), stack)
    objects = [item for item in snapshot.objects if item.kind == "Service"]
    service = choose(list(live_objects(snapshot.cluster, objects).values()), component)
    interrupts.exit_on_sigterm()
    try:
        for number, local in enumerate(forward(snapshot.cluster, service, port)):
            if number == 0:
                url = f"{scheme(service, ())}://127.0.0.1:{local}"
                info(url)
                if browser:
                    webbrowser.open(url)
    except KeyboardInterrupt:
        pass


def choose(services: Sequence[Object], component: str | None) -> Object:
    """Return the Service of a component, or the only one for HTTP."""
    if component is None:
        matches = [service for service in services if serves_http(service)]
    else:
        own = [service for service in services if component_name(service) == component]
        matches = [service for service in own if serves_http(service)] or own[:1]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(sorted({component_name(service) for service in services})) or "none"
    problem = f"no Service of {component}" if component else f"{len(matches)} Services for HTTP, not one"
    raise SlipwayError(f"the stack has {problem}; the components with Services are: {names}")
