"""The pages: `/`, `/livez`, `/readyz` and `/metrics`."""

from __future__ import annotations

import logging
import os
import time

from flask import Flask, Response, g, render_template, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import HTTPException

from .settings import Settings
from .store import HitStore, Unavailable

log = logging.getLogger(__name__)
requests_total = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
request_seconds = Histogram("http_request_duration_seconds", "Time to answer", ["method", "route"])

QUIET = {"/livez", "/readyz", "/metrics"}
"""Paths that machines request every few seconds: logged at level DEBUG."""

METHODS = {"GET", "HEAD", "OPTIONS"}
"""Methods that some route answers; others share one metric label, so that a scanner cannot create series."""


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application; gunicorn calls this once per worker process."""
    settings = settings or Settings.from_env()
    store = HitStore(settings.redis_url)
    app = Flask(__name__)
    app.extensions["hits"] = store
    app.before_request(_start_clock)
    app.after_request(_record)
    app.register_error_handler(Exception, _server_error)

    @app.get("/")
    def index() -> Response:
        hits: int | None
        try:
            hits = store.hit()
        except Unavailable:
            hits = None  # the page is worth more than its count
        if request.args.get("format") == "text":
            count = "unavailable" if hits is None else hits
            return Response(
                f"hits={count} version={settings.version} pod={settings.pod}\n", mimetype="text/plain"
            )
        page = Response(render_template("index.html", hits=hits, version=settings.version, pod=settings.pod))
        page.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return page

    @app.get("/livez")
    def livez() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        try:
            store.ping()
        except Unavailable:
            return Response("Redis does not answer\n", status=503, mimetype="text/plain")
        return Response("ok\n", mimetype="text/plain")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)

    return app


def _registry() -> CollectorRegistry:
    """Return the sum over gunicorn's worker processes; without gunicorn, this process's numbers."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    return registry


def _start_clock() -> None:
    g.started = time.perf_counter()


def _record(response: Response) -> Response:
    """Count, time and log an answered request."""
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "unmatched"
    method = request.method if request.method in METHODS else "other"
    requests_total.labels(method, route, response.status_code).inc()
    request_seconds.labels(method, route).observe(seconds)
    level = logging.DEBUG if route in QUIET and response.status_code < 400 else logging.INFO
    fields = {"method": request.method, "path": request.path, "status": response.status_code}
    log.log(level, "request", extra={**fields, "duration_ms": round(seconds * 1000, 2)})
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _server_error(error: Exception) -> Response | HTTPException:
    """Log an unexpected error as a JSON line; pass HTTP errors such as 404 on."""
    if isinstance(error, HTTPException):
        return error
    log.error("unhandled exception", exc_info=error)
    return Response("Internal server error\n", status=500, mimetype="text/plain")
