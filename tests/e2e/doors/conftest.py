"""A stack with host names, and clients that reach it through the doors of the sandbox."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.platform import ingress_controller
from tests.conftest import started
from tests.e2e.conftest import Ending
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.program.conftest import INSTANCE, Stack
from tests.e2e.sandbox.cluster import IMAGE

HERE = Path(__file__).parent / "project"
HOST = "shop.example.com"
SECOND = "www.shop.example.com"
ADDED = "eu.shop.example.com"
ROUTED = f"routed.{ingress_controller.DOMAIN}"


def client(authority: Path | None = None) -> httpx.Client:
    """Return a client that trusts one authority, the sandbox's for host names unless given."""
    context = ssl.create_default_context(cafile=str(authority or ingress_controller.authority(INSTANCE)))
    return httpx.Client(verify=context, timeout=5, trust_env=False)


def through_the_doors(url: str) -> dict[str, Any]:
    """Return the arguments that request a URL without its host in DNS."""
    asked = httpx.URL(url)
    return {
        "url": asked.copy_with(host=INSTANCE.control_ip),
        "headers": {"Host": asked.host},
        "extensions": {"sni_hostname": asked.host},
    }


def ask(url: str, authority: Path | None = None) -> httpx.Response:
    """Request a URL once."""
    with client(authority) as once:
        return once.get(**through_the_doors(url))


def answer(url: str) -> str:
    """Request a URL once, and return the answer, or what is wrong."""
    try:
        response = ask(url)
    except httpx.HTTPError as error:
        return repr(error)
    return response.text if response.is_success else str(response.status_code)


class DoorStack(Stack):
    """The deployed stack of the program of these tests."""

    def set(self, **change: Any) -> None:
        """Write the stack's file, with what differs from the base."""
        issued = ingress_controller.certificate(INSTANCE, (HOST, f"*.{HOST}"))
        own = {
            "image": IMAGE,
            "hosts": [HOST, SECOND],
            "routed": ROUTED,
            "crt": str(issued.certificate),
            "key": str(issued.key),
            **change,
        }
        super().set(**own)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, ending: Ending) -> Iterator[DoorStack]:
    directory = tmp_path_factory.mktemp("doors")
    write_project(directory, "doors", HERE.glob("*.py"))
    with own_stack(DoorStack, directory, started("--ingress")).while_up(ending) as stack:
        yield stack
