"""What the checked-in stack files and their schema promise."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stack import settings
from tests.unit.recorder import DIGEST, Recorder

PROJECT = settings.PROJECT
STACK_FILES = sorted(PROJECT.glob("Pulumi.*.yaml"))


@pytest.fixture
def schema() -> Iterator[jsonschema.Draft202012Validator]:
    yield jsonschema.Draft202012Validator(json.loads(settings.SCHEMA.read_text()))


def stack(**config: Any) -> dict[str, Any]:
    own = {f"slipway:{key}": value for key, value in config.items()}
    return {"config": {"kubernetes:context": "sandbox", **own}}


def test_the_schema_is_current() -> None:
    assert json.loads(settings.SCHEMA.read_text()) == settings.schema(), "run: python -m stack.settings"


def test_the_schema_explains_every_key() -> None:
    document = settings.schema()
    groups = [document["properties"]["config"], *document["$defs"].values()]
    for group in groups:
        for key, value in group["properties"].items():
            assert value.get("description") or "$ref" in value, f"{key} has no description"


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_every_stack_file_points_editors_to_the_schema(path: Path) -> None:
    reference = re.match(r"# yaml-language-server: \$schema=(.+)\n", path.read_text())
    assert reference and (PROJECT / reference[1]) == settings.SCHEMA


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_every_stack_pins_its_context(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["config"]["kubernetes:context"]


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_no_stack_file_holds_a_salt_that_it_does_not_need(path: Path) -> None:
    """It is this machine's own: on another, with another passphrase, the stack could not be opened."""
    text = path.read_text()
    assert "secure:" in text or "encryptionsalt:" not in text, "delete the line; the state keeps it"


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_editors_and_program_agree_on_the_stack_files(
    path: Path, schema: jsonschema.Draft202012Validator, program: Callable[..., Recorder]
) -> None:
    """With the image that a promotion writes; dev has none, as it builds."""
    document = yaml.safe_load(path.read_text())
    if "build" not in document["config"]:
        document["config"]["slipway:image"] = DIGEST
    schema.validate(document)
    assert program(**document["config"]).of("Deployment")


def test_the_context_may_be_in_the_configured_kubeconfig(program: Callable[..., Recorder]) -> None:
    contents = json.dumps({"contexts": [{"name": "prod"}]})
    config = {"kubernetes:context": "prod", "image": DIGEST}
    assert program(secret={"kubernetes:kubeconfig": contents}, **config).of("Deployment")


def test_building_the_model_reads_no_file() -> None:
    """Only `load` checks the configuration against this machine."""
    model = settings.Settings.model_validate(
        {"kubernetes:context": "nowhere", "namespace": "n", "repository": "a/b", "build": "nowhere"}
    )
    assert model.context == "nowhere"


@pytest.mark.parametrize(
    "config",
    [
        {"image": DIGEST, "imgae": DIGEST},
        {},
        {"image": DIGEST, "build": "app"},
        {"image": DIGEST, "web": {"replicas": 0}},
        {"image": DIGEST, "web": {"replicas": "three"}},
        {"image": DIGEST, "web": {"serviceType": "Public"}},
        {"image": DIGEST, "web": {"autoscaling": {}}},
        {"image": DIGEST, "redis": {"storage": "1GB"}},
        {"image": DIGEST, "redisPassword": "in plain text"},
        {"image": "v1"},
        {"image": DIGEST, "namespace": "Prod"},
    ],
    ids=str,
)
def test_editors_mark_what_the_program_refuses(
    config: dict[str, Any], schema: jsonschema.Draft202012Validator
) -> None:
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(stack(**config))


def test_editors_accept_secrets_and_other_namespaces(schema: jsonschema.Draft202012Validator) -> None:
    document = stack(image=DIGEST, redisPassword={"secure": "v1:abc"})
    document["config"]["docker-build:host"] = "tcp://10.0.0.1:1234"
    schema.validate(document | {"encryptionsalt": "v1:abc"})


def test_the_program_can_ask_the_registry_with_the_configured_login() -> None:
    """An Output could not be waited for; and the password never shows."""
    credentials = settings._credentials("me:canary")
    assert (credentials.username, credentials.password) == ("me", "canary")
    assert "canary" not in repr(credentials)
