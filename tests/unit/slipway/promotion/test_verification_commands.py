"""The check by a command of the user."""

import sys

import pytest

from slipway.promotion.options import VerifyOptions
from tests.unit.slipway.promotion.test_verification import (
    DEPLOYMENT,
    IMAGE,
    SERVICE,
    FakeCluster,
    pod,
    results,
)
from tests.unit.slipway.promotion.test_verification import (
    _registry_without_waiting as _registry_without_waiting,  # a fixture that every test here uses
)


def test_command_output_that_is_not_text() -> None:
    options = VerifyOptions(command=r"printf '\377\376'")
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod()), options)[-1] == ("command", True)


@pytest.mark.parametrize(
    "command",
    [
        "false",
        "no-such-program",
        "'unbalanced",
        "/etc/passwd",
        f"{sys.executable} -c 'import time; time.sleep(9)'",
    ],
)
def test_command_that_fails(command: str) -> None:
    options = VerifyOptions(command=command, command_timeout_s=0.5)
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod()), options)[-1] == ("command", False)


def test_a_command_gets_the_version_in_its_environment() -> None:
    script = f"import os; assert os.environ['IMAGE'] == '{IMAGE}' and os.environ['STACK'] == 'prod'"
    options = VerifyOptions(command=f'{sys.executable} -c "{script}"')
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod()), options)[-1] == ("command", True)
