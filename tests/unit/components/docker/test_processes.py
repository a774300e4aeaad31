"""What runs in the containers of a web service on a Docker engine, and what it has there."""

import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pulumi
import pytest

from components import (
    Compute,
    EnvVar,
    Exposure,
    File,
    PodSecurity,
    Probe,
    Probes,
    Resources,
    Tls,
    Volume,
)
from components.docker import Redis, WebService, Worker, health, proxy
from components.validation import BadArgument
from tests.unit.components.docker.test_containers import redis, variables, web
from tests.unit.conftest import Run

WRITABLE = PodSecurity(read_only_root=False)


def container(engine: Run, **arguments: Any) -> dict[str, Any]:
    return web(engine, **arguments).one("Container", "web-1")


def test_command_and_args_replace_those_of_the_image(engine: Run) -> None:
    made = container(engine, command=["gunicorn"], args=["--workers", "2"])
    assert (made["entrypoints"], made["command"]) == (["gunicorn"], ["--workers", "2"])
    assert not {"entrypoints", "command"} & container(engine).keys()


def test_a_file_of_text_is_copied_where_the_root_can_be_written(engine: Run) -> None:
    made = container(engine, files=[File.text("/etc/app.ini", "[app]")], security=WRITABLE)
    assert made["uploads"] == [{"file": "/etc/app.ini", "content": "[app]", "permissions": "0444"}]


def test_empty_directories_are_memory_of_the_user(engine: Run) -> None:
    volumes = [Volume.scratch("/cache", size="16Mi"), Volume.memory("/fast", size="1500k")]
    made = container(engine, volumes=volumes, tmp="32Mi", security=PodSecurity(user=20000, group=30000))
    assert made["tmpfs"] == {
        "/tmp": "size=32m",  # noqa: S108 # in the container
        "/cache": "size=16m,uid=20000,gid=30000,mode=0700",
        "/fast": "size=1500000,uid=20000,gid=30000,mode=0700",
    }
    assert made["user"] == "20000:30000"


def test_the_user_of_the_image_gets_one_more_group(engine: Run) -> None:
    security = PodSecurity(user=None, group=30000)
    made = container(engine, volumes=[Volume.memory("/fast", size="1Mi")], security=security)
    assert (made.get("user"), made["groupAdds"]) == (None, ["30000"])
    assert made["tmpfs"]["/fast"] == "size=1m,gid=30000,mode=2770"
    neither = container(engine, security=PodSecurity(user=None))
    assert not {"user", "groupAdds"} & neither.keys()


@pytest.mark.parametrize(
    ("security", "end"),
    [
        (PodSecurity(user=999, group=30000), "chown -R 999:30000 /data"),
        (PodSecurity(user=None, group=30000), "chgrp -R 30000 /data && chmod -R g+rwX /data"),
    ],
)
def test_a_volume_belongs_to_user_and_group(engine: Run, security: PodSecurity, end: str) -> None:
    made = redis(engine, storage="1Gi", security=security).one("Container", "cache-owner")
    assert made["entrypoints"][-1].endswith(end)
    image = redis(engine, storage="1Gi", security=PodSecurity(user=None))
    assert [item.name for item in image.of("Container")] == ["cache"]


def test_containers_start_after_what_the_program_names(engine: Run) -> None:
    def program() -> None:
        first = pulumi.Stash("first", input="x")
        WebService("web", namespace="shop", image="web:1", replicas=1, after=[first])

    [first, *_] = [urn for urn in engine(program).requests if urn.endswith(":Stash::first")]
    assert first in engine(program).request("Container", "web-1").dependencies


def test_a_variable_may_name_an_earlier_one(engine: Run) -> None:
    env = [
        EnvVar.value("USER", "ann"),
        EnvVar.value("URL", "http://$(USER)@$(LATER)/$$(USER)"),
        EnvVar.value("LATER", "x"),
    ]
    assert variables(container(engine, env=env))["URL"] == "http://ann@$(LATER)/$(USER)"


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("--bind=:$(PORT)", "--bind=:8000"),
        ("$(URL)", "http://localhost:8000"),
        ("$(OTHER) $PORT ${PORT}", "$(OTHER) $PORT ${PORT}"),
        ("$$(PORT)", "$(PORT)"),
        ("kill $$$$", "kill $$"),
        ("$(echo $$)", "$(echo $$)"),
        ("$(PORT", "$(PORT"),
    ],
)
def test_commands_may_name_variables_as_in_pods(engine: Run, word: str, result: str) -> None:
    """Wherever the kubelet replaces a name: in the command, its arguments, and the command of a probe."""
    probes = Probes(ready=Probe.exec("test", word))
    env = [EnvVar.value("PORT", "8000"), EnvVar.value("URL", "http://localhost:$(PORT)")]
    made = container(engine, command=["gunicorn", word], args=[word], env=env, probes=probes)
    assert (made["entrypoints"], made["command"]) == (["gunicorn", result], [result])
    assert made["healthcheck"]["tests"] == ["CMD", "test", result]


def test_the_probe_of_a_worker_may_name_a_variable(engine: Run) -> None:
    env = [EnvVar.value("QUEUE", "mail")]
    probe = Probe.exec("alive", "$(QUEUE)")
    recorder = engine(lambda: Worker("w", namespace="shop", image="i", env=env, probe=probe) and None)
    assert recorder.one("Container", "w-1")["healthcheck"]["tests"] == ["CMD", "alive", "mail"]


def test_a_value_that_is_known_later_may_name_a_variable(engine: Run) -> None:
    env = [
        EnvVar.value("USER", "ann"),
        EnvVar.value("URL", pulumi.Output.concat("http://$(USER)@", "host")),
    ]
    made = container(engine, args=["$(URL)"], env=env)
    assert variables(made)["URL"] == made["command"][0] == "http://ann@host"


def test_a_password_is_no_reference(engine: Run) -> None:
    """As in a Secret, whose values the kubelet leaves as they are."""

    def program() -> None:
        cache = Redis("cache", namespace="shop", password="$(REDIS_HOST)$$123")  # noqa: S106 # an example
        WebService("web", namespace="shop", image="i", replicas=1, env=cache.env, args=["$(REDIS_PASSWORD)"])

    recorder = engine(program)
    made = recorder.one("Container", "web-1")
    assert variables(made)["REDIS_PASSWORD"] == made["command"][0] == "$(REDIS_HOST)$$123"  # noqa: S105
    [sent] = recorder.request("Container", "web-1").object["command"]
    assert "4dabf18193072939515e22adb298388d" in str(sent), "the password is marked secret"


def test_the_url_of_redis_is_a_secret_that_leads_to_it(engine: Run) -> None:
    def program() -> None:
        cache = Redis("cache", namespace="shop", password="p@ss/word-123")  # noqa: S106 # an example
        env = [cache.url("BROKER"), EnvVar.value("RESULTS", "$(BROKER)/1")]
        WebService("web", namespace="shop", image="web:1", replicas=1, env=env)

    recorder = engine(program)
    made = recorder.one("Container", "web-1")
    assert variables(made)["RESULTS"] == "redis://:p%40ss%2Fword-123@cache:6379/1"
    assert "shop-cache" in {network["name"] for network in made["networksAdvanced"]}
    sent = recorder.request("Container", "web-1").object["envs"]
    assert len([entry for entry in sent if "4dabf18193072939515e22adb298388d" in str(entry)]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"files": [File.secret("/key", "keys", "key")]}, "give the content, by File.text"),
        ({"files": [File.text("/a", "b")]}, "needs a root that can be written"),
        ({"volumes": [Volume.claim("/data", name="data", size="1Gi")]}, "keep data in Redis with storage"),
        ({"volumes": [Volume.existing("/data", claim="data")]}, "keep data in Redis with storage"),
        ({"tmp": "256Mi"}, "tmp is memory on an engine"),
        (
            {
                "volumes": [Volume.scratch("/cache", size="60Mi")],
                "resources": Resources(
                    requests=Compute(memory="64Mi"), limits=Compute(cpu="1", memory="120Mi")
                ),
            },
            "must be below resources.limits.memory",
        ),
        ({"volumes": [Volume.memory("/a", size="1Mi")] * 2}, "files and volumes name /a 2 times"),
        ({"env": [EnvVar.value("A", "1"), EnvVar.value("A", "2")]}, "env names A 2 times"),
        (
            {"expose": Exposure(host="hits.example.com", tls=Tls.secret("tls"), public="a test")},
            "expose.host has no use",
        ),
        ({"probes": Probes(ready=Probe.grpc())}, "Probe.grpc(…) is not possible"),
        ({"probes": Probes(ready=Probe.http("/", scheme="HTTPS"))}, "the proxy speaks HTTP"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(engine: Run, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadArgument, match=re.escape(sentence)):
        web(engine, **arguments)


class Server(BaseHTTPRequestHandler):
    """Answers 200 to a request with the expected headers, and 400 to all others."""

    def do_GET(self) -> None:
        good = self.headers["Host"] == "hits.example.com" and self.headers["X-It"] == "it's 100% $HOME"
        self.send_response(200 if good else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("host", "code"), [("hits.example.com", 0), ("other", 1)])
def test_the_health_check_sends_the_headers_of_the_probe(port: int, host: str, code: int) -> None:
    probe = Probe.http("/readyz", host=host, headers={"X-It": "it's 100%\n$HOME"})
    kind, command = health.health_check(probe, port, 60)["tests"]
    assert kind == "CMD-SHELL"
    assert subprocess.run(("sh", "-c", command)).returncode == code


@pytest.mark.parametrize(
    ("probe", "port"),
    [
        (Probe.http("/readyz", port=9000), 9000),
        (Probe.tcp(port=9000), 9000),
        (Probe.http("/readyz"), 5000),
        (Probe.exec("true"), 5000),
    ],
)
def test_the_proxy_asks_the_port_of_the_probe(probe: Probe, port: int) -> None:
    config = proxy.config(80, 5000, probe)
    assert f"default-server check port {port} " in config
    assert "backends:5000" in config


def test_the_proxy_keeps_no_connection_to_a_container_that_may_stop() -> None:
    """A process that stops may accept a request on an open connection, and close it without an answer."""
    assert "option http-server-close" in proxy.config(80, 5000, None)


def test_the_proxy_sends_the_headers_of_the_probe() -> None:
    probe = Probe.http("/readyz", host="hits.example.com", headers={"X-It": "it's 100%"})
    sent = r"http-check send meth GET uri /readyz hdr Host 'hits.example.com' hdr 'X-It' 'it'\''s 100%%'"
    assert sent in proxy.config(80, 5000, probe)
