"""Clients of PostgreSQL of all kinds: their variables have the user and the password of the component."""

import pytest

from tests.unit.slipway.adopt.conftest import Adopted, lines, main

DATABASE = "{POSTGRES_DB: shop, POSTGRES_USER: root, POSTGRES_PASSWORD: hunter2}"


def client(environment: str) -> str:
    return (
        f"services:\n  web: {{build: ., environment: {{{environment}}}}}\n"
        f"  db: {{image: 'postgres:15', environment: {DATABASE}}}\n"
    )


@pytest.mark.parametrize(
    ("address", "user", "password"),
    [
        ("SPRING_DATASOURCE_URL: 'jdbc:postgresql://db:5432/shop'", "USERNAME", "PASSWORD"),
        ("SONAR_JDBC_URL: 'jdbc:postgresql://db/shop'", "USERNAME", "PASSWORD"),
        ("KC_DB_URL_HOST: db", "USERNAME", "PASSWORD"),
        ("KC_DB_URL: 'jdbc:postgresql://db/shop'", "USERNAME", "PASSWORD"),
        ("DB_POSTGRESDB_HOST: db", "USER", "PASSWORD"),
        ("HOST: db", "USER", "PASSWORD"),
        ("SENTRY_POSTGRES_HOST: db, SENTRY_DB_URL: x", "USER", "PASSWORD"),
    ],
)
def test_the_login_next_to_an_address_is_that_of_the_component(
    address: str, user: str, password: str, adopted: Adopted
) -> None:
    name = address.split(":")[0] if "SENTRY" not in address else "SENTRY_DB_URL"
    prefix = name.removesuffix("URL_HOST").removesuffix("HOST").removesuffix("URL")
    program = adopted(client(f"{address}, {prefix}{user}: root, {prefix}{password}: hunter2"))
    assert f'EnvVar.value("{prefix}{user}", "shop")' in main(program)
    assert f'db.password("{prefix}{password}")' in main(program)
    assert not program.translation.settings.secret


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("jdbc:postgresql://db/shop?sslmode=disable&a=b", "jdbc:postgresql://db:5432/shop?a=b"),
        (
            "jdbc:postgresql://db/shop?user=root&password=hunter2",
            "jdbc:postgresql://db:5432/shop?user=shop&password=$(PGPASSWORD)",
        ),
        ("r2dbc:postgresql://root:hunter2@db/shop", "r2dbc:postgresql://shop:$(PGPASSWORD)@db:5432/shop"),
        ("db+postgresql://root:hunter2@db/shop", "db+postgresql://shop:$(PGPASSWORD)@db:5432/shop"),
        (
            "postgresql+psycopg://db/shop?user=root&password=hunter2&a=b",
            "postgresql+psycopg://shop:$(PGPASSWORD)@db:5432/shop?a=b",
        ),
    ],
)
def test_urls_of_java_and_celery_lead_to_the_component(url: str, written: str, adopted: Adopted) -> None:
    program = adopted(client(f"URI: '{url}'"))
    assert f'EnvVar.value("URI", "{written}")' in main(program)
    assert "hunter2" not in "".join(program.files().values())


def test_a_login_that_may_be_that_of_the_database_says_so(adopted: Adopted) -> None:
    program = adopted(client("DB_HOST: db, ADMIN_USER: root, ADMIN_PASSWORD: hunter2"))
    assert "if it is the user of `db`, write `shop`" in lines(program, "environment.ADMIN_USER")
    assert "write `db.password('ADMIN_PASSWORD')`" in lines(program, "environment.ADMIN_PASSWORD")


def test_an_empty_password_is_that_of_the_component(adopted: Adopted) -> None:
    """As of Mastodon, whose database trusts all clients."""
    assert 'db.password("DB_PASS")' in main(adopted(client("DB_HOST: db, DB_PASS: ''")))


def test_a_password_in_a_command_says_so(adopted: Adopted) -> None:
    program = adopted(client("DB_HOST: db").replace("build: .", "build: ., command: [a, --password=hunter2]"))
    assert "the password of `db`, which is now $(PGPASSWORD)" in lines(program, "command")


def test_a_login_next_to_the_address_of_another_server_stays(adopted: Adopted) -> None:
    program = adopted(
        client(
            "URI: 'postgres://db/shop', DB_URL: 'jdbc:mysql://x.example.com/a',"
            " DB_USER: root, DB_PASSWORD: hunter2"
        )
    )
    assert 'EnvVar.value("DB_USER", "root")' in main(program)
    assert 'EnvVar.secret("DB_PASSWORD"' in main(program)


def test_the_port_of_the_process_is_not_that_of_the_database(adopted: Adopted) -> None:
    assert 'EnvVar.value("PORT", "8069")' in main(adopted(client("HOST: db, PORT: 8069")))


def test_a_password_is_not_added_again(adopted: Adopted) -> None:
    program = adopted(
        client("DATABASE_URL: 'postgresql+asyncpg://root:hunter2@db/shop', PGPASSWORD: hunter2")
    )
    assert main(program).count("db.password(") == 1
    assert "comes from the component" in lines(program, "environment.PGPASSWORD")


def test_the_kind_of_a_database_is_not_its_host(adopted: Adopted) -> None:
    text = client("KC_DB: db, KC_DB_URL_HOST: db")
    assert 'EnvVar.value("KC_DB", "db")' in main(adopted(text))


@pytest.mark.parametrize(
    "value",
    [
        "Host=db;Database=shop;Username=root;Password=hunter2",
        r"external_url 'https://a.example.com'\ndb['host'] = 'db'\ndb['password'] = 'hunter2'",
    ],
)
def test_a_text_with_an_address_and_a_password_is_left_out(value: str, adopted: Adopted) -> None:
    """As .NET and GitLab have it."""
    program = adopted(client(f'DSN: "{value}"'))
    assert "**left out** | it has a password" in lines(program, "environment.DSN")


def test_a_parameter_with_a_secret_is_left_out(adopted: Adopted) -> None:
    program = adopted(
        "services: {web: {build: .}, db: {image: 'postgres:15', command: [-c, app.api_key=hunter2]}}"
    )
    assert "hunter2" not in "".join(program.files().values())
    assert "**left out** | app.api_key: it has a secret" in lines(program, ".services.db.command")


@pytest.mark.parametrize("name", ["APP_DSN", "APP_URL"])
def test_the_settings_of_the_process_next_to_a_url_with_a_login_stay(name: str, adopted: Adopted) -> None:
    url = "postgres://root:hunter2@db/shop"
    text = client(f"{name}: '{url}', APP_PORT: 8080, APP_HTTP_PORT: 8081, APP_USER: admin, APP_NAME: a")
    for variable, value in {"PORT": 8080, "HTTP_PORT": 8081, "USER": "admin", "NAME": "a"}.items():
        assert f'EnvVar.value("APP_{variable}", "{value}")' in main(adopted(text))


def test_the_user_of_another_server_with_a_longer_prefix_stays(adopted: Adopted) -> None:
    text = client("DATABASE_URL: 'postgres://db/shop', MONGO_URL: 'mongodb://mongo', MONGO_DB_USER: root")
    assert 'EnvVar.value("MONGO_DB_USER", "root")' in main(adopted(text))
