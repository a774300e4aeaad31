"""Secrets of a stack are in no place; the plain values, which prove the search, are in each."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stack.build_secrets import build_secrets
from tests.e2e.program.conftest import INSTANCE, Stack
from tests.e2e.security.conftest import SHORT_LIVED, VERBOSE, Watched
from tests.e2e.security.searching import forms, holding, image

FORMATS = ("txt", "md", "html", "json")
"""Of reports, by the suffixes of their files."""


@pytest.fixture(scope="module")
def places(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories with everything that was written or shown while the stack was deployed."""
    stack, found = watched.stack, tmp_path_factory.mktemp("places")
    with changed(watched):
        previewed = {
            "previews/diff": stack.succeed("preview", "--diff"),
            "previews/json": stack.succeed("preview", "--json"),
            "previews/log": stack.run("preview", *VERBOSE).stderr,
        }
        report(stack, found / "reports")
    texts = {
        **{f"up/{name}": text for name, text in watched.printed.items()},
        **previewed,
        "arguments/all": "\n".join(watched.arguments),
        "pods/logs": "".join(stack.kubectl("logs", pod) for pod in ("deployment/web", "statefulset/cache")),
        "pods/objects": stack.kubectl("get", "all,configmaps,events,networkpolicies", "--output=yaml"),
    }
    contents = {name: text.encode() for name, text in texts.items()}
    contents |= {f"image/{number}": part for number, part in enumerate(image(stack.output("image")))}
    for name, content in contents.items():
        (found / name).parent.mkdir(exist_ok=True)
        (found / name).write_bytes(content)
    (found / "stack").mkdir()
    (found / "stack/file").write_bytes(stack.file.read_bytes())
    written = {path.name: path for path in found.iterdir()}
    return written | {
        "state": stack.directory / "state",
        "the platform's logs": INSTANCE.logs,
        "build cache": INSTANCE.state / "buildkit",
    }


@contextmanager
def changed(watched: Watched) -> Iterator[None]:
    """Change both secrets of the configuration, as it is previewed before it is applied."""
    stack = watched.stack
    before = stack.file.read_text()
    stack.tell_secret("redisPassword", watched.next)
    stack.tell_secret("registryCredentials", f"someone:{watched.next}")
    try:
        yield
    finally:
        stack.file.write_text(before)


def report(stack: Stack, directory: Path) -> None:
    """Write the report on a change in each format."""
    files = [directory / f"report.{suffix}" for suffix in FORMATS]
    outputs = (f"--output={file}" for file in files)
    done = stack.slipway("preview", f"--stack={stack.name}", *outputs)
    assert done.returncode in (2, 3), done.stderr
    assert all(file.stat().st_size for file in files)


OPEN = {
    "up": "watched-",
    "arguments": SHORT_LIVED,
    "previews": "cache-auth",
    "reports": "cache-auth",
    "pods": "REDIS_HOST",
    "image": "hitcounter",
    "stack": "secure: v1",
    "state": "secrets_providers",
    "the platform's logs": "containerd",
    "build cache": "hitcounter",
}
"""The plain value in each place. The search must find it."""


@pytest.mark.parametrize("place", OPEN)
def test_no_secret_is_found(place: str, places: dict[str, Path], watched: Watched) -> None:
    assert holding(places[place], [OPEN[place].encode()]), "the search does not see this place"
    hidden = {form for canary in (*watched.canaries, watched.next) for form in forms(canary)}
    assert holding(places[place], hidden) == []


def test_the_secrets_are_in_use(watched: Watched) -> None:
    """Or there would be nothing to be found."""
    kept = watched.stack.kubectl("get", "secrets", "--output=json")
    password, token, build = watched.canaries
    assert base64.b64encode(password.encode()).decode() in kept
    assert any(form.decode() in kept for form in forms(token))
    assert any(build in str(value) for value in build_secrets(watched.stack.environment).values())


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_a_secret_in_base64_would_be_found(before: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(base64.b64encode(before + b"canary-1234567890" + b"after"))
    assert holding(tmp_path, forms("canary-1234567890"))
    assert not holding(tmp_path, forms("parrot-1234567890"))


def test_a_search_that_misses_a_deleted_file_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("canary-1234567890")
    run, missed = subprocess.run, [b"grep: snapshots/340: No such file or directory\n"]

    def grep(words: tuple[str | Path, ...], **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(words, 2, b"", missed.pop()) if missed else run(words, **options)

    monkeypatch.setattr(subprocess, "run", grep)
    assert holding(tmp_path, [b"canary-1234567890"])
    missed.append(b"grep: file: Permission denied\n")
    with pytest.raises(AssertionError, match="Permission denied"):
        holding(tmp_path, [b"canary-1234567890"])
