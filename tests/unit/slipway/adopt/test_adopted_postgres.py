"""A PostgreSQL of a Compose file becomes the component, and its clients use what that gives them."""

import re
import runpy
from pathlib import Path

import pulumi
import pytest

from components.kubernetes.postgres import options
from slipway.adopt.program import Program
from slipway.adopt.services.servers import postgres
from slipway.errors import BadSource
from tests.unit.conftest import Run
from tests.unit.policy.test_policy import broken_by
from tests.unit.slipway.adopt.corpus import ENVIRONMENT, adopt

EVERYTHING = """\
services:
  web:
    build: .
    ports: ["8000:8000"]
    command: sh -c "wait-for db:5432 && serve --db postgres://shop:sesame@db/shop"
    environment:
      DATABASE_URL: postgresql+asyncpg://shop:sesame@db:5432/shop?sslmode=require&timeout=5
      SQLALCHEMY_DATABASE_URI: postgres://shop:sesame@db/shop
      POSTGRES_HOST: db
      POSTGRES_PORT: 5433
      POSTGRES_DB: shop
      POSTGRES_USER: shop
      POSTGRES_PASSWORD: sesame
      REPORTS_URL: postgresql://shop:sesame@db/reports
      GEO_URL: postgis://geo@geo-db/geo
      MYSQL_HOST: mysql
      MYSQL_PASSWORD: other
    secrets: [password]
    depends_on: [db]
  db:
    image: postgres:16
    command: postgres -c max_connections=200 -c fsync=off --shared_buffers=2GB -c wal_level=minimal -d 3
    shm_size: 256m
    ports: ["5432:5432"]
    mem_limit: 128m
    environment:
      POSTGRES_DB: shop
      POSTGRES_USER: owner
      POSTGRES_PASSWORD: sesame
      POSTGRES_INITDB_ARGS: --data-checksums
    volumes: ["data:/var/lib/postgresql/data", "./init:/docker-entrypoint-initdb.d", "./c.conf:/etc/c.conf"]
    healthcheck: {test: pg_isready}
  geo-db:
    image: postgis/postgis:15-3.4
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/password}
    secrets: [password]
  mysql: {image: "mysql:8"}
  times: {image: "timescale/timescaledb:latest-pg15"}
volumes: {data: {}}
secrets: {password: {file: password.txt}}
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application with everything but a Compose file, on a machine without Compose."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return application(tmp_path)


def application(directory: Path) -> Path:
    app = directory / "app"
    app.mkdir()
    (app / "Dockerfile").write_text('FROM python:3.12\nCMD ["serve"]\n')
    (app / "password.txt").write_text("sesame")
    return app


def everything(app: Path) -> Program:
    (app / "compose.yaml").write_text(EVERYTHING)
    return adopt(app)


def client(app: Path, environment: str, more: str = "", database: str = "image: 'postgres:15'") -> Program:
    text = f"services:\n  web: {{build: ., environment: {{{environment}}}{more}}}\n  db: {{{database}}}\n"
    (app / "compose.yaml").write_text(text)
    return adopt(app)


def main(program: Program) -> str:
    return program.files()["__main__.py"]


def lines(program: Program, path: str) -> list[str]:
    """Return the report's lines of a field: what became of it, and the text."""
    found = re.findall(r"^\| `(.+?)`(?: \(.+?\))? \| (.+) \|$", program.files()["ADOPTED.md"], re.MULTILINE)
    return [text for place, text in found if place == path]


def test_each_field_says_what_became_of_it(app: Path) -> None:
    program = everything(app)
    for path, expected in {
        "db.image": "changed | PostgreSQL 15 .*; not 16: check that the application works with 15; move data",
        "db.environment.POSTGRES_DB": "changed | the database `shop`",
        "db.environment.POSTGRES_USER": "changed | the user `shop` owns the database; it is no superuser",
        "db.environment.POSTGRES_PASSWORD": "changed | not copied: the component makes a password",
        "db.environment.POSTGRES_INITDB_ARGS": r"\*\*left out\*\* | the component does not read it",
        "db.volumes[0]": "changed | storage: a claim of 1Gi",
        "db.volumes[1]": r"\*\*left out\*\* | no script runs at the first start: make tables in a Job",
        "db.volumes[2]": r"\*\*left out\*\* | the component has its own files",
        "db.ports[0]": r"\*\*left out\*\* | only its clients in the cluster reach it",
        "db.shm_size": "changed | the component has a /dev/shm",
        "db.healthcheck.test": "changed | the component has its own probes",
        "web.depends_on.db": "translated | the variables of Postgres make it wait",
        "web.environment.REPORTS_URL": r"\*\*left out\*\* | the component has the database `shop` alone: add",
        "web.environment.POSTGRES_PORT": "changed | the component's port, 5432",
        "web.secrets[0]": r"\*\*left out\*\* | the component of the database makes the password",
        "times": r"\*\*left out\*\* | the component Postgres lacks its extensions",
        "mysql": r"\*\*left out\*\* | slipway has no component for it",
    }.items():
        place = f"services.{path}"
        found = lines(program, place) or lines(program, place.rpartition(".")[0])
        found = found or lines(program, place.partition("[")[0])
        assert any(re.match(expected.replace(" | ", r" \| "), text) for text in found), (path, found)
    told = lines(program, "services.db.command")
    for word in ("parameters", "fsync: the component sets it itself", "shared_buffers: it follows from",
                 "wal_level=minimal: standbys need", "-d 3: use"):  # fmt: skip
        assert any(word in text for text in told), (word, told)
    assert "256Mi instead of 128m" in str(lines(program, "services.db.mem_limit"))
    assert lines(program, "volumes.data") == ["changed | the claim db-0"]
    assert "does not know" not in program.files()["ADOPTED.md"]
    assert "sesame" not in "".join(program.files().values())


def test_a_process_gets_what_it_asks_for_by_its_own_names(app: Path) -> None:
    text = main(everything(app))
    for part in (
        'EnvVar.value("DATABASE_URL", "postgresql+asyncpg://shop:$(PGPASSWORD)@db:5432/shop?timeout=5")',
        'db.url("SQLALCHEMY_DATABASE_URI")',
        'EnvVar.value("POSTGRES_HOST", db.host)',
        'EnvVar.value("POSTGRES_PORT", "5432")',
        'EnvVar.value("POSTGRES_DB", "shop")',
        'EnvVar.value("POSTGRES_USER", "shop")',
        'db.password("POSTGRES_PASSWORD")',
        'EnvVar.value("GEO_URL", "postgis://geo:$(GEO_DB_PGPASSWORD)@geo-db:5432/geo")',
        "--db postgres://shop:$(PGPASSWORD)@db:5432/shop",
        'EnvVar.value("MYSQL_HOST", mysql_host)',
        'EnvVar.secret("MYSQL_PASSWORD"',
        'parameters={"max_connections": "200"}',
        'databases=[Database(name="geo", extensions=["postgis"])]',
        'build_args={"EXTENSIONS": "postgresql-15-postgis-3"}',
    ):
        assert part in text, text
    assert text.index("db.password(),") < text.index("$(PGPASSWORD)@db:5432/shop?"), (
        "Kubernetes needs it before"
    )


def test_the_program_runs_and_breaks_no_rule(
    app: Path, tmp_path: Path, engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = everything(app)
    (tmp_path / "__main__.py").write_text(main(program))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ENVIRONMENT["PATH"])
    settings = program.translation.settings
    config = {"repository": "localhost:5001/x", **settings.plain, **dict.fromkeys(settings.secret, "hidden")}
    pulumi.runtime.set_all_config({f"slipway:{key}": value for key, value in config.items()}, [])
    recorder = engine(lambda: runpy.run_path(str(tmp_path / "__main__.py")) and None)
    labels = recorder.one("Deployment", "web")["spec"]["template"]["metadata"]["labels"]
    assert {"db-client", "geo-db-client"} <= set(labels), "both databases admit it"
    broken = {rule for rules in broken_by(recorder).values() for rule in rules}
    assert not broken & {"secrets-in-secrets", "not-as-root", "resources-set", "no-latest-image"}


def test_a_process_that_only_depends_gets_all_variables(app: Path) -> None:
    program = client(app, "A: b", ", depends_on: [db]")
    assert "*db.env," in main(program)
    assert "no variable names `db`: the process gets DATABASE_URL" in str(
        lines(program, "services.web.environment")
    )


def test_a_process_without_a_way_to_it_gets_nothing(app: Path) -> None:
    assert "db.env" not in main(client(app, "A: b"))


@pytest.mark.parametrize(
    ("database", "name"),
    [
        ("image: 'postgres:15', environment: {POSTGRES_DB: my-shop}", "my_shop"),
        ("image: 'postgres:15', environment: {POSTGRES_USER: shop}", "shop"),
        ("image: 'postgres:15'", "app"),
        ("image: 'bitnami/postgresql:15', environment: {POSTGRESQL_DATABASE: '1st'}", "db_1st"),
    ],
)
def test_a_database_has_a_name_that_the_component_takes(database: str, name: str, app: Path) -> None:
    program = client(app, "PGHOST: db", database=database)
    assert f'databases=[Database(name="{name}")]' in main(program)
    assert main(program).count("PGHOST") == 0, "env has it"


def test_a_url_names_the_database_if_nothing_else_does(app: Path) -> None:
    program = client(app, "URL: 'postgres://postgres:sesame@db/notes'")
    assert 'Database(name="notes")' in main(program)
    assert 'db.url("URL")' in main(program)


@pytest.mark.parametrize("value", ["host=db password=sesame", "weird://a:sesame@db/x"])
def test_what_it_cannot_read_is_left_out_and_not_a_setting(value: str, app: Path) -> None:
    program = client(app, f"DSN: '{value}'")
    assert "**left out**" in lines(program, "services.web.environment.DSN")[0]
    assert not program.translation.settings.secret


def test_variables_of_another_server_stay(app: Path) -> None:
    environment = "DB_HOST: mysql.example.com, DB_PASSWORD: other, DB_USER: root, URL: 'postgres://db/a'"
    text = main(client(app, environment))
    assert 'EnvVar.value("DB_USER", "root")' in text
    assert 'EnvVar.secret("DB_PASSWORD"' in text


def test_a_name_that_is_too_long_for_a_database_is_refused(app: Path) -> None:
    (app / "compose.yaml").write_text(f"services: {{{'d' * 41}: {{image: 'postgres:15'}}}}")
    with pytest.raises(BadSource, match="has a name of 41 characters: use at most 40"):
        adopt(app)


def test_what_the_component_refuses_is_known() -> None:
    assert postgres.FIXED == options._FIXED
    assert postgres.RESERVED == options.RESERVED


def test_another_password_of_the_same_text_is_not_that_of_the_database(app: Path) -> None:
    """`changethis` is in many examples, for the database and for the first user."""
    (app / "compose.yaml").write_text(
        "services:\n"
        "  web: {build: ., environment: {POSTGRES_PASSWORD: changethis, FIRST_USER_PASSWORD: changethis,"
        " LEGACY_DB_PASSWORD: changethis}, depends_on: [db]}\n"
        "  db: {image: 'postgres:16', environment: {POSTGRES_PASSWORD: changethis, POSTGRES_DB: shop}}\n"
    )
    program = adopt(app).files()["__main__.py"]
    assert 'EnvVar.secret("FIRST_USER_PASSWORD"' in program
    assert 'db.password("LEGACY_DB_PASSWORD")' in program
