"""The arguments of components that come from several fields."""

import pytest

from tests.unit.slipway.adopt.conftest import Adopted, lines, main


def test_a_service_that_others_name_with_a_port_has_it(adopted: Adopted) -> None:
    program = adopted(
        "services:\n  web: {build: ., ports: ['80:80'], environment: {BACKEND: 'api:9000'}}\n"
        "  api: {build: ., command: serve}\n  work: {build: .}\n"
    )
    assert "expose=Exposure(port=9000, target_port=9000)" in main(program)
    assert 'Worker("work"' in main(program)
    assert "others name its port 9000" in lines(program, ".services.api")


@pytest.mark.parametrize(
    ("field", "path"), [("deploy: {replicas: 0}", "deploy.replicas"), ("scale: 0", "scale")]
)
def test_no_replica_is_not_the_default_of_three(field: str, path: str, adopted: Adopted) -> None:
    program = adopted(f"services: {{web: {{build: ., expose: [80], {field}}}}}")
    assert "replicas=1" in main(program)
    assert "**left out** | a component has one replica or more" in lines(program, path)


@pytest.mark.parametrize(
    ("fields", "variable"),
    [("ports: ['8125:8125/udp']", "STATSD_ADDR: 'work:8125'"), ("command: celery", "TAG: 'work:2'")],
)
def test_a_port_of_udp_and_a_tag_make_no_web_service(fields: str, variable: str, adopted: Adopted) -> None:
    program = adopted(
        f"services:\n  web: {{build: ., environment: {{{variable}}}}}\n  work: {{build: ., {fields}}}\n"
    )
    assert 'Worker("work"' in main(program).replace("(\n    ", "(")
