"""What cannot be adopted is refused before anything is written, by the field, its value and what to do."""

from pathlib import Path

import pytest

from slipway.adopt import project
from slipway.errors import BadSource
from tests.unit.slipway.adopt.corpus import adopt

WEB = "services:\n  web:\n    build: .\n"
BAD: dict[str, tuple[str, str]] = {
    "text": ("hello", "must be a mapping with `services:`, but is the text 'hello'"),
    "list": ("- web", "must be a mapping with `services:`, but is a list"),
    "empty": ("", "must be a mapping with `services:`, but is empty"),
    "tabs": ("services:\n\tweb: {}", "is not YAML that Compose reads"),
    "unclosed": ("services: {web: ", "is not YAML that Compose reads"),
    "unknown-tag": ("services: {web: !reset {}}", "could not determine a constructor for the tag '!reset'"),
    "twice": ("services:\n  web: {image: a:1}\n  web: {image: b:1}", "the key 'web' appears twice"),
    "unknown-alias": ("services: {web: *base}", "undefined alias"),
    "no-services": ("services: {}", "has no services: add one under `services:`"),
    "services-list": ("services: [web]", "services in .* must be a mapping, but is a list"),
    "service-text": (
        "services: {web: nginx}",
        "services.web in .* must be a mapping, but is the text 'nginx'",
    ),
    "service-empty": ("services: {web: }", "services.web in .* must be a mapping, but is empty"),
    "volumes-list": (WEB + "volumes: [data]", "volumes in .* must be a mapping, but is a list"),
    "deploy-text": (
        WEB + "    deploy: 3",
        "services.web.deploy in .* must be a mapping, but is the number 3",
    ),
    "health-text": (WEB + "    healthcheck: curl", "services.web.healthcheck in .* must be a mapping"),
    "no-image": (
        "services: {web: {ports: ['80']}}",
        "services.web .* has neither `image` nor `build`: add one",
    ),
    "no-context": (
        "services: {web: {build: missing}}",
        "services.web.build.context is 'missing', but there is",
    ),
    "git-context": (
        "services: {web: {build: 'https://example.com/a.git'}}",
        "services.web.build.context is 'https://example.com/a.git', but must be a directory: clone",
    ),
    "no-dockerfile": (
        "services: {web: {build: {context: ., dockerfile: Other}}}",
        "services.web.build.dockerfile is 'Other', but there is no file",
    ),
    "no-target": (
        "services: {web: {build: {context: ., target: run}}}",
        "services.web.build.target is 'run', but .*Dockerfile has the stages: base",
    ),
    "bad-port": (WEB + "    ports: [http]", r"services.web.ports\[0\] is 'http', but must be a port: 8000"),
    "high-port": (
        WEB + "    ports: ['70000']",
        r"ports\[0\] has the target '70000', but must have a port from 1",
    ),
    "no-target-port": (
        WEB + "    ports: [{published: '80'}]",
        r"services.web.ports\[0\] has the target None",
    ),
    "bad-expose": (WEB + "    expose: [web]", "services.web.expose is 'web', but must be a port"),
    "bad-volume": (
        WEB + "    volumes: ['data:srv']",
        r"volumes\[0\] has the target 'srv', but must have an abs",
    ),
    "bad-memory": (
        WEB + "    mem_limit: lots",
        "services.web.mem_limit is 'lots', but must be a size: 512m, 1g",
    ),
    "no-memory": (WEB + "    mem_limit: 0", "services.web.mem_limit is 0, but must be a size"),
    "bad-cpus": (
        WEB + "    cpus: many",
        "services.web.cpus is 'many', but must be a number of cores: 0.5, 2",
    ),
    "negative-cpus": (
        WEB + "    deploy: {resources: {limits: {cpus: '-1'}}}",
        "services.web.deploy.resources.limits.cpus is '-1', but must be a number of cores",
    ),
    "bad-replicas": (
        WEB + "    deploy: {replicas: two}",
        "services.web.deploy.replicas is 'two', but must be a whole number: 3",
    ),
    "bad-scale": (WEB + "    scale: true", "services.web.scale is True, but must be a whole number: 3"),
    "bad-duration": (
        WEB + "    stop_grace_period: soon",
        "services.web.stop_grace_period is 'soon', but must be a duration: 30s, 1m30s",
    ),
    "bad-start": (
        WEB + "    expose: [80]\n    healthcheck: {test: x, start_period: 10}",
        "services.web.healthcheck.start_period is 10, but must be a duration",
    ),
    "bad-test": (
        WEB + "    healthcheck: {test: [curl, localhost]}",
        "services.web.healthcheck.test must begin with CMD or CMD-SHELL",
    ),
    "bad-tmpfs": (WEB + "    tmpfs: '/run:size=big'", "services.web.tmpfs is 'big', but must be a size"),
    "unclosed-quotes": (
        WEB + "    command: sh -c 'x",
        "services.web.command has no end: .*Close the quotes",
    ),
    "environment-text": (
        WEB + "    environment: A=1",
        "services.web.environment in .* must be a list or a mapping",
    ),
    "no-env-file": (
        WEB + "    env_file: none.env",
        "services.web.env_file is 'none.env', but there is no .*none",
    ),
    "bad-env-file": (
        WEB + "    env_file: bad.env",
        "bad.env, line 2 must be NAME=value",
    ),
    "open-env-file": (WEB + "    env_file: open.env", "open.env, line 1 begins with a quote"),
    "unset": (
        WEB + "    command: ${NEEDED:?for the tests}",
        "services.web.command needs the variable NEEDED: for the tests. Set it in .env, or export it",
    ),
    "open-brace": (
        WEB + "    command: ${A",
        r"services.web.command has `\$\{`, which begins no variable: write \$\$ for \$",
    ),
    "open-default": (
        WEB + "    command: ${A:-b",
        r"services.web.command has a `\$\{` without its end",
    ),
    "lone-dollar": (
        WEB + "    command: costs $5",
        r"services.web.command has `\$5`, .* write \$\$ for \$",
    ),
    "missing-need": (
        WEB + "    depends_on: [db]",
        "services.web.depends_on names 'db', but the services are web",
    ),
    "circle": (
        "services:\n  a: {image: a:1, depends_on: [b]}\n  b: {image: b:1, depends_on: [a]}",
        "in a circle, a → b → a: remove one `depends_on`",
    ),
    "same-name": (
        "services: {my_web: {build: .}, my-web: {build: .}}",
        "services.my_web and services.my-web would both be 'my-web': rename one",
    ),
    "long-name": ("services: {%s: {build: .}}" % ("a" * 51), "has a name of 51 characters: use at most 50"),
    "extends-itself": (WEB + "    extends: web", "services.web.extends in .* leads back to web"),
    "extends-unknown": (WEB + "    extends: base", "extends names the service 'base', but .* has web"),
    "extends-nothing": (
        WEB + "    extends: {file: x.yaml}",
        "services.web.extends in .* must name a service",
    ),
    "extends-no-file": (
        WEB + "    extends: {file: x.yaml, service: a}",
        "x.yaml cannot be read: No such file",
    ),
    "unknown-secret": (
        WEB + "    secrets: [key]",
        "services.web.secrets names 'key', but the secrets of .* are none",
    ),
    "unknown-config": (
        WEB + "    configs: [a]",
        "services.web.configs names 'a', but the configs of .* are none",
    ),
    "config-no-file": (
        WEB + "    configs: [a]\nconfigs: {a: {file: a.toml}}",
        "configs.a.file is 'a.toml', but there is no .*a.toml",
    ),
    "secret-target": (
        WEB + "    secrets: [{source: a, target: '../x y'}]\nsecrets: {a: {file: a}}",
        r"services.web.secrets\[0\].target is '/run/secrets/../x y', but must be an absolute path",
    ),
    "include": (
        WEB + "include: [other.yaml]",
        "has `include`, which only Compose reads: install docker compose",
    ),
    "only-profiles": (
        WEB + "    profiles: [b, a]",
        "has services with profiles only: choose with --profile a or b",
    ),
}
BAD_DOCKERFILES: dict[str, tuple[str, str]] = {
    "no-cmd": ("FROM python:3.12\n", "has neither CMD nor ENTRYPOINT, so what runs is unknown: add CMD"),
    "bad-health": (
        'FROM a\nCMD ["x"]\nHEALTHCHECK --interval=5s curl x\n',
        "HEALTHCHECK must be NONE, or CMD with a command",
    ),
    "bad-list": ("FROM a\nCMD [\"x\"]\nVOLUME ['/data']\n", "VOLUME has a list that is not JSON"),
    "bad-expose": ('FROM a\nCMD ["x"]\nEXPOSE web\n', "services.web.expose is 'web', but must be a port"),
}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application with everything but a Compose file, on a machine without Compose."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NEEDED", raising=False)
    directory = tmp_path / "project/app"
    directory.mkdir(parents=True)
    (directory / "Dockerfile").write_text('FROM python:3.12 AS base\nCMD ["serve"]\n')
    (directory / "bad.env").write_text("A=1\nnot a variable\n")
    (directory / "open.env").write_text('A="1\n')
    return directory


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_compose_file_is_refused(text: str, message: str, app: Path) -> None:
    (app / "compose.yaml").write_text(text)
    with pytest.raises(BadSource, match=message):
        adopt(app)
    assert list(app.parent.iterdir()) == [app]


@pytest.mark.parametrize(("text", "message"), BAD_DOCKERFILES.values(), ids=BAD_DOCKERFILES)
def test_a_bad_dockerfile_is_refused(text: str, message: str, app: Path) -> None:
    (app / "Dockerfile").write_text(text)
    with pytest.raises(BadSource, match=message):
        adopt(app)


def test_a_directory_with_nothing_is_refused(app: Path) -> None:
    (app / "Dockerfile").unlink()
    with pytest.raises(BadSource, match="no Compose file and no Dockerfile: write a Dockerfile"):
        adopt(app)
    with pytest.raises(BadSource, match="is not a directory: give the directory of the application"):
        adopt(app / "nothing")


def test_an_unknown_profile_is_refused(app: Path) -> None:
    (app / "compose.yaml").write_text(WEB + "  dev: {build: ., profiles: [dev]}\n")
    with pytest.raises(BadSource, match=r"--profile tests names no profile of compose.yaml, which has: dev"):
        adopt(app, ("tests",))


def test_a_project_within_the_application_is_refused(app: Path) -> None:
    """Its files would be part of the image."""
    for directory in (app, app / "deploy"):
        with pytest.raises(BadSource, match="so that the image would have the program: run this in a"):
            project.adopt(app, directory, files=[], profiles=[], context="sandbox")


def test_a_file_that_is_no_text_is_refused(app: Path) -> None:
    (app / "compose.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSource, match=r"compose.yaml cannot be read: it is not UTF-8"):
        adopt(app)
