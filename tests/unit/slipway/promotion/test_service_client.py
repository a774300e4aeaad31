"""Requests to a Service."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.service_ports import http_ports, scheme, service_port
from slipway.promotion import service_client
from slipway.promotion.options import VerifyOptions

WEB = {"metadata": {"name": "web", "namespace": "hits"}, "spec": {"ports": [{"port": 80}]}}
SECURE = {**WEB, "spec": {"ports": [{"port": 443}]}}


class Application(BaseHTTPRequestHandler):
    """An application that serves a single name."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "example.com" else 400)
        self.end_headers()

    def log_message(self, format: str, *values: Any) -> None:
        pass


@contextmanager
def application(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """Run the application behind a forwarded port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        monkeypatch.setattr(service_client, "forward", lambda *_: (port for _ in "a"))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        yield
        server.shutdown()


def result(service: Object, host: str) -> str:
    with service_client.connect(Cluster("there"), service, (), host) as client:
        return service_client.request(client, VerifyOptions(host=host))


def test_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Host header reaches the application; the API server's proxy would replace it."""
    with application(monkeypatch):
        results = {host: result(WEB, host) for host in ("example.com", "example.org")}
    assert results == {"example.com": "", "example.org": "/ answers 400"}


def test_https_with_a_certificate_for_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is not verified, and the name of the TLS handshake is the host."""
    names = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("web.hits.svc").configure_cert(tls)
    tls.sni_callback = lambda socket, name, context: names.append(name)
    with application(monkeypatch, tls):
        results = {host: result(SECURE, host) for host in ("example.com", "example.org")}
    assert results == {"example.com": "", "example.org": "/ answers 400"}
    assert names == ["example.com", "example.org"]


def pods(scheme: str, port: int | str = "web", probe: str = "readinessProbe") -> Object:
    http = {"path": "/", "port": port, "scheme": scheme}
    container = {"name": "web", "ports": [{"name": "web", "containerPort": 8443}], probe: {"httpGet": http}}
    return {"spec": {"containers": [{"name": "sidecar"}, container]}}


@pytest.mark.parametrize(
    ("port", "template", "expected"),
    [
        ({"port": 80}, None, "http"),
        ({"port": 443}, None, "https"),
        ({"port": 8443, "name": "https"}, None, "https"),
        ({"port": 443, "name": "http"}, None, "http"),
        ({"port": 8443, "appProtocol": "https"}, None, "https"),
        ({"port": 8443, "appProtocol": "kubernetes.io/wss"}, None, "https"),
        ({"port": 443, "name": "https", "appProtocol": "http"}, None, "http"),
        ({"port": 80, "targetPort": "web"}, pods("HTTPS"), "https"),
        ({"port": 80, "targetPort": 8443}, pods("HTTPS", probe="livenessProbe"), "https"),
        ({"port": 80, "targetPort": "web"}, pods("HTTPS", 8443), "https"),
        ({"port": 443, "name": "https", "targetPort": 8443}, pods("HTTP"), "http"),
        ({"port": 80, "targetPort": 8080}, pods("HTTPS"), "http"),
        ({"port": 80, "appProtocol": "http", "targetPort": 8443}, pods("HTTPS"), "http"),
    ],
)
def test_scheme(port: Object, template: Object | None, expected: str) -> None:
    service = {**WEB, "spec": {"ports": [port]}}
    assert scheme(service, [template] if template else ()) == expected


def test_a_port_for_http_by_its_protocol_comes_first() -> None:
    ports = [{"name": "metrics", "port": 9090}, {"name": "web", "port": 8443, "appProtocol": "https"}]
    assert service_port({**WEB, "spec": {"ports": ports}})["port"] == 8443


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
