"""Fields that are empty, or of another kind than Compose takes."""

import pytest

from slipway.errors import BadSource
from tests.unit.slipway.adopt.conftest import Adopted, main

EMPTY = (
    "build: {context: ., args: }",
    "command:",
    "configs:",
    "depends_on:",
    "deploy:",
    "deploy: {resources: }",
    "deploy: {resources: {limits: }}",
    "environment:",
    "expose:",
    "healthcheck:",
    "ports:",
    "profiles:",
    "secrets:",
    "tmpfs:",
    "volumes:",
)
WRONG = {
    "command: 5": "web.command in .* must be a text or a list, but is the number 5",
    "deploy: {resources: 3}": "web.deploy.resources in .* must be a mapping, but is the number 3",
    "expose: 80": "web.expose in .* must be a list, but is the number 80",
    "ports: '80:80'": "web.ports in .* must be a list, but is the text '80:80'",
    "profiles: dev": "web.profiles in .* must be a list, but is the text 'dev'",
    "environment: [{KEY: hunter2}]": r"web.environment\[0\] in .* must be a single value, but is a mapping",
    "environment: KEY=hunter2": "web.environment in .* must be a list or a mapping, but is a single value",
    "depends_on: web": "web.depends_on in .* must be a list or a mapping, but is the text 'web'",
}


@pytest.mark.parametrize("field", EMPTY)
def test_an_empty_field_is_as_none(field: str, adopted: Adopted) -> None:
    image = "" if field.startswith("build") else "    build: .\n"
    program = adopted(f"services:\n  web:\n{image}    {field}\n")
    assert 'Worker("web", namespace=namespace.name, image=image)' in main(program)
    assert "does not know" not in program.files()["ADOPTED.md"]


@pytest.mark.parametrize(("field", "message"), WRONG.items(), ids=WRONG)
def test_a_field_of_another_kind_is_refused_without_its_secret(
    field: str, message: str, adopted: Adopted
) -> None:
    with pytest.raises(BadSource, match=message) as refused:
        adopted(f"services:\n  web:\n    build: .\n    {field}\n")
    assert "hunter2" not in str(refused.value)


def test_a_variable_without_a_value_keeps_its_line(adopted: Adopted) -> None:
    report = adopted("services: {web: {build: ., environment: {A: , B: b}}}").files()["ADOPTED.md"]
    assert "| `services.web.environment.A` | **left out** | it has no value here" in report
