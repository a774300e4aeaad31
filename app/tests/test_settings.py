from __future__ import annotations

import pytest
import redis
from hitcounter.settings import Settings


def test_host_port_and_password_make_a_url_that_redis_reads_back() -> None:
    env = {"REDIS_HOST": "cache.team", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@ss/:# %"}
    options = redis.Redis.from_url(Settings.from_env(env).redis_url).connection_pool.connection_kwargs
    assert [options[k] for k in ("host", "port", "password")] == ["cache.team", 6380, "p@ss/:# %"]


def test_a_url_wins_over_its_parts() -> None:
    assert Settings.from_env({"REDIS_URL": "rediss://a:1/2", "REDIS_HOST": "b"}).redis_url == "rediss://a:1/2"


def test_nothing_set_means_the_compose_names() -> None:
    assert Settings.from_env({}).redis_url == "redis://redis:6379/0"


@pytest.mark.parametrize("port", ["tcp://10.0.0.1:6379", "0", "65536", "-1", "x", "٣"])
def test_a_bad_port_is_named_with_its_value(port: str) -> None:
    with pytest.raises(ValueError, match="REDIS_PORT is"):
        Settings.from_env({"REDIS_PORT": port})
