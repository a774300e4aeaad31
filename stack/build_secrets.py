"""Secrets of this machine for image builds: its certificate authorities and its package index."""

import configparser
import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pulumi

# Behind a proxy that re-signs HTTPS, one of these variables names the bundle to trust.
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_INDEX_OPTIONS = ("index-url", "extra-index-url", "trusted-host")


def build_secrets(env: Mapping[str, str] = os.environ) -> dict[str, pulumi.Input[str]]:
    """Return the BuildKit secrets that builds on this machine need.

    `ca` is a bundle of certificate authorities and `pip` a pip.conf, each only if this machine has it.
    """
    secrets: dict[str, pulumi.Input[str]] = {}
    bundle = next((Path(env[name]) for name in _CA_VARIABLES if env.get(name)), None)
    if bundle and bundle.is_file():
        secrets["ca"] = bundle.read_text()
    if config := _pip_config(env):
        secrets["pip"] = config
    return secrets


def _pip_config(env: Mapping[str, str]) -> str:
    """Return a pip.conf with this machine's package index: https://pip.pypa.io/en/stable/topics/configuration/."""
    files = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", env.get("PIP_CONFIG_FILE", ""))
    configuration = configparser.RawConfigParser()
    configuration.read(Path(file).expanduser() for file in files if file)
    options = {name: configuration.get("global", name, fallback="") for name in _INDEX_OPTIONS}
    options |= {
        name: env.get(f"PIP_{name.upper().replace('-', '_')}", value) for name, value in options.items()
    }
    if not any(options.values()):
        return ""
    index = configparser.RawConfigParser()
    index["global"] = {name: value for name, value in options.items() if value}
    text = StringIO()
    index.write(text)
    return text.getvalue()
