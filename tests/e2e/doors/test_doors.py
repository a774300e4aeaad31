"""Host names lead to services through a real controller, with certificates that clients check."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from sandbox.platform import ingress_controller, pki
from sandbox.platform.processes import Supervisor
from tests.e2e.doors.conftest import (
    ADDED,
    HOST,
    ROUTED,
    SECOND,
    DoorStack,
    answer,
    ask,
    client,
    through_the_doors,
)
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.cluster import eventually

URLS = {
    f"https://{HOST}/cart?id=1": "shop /cart?id=1",
    f"https://{SECOND}/": "shop /",
    f"https://{HOST}/api/v1": "api /api/v1",
    f"https://{HOST}/apiary": "shop /apiary",
    f"https://{SECOND}/api/v1": "shop /api/v1",
    f"https://{ROUTED}/cart": "routed /cart",
}
"""Who answers a URL; a prefix ends with a part of the path."""


@pytest.mark.parametrize("url", URLS)
def test_https_answers_with_a_certificate_that_is_checked(url: str, stack: DoorStack) -> None:
    eventually("the door leads to it", lambda: answer(url) == URLS[url])
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(url, Path(pki.certificate(INSTANCE, "ca")))


@pytest.mark.parametrize("host", [HOST, SECOND, ROUTED])
def test_http_is_redirected_to_https(host: str, stack: DoorStack) -> None:
    response = ask(f"http://{host}/cart?id=1")
    assert response.status_code == httpx.codes.MOVED_PERMANENTLY
    assert response.headers["location"] == f"https://{host}/cart?id=1"


def test_no_other_host_is_served(stack: DoorStack) -> None:
    assert ask("http://other.example.com/").status_code == httpx.codes.NOT_FOUND
    with pytest.raises(httpx.ConnectError):
        ask("https://other.example.com/")


def test_the_entrances_report_the_address(stack: DoorStack) -> None:
    address = "--output=jsonpath={.status.loadBalancer.ingress[0].ip}"
    assert stack.kubectl("get", "ingress/shop", address) == INSTANCE.control_ip
    routes = json.loads(stack.kubectl("get", "httproutes", "--output=json"))["items"]
    assert sorted(route["metadata"]["name"] for route in routes) == ["routed", "routed-redirect"]
    for route in routes:
        [parent] = route["status"]["parents"]
        accepted = {item["type"]: item["status"] for item in parent["conditions"]}
        assert accepted == {"Accepted": "True", "ResolvedRefs": "True"}


def test_a_second_update_changes_nothing(stack: DoorStack) -> None:
    assert stack.changes() == []
    steps = json.loads(stack.succeed("preview", "--refresh", "--json"))["steps"]
    assert [step["urn"] for step in steps if step["op"] not in ("same", "refresh")] == []


@pytest.mark.parametrize("process", ["contour", "envoy"])
def test_a_killed_controller_serves_again(process: str, stack: DoorStack) -> None:
    def running() -> dict[str, int]:
        return {item.name: item.pid for item in Supervisor(INSTANCE).processes() if item.state == "RUNNING"}

    killed = running()[process]
    os.kill(killed, signal.SIGKILL)
    eventually("another process runs", lambda: running().get(process, killed) != killed)
    eventually("Envoy has its configuration", lambda: ingress_controller.unready(INSTANCE) == [])
    for url, text in URLS.items():
        assert answer(url) == text


def test_a_rollout_fails_no_request(stack: DoorStack) -> None:
    """Half of the clients keep their connection, the others make one for each request."""
    url, ended = f"https://{HOST}/", Event()

    def asks(keep: bool) -> list[str]:
        answers: list[str] = []
        while not ended.is_set():
            with client() as once:
                for _ in range(50 if keep else 1):
                    try:
                        response = once.get(**through_the_doors(url))
                        answers.append(response.text if response.is_success else str(response.status_code))
                    except httpx.HTTPError as error:
                        answers.append(repr(error))
                    time.sleep(0.02)
        return answers

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(asks, keep) for keep in (True, False, True, False)]
        try:
            for change in ({"version": "2"}, {}):
                stack.set(**change)
                stack.up()
        finally:
            ended.set()
    answers = [answer for client in clients for answer in client.result()]
    assert len(answers) > 100
    assert set(answers) == {"shop /"}


def test_adding_a_host_is_previewed_as_an_opening_and_then_serves(stack: DoorStack) -> None:
    with pytest.raises(httpx.ConnectError):
        ask(f"https://{ADDED}/")
    try:
        stack.set(hosts=[HOST, SECOND, ADDED])
        done = stack.slipway("preview", stack.name, "--json")
        [report] = json.loads(done.stdout)["stacks"]
        assert done.returncode == 3, "dangerous"
        said = [consequence["reason"] for consequence in report["consequences"]]
        assert said == [f"Ingress shop also opens {ADDED}/ to clients outside of the cluster"]
        stack.up()
        eventually("the new host serves", lambda: answer(f"https://{ADDED}/") == "shop /")
        assert answer(f"https://{HOST}/") == "shop /"
    finally:
        stack.set()
        stack.up()
