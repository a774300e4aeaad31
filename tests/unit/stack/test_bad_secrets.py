"""A secret that cannot work, or is in plain text, stops the program, which never shows it."""

import pulumi
import pytest

from tests.unit.recorder import DIGEST
from tests.unit.stack.test_bad_stack_files import Bad, Program, refuse

BAD = {
    "plain password": Bad(
        {"redisPassword": "0123456789ab"}, "is in plain text", "set --secret redisPassword"
    ),
    "plain credentials": Bad(
        {"registryCredentials": "me:it"}, "is in plain text", "set --secret registryCredentials"
    ),
    "plain login for nodes": Bad(
        {"pullCredentials": "me:it"}, "is in plain text", "set --secret pullCredentials"
    ),
    "short password": Bad(
        {"secret": {"redisPassword": "abc"}}, "redisPassword is [secret], but must have", "--secret"
    ),
    "no user name": Bad(
        {"secret": {"registryCredentials": "token"}}, "must be username:password", "--secret"
    ),
    "no token": Bad({"secret": {"registryCredentials": "me:"}}, "must be username:password", "--secret"),
    "encrypted namespace": Bad(
        {"secret": {"namespace": "hits"}}, "namespace is encrypted, but", "set namespace"
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_an_invalid_secret_is_refused_with_a_repair(bad: Bad, program: Program) -> None:
    refuse(bad, program)


def test_a_kubeconfig_is_not_shown(program: Program) -> None:
    contents = '{"contexts": [], "users": [{"user": {"token": "hunter2"}}]}'
    with pytest.raises(
        pulumi.RunError, match="kubeconfig in kubernetes:kubeconfig, which has: none"
    ) as error:
        program(image=DIGEST, secret={"kubernetes:kubeconfig": contents})
    assert "hunter2" not in str(error.value)


def test_a_malformed_kubeconfig_is_reported(program: Program) -> None:
    with pytest.raises(pulumi.RunError, match=r"is 'sandbox', but the kubeconfig .* is malformed") as error:
        program(image=DIGEST, **{"kubernetes:kubeconfig": "token: hunter2\ncontexts: 5"})
    assert "hunter2" not in str(error.value)


def test_a_secret_in_plain_text_is_not_shown(program: Program) -> None:
    """It is a secret all the same, and goes into the log of a pipeline."""
    with pytest.raises(pulumi.RunError, match="is in plain text") as refusal:
        program(
            image=DIGEST,
            registryCredentials="ghp_hunter2",
            pullCredentials="hunter2",
            redisPassword="hunter2",
        )
    assert "hunter" not in str(refusal.value)


def test_a_refused_secret_is_not_shown(program: Program) -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        program(image=DIGEST, secret={"redisPassword": "hunter2", "registryCredentials": "hunter3"})
    assert "hunter" not in str(refusal.value)
