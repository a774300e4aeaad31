"""Health checks that ask a URL, and those that do more."""

import pytest

from tests.unit.slipway.adopt.conftest import Adopted, lines, main

ASKS = {
    "curl -f http://localhost:8000/up || exit 1": 'Probe.http("/up", host="localhost")',
    "curl --fail -sSL -m 5 'http://127.0.0.1:8000/up?a=1&b=2' > /dev/null 2>&1 || exit 1": (
        'Probe.http("/up?a=1&b=2", host="localhost")'
    ),
    "wget -q --tries=1 --spider http://localhost:9000 || exit 1": (
        'Probe.http("/", host="localhost", port=9000)'
    ),
    "wget -qO- https://localhost:8000/up": 'Probe.http("/up", host="localhost", scheme="HTTPS")',
    "python -c \"import urllib.request; urllib.request.urlopen('http://localhost:8000/up')\"": (
        'Probe.http("/up", host="localhost")'
    ),
}
DO_MORE = (
    "curl http://localhost:8000/up",
    "curl -f http://localhost:$$PORT/up",
    "curl -f http://localhost:$${PORT}/up",
    "curl -f http://localhost:8000/$$PAGE",
    "curl -sf http://localhost:8000/up | grep -q ok",
    "curl -sf http://localhost:8000/up && test -f /tmp/ready",
    "curl -f -X POST http://localhost:8000/up",
    "curl -fH 'Host: shop' http://localhost:8000/up",
    "curl -f http://localhost:8000/a http://localhost:8000/b",
    "curl -f http://localhost:8000/up || true",
    "node check.js http://localhost:8000/up",
    "python -c \"import urllib.request as u; assert b'ok' in u.urlopen('http://localhost:8000/up').read()\"",
)


def with_check(test: str, fields: str = "expose: [8000]") -> str:
    check = test.replace("'", "''")
    return (
        f"services:\n  web: {{build: ., {fields}, healthcheck: {{test: '{check}', start_period: 10s}}}}\n"
        "  redis: {image: 'redis:7'}\n"
    )


@pytest.mark.parametrize(("test", "probe"), ASKS.items(), ids=ASKS)
def test_the_kubelet_asks_what_a_check_only_asks(test: str, probe: str, adopted: Adopted) -> None:
    assert f"ready={probe}" in main(adopted(with_check(test)))


@pytest.mark.parametrize("test", DO_MORE)
def test_a_check_that_does_more_stays_a_command(test: str, adopted: Adopted) -> None:
    program = adopted(with_check(test))
    assert "Probe.http" not in main(program)
    assert "ready=Probe.exec(" in main(program).replace("\n", "").replace(" ", "")
    assert "translated | a command that must succeed" in lines(program, "healthcheck.test")


@pytest.mark.parametrize("fields", ["expose: [8000]", "command: work"])
@pytest.mark.parametrize(
    "test",
    [
        "curl -fu admin:hunter2 http://localhost:8000/up",
        "celery -b redis://:hunter2@redis inspect ping",
        "check --password hunter2",
    ],
)
def test_a_check_with_a_secret_is_left_out(test: str, fields: str, adopted: Adopted) -> None:
    """The kubelet puts no variable of a Secret into the command of a probe."""
    program = adopted(with_check(test, fields))
    assert "hunter2" not in "".join(program.files().values())
    assert "Probe.exec" not in main(program)
    assert "**left out** | it has a secret" in lines(program, "healthcheck.test")


def test_a_check_of_a_server_with_another_password_is_left_out(adopted: Adopted) -> None:
    program = adopted(with_check("celery -b redis://redis:6379 inspect ping", "command: work"))
    assert "Probe.exec" not in main(program)
    assert "**left out** | `redis` has another address or a password" in lines(program, "healthcheck.test")
