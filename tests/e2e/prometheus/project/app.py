"""An application that counts the requests of its first page."""

import http.server
import signal
import sys
import threading


class Web(http.server.BaseHTTPRequestHandler):
    """Answers a page, probes, and the counter."""

    served = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        """Answer as text; a page costs some CPU."""
        text = "ok\n"
        if self.path == "/":
            with self.lock:
                Web.served += 1
            sum(range(200_000))
        elif self.path == "/metrics":
            text = f"# TYPE http_requests_total counter\nhttp_requests_total {self.served}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: probes ask each second."""


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", 5000), Web).serve_forever()
