"""Settings of gunicorn: every name here is one of its settings."""

import os
import socket
import tempfile

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

# /tmp is the only writable place. Set before prometheus_client is imported: each worker process writes its
# numbers there, and /metrics adds them up.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")

wsgi_app = "hitcounter.web:create_app()"
# A container's port is reached from outside its network namespace, in IPv6 clusters at an IPv6 address.
bind = "[::]:5000" if socket.has_dualstack_ipv6() else "0.0.0.0:5000"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
worker_tmp_dir = tempfile.gettempdir()
keepalive = (
    75  # seconds; longer than the idle time of common load balancers, which would else meet a closed socket
)
graceful_timeout = (
    20  # seconds for running requests after SIGTERM; below the pod's 30 of terminationGracePeriodSeconds
)
control_socket_disable = True  # it would be created in the home directory, which is read-only

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            "static_fields": {
                "version": os.environ.get("APP_VERSION", "dev"),
                "pod": os.environ.get("POD_NAME", os.uname().nodename),
            },
        }
    },
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}
    },
    "root": {"handlers": ["stdout"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "gunicorn.error": {"propagate": True, "handlers": [], "level": "INFO"},
        "gunicorn.access": {"propagate": False, "handlers": []},  # the application logs each request itself
    },
}


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Take a dead worker's gauges out of /metrics; its counters stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
