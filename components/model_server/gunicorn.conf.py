"""Settings of gunicorn: every name here is one of its settings."""

import socket
import tempfile

wsgi_app = "server:create_app()"
# A container's port is reached from outside its network namespace, in IPv6 clusters at an IPv6 address.
bind = "[::]:8080" if socket.has_dualstack_ipv6() else "0.0.0.0:8080"
worker_class = "gthread"
workers = 1  # a second process would load the model again; replicas are what scales
threads = 8
preload_app = False
worker_tmp_dir = tempfile.gettempdir()
keepalive = 75  # seconds; longer than the idle time of common load balancers
graceful_timeout = 20  # below the pod's 30 of terminationGracePeriodSeconds
control_socket_disable = True  # it would be created in the home directory, which is read-only
