"""The inputs that AppImage gives to the provider."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.image import buildx
from components.image.app_image import AppImage
from components.image.registry import RegistryCache, RegistryCredentials
from components.validation import BadArgument
from slipway.images.registry import RegistryUnavailable, Repository
from slipway.images.registry_login import Login
from tests.unit.recorder import DIGEST, Recorder

Run = Callable[[Callable[[], Any]], Recorder]


class Registry:
    """Stands in for the network: gives `answer` for each tag, and records the logins."""

    def __init__(self) -> None:
        self.answer: str | RegistryUnavailable | None = None
        self.logins: list[Login | None] = []

    def digest(self, repository: Repository, tag: str) -> str | None:
        self.logins.append(repository.login)
        if isinstance(self.answer, RegistryUnavailable):
            raise self.answer
        return self.answer


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(buildx, "stages", lambda *_: None)  # no builder answers
    monkeypatch.setattr(Repository, "digest", lambda *args: registry.digest(*args))
    return registry


@pytest.fixture(autouse=True)
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("FROM scratch AS runtime\nCOPY . /\n")
    return tmp_path / "app"


def image(**arguments: Any) -> AppImage:
    return AppImage("web", **{"context": Path("app"), "repository": "localhost:5001/web", **arguments})


def inputs(engine: Run, **arguments: Any) -> dict[str, Any]:
    (registered,) = engine(lambda: image(**arguments) and None).of("Image")
    return registered.inputs


def test_the_reference_names_repository_content_and_digest(engine: Run) -> None:
    outputs: list[str] = []

    def program() -> pulumi.Output[None]:
        web = image()
        return pulumi.Output.all(web.ref, web.digest).apply(lambda values: outputs.extend([web.tag, *values]))

    engine(program)
    tag, ref, digest = outputs
    assert (ref, digest) == (f"localhost:5001/web:{tag}@{DIGEST}", DIGEST)


def test_nothing_of_this_machine_reaches_the_state(engine: Run, tmp_path: Path) -> None:
    assert str(tmp_path) not in str(inputs(engine))


def test_a_preview_does_not_build_unless_asked_to(engine: Run) -> None:
    assert inputs(engine)["buildOnPreview"] is False
    assert inputs(engine, preview_digest=True)["buildOnPreview"] is True


def test_times_are_fixed_unless_an_argument_says_otherwise(engine: Run) -> None:
    assert inputs(engine)["buildArgs"] == {"SOURCE_DATE_EPOCH": "0"}
    given = {"SOURCE_DATE_EPOCH": "7", "A": "b"}
    assert inputs(engine, build_args=given)["buildArgs"] == given


def test_secrets_change_neither_the_tag_nor_force_a_build(engine: Run) -> None:
    first, second = inputs(engine, secrets={"ca": "x"}), inputs(engine, secrets={"ca": "y"})
    assert first["tags"] == second["tags"]
    assert first["ignoreSecretsInDiffCalculation"] == ["ca"]


def test_credentials_serve_the_build_and_the_question_beforehand(engine: Run, registry: Registry) -> None:
    credentials = RegistryCredentials(username="me", password="canary")  # noqa: S106  # not one
    registries = inputs(engine, repository="ghcr.io/me/web", credentials=credentials)["registries"]
    assert registries == [{"address": "ghcr.io", "username": "me", "password": "canary"}]
    assert registry.logins[-1] == Login("me", "canary")


def test_a_password_that_is_not_known_yet_is_not_waited_for(engine: Run, registry: Registry) -> None:
    def program() -> None:
        image(credentials=RegistryCredentials(username="me", password=pulumi.Output.secret("canary")))

    engine(program)
    assert registry.logins == [None]


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("python", "docker.io/library/python:latest"),
        ("ghcr.io/you/base:1@sha256:0", "ghcr.io/you/base:1"),
        ("localhost:5001/base@sha256:0", "localhost:5001/base@sha256:0"),
        ("scratch", None),
    ],
)
def test_an_image_records_the_full_name_of_its_base(
    base: str, name: str | None, engine: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildx, "stages", lambda *_: [buildx.Stage("", base)])
    labels = {"org.opencontainers.image.base.name": name} if name else None
    before = inputs(engine)
    assert before.get("labels") == labels
    monkeypatch.setattr(buildx, "stages", lambda *_: None)
    assert inputs(engine)["tags"] == before["tags"], "the label is not part of the identity"


def test_the_cache_is_read_and_added_to_unless_only_read(engine: Run, registry: Registry) -> None:
    both = inputs(engine, cache=RegistryCache(ref="ghcr.io/me/web:cache"))
    assert both["cacheFrom"] == [{"registry": {"ref": "ghcr.io/me/web:cache"}}]
    assert both["cacheTo"][0]["registry"]["mode"] == "max"
    assert "cacheTo" not in inputs(engine, cache=RegistryCache(ref="ghcr.io/me/web:cache", export=False))
    registry.answer = DIGEST
    taken = inputs(engine, cache=RegistryCache(ref="ghcr.io/me/web:cache"))
    assert "cacheTo" not in taken, "an image that is not built adds nothing"
    assert taken["cacheFrom"] == both["cacheFrom"], "`slipway prune` reads from the state that it is needed"


def test_a_registry_that_cannot_tell_does_not_stop_the_program(engine: Run, registry: Registry) -> None:
    registry.answer = RegistryUnavailable("registry ghcr.io cannot be reached")
    assert inputs(engine)["tags"]


OTHER = "sha256:" + "b" * 64


def registered(engine: Run) -> tuple[str, dict[str, Any], list[str]]:
    """Return the reference, the inputs of the image, and the changes that the engine ignores."""
    refs: list[str] = []
    recorder = engine(lambda: image().ref.apply(refs.append))
    [image_] = recorder.of("Image")
    return refs[0], image_.inputs, list(recorder.request("Image", image_.name).ignoreChanges)


def test_an_image_that_the_registry_has_is_neither_built_nor_pushed(engine: Run, registry: Registry) -> None:
    registry.answer = OTHER
    ref, inputs, ignored = registered(engine)
    assert ref.endswith(f"@{OTHER}")
    assert inputs["dockerfile"] == {"inline": f"# {ref}\nFROM scratch\n"}
    assert (inputs["exports"], inputs["push"]) == ([{"cacheonly": {}}], False)
    assert inputs["tags"] == [ref.partition("@")[0]]
    assert ignored == ["*"], "an image that this stack built stays as it is in the state"


def test_an_image_that_the_registry_lost_is_built(engine: Run) -> None:
    _, inputs, ignored = registered(engine)
    assert inputs["exports"] == [{"raw": "type=registry"}]
    assert ignored == []


def test_without_the_registry_the_digest_of_the_last_update_counts(
    engine: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.answer = RegistryUnavailable("registry localhost:5001 cannot be reached")
    ref, built, ignored = registered(engine)
    assert ref.endswith(f"@{DIGEST}"), "which a build gave"
    assert built["exports"] == [{"raw": "type=registry"}]
    assert ignored == ["*"]
    registry.answer = OTHER
    taken, state, _ = registered(engine)
    registry.answer = RegistryUnavailable("registry localhost:5001 cannot be reached")
    create = Recorder.new_resource

    def unchanged(self: Recorder, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        name, inputs = create(self, args)
        return name, {**state, "digest": ""} if args.typ.endswith(":Image") else inputs

    monkeypatch.setattr(Recorder, "new_resource", unchanged)
    assert registered(engine)[0] == taken, "which was taken from the registry"


def test_each_tag_is_a_resource_of_its_own(engine: Run, context: Path) -> None:
    """So the state of another tag, whose inputs are ignored, never stands for this one."""
    names = set()
    for text in ("one", "two"):
        (context / "file").write_text(text)
        names.add(engine(lambda: image() and None).of("Image")[0].name)
    assert len(names) == 2


def test_a_registry_that_only_the_builder_reaches_does_not_stop_the_build(
    engine: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Repository) -> None:
        raise RegistryUnavailable("registry at https://kind-registry:5000 cannot be reached: bad certificate")

    warnings: list[str] = []
    monkeypatch.setattr(Repository, "check_reachable", refuse)
    monkeypatch.setattr(buildx, "check_reachable", lambda _: None)

    def program() -> None:
        web = image()
        monkeypatch.setattr(pulumi.log, "warn", lambda text, _: warnings.append(text))
        web._check(None)  # type: ignore[arg-type]  # the engine's arguments are not used

    engine(program)
    assert "bad certificate. If the builder does not reach it either" in warnings[0]


@pytest.mark.parametrize(
    ("target", "stages", "refused"),
    [
        ("rumtime", ["builder", "runtime", ""], True),
        ("Runtime", ["builder", "runtime", ""], False),
        ("2", ["builder", "runtime", ""], False),
        ("3", ["builder", "runtime", ""], True),
        ("rumtime", None, False),
    ],
)
def test_a_target_is_a_stage_that_buildkit_lists(
    target: str, stages: list[str] | None, refused: bool, engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = None if stages is None else [buildx.Stage(stage, "scratch") for stage in stages]
    monkeypatch.setattr(buildx, "stages", lambda *_: listed)

    def program() -> None:
        if not refused:
            image(target=target)
            return
        with pytest.raises(
            BadArgument, match=f"target is '{target}', but the stages of .* are builder, runtime"
        ):
            image(target=target)

    assert bool(engine(program).of("Image")) is not refused


def test_an_image_that_was_built_before_needs_no_list_of_stages(
    engine: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildx, "stages", lambda *_: pytest.fail("a preview without changes starts buildx"))
    registry.answer = "sha256:" + "b" * 64
    assert inputs(engine, target="runtime")
