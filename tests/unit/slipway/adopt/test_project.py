"""What an adoption writes, compares and leaves alone; and applications without a Compose file."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slipway.adopt import project
from slipway.cli import main
from slipway.errors import SlipwayError
from tests.unit.slipway.adopt.corpus import adopt, application

DOCKERFILE = """\
FROM python:3.12-slim AS build
EXPOSE 9999
FROM python:3.12-slim
ARG PORT=8000
# a comment
ENV APP_PORT=$PORT
WORKDIR /srv
RUN pip install \\
  # in the middle
    flask
VOLUME ["/srv/cache"]
USER 1000:1000
EXPOSE $PORT/tcp
HEALTHCHECK --interval=5s --start-period=90s CMD curl -f http://localhost:8000/ping || exit 1
CMD ["gunicorn", "app:app"]
"""


@pytest.fixture(autouse=True)
def without_compose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def run(*words: str) -> tuple[int, str]:
    main.load("adopt")
    result = CliRunner().invoke(main.app, ["adopt", *words])
    if isinstance(result.exception, SlipwayError):
        return 1, result.output + str(result.exception)
    return result.exit_code, result.output


def hashes(directory: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_the_application_stays_as_it_is(tmp_path: Path) -> None:
    app = application("django-postgres", tmp_path)
    before = hashes(app)
    assert run(str(app), "--cwd", str(tmp_path))[0] == 0
    assert hashes(app) == before


def test_a_second_run_shows_a_difference(tmp_path: Path) -> None:
    app, main_file = application("flask-redis", tmp_path), tmp_path / "__main__.py"
    cwd = ("--cwd", str(tmp_path))
    assert run(str(app), *cwd)[0] == 0
    assert run(str(app), *cwd)[0] == 0, "without a change there is none"
    written = main_file.read_text()
    (app / "compose.yaml").write_text((app / "compose.yaml").read_text().replace("8000:8000", "8080:8080"))
    code, output = run(str(app), *cwd)
    assert code == 1
    assert "-        target_port=8000," in output
    assert "+        target_port=8080," in output
    assert "--overwrite" in output
    assert main_file.read_text() == written
    assert run(str(app), "--overwrite", *cwd)[0] == 0
    assert "target_port=8080" in main_file.read_text()


def test_project_and_stack_files_stay(tmp_path: Path) -> None:
    app = application("flask-redis", tmp_path)
    for name, text in (("Pulumi.yaml", "name: mine\nruntime: python\n"), ("Pulumi.dev.yaml", "config: {}\n")):
        (tmp_path / name).write_text(text)
    before = hashes(tmp_path)
    assert run(str(app), "--overwrite", "--cwd", str(tmp_path))[0] == 0
    assert before.items() <= hashes(tmp_path).items()
    assert '"""mine, adopted' in (tmp_path / "__main__.py").read_text()


def test_what_is_left_out_is_printed(tmp_path: Path) -> None:
    app = application("unknown-fields", tmp_path)
    _, output = run(str(app), "--cwd", str(tmp_path))
    assert "left out: services.web.x-own.anything: slipway does not know this field" in output


def test_secrets_reach_pulumi_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = application("redis-with-password", tmp_path)
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n/bin/cat >>{tmp_path}/values\n')
    pulumi.chmod(pulumi.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    assert run(str(app), "--secrets", "--cwd", str(tmp_path))[0] == 0
    calls = (tmp_path / "calls").read_text()
    assert "config set --secret cachePassword --stack dev" in calls
    assert "sesame" not in calls
    assert (tmp_path / "values").read_text() == "sesame-5"


def test_a_secret_without_a_value_has_to_be_given(tmp_path: Path) -> None:
    app = application("secrets-and-configs", tmp_path)
    (app / "db_password.txt").unlink()
    pulumi = tmp_path / "pulumi"
    pulumi.write_text("#!/bin/sh\n")
    pulumi.chmod(0o755)
    code, output = run(str(app), "--secrets", "--cwd", str(tmp_path))
    assert code == 1
    assert (
        "dbPassword has no value in the source: pulumi config set --stack dev --secret dbPassword" in output
    )


@pytest.fixture
def app(tmp_path: Path) -> Path:
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "Dockerfile").write_text(DOCKERFILE)
    return directory


def test_a_dockerfile_says_how_it_runs(app: Path) -> None:
    files = adopt(app).files()
    program, report = files["__main__.py"], files["ADOPTED.md"]
    for part in (
        "expose=Exposure(target_port=8000)",
        'ready=Probe.http("/ping", host="localhost")',
        "startup=90",
        "security=PodSecurity(user=1000)",
        'Volume.scratch("/srv/cache", size="256Mi")',
    ):
        assert part in program, program
    for instruction in (
        "EXPOSE",
        "HEALTHCHECK",
        "CMD",
        "USER",
        "VOLUME",
        "RUN",
        "ENV",
        "ARG",
        "WORKDIR",
        "FROM",
    ):
        assert f"| `Dockerfile.{instruction}` |" in report, report
    assert "does not know" not in report


@pytest.mark.parametrize(
    ("requirements", "port"), [("Flask==3.1", 5000), ("django>=5", 8000), ("fastapi[standard]", 8000)]
)
def test_a_framework_says_the_port(requirements: str, port: int, app: Path) -> None:
    (app / "Dockerfile").write_text('FROM python:3.12\nCMD ["serve"]\n')
    (app / "requirements.txt").write_text(f"{requirements}\n")
    files = adopt(app).files()
    assert f"target_port={port}" in files["__main__.py"]
    assert "| `requirements." in files["ADOPTED.md"]


def test_without_a_port_it_is_a_worker(app: Path) -> None:
    (app / "Dockerfile").write_text('FROM python:3.12\nCMD ["work"]\n')
    assert 'Worker("web"' in adopt(app).files()["__main__.py"]


def test_django_with_celery(app: Path) -> None:
    (app / "pyproject.toml").write_text('[project]\ndependencies = ["Django", "celery[redis]", "psycopg"]\n')
    (app / "manage.py").write_text("")
    (app / "shop").mkdir()
    (app / "shop/celery.py").write_text('from celery import Celery\n\napp = Celery("shop")\n')
    files = adopt(app).files()
    program = files["__main__.py"]
    for part in (
        "migrate = Job(",
        'command=["python", "manage.py", "migrate", "--noinput"]',
        'command=["celery", "--app=shop", "worker"]',
        'env=[redis.url("CELERY_BROKER_URL")]',
        "after=[migrate]",
    ):
        assert part in program, program
    assert "| `requirements.psycopg` | **left out** |" in files["ADOPTED.md"]


def test_celery_without_a_module(app: Path) -> None:
    (app / "requirements.txt").write_text("celery\n")
    report = adopt(app).files()["ADOPTED.md"]
    assert "| `requirements.celery` | **left out** | no module makes a Celery(…)" in report


@pytest.mark.parametrize("value", ["cache", "cache:6379", "tcp://cache:6379"])
def test_a_redis_without_a_url_has_a_password(value: str, app: Path) -> None:
    web = f"  web: {{build: ., environment: {{HOST: '{value}'}}}}\n"
    (app / "compose.yaml").write_text(f"services:\n{web}  cache: {{image: 'redis:7'}}\n")
    files = adopt(app).files()
    assert "*cache.env" in files["__main__.py"]
    assert (
        "| `services.web.environment.HOST` | changed | the Redis component has a password"
        in files["ADOPTED.md"]
    )


def test_a_variable_does_not_take_a_setting_of_the_program(app: Path) -> None:
    environment = "{HOST: '${HOST:-0.0.0.0}', LEVEL: '${LEVEL:-info}'}"
    (app / "compose.yaml").write_text(f"services: {{web: {{build: ., environment: {environment}}}}}")
    program = adopt(app).files()["__main__.py"]
    assert 'EnvVar.value("HOST", config.get("webHost") or "0.0.0.0")' in program
    assert 'EnvVar.value("LEVEL", config.get("level") or "info")' in program


def test_files_are_merged_in_their_order(app: Path) -> None:
    (app / "compose.yaml").write_text("services: {web: {build: ., ports: ['80:80'], command: [a]}}")
    (app / "prod.yaml").write_text("services: {web: {command: [b], environment: {A: '1'}}}")
    text = adopt(app, files=[app / "compose.yaml", app / "prod.yaml"]).files()["__main__.py"]
    assert 'args=["b"]' in text
    assert 'EnvVar.value("A", "1")' in text


def test_an_override_is_left_out_loudly(app: Path) -> None:
    for name in ("compose.yaml", "compose.override.yaml"):
        (app / name).write_text(f"services: {{web: {{build: ., command: [{name.split('.')[1]}]}}}}")
    files = adopt(app).files()
    assert 'args=["yaml"]' in files["__main__.py"]
    assert "| `compose.override.yaml` | **left out** | it is for development" in files["ADOPTED.md"]


def test_components_are_copied_once(tmp_path: Path, app: Path) -> None:
    files = adopt(app).files()
    project.write(files, tmp_path, overwrite=False)
    (tmp_path / "components/__init__.py").write_text("mine")
    project.write(files, tmp_path, overwrite=False)
    assert (tmp_path / "components/__init__.py").read_text() == "mine"
    assert not os.path.lexists(tmp_path / "components/__pycache__")


@pytest.mark.parametrize("place", [".env", "environment"])
def test_files_and_profiles_are_chosen_as_compose_does(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in https://docs.docker.com/compose/how-tos/environment-variables/envvars/."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "base.yaml").write_text("services: {web: {image: 'web:1', profiles: [web]}}")
    (app / "more.yaml").write_text("services: {tests: {image: 'tests:1', profiles: [tests]}}")
    chosen = {"COMPOSE_FILE": "base.yaml:more.yaml", "COMPOSE_PROFILES": "web,absent"}
    if place == ".env":
        (app / ".env").write_text("".join(f"export {name}={value}\n" for name, value in chosen.items()))
    else:
        for name, value in chosen.items():
            monkeypatch.setenv(name, value)
    assert set(adopt(app).translation.services) == {"web"}
    assert set(adopt(app, profiles=("tests",)).translation.services) == {"tests"}
