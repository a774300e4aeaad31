"""A web server with good and bad versions, by HTTPS if given a certificate. In dev, bad ones behave well."""

import itertools
import os
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path("/mode").read_text().strip()
MODE = "good" if os.environ.get("GREETING") == "dev" else VERSION
BORN = time.monotonic()
count = itertools.count()


class Handler(BaseHTTPRequestHandler):
    """Answers as the version does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        status = 200
        if self.path == "/readyz":
            status = 503 if MODE == "slow" and time.monotonic() - BORN < 300 else 200
        elif MODE == "broken" or (MODE == "rising" and next(count) > 5):
            status = 500
        body = f"{VERSION}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if MODE == "crash":
    sys.exit("this version cannot start")
server = ThreadingHTTPServer(("", 5000), Handler)
if Path("/tls/tls.crt").exists():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
