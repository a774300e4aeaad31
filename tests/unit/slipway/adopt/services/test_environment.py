"""Variables and commands that name other services, or have secrets."""

import pytest

from tests.unit.slipway.adopt.conftest import Adopted, lines, main

SERVERS = "  mysql: {image: 'mysql:8'}\n  mongodb: {image: 'mongo:7'}\n  redis: {image: 'redis:7'}\n"


def web(fields: str) -> str:
    return f"services:\n  web: {{build: ., {fields}}}\n{SERVERS}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("mongodb://mongodb:27017/app", 'f"mongodb://{mongodb_host}:27017/app"'),
        ("jdbc:mysql://mysql:3306/shop", 'f"jdbc:mysql://{mysql_host}:3306/shop"'),
        ("mysql", "mysql_host"),
        ("mysql:3306", 'f"{mysql_host}:3306"'),
        ("mysql:1,other:2,mysql:3", 'f"{mysql_host}:1,other:2,{mysql_host}:3"'),
        ('["http://mysql:9200"]', "f'[\"http://{mysql_host}:9200\"]'"),
        ("host=mysql dbname=mysql", 'f"host={mysql_host} dbname=mysql"'),
        ("-Ddb.type=mysql -Ddb.host=mysql", 'f"-Ddb.type=mysql -Ddb.host={mysql_host}"'),
        ("http://mysql:80/{x}", 'f"http://{mysql_host}:80/{{x}}"'),
        ("/var/lib/mysql", '"/var/lib/mysql"'),
        ("mysql/mysql-server", '"mysql/mysql-server"'),
        ("my-mysql.example.com", '"my-mysql.example.com"'),
    ],
)
def test_a_server_is_replaced_where_it_is_a_host(value: str, written: str, adopted: Adopted) -> None:
    program = adopted(web(f"environment: {{SEARCH: '{value}'}}"))
    assert f'EnvVar.value("SEARCH", {written})' in main(program)
    outcome = "the address of your own server" if "_host" in written else "translated | a variable"
    assert outcome in lines(program, "environment.SEARCH")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_CONNECTION", "mysql"),
        ("CACHE_DRIVER", "redis"),
        ("QUEUE_CONNECTION", "redis"),
        ("database__client", "mysql"),
        ("SPRING_PROFILES_ACTIVE", "mysql"),
        ("MYSQL_DATABASE", "mysql"),
    ],
)
def test_the_kind_of_a_server_is_not_its_host(name: str, value: str, adopted: Adopted) -> None:
    assert f'EnvVar.value("{name}", "{value}")' in main(adopted(web(f"environment: {{{name}: {value}}}")))


def test_addresses_in_commands_are_replaced(adopted: Adopted) -> None:
    program = adopted(web("command: [./wait-for-it.sh, 'mysql:3306', --, mysql, --host=mysql]"))
    args = 'args=["./wait-for-it.sh", f"{mysql_host}:3306", "--", "mysql", f"--host={mysql_host}"]'
    assert args in main(program)
    assert "reaches=[mysql]" in main(program)
    assert "**left out** | `mysql` stays in it: if it is the host, write `mysql_host`" in lines(
        program, "command"
    )
    assert "changed | has the address of your own server, the setting `mysqlHost`" in lines(
        program, "command"
    )


def test_a_service_in_a_command_has_clients(adopted: Adopted) -> None:
    program = adopted(
        "services:\n  web: {build: ., command: serve --api http://api:9000}\n"
        "  api: {build: ., ports: ['9000:9000']}\n"
    )
    assert 'reaches=[Endpoint(port=9000, pods={"app.kubernetes.io/name": "api"})]' in main(program)
    assert "port=9000,\n        target_port=9000," in main(program)


@pytest.mark.parametrize(
    "value",
    ["host=mysql user=app password=hunter2", "app:hunter2@tcp(mysql:3306)/app", "Server=mysql;Pwd=hunter2"],
)
def test_a_value_with_a_password_is_a_secret(value: str, adopted: Adopted) -> None:
    program = adopted(web(f"environment: {{DSN: '{value}'}}"))
    assert "hunter2" not in "".join(program.files().values())
    assert program.translation.settings.secret == {"dsn": value}
    assert "your own server in the place of `mysql`" in lines(program, "environment.DSN")
    assert "reaches=[mysql]" in main(program)


def test_a_server_in_a_secret_of_a_command_says_so(adopted: Adopted) -> None:
    program = adopted(web("command: ['sh', '-c', 'wait-for mysql:3306 && site --admin-password=hunter2']"))
    assert 'args=["sh", "-c", "$(WEB_SECRET_1)"]' in main(program)
    assert "its secret has `mysql`: set it with the address" in lines(program, "command")
    assert "reaches=[mysql]" in main(program)


def test_secrets_of_entrypoint_and_command_have_variables_of_their_own(adopted: Adopted) -> None:
    program = adopted(web("entrypoint: [a, --token=hunter1], command: [b, --token=hunter2]"))
    assert 'command=["a", "$(WEB_SECRET_1)"]' in main(program)
    assert 'args=["b", "$(WEB_SECRET_2)"]' in main(program)


@pytest.mark.parametrize("value", ["a$$b", "$$(x)", "a$b", "$(x)", "a$"])
def test_kubernetes_leaves_dollars_as_they_are(value: str, adopted: Adopted) -> None:
    """It replaces `$$` by `$` in values."""
    doubled = value.replace("$", "$$")
    written = value.replace("$$", "$$$$") if "$$" in value else value.replace("$(", "$$(")
    assert f'EnvVar.value("A", "{written}")' in main(adopted(web(f"environment: {{A: '{doubled}'}}")))


def test_names_of_hosts_are_hosts(adopted: Adopted) -> None:
    assert 'EnvVar.value("DB_HOST_NAME", mysql_host)' in main(
        adopted(web("environment: {DB_HOST_NAME: mysql}"))
    )
    program = adopted(
        "services:\n  web: {build: ., environment: {BACKEND: my_api}}\n"
        "  my_api: {build: ., ports: ['9000:9000']}\n"
    )
    assert 'EnvVar.value("BACKEND", "my-api")' in main(program)
    assert "reaches=[" in main(program)
