"""That a report names the commits in a new image: those since the last update, and nothing else."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from sandbox.platform.instance import Instance
from tests.e2e.slipway.preview.conftest import PROJECT, Stack

INSTANCE = Instance.from_environment()
HARMLESS = "Greet the world"
APART = "Say what it is"
MARKUP = "Greet <script>alert(1)</script> | `all` of ``[bold]them`` <!-- --> @everyone #1 **&lt;**"
CONTROL = "Greet \x1b[31m\x1b]0;title\x07 \x9b2J \u202eback\u2028abc1234 Forged\x0bbc Forged \\o/"
SHOWN = r"Greet \x1b[31m\x1b]0;title\x07 \x9b2J \u202eback\u2028abc1234 Forged\x0bbc Forged \o/"
NOT_FOUND = "The commits in the new image are unknown: "


@dataclass(frozen=True)
class Source:
    """A repository with the program and the source of what it runs, and the stack that came from it."""

    stack: Stack
    commits: tuple[str, ...]
    """By hash, the oldest first: the one that was deployed, and those since."""

    @property
    def directory(self) -> Path:
        return self.stack.directory

    def at(self, directory: Path) -> "Source":
        return replace(self, stack=replace(self.stack, directory=directory))

    def clone(self, directory: Path, *options: str) -> "Source":
        git(directory.parent, "clone", "--quiet", *options, f"file://{self.directory}", directory.name)
        return self.at(directory)

    def lines(self, *subjects: str) -> list[str]:
        """Return the lines that a report must have for the latest commits, the latest first."""
        hashes = reversed(self.commits)
        return [
            f"{git(self.directory, 'rev-parse', '--short', commit)} {subject}"
            for commit, subject in zip(hashes, subjects, strict=False)
        ]


def git(directory: Path, *words: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    return subprocess.check_output(("git", *author, *words), cwd=directory, text=True).strip()


def commit(directory: Path, subject: str, **files: str) -> str:
    for name, text in files.items():
        (directory / name.replace("_", "/")).write_text(text)
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "--message", subject)
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def source(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Deployed at the first of five commits, HEAD at the last."""
    directory, state = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("state")
    name = f"commits-{uuid.uuid4().hex[:6]}"
    own = {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PYTHONPATH": str(PROJECT),
        "NAMESPACE": name,
        "REPOSITORY": f"{INSTANCE.registry}/preview-test/site",
        # What a user may have in ~/.gitconfig.
        **{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "color.ui", "GIT_CONFIG_VALUE_0": "always"},
    }
    stack = Stack(directory, name, {**os.environ, **sandbox, **own})
    first = begin(stack)
    stack.pulumi("stack", "init")
    stack.pulumi("up", "--yes", "--skip-preview")
    since = (
        commit(directory, APART, README="A site."),
        commit(directory, HARMLESS, site_text="hello, world"),
        commit(directory, MARKUP, site_text="hello, all"),
        commit(directory, CONTROL, site_text="hello"),
    )
    yield Source(stack, (first, *since))
    stack.pulumi("destroy", "--yes", "--skip-preview", "--remove")


def begin(stack: Stack) -> str:
    """Make the repository; return its first commit."""
    shutil.copy(Path(__file__).parent / "source/__main__.py", stack.directory)
    options = {"toolchain": "pip", "virtualenv": sys.prefix}
    project = {"name": "commits", "runtime": {"name": "python", "options": options}}
    (stack.directory / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack.configure()
    (stack.directory / "site").mkdir()
    git(stack.directory, "init", "--quiet")
    dockerfile = "FROM redis:7-bookworm\nCOPY text /text\n"
    return commit(stack.directory, "Greet", site_Dockerfile=dockerfile, site_text="hi")


def image(report: dict[str, Any]) -> dict[str, Any]:
    [found] = [item for item in report["consequences"] if item["concern"] == "image"]
    return dict(found)


def spans(comment: str) -> list[str]:
    """What a reader of a comment sees set as code."""
    tokens = MarkdownIt("commonmark").parse(comment)
    return [
        child.content for token in tokens for child in token.children or () if child.type == "code_inline"
    ]


def test_the_commits_since_the_last_update_are_named(source: Source) -> None:
    expected = source.lines(SHOWN, MARKUP, HARMLESS, APART)
    assert len(expected) == 4
    report = source.stack.report()
    assert image(report)["details"] == expected
    assert "→" in image(report)["reason"]
    assert not [note for note in report["notes"] if NOT_FOUND in note]
    assert spans(source.stack.preview("--format", "markdown")) == expected


def test_the_commits_since_another_one_are_named_when_asked_for(source: Source) -> None:
    report = source.stack.report("--base-ref", "HEAD~2")
    assert image(report)["details"] == source.lines(SHOWN, MARKUP)


def test_a_commit_that_leaves_the_source_alone_makes_no_new_image(source: Source, tmp_path: Path) -> None:
    earlier = source.clone(tmp_path / "earlier")
    git(earlier.directory, "checkout", "--quiet", source.commits[1])
    assert not earlier.stack.report(code=0)["consequences"]


def test_a_subject_is_nothing_but_text_in_every_format(source: Source, tmp_path: Path) -> None:
    files = {name: tmp_path / f"report.{name}" for name in ("txt", "md", "html", "json")}
    source.stack.preview(*(word for file in files.values() for word in ("--output", str(file))))
    texts = {name: file.read_text() for name, file in files.items()}
    texts["terminal"] = source.stack.preview()
    for name, text in texts.items():
        assert "alert(1)" in text, name
        assert not set("\x1b\x07\x0b\x9b\u2028\u202e") & set(text), name
    assert texts["html"].count("<script") == texts["html"].count("</script") == 1
    drawn = MarkdownIt("commonmark").render(texts["md"])
    assert "<script" not in drawn
    for name in ("txt", "terminal"):
        assert MARKUP in " ".join(texts[name].split()), name


def shallow(source: Source, directory: Path) -> Source:
    return source.clone(directory, "--depth", "1")


def cut(source: Source, directory: Path) -> Source:
    """A shallow clone into which the deployed commit was fetched, but not what lies between."""
    git(source.directory, "tag", "--force", "deployed", source.commits[0])
    made = source.clone(directory, "--depth", "1", "--no-tags")
    git(directory, "fetch", "--quiet", "--depth", "1", "origin", "tag", "deployed")
    return made


def without_repository(source: Source, directory: Path) -> Source:
    return source.at(shutil.copytree(source.directory, directory, ignore=shutil.ignore_patterns(".git")))


def without_git(source: Source, directory: Path) -> Source:
    """As where git is not installed: PATH has the sandbox's own commands alone."""
    path = str(Path(shutil.which("pulumi", path=source.stack.environment["PATH"]) or "").parent)
    assert not shutil.which("git", path=path)
    made = source.clone(directory)
    return replace(made, stack=replace(made.stack, environment={**made.stack.environment, "PATH": path}))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (shallow, "git cannot find {} here; fetch the history"),
        (cut, "this shallow clone lacks some of the commits since {}; fetch the history"),
        (without_repository, "not a git repository"),
        (without_git, "git is not installed"),
    ],
    ids=["shallow", "cut", "no-repository", "no-git"],
)
def test_missing_history_is_a_note_and_not_an_error(
    make: Callable[[Source, Path], Source], reason: str, source: Source, tmp_path: Path
) -> None:
    report = make(source, tmp_path / "there").stack.report()
    assert image(report)["details"] == []
    [note] = [note for note in report["notes"] if note.startswith(NOT_FOUND)]
    assert reason.format(source.commits[0]) in note


@pytest.mark.parametrize("ref", ["nowhere", "--output=x"])
def test_an_unknown_base_is_refused_before_anything_is_looked_at(ref: str, source: Source) -> None:
    done = source.stack.slipway("preview", "--stack", "no-such-stack", f"--base-ref={ref}")
    assert done.returncode == 1
    assert f"git cannot find {ref} here; fetch the history" in done.stderr


def test_a_shallow_clone_that_reaches_far_enough_is_enough(source: Source, tmp_path: Path) -> None:
    report = source.clone(tmp_path / "there", "--depth", "5").stack.report()
    assert image(report)["details"] == source.lines(SHOWN, MARKUP, HARMLESS, APART)


def test_commits_are_left_out_where_pulumi_saw_none_at_the_last_update(
    source: Source, tmp_path: Path
) -> None:
    """The last update came from outside a repository. It is recorded in a copy of the backend."""
    state = Path(source.stack.environment["PULUMI_BACKEND_URL"].removeprefix("file://"))
    environment = {
        **source.stack.environment,
        "PULUMI_BACKEND_URL": f"file://{shutil.copytree(state, tmp_path / 'state')}",
    }
    clone = source.clone(tmp_path / "clone")
    git(clone.directory, "checkout", "--quiet", source.commits[0])
    outside = without_repository(clone, tmp_path / "outside").stack
    replace(outside, environment=environment).pulumi("up", "--yes", "--skip-preview")
    report = replace(source.stack, environment=environment).report()
    assert image(report)["details"] == []
    assert not [note for note in report["notes"] if note.startswith(NOT_FOUND)]
