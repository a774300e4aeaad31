"""The arguments of components that come from several fields."""

import pytest

from tests.unit.slipway.adopt.conftest import Adopted, lines, main


@pytest.mark.parametrize(
    ("field", "path"), [("deploy: {replicas: 0}", "deploy.replicas"), ("scale: 0", "scale")]
)
def test_no_replica_is_not_the_default_of_three(field: str, path: str, adopted: Adopted) -> None:
    program = adopted(f"services: {{web: {{build: ., expose: [80], {field}}}}}")
    assert "replicas=1" in main(program)
    assert "**left out** | a component has one replica or more" in lines(program, path)
