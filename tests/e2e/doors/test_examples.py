"""The examples under host names: from a Compose file to an answer whose certificate is checked."""

from pathlib import Path

import pytest

from sandbox.platform import ingress_controller
from tests.conftest import started
from tests.e2e.doors.conftest import answer
from tests.e2e.examples.adopted import adopted
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.cluster import eventually


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "path", "says"),
    [("flask-redis", "/", "visits="), ("fastapi", "/healthz", "ok"), ("django", "/admin/login/", "Log in")],
)
def test_an_adopted_application_answers_under_a_host_name(
    name: str, path: str, says: str, tmp_path: Path
) -> None:
    """The sandbox has no cert-manager, which would make the Secret of the issuer."""
    host = f"{name}.example.com"
    with adopted(name, started("--ingress", "--postgres"), tmp_path, host=host, issuer="sandbox") as example:
        issued = ingress_controller.certificate(INSTANCE, (host,))
        files = (f"--cert={issued.certificate}", f"--key={issued.key}")
        example.kubectl("create", "secret", "tls", "web-tls", *files)
        eventually("the application answers", lambda: says in answer(f"https://{host}{path}"))
