"""The command line, on the running instance."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.platform.instance import Instance
from sandbox.tools.catalogue import PULUMI
from tests.e2e.sandbox.cluster import PROJECT, Cluster

INSTANCE = Instance.from_environment()

CONTRACT = {
    "PATH", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_IGNORE_AMBIENT_PLUGINS", "PULUMI_SKIP_UPDATE_CHECK", "KUBECONFIG",
    "DOCKER_CONFIG", "BUILDX_CONFIG", "BUILDX_BUILDER", "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER",
}  # fmt: skip
ON_REQUEST = {
    "AWS_ENDPOINT_URL_S3", "AWS_SHARED_CREDENTIALS_FILE", "AWS_DEFAULT_REGION", "DOCKER_HOST",
    "NO_PROXY", "no_proxy",
}  # fmt: skip
"""Of a store and a Docker engine, which an earlier run may have started, and of a proxy of the user."""


def sandbox_command(*argv: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "sandbox", *argv)
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_env_gives_a_shell_exactly_what_its_tools_need(sandbox: dict[str, str]) -> None:
    exported = json.loads(sandbox_command("env", "--json").stdout)
    assert set(exported) - ON_REQUEST == CONTRACT
    script = 'eval "$(' + f'{sys.executable} -m sandbox env)" && env -0'
    shell = subprocess.check_output(("sh", "-c", script), cwd=PROJECT, text=True)
    found = dict(line.split("=", 1) for line in shell.split("\0") if "=" in line)
    assert {name: found[name] for name in exported} == exported


def test_plain_tools_talk_to_the_sandbox_and_leave_the_users_own_files_alone(
    sandbox: dict[str, str], tmp_path: Path
) -> None:
    cluster = Cluster({**sandbox, "HOME": str(tmp_path)})
    assert cluster.run("kubectl", "config", "current-context").stdout.strip() == INSTANCE.name
    assert cluster.run("pulumi", "version").stdout.strip() == f"v{PULUMI}"
    assert INSTANCE.name in cluster.run("docker", "buildx", "inspect").stdout
    assert cluster.run("pulumi", "stack", "ls", "--all").returncode == 0
    left = {path.name for path in tmp_path.iterdir()} - {".kube"}  # kubectl's cache of API kinds
    assert not left


def test_secrets_are_for_their_owner_only(sandbox: dict[str, str]) -> None:
    passphrase = Path(sandbox["PULUMI_CONFIG_PASSPHRASE_FILE"])
    state = passphrase.parents[1]
    keys = [*state.glob("pki/*.key"), *state.glob("etc/*.kubeconfig"), state / "kubeconfig", passphrase]
    assert len(keys) > 10
    assert not [key for key in keys if key.stat().st_mode & 0o077]
    assert len(passphrase.read_text()) >= 32


def test_nothing_listens_on_the_host_beyond_loopback(sandbox: dict[str, str]) -> None:
    listed = subprocess.check_output(("ss", "-Hltnp"), text=True).splitlines()
    cgroup = Path(f"/sys/fs/cgroup/pids/{INSTANCE.cgroup}/platform/cgroup.procs")
    if not cgroup.exists():
        cgroup = Path(f"/sys/fs/cgroup/{INSTANCE.cgroup}/platform/cgroup.procs")
    ours = [line for line in listed if any(f"pid={pid}," in line for pid in cgroup.read_text().split())]
    assert ours, "the registry listens there"
    assert not [line for line in ours if not line.split()[3].startswith("127.0.0.1:")]


def test_status_has_no_problems(sandbox: dict[str, str]) -> None:
    done = sandbox_command("status", "--json")
    status = json.loads(done.stdout)
    assert (done.returncode, status["problems"]) == (0, [])
    assert {"node-1-kubelet", "node-2-kube-router", "registry"} <= {p["name"] for p in status["processes"]}
    assert status["to_build"] == []
    (kubernetes,) = (plugin for plugin in status["plugins"] if plugin.startswith("kubernetes"))
    assert "official" in kubernetes and version("pulumi-kubernetes") in kubernetes
    shown = sandbox_command("status").stdout
    assert "RSS for the platform" in shown and "python:3.11-slim-bookworm" in shown


def test_logs_shows_a_process_and_names_the_others_when_there_is_none(sandbox: dict[str, str]) -> None:
    assert len(sandbox_command("logs", "kube-apiserver", "-n", "5").stdout.splitlines()) == 5
    unknown = sandbox_command("logs", "nonsense")
    assert unknown.returncode == 1 and "kube-apiserver" in unknown.stderr


def test_an_invalid_name_is_refused_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_NAME", "No Name")
    done = sandbox_command("status")
    assert done.returncode == 1 and "SANDBOX_NAME" in done.stderr and "Traceback" not in done.stderr
