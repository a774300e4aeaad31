"""Requests to a Service."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from slipway.cluster.forward import http_ports
from slipway.cluster.kubectl import Cluster, Object
from slipway.promotion import service_client
from slipway.promotion.options import VerifyOptions

WEB = {"metadata": {"name": "web", "namespace": "hits"}, "spec": {"ports": [{"port": 80}]}}


def test_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Host header reaches the application; the API server's proxy would replace it."""

    class Application(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Host"] == "example.com" else 400)
            self.end_headers()

    results = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        monkeypatch.setattr(service_client, "forward", lambda *_: (port for _ in "a"))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        for host in ("example.com", "example.org"):
            with service_client.connect(Cluster("there"), WEB, host) as client:
                results[host] = service_client.request(client, VerifyOptions(host=host))
        server.shutdown()
    assert results == {"example.com": "", "example.org": "/ answers 400"}


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"port": 5432, "appProtocol": "postgresql"}], []),
        ([{"port": 5432, "appProtocol": "postgresql"}, {"port": 8008}], [8008]),
        ([{"port": 80, "appProtocol": "http"}, {"port": 53, "protocol": "UDP"}], [80]),
        ([{"port": 8080, "appProtocol": "kubernetes.io/h2c"}, {"port": 9000}], [8080, 9000]),
    ],
)
def test_a_port_for_another_protocol_is_not_asked(ports: list[Object], expected: list[int]) -> None:
    service = {**WEB, "spec": {"ports": ports}}
    assert [port["port"] for port in http_ports(service)] == expected
