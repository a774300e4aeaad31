"""A promotion changes one line of a stack file."""

import difflib
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.errors import SlipwayError
from slipway.pulumi.stack_file import StackFile

KEY = "slipway:image"
OLD = "localhost:5001/hits:old@sha256:" + "0" * 64
NEW = "localhost:5001/hits:new@sha256:" + "1" * 64

FILE = f"""\
# yaml-language-server: $schema=stack.schema.json
config:
  kubernetes:context: "sandbox"   # quoted

  {KEY}: {OLD}  # the version
  slipway:web:
    autoscaling: {{minReplicas: 3, maxReplicas: 6}}
    # the end of web
  slipway:notes: |
    several

    lines

# after
environment: []
"""


def stack_file(tmp_path: Path, text: str) -> StackFile:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(text)
    return StackFile(path, KEY)


def changed(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_one_line_changes(tmp_path: Path) -> None:
    file = stack_file(tmp_path, FILE)
    file.set_image(NEW)
    assert file.image() == NEW
    assert changed(FILE, file.text()) == [
        f"-   {KEY}: {OLD}  # the version",
        f"+   {KEY}: {NEW}  # the version",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "config:\n",
        "config: {}\n",
        "config:\n  kubernetes:context: sandbox",
        "config: {kubernetes:context: sandbox}\n",
        "config:\n  slipway:notes: |\n    several\n\n    lines\n\n# after\nenvironment: []\n",
        "config:\n  slipway:web:\n    autoscaling:\n      minReplicas: 3\n    # comment\n\nsalt: v1\n",
        "encryptionsalt: v1:x\nconfig:\n    a:b: c\n",
        f"config:\n  {KEY}:\n    {OLD}\n  other:key: 1\n",
        f'config:\n  "{KEY}": "{OLD}"\n  other:key: 1\n',
        f"config:\n  {KEY}: >-\n    {OLD}\n  other:key: 1\n",
    ],
)
def test_layouts(text: str, tmp_path: Path) -> None:
    file = stack_file(tmp_path, text)
    before = yaml.safe_load(text) or {}
    file.set_image(NEW)
    assert file.image() == NEW
    after = yaml.safe_load(file.text())
    assert after == {**before, "config": {**(before.get("config") or {}), KEY: NEW}}
    assert [line for line in text.splitlines() if "#" in line and line not in file.text()] == []


def test_set_and_remove(tmp_path: Path) -> None:
    text = FILE.replace(f"  {KEY}: {OLD}  # the version\n", "")
    file = stack_file(tmp_path, text)
    file.set_image(NEW)
    file.set_image(None)
    assert file.text() == text


names = st.text("abcdefgh", min_size=1, max_size=6).map(lambda name: f"slipway:{name}")
values = st.recursive(
    st.text("ab1 #:{}[]'\"\n-|>&*!é", max_size=20) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # machines may be busy
@given(config=st.dictionaries(names, values, max_size=5), flow=st.booleans(), indent=st.integers(2, 6))
def test_other_values_stay(
    config: dict[str, object], flow: bool, indent: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inner = yaml.safe_dump(config, default_flow_style=True, width=10**6)
    block = yaml.safe_dump({"config": config, "zebra": 1}, indent=indent)
    text = f"config: {inner}zebra: 1\n" if flow else block
    file = stack_file(tmp_path_factory.mktemp("stack"), text)
    for image in (OLD, NEW):
        file.set_image(image)
        assert yaml.safe_load(file.text()) == {"config": {**config, KEY: image}, "zebra": 1}


@pytest.mark.parametrize("key", ["", f"  {KEY}: {OLD}\r\n"])
def test_ends_of_lines_stay(key: str, tmp_path: Path) -> None:
    text = f"# windows\r\nconfig:\r\n{key}  other:key: 1\r\nsalt: v1\r\n"
    file = stack_file(tmp_path, "")
    file.path.write_bytes(text.encode())
    file.set_image(NEW)
    lines = file.path.read_bytes().decode().split("\r\n")
    assert sorted(lines) == sorted(
        [*(line for line in text.split("\r\n") if KEY not in line), f"  {KEY}: {NEW}"]
    )
    file.set_image(None)
    assert file.path.read_bytes().decode() == text.replace(key, "")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind it changes, and keeps its mode."""
    file = stack_file(tmp_path, FILE)
    target = file.path.rename(tmp_path / "shared.yaml")
    target.chmod(0o640)
    file.path.symlink_to("shared.yaml")
    file.set_image(NEW)
    assert file.path.is_symlink() and NEW in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_the_owner_stays(tmp_path: Path) -> None:
    file = stack_file(tmp_path, FILE)
    os.chown(file.path, 1234, 1235)
    file.set_image(NEW)
    assert (file.path.stat().st_uid, file.path.stat().st_gid) == (1234, 1235)


@pytest.mark.parametrize("content", [b"config: \xff\n", None])
def test_unreadable_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = stack_file(tmp_path, "")
    if content is None:
        file.path.unlink()
        file.path.mkdir()
    else:
        file.path.write_bytes(content)
    with pytest.raises(SlipwayError, match=r"Pulumi\.prod\.yaml cannot be read"):
        file.set_image(NEW)


def test_invalid_file_is_refused(tmp_path: Path) -> None:
    for text in ("config: [1, 2]\n", "config: {unclosed\n"):
        file = stack_file(tmp_path, text)
        with pytest.raises(SlipwayError, match=r"not YAML|must be a mapping"):
            file.set_image(NEW)
        assert file.text() == text


def test_rewriting_is_undone(tmp_path: Path) -> None:
    file = stack_file(tmp_path, FILE)
    with file.kept():
        file.write(FILE.replace("  #", " #") + "encryptionsalt: v1:added\n")
    assert file.text() == FILE


@pytest.mark.parametrize(
    "edited",
    [
        FILE.replace(OLD, NEW),
        f"# new\n{FILE}",
        FILE.replace("config:", 'config:\n  slipway:debug: "true"'),
        FILE.replace("config:", "config:\n  slipway:list: [a, '#b']"),
    ],
    ids=["image", "comment", "string", "list"],
)
def test_only_the_salt_is_removed_from_an_edited_file(tmp_path: Path, edited: str) -> None:
    file = stack_file(tmp_path, FILE)
    with file.kept():
        file.write(edited + "encryptionsalt: v1:added\n")
    assert file.text() == edited


def test_a_file_that_is_being_edited_does_not_fail_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stack_file(tmp_path, FILE)
    with file.kept():
        file.write("config: {unclosed\nencryptionsalt: v1:added\n")
    file.write(FILE)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with file.kept():
        file.write(f"{FILE}encryptionsalt: v1:added\n")
        monkeypatch.setattr(StackFile, "write", refuse)


def test_a_file_that_pulumi_creates_for_its_salt_is_deleted(tmp_path: Path) -> None:
    file = stack_file(tmp_path, "")
    file.path.unlink()
    with file.kept():
        file.path.write_text("encryptionsalt: v1:added\n")
    assert not file.path.exists()


def test_needed_salt_stays(tmp_path: Path) -> None:
    salted = FILE + "encryptionsalt: v1:old\n"
    secret = FILE.replace("config:", "config:\n  slipway:p:\n    secure: v1:x") + "encryptionsalt: v1:new\n"
    for text, before in ((salted, salted), (secret, FILE)):
        file = stack_file(tmp_path, before)
        with file.kept():
            file.write(text)
        assert file.text() == text


def test_the_salt_of_a_killed_pulumi_is_removed(tmp_path: Path) -> None:
    secret = FILE.replace("config:", "config:\n  slipway:p:\n    secure: v1:x") + "encryptionsalt: v1:new\n"
    for text, expected in ((FILE, FILE), (f"encryptionsalt: v1:new\n{FILE}", FILE), (secret, secret)):
        file = stack_file(tmp_path, text)
        file.remove_salt()
        assert (file.text(), file.has_salt()) == (expected, expected is secret)


def test_values_in_groups_change_a_line_each(tmp_path: Path) -> None:
    path = ("slipway:web", "resources", "requests")
    file = stack_file(
        tmp_path, "config:\n  slipway:web: # the service\n    replicas: 2\n  slipway:notes: x\n"
    )
    added = file.with_values({(*path, "cpu"): "120m", (*path, "memory"): "64Mi"})
    assert added == (
        "config:\n  slipway:web: # the service\n    replicas: 2\n"
        "    resources:\n      requests:\n        cpu: 120m\n        memory: 64Mi\n  slipway:notes: x\n"
    )
    file.write(added)
    assert changed(added, file.with_values({(*path, "cpu"): "90m"})) == [
        "-         cpu: 120m",
        "+         cpu: 90m",
    ]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("", "{a: {b: 1m}}"),
        (" {}", "{a: {b: 1m}}"),
        (" {c: 2}", "{c: 2, a: {b: 1m}}"),
        (" {a: {d: 2}}", "{a: {d: 2, b: 1m}}"),
    ],
)
def test_values_are_added_to_a_group_on_one_line(tmp_path: Path, group: str, expected: str) -> None:
    file = stack_file(tmp_path, f"config:\n  slipway:web:{group}\n")
    assert file.with_values({("slipway:web", "a", "b"): "1m"}) == f"config:\n  slipway:web: {expected}\n"


def test_a_value_in_a_list_is_refused(tmp_path: Path) -> None:
    file = stack_file(tmp_path, "config:\n  slipway:web: &all\n    - x\n  slipway:b: *all\n")
    with pytest.raises(SlipwayError, match=r"pulumi config set --path slipway:b\.a 1m"):
        file.with_values({("slipway:b", "a"): "1m"})
