"""The arguments that AppImage refuses, before it asks the registry or the builder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.image.app_image import AppImage
from components.image.registry import RegistryCredentials
from components.validation import BadArgument
from slipway.images.registry import Repository
from tests.unit.recorder import DIGEST, Recorder

Run = Callable[[Callable[[], Any]], Recorder]


@pytest.fixture(autouse=True)
def _context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repository, "digest", lambda *_: pytest.fail("the registry was asked"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("FROM scratch AS runtime\nCOPY . /\n")


def image(**arguments: Any) -> AppImage:
    return AppImage("web", **{"context": Path("app"), "repository": "localhost:5001/web", **arguments})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"context": Path("nowhere")}, "context 'nowhere' is not a directory"),
    ({"context": 7}, "context is 7"),
    ({"dockerfile": Path("Dockerfile.prod")}, "dockerfile 'app/Dockerfile.prod' does not exist"),
    ({"repository": "localhost:5001/web:latest"}, "repository is 'localhost:5001/web:latest'.*without tag"),
    ({"repository": f"web@{DIGEST}"}, "repository is 'web@"),
    ({"repository": "https://ghcr.io/me/web"}, "repository is 'https://"),
    ({"repository": "ghcr.io/Me/web"}, "repository is 'ghcr.io/Me/web'"),
    ({"repository": ""}, "repository is ''"),
    ({"platforms": ["amd64"]}, "platforms.0 is 'amd64'.*linux/amd64"),
    ({"platforms": ["linux/amd64", "linux/amd64"]}, "platforms is .*each once"),
    ({"platforms": "linux/amd64"}, "platforms is 'linux/amd64'"),
    ({"build_args": {"A": 1}}, "build_args.A is 1"),
    ({"build_args": {"A B": "1"}}, "build_args.A B has a wrong name: must be letters"),
    (
        {"build_args": {"INDEX": "https://u:canary@x/"}},
        "build_args.INDEX is a URL with a password.*`secrets`$",
    ),
    ({"secrets": {"ca": ""}}, "secrets.ca is ''"),
    ({"secrets": {"c a": "x"}}, "secrets.c a has a wrong name: must be letters"),
    ({"cache": {"ref": "ghcr.io/me/web"}}, "cache.ref is 'ghcr.io/me/web'.*and a tag"),
    ({"preview_digest": "perhaps"}, "preview_digest is 'perhaps'"),
    ({"buildargs": {}}, "buildargs is unknown"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_arguments_are_refused_by_name_value_and_remedy(
    engine: Run, arguments: dict[str, Any], message: str
) -> None:
    def program() -> None:
        with pytest.raises(BadArgument, match=message):
            image(**arguments)

    assert not engine(program).of("Image")


def test_a_context_that_cannot_be_copied_is_explained(engine: Run) -> None:
    Path(".slipway").write_text("a file")

    def program() -> None:
        with pytest.raises(BadArgument, match=r"cannot be read or copied to \.slipway: .*exists"):
            image()

    assert not engine(program).of("Image")


def test_credentials_without_a_password_are_refused() -> None:
    with pytest.raises(ValueError, match="password"):
        RegistryCredentials(username="me", password="")
