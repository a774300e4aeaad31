"""The logins that `docker login` stored."""

import base64
import json
from pathlib import Path

import pytest

from slipway.errors import RegistryUnavailable
from slipway.images import registry_login as module
from slipway.images.registry_login import Login, docker_login


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-vault"
    helper.write_text(
        '#!/bin/sh\nread server\necho "{\\"Username\\": \\"u\\", \\"Secret\\": \\"for $server\\"}"\n'
    )
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {"ghcr.io": "vault"}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert docker_login("ghcr.io") == Login("u", "for ghcr.io")
    assert docker_login("quay.io") is None


HELPERS = {
    "slow": ("sleep 9", "did not answer within 0.2 s: run it in a terminal"),
    "printing text": ("echo Please log in: canary", "printed no login in JSON: run `docker login ghcr.io`"),
    "printing a list": ("echo []", "printed no login in JSON"),
    "printing half of it": ("""echo '{"Secret": "canary"}'""", "printed no login in JSON"),
    "for another system": ("#", "cannot be run: Exec format error: install it for this system"),
    "missing": ("", "is not installed: install it, or remove its name from .*config.json"),
}


def store(directory: Path, monkeypatch: pytest.MonkeyPatch, config: object) -> None:
    (directory / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(directory))


@pytest.mark.parametrize(("script", "reason"), HELPERS.values(), ids=HELPERS)
def test_a_broken_credential_helper_is_named(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-vault"
    helper.write_bytes(b"\x7fELF" if script == "#" else f"#!/bin/sh\nexec 2>&1\n{script}\n".encode())
    helper.chmod(0o755)
    if not script:
        helper.unlink()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(module, "HELPER_TIMEOUT_S", 0.2)
    store(tmp_path, monkeypatch, {"credHelpers": {"ghcr.io": "vault"}})
    with pytest.raises(RegistryUnavailable, match=f"docker-credential-vault for ghcr.io {reason}") as error:
        docker_login("ghcr.io")
    assert "canary" not in str(error.value)


def test_a_helper_that_is_not_installed_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auths = {"https://ghcr.io": {"auth": base64.b64encode(b"me:x").decode()}}
    store(tmp_path, monkeypatch, {"credsStore": "uninstalled", "auths": auths})
    assert docker_login("ghcr.io") == Login("me", "x")


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("ghcr.io", "ghcr.io/"),
        ("ghcr.io", "https://ghcr.io/v2/"),
        ("localhost:5001", "http://localhost:5001"),
        ("docker.io", "https://index.docker.io/v1/"),
        ("docker.io", "index.docker.io"),
    ],
)
def test_a_login_is_found_under_each_key_that_docker_finds(
    host: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = {"auth": base64.b64encode(b"me:x").decode()}
    store(tmp_path, monkeypatch, {"auths": {f"not-{host}": {"auth": "%"}, key: auth}})
    assert docker_login(host) == Login("me", "x")


def test_an_entry_without_a_password_is_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such an entry is what `az acr login` stores."""
    store(tmp_path, monkeypatch, {"auths": {"quay.io": {}}})
    assert docker_login("quay.io") is None


@pytest.mark.parametrize(
    "config", [[], {"auths": {"ghcr.io": {"auth": "%"}}}, {"auths": []}, {"auths": {"ghcr.io": 1}}]
)
def test_an_unreadable_login_is_not_a_traceback(
    config: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, monkeypatch, config)
    try:
        assert docker_login("ghcr.io") is None
    except RegistryUnavailable as error:
        assert "ghcr.io" in str(error)
