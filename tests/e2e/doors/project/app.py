"""An application that answers by http or https, or gRPC's health protocol, for the tests of doors."""

import contextlib
import http.server
import pathlib
import signal
import socketserver
import ssl
import sys

PORT = 5000
SICK = pathlib.Path("/tmp/sick")  # noqa: S108 # in the pod


class Web(http.server.BaseHTTPRequestHandler):
    """Answers its name and the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer as text."""
        body = f"{sys.argv[2]} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: probes ask each second."""


class Health(socketserver.StreamRequestHandler):
    """Answers each call as grpc.health.v1.Health/Check does, over HTTP/2 without compressed headers."""

    HEADERS, DATA, SETTINGS, PING = 1, 0, 4, 6
    END_STREAM, ACKNOWLEDGED, END_HEADERS = 1, 1, 4

    def handle(self) -> None:
        """Answer every frame, until the client goes."""
        self.rfile.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        self.send(self.SETTINGS, 0, 0, b"")
        while head := self.rfile.read(9):
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
            content = self.rfile.read(int.from_bytes(head[:3]))
            if kind in (self.SETTINGS, self.PING) and not flags & self.ACKNOWLEDGED:
                self.send(kind, self.ACKNOWLEDGED, 0, content if kind == self.PING else b"")
            elif kind == self.DATA and flags & self.END_STREAM:
                status = 2 if SICK.exists() else 1  # NOT_SERVING, SERVING
                headers = b"\x88" + self.header(b"content-type", b"application/grpc")  # :status 200
                self.send(self.HEADERS, self.END_HEADERS, stream, headers)
                self.send(self.DATA, 0, stream, bytes((0, 0, 0, 0, 2, 8, status)))
                end = self.header(b"grpc-status", b"0")
                self.send(self.HEADERS, self.END_HEADERS | self.END_STREAM, stream, end)

    @staticmethod
    def header(name: bytes, value: bytes) -> bytes:
        """Return a header as a literal that is not indexed."""
        return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value

    def send(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        """Send one frame."""
        head = len(content).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(head + content)


class Threads(socketserver.ThreadingTCPServer):
    """A server with a thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True


signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # process 1 has no default for it
server: socketserver.BaseServer
if sys.argv[1] == "grpc":
    server = Threads(("", PORT), Health)
else:
    web = http.server.ThreadingHTTPServer(("", PORT), Web)
    if sys.argv[1] == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("/srv/tls.crt", "/srv/tls.key")
        web.socket = context.wrap_socket(web.socket, server_side=True)
    server = web
server.serve_forever()
