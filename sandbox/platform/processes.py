"""The platform's long-running processes, which supervisord keeps alive."""

import hashlib
import http.client
import os
import resource
import shlex
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped] # it has no type hints

from sandbox.platform import cgroups, network
from sandbox.platform.instance import Instance
from sandbox.shell import run, wait

# The growth of a Go program's heap, in percent, at which it collects garbage. With Go's default of 100, the
# platform takes 130 MB more. With 50, the API server takes a third more processor time to list hundreds of
# objects, and buildkitd a quarter more to compress.
FOR_MEMORY = {"GOGC": "50"}
FOR_SPEED = {"GOGC": "100"}
# The soft limit of open files. Supervisord closes each possible file before it starts a process: the hard
# limit of a container, up to a billion, would take minutes. Programs in Go raise their own limit further.
OPEN_FILES = 65_536
# The errors of a call to a supervisord that does not run, or is ending.
_UNAVAILABLE = (OSError, http.client.HTTPException, xmlrpc.client.Error)


@dataclass(frozen=True)
class Program:
    """A process: its command line, and the files whose change restarts it."""

    name: str
    argv: tuple[str, ...]
    config: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    once: bool = False
    stop_signal: str = "TERM"

    def section(self, instance: Instance) -> str:
        """Return the program's section of supervisord's configuration file."""
        digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in self.config)).hexdigest()[:16]
        variables = {**FOR_MEMORY, **self.environment, "CONFIG": digest}
        environment = ",".join(f'{name}="{value}"' for name, value in variables.items())
        return _ini(
            f"program:{self.name}",
            {
                "command": shlex.join(self.argv),
                "environment": environment,
                "redirect_stderr": "true",
                "stdout_logfile": str(instance.logs / f"{self.name}.log"),
                "stdout_logfile_maxbytes": "20MB",
                "stdout_logfile_backups": "1",
                # Components exit while another is missing, and restart until all are ready.
                "startretries": "1000000",
                "startsecs": "0" if self.once else "1",
                "autorestart": "false" if self.once else "true",
                "stopsignal": self.stop_signal,
                "stopasgroup": "true",
                "killasgroup": "true",
                "stopwaitsecs": "5",
            },
        )


@dataclass(frozen=True)
class Process:
    """The status of a program in supervisord."""

    name: str
    state: str
    pid: int
    uptime_s: int
    exit_code: int

    @property
    def healthy(self) -> bool:
        """Whether the process is running, or has succeeded."""
        return self.state == "RUNNING" or (self.state == "EXITED" and self.exit_code == 0)

    def problem(self, instance: Instance) -> str:
        """Return the problem of an unhealthy process."""
        return f"{self.name} is {self.state}: run `{instance.command(f'logs {self.name}')}`"


def _ini(section: str, options: dict[str, str]) -> str:
    lines = (f"{key} = {value.replace('%', '%%')}" for key, value in options.items())
    return "\n".join((f"[{section}]", *lines, "", ""))


class Supervisor:
    """A client of the instance's supervisord, over its Unix socket."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._socket = instance.run / "supervisor.sock"
        self._config = instance.etc / "supervisord.conf"

    @property
    def _rpc(self) -> Any:
        """A new connection, because a failed transport stays unusable."""
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        # The address is a placeholder: the transport uses the socket.
        return cast(Any, xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)).supervisor

    def configure(self, programs: Iterable[Program]) -> None:
        """Write the configuration, which `ensure` applies."""
        own = {
            "unix_http_server": {"file": str(self._socket), "chmod": "0600"},
            "supervisord": {
                "logfile": str(self._instance.logs / "supervisord.log"),
                "pidfile": str(self._instance.supervisor_pid_file),
                "directory": "/",
                "umask": "022",
                "minfds": str(min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], OPEN_FILES)),
                "silent": "true",
            },
            "supervisorctl": {"serverurl": f"unix://{self._socket}"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
        }
        sections = [_ini(name, options) for name, options in own.items()]
        sections += [program.section(self._instance) for program in programs]
        self._config.write_text("".join(sections))

    def alive(self) -> bool:
        """Return whether supervisord responds."""
        try:
            return bool(self._rpc.getState()["statename"] == "RUNNING")
        except _UNAVAILABLE:
            return False

    def ensure(self) -> None:
        """Start supervisord, apply the configuration, and start the processes that do not run."""
        if not self.alive():
            self._start()
            return
        added, changed, removed = self._rpc.reloadConfig()[0]
        for name in (*removed, *changed):
            self._rpc.stopProcessGroup(name)
            self._rpc.removeProcessGroup(name)
        for name in (*changed, *added):
            self._rpc.addProcessGroup(name)
        for process in self.processes():
            if not process.healthy and process.state not in ("STARTING", "BACKOFF"):
                self._rpc.startProcess(process.name, False)

    def _start(self) -> None:
        """Start supervisord in the instance's cgroup, which its descendants inherit."""
        supervisord = Path(sys.executable).with_name("supervisord")
        join = f'echo $$ > "{cgroups.platform(self._instance)}" && exec "$0" -c "$1"'
        environment = {**os.environ, **network.unproxied(self._instance)}
        run("sh", "-c", join, str(supervisord), str(self._config), env=environment)
        silent = f"supervisord does not respond: see {self._instance.logs}/supervisord.log"
        wait(10, lambda: [] if self.alive() else [silent])

    def shutdown(self) -> None:
        """Stop every program and supervisord itself, in at most 30 seconds."""
        if not self.alive():
            return
        self._rpc.shutdown()
        deadline = time.monotonic() + 30
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.1)

    def processes(self) -> list[Process]:
        """Return all processes, sorted by name; none if supervisord does not run, or is ending."""
        try:
            infos = self._rpc.getAllProcessInfo()
        except _UNAVAILABLE:
            return []
        return [
            Process(
                info["name"], info["statename"], info["pid"],
                info["now"] - info["start"] if info["statename"] == "RUNNING" else 0,
                info["exitstatus"],
            )
            for info in infos
        ]  # fmt: skip

    def failing(self) -> list[Process]:
        """Return the processes that do not stay up. A process that runs once is not one of them."""
        return [process for process in self.processes() if not process.healthy and process.state != "EXITED"]
