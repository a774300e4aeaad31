"""The clients of one Redis or of several: each variable once, and a password for each."""

import re

import pytest

from tests.unit.slipway.adopt.conftest import Adopted, lines, main

TWO = "  redis-cache: {image: 'redis:7'}\n  redis-queue: {image: 'redis:7'}\n"


def names(program: str) -> list[str]:
    """Return the names of all variables of the only process, those of `env` with the component's."""
    given = re.findall(r"EnvVar\.\w+\(\"(\w+)\"|\.url\((?:\"(\w+)\")?\)|\*(\w+)\.env", program)
    return [
        name for one, url, env in given for name in ([f"{env}.env"] if env else [one or url or "REDIS_URL"])
    ]


def test_one_of_two_gives_its_variables(adopted: Adopted) -> None:
    """As Frappe has them."""
    environment = "{REDIS_CACHE: 'redis-cache:6379', REDIS_QUEUE: 'redis-queue:6379'}"
    program = adopted(f"services:\n  web: {{build: ., environment: {environment}}}\n{TWO}")
    assert '*redis_cache.env,\n        redis_queue.url("REDIS_QUEUE_URL"),' in main(program)
    assert "*redis_queue.env" not in main(program)
    assert "log in with that of REDIS_QUEUE_URL" in lines(program, "environment.REDIS_QUEUE")
    assert "REDIS_PASSWORD are those of `redis-cache`" in lines(program, "environment")


def test_the_one_that_redis_host_names_gives_them(adopted: Adopted) -> None:
    environment = "{CACHE: redis-cache, REDIS_HOST: redis-queue}"
    program = main(adopted(f"services:\n  web: {{build: ., environment: {environment}}}\n{TWO}"))
    assert "*redis_queue.env" in program
    assert 'redis_cache.url("REDIS_CACHE_URL")' in program


@pytest.mark.parametrize("variable", ["REDIS_PORT: 6379", "REDIS_PASSWORD: hunter2", "REDIS_PASSWORD: ''"])
def test_a_variable_of_its_env_is_not_added_again(variable: str, adopted: Adopted) -> None:
    program = adopted(
        f"services:\n  web: {{build: ., depends_on: [redis], environment: {{{variable}}}}}\n"
        "  redis: {image: 'redis:7'}\n"
    )
    assert names(main(program)) == ["redis.env"]
    assert "comes from the Redis component" in lines(program, f"environment.{variable.partition(':')[0]}")


def test_urls_of_other_databases_refer_to_one_before(adopted: Adopted) -> None:
    environment = "{BROKER: 'redis://redis/1', REDIS_URL: 'redis://redis/2', CACHE: 'redis://redis:6379/0'}"
    program = adopted(
        f"services:\n  web: {{build: ., environment: {environment}}}\n  redis: {{image: 'redis:7'}}\n"
    )
    assert names(main(program)) == ["CACHE", "BROKER", "REDIS_URL"]
    assert 'EnvVar.value("REDIS_URL", "$(CACHE)/2")' in main(program)


def test_a_new_url_has_a_name_that_no_variable_has(adopted: Adopted) -> None:
    environment = "{BROKER: 'redis://redis/1', REDIS_URL: 'redis://redis/2'}"
    program = adopted(
        f"services:\n  web: {{build: ., environment: {environment}}}\n  redis: {{image: 'redis:7'}}\n"
    )
    assert names(main(program)) == ["COMPONENT_REDIS_URL", "BROKER", "REDIS_URL"]


def test_a_url_in_a_command_has_the_password(adopted: Adopted) -> None:
    program = adopted(
        "services:\n  web: {build: ., command: celery -b redis://redis:6379/3 worker}\n"
        "  redis: {image: 'redis:7'}\n"
    )
    assert 'args=["celery", "-b", "$(REDIS_URL)/3", "worker"]' in main(program)
    assert "env=[redis.url()]" in main(program)


def test_a_url_of_several_hosts_names_each(adopted: Adopted) -> None:
    environment = "{REDIS_URL: 'redis://redis-cache,redis-queue:6379'}"
    program = adopted(f"services:\n  web: {{build: ., environment: {environment}}}\n{TWO}")
    assert "*redis_cache.env" in main(program)
    assert "must log in with REDIS_PASSWORD" in lines(program, "environment.REDIS_URL")
