"""Whatever is wrong, and wherever it is in the settings, the report names the key as the file has it."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import pulumi
import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from components.validation import Text, conflict, options, problems_in
from stack.databases import Databases
from stack.errors import Schema, report
from stack.settings import Settings
from tests.unit.conftest import Run


@options
class Queue:
    max_size: Annotated[int, Field(examples=[7])] = 1
    aliases: dict[str, str] = Field(default_factory=dict)


@options
class File:
    kind: Literal["file"]
    path: Text


@options
class Bucket:
    kind: Literal["bucket"]
    name: Text


class Everything(BaseModel):
    """A model with each kind of place that a value can have."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    queue: Queue = Queue()
    by_name: dict[str, Queue] = Field(default_factory=dict)
    by_number: dict[int, Queue] = Field(default_factory=dict)
    queues: list[Queue] = Field(default_factory=list)
    pair: tuple[int, Queue] = (1, Queue())
    nested: dict[str, list[dict[str, Queue]]] = Field(default_factory=dict)
    either: Queue | File | None = None
    several: dict[str, int] | list[int] | int | None = None
    store: Annotated[File | Bucket, Field(discriminator="kind")] | None = None
    first: bool = False
    second: bool = False

    @model_validator(mode="after")
    def _fit(self) -> "Everything":
        if self.first and self.second:
            raise conflict("first and second are both true")
        return self


def reported(document: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        Everything.model_validate(document)
    return report("dev", list(problems_in(error.value)), Everything.model_json_schema())


@pytest.mark.parametrize(
    ("document", "says", "repair"),
    [
        ({"queue": {"maxSize": "x"}}, "queue.maxSize is 'x'", "set --path queue.maxSize 7"),
        ({"byName": {"a_b": {"maxSize": "x"}}}, "byName.a_b.maxSize is 'x'", "set --path byName.a_b.maxSize"),
        (
            {"byName": {"a.b": {"maxSize": "x"}}},
            'byName["a.b"].max',
            "set --path 'byName[\"a.b\"].maxSize' 7",
        ),
        (
            {"byName": {"a": {"size": 1}}},
            "byName.a.size is unknown; the keys here are aliases, maxSize",
            "rm --path byName",
        ),
        ({"byName": {"a": 5}}, "byName.a is 5", "set --path byName.a VALUE"),
        ({"byNumber": {"x": {}}}, "byNumber.x has a wrong name: must be a valid int", "rm --path byNumber.x"),
        ({"byNumber": {3: {"maxSize": "x"}}}, "byNumber.3.maxSize is 'x'", "set --path byNumber.3.maxSize 7"),
        ({"queues": [{}, {"maxSize": "x"}]}, "queues[1].maxSize is 'x'", "'queues[1].maxSize' 7"),
        ({"pair": ["x", {}]}, "pair[0] is 'x'", "set --path 'pair[0]' VALUE"),
        ({"pair": [1, {"maxSize": "x"}]}, "pair[1].maxSize is 'x'", "set --path 'pair[1].maxSize' 7"),
        ({"pair": [1]}, "pair[1] is missing", "set --path 'pair[1]' VALUE"),
        ({"nested": {"a": [{"b": {"maxSize": "x"}}]}}, "nested.a[0].b.maxSize is 'x'", "b.maxSize' 7"),
        ({"either": 5}, "either is 5", "set either VALUE"),
        ({"either": {"maxSize": "x"}}, "either.maxSize is 'x'", "set --path either.maxSize 7"),
        ({"several": {"a": "x"}}, "several.a is 'x'", "set --path several.a VALUE"),
        ({"several": ["x"]}, "several[0] is 'x'", "set --path 'several[0]' VALUE"),
        ({"store": {"kind": "file"}}, "store.path is missing", "set --path store.path VALUE"),
        ({"store": {"kind": "x"}}, "store is {'kind': 'x'}", "set store VALUE"),
        ({"a b": 1}, "a b is unknown", "rm 'a b'"),
        ({"queue": {"max_sise": 1}}, "queue.max_sise is unknown; did you mean maxSize?", "queue.max_sise"),
        ({"queue": {"a b": 1}}, 'queue["a b"] is unknown', "rm --path 'queue[\"a b\"]'"),
        ({"a.b": 1}, "a.b is unknown", "rm a.b --stack"),
        ({"first": True, "second": True}, "  first and second are both true", "pulumi config --stack dev"),
    ],
)
def test_the_report_names_the_key_as_the_file_has_it(
    document: dict[str, Any], says: str, repair: str
) -> None:
    text = reported(document)
    assert says in text
    assert repair in text


Path = tuple[str | int, ...]
WRONG: list[Any] = [None, True, 5, -1, 2.5, "", " ", "x y", "_", [], [5], [[]], ["x"], {}, {"x": 5}]
WRONG += [{"1 x.y": "a"}, {"A_B": 5}, {"a": {"b": [{}]}}, "a" * 5000]


def places(schema: Schema, root: Schema, path: Path = ()) -> Iterator[Path]:
    """Yield the path to each value that the schema has a place for."""
    yield path
    if reference := schema.get("$ref"):
        yield from places(root["$defs"][reference.rpartition("/")[2]], root, path)
    for alternative in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        yield from places(alternative, root, path)
    for key, value in schema.get("properties", {}).items():
        yield from places(value, root, (*path, key))
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield from places(values, root, (*path, "A_B"))
    for index, item in enumerate([*schema.get("prefixItems", ()), schema.get("items", False)]):
        if item:
            yield from places(item, root, (*path, index))


def document(path: Path, value: Any) -> Any:
    """Return what has the value at the path, and nothing else."""
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [{}] * part + [value]
    return value


def keys_of(value: Any) -> Iterator[str]:
    """Yield each key, at any depth."""
    for key, item in value.items() if isinstance(value, dict) else []:
        yield key
        yield from keys_of(item)
    for item in value if isinstance(value, list) else []:
        yield from keys_of(item)


def check_report(text: str, value: Any, schema: Schema) -> None:
    heading, *paragraphs = text.split("\n\n")
    assert heading.endswith("In Pulumi.dev.yaml:")
    assert paragraphs
    known = {*keys_of(schema), *keys_of(value)}
    for paragraph in paragraphs:
        command = shlex.split(paragraph.rpartition("pulumi config ")[2])
        if "--path" in command:
            path = command[command.index("--path") + 1]
            parts = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[]+)', path)
            assert {key or name for key, _, name in parts if key or name} <= known, "no types of pydantic's"


def as_text(document: dict[str, Any]) -> dict[str, str]:
    """Return the settings as Pulumi hands them over."""
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in document.items()}


@pytest.mark.parametrize(("model", "read"), [(Settings, as_text), (Databases, as_text), (Everything, dict)])
def test_no_wrong_value_ends_in_a_traceback(
    model: type, read: Callable[[dict[str, Any]], dict[str, Any]], engine: Run
) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    schema = adapter.json_schema()
    reports = []

    def check(value: dict[str, Any]) -> None:
        try:
            adapter.validate_python(read(value))
        except ValidationError as error:
            reports.append(report("dev", list(problems_in(error)), schema))
            check_report(reports[-1], value, schema)

    def program() -> None:
        for path in sorted(set(places(schema, schema)) - {()}, key=str):
            for wrong in WRONG:
                check(document(path, wrong))

    engine(program)
    assert reports


def test_no_wrong_build_ends_in_a_traceback(engine: Run, kubeconfig: object) -> None:
    """It is the setting whose value is looked up on this machine too."""
    schema = Settings.model_json_schema()
    found = sorted({path for path in places(schema, schema) if path[:1] == ("build",)}, key=str)
    assert ("build", "buildArgs", "A_B") in found, "the control"

    def load(own: dict[str, Any]) -> None:
        given = {"kubernetes:context": "sandbox", "slipway:repository": "localhost:5001/hits"}
        given |= {f"slipway:{key}": item for key, item in as_text(own).items()}
        pulumi.runtime.set_all_config(given, [])
        try:
            Settings.load()
        except pulumi.RunError as refusal:
            check_report(str(refusal), own, schema)

    def program() -> None:
        for path in found:
            for wrong in WRONG:
                load(document(path, wrong))

    engine(program)
