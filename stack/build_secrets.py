"""What the program has to know of the machine that it runs on."""

import configparser
import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pulumi
import yaml

# Where HTTPS is re-signed on the way out, one of these names the bundle to trust.
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_INDEX_OPTIONS = ("index-url", "extra-index-url", "trusted-host")


def build_secrets(env: Mapping[str, str] = os.environ) -> dict[str, pulumi.Input[str]]:
    """Return what builds here need and images must not keep, for BuildKit secrets.

    `ca` is a bundle of certificate authorities, `pip` a pip.conf; each is there if this machine has one.
    """
    secrets: dict[str, pulumi.Input[str]] = {}
    bundle = next((Path(env[name]) for name in _CA_VARIABLES if env.get(name)), None)
    if bundle and bundle.is_file():
        secrets["ca"] = bundle.read_text()
    if config := _pip_config(env):
        secrets["pip"] = config
    return secrets


def _pip_config(env: Mapping[str, str]) -> str:
    """Write what pip's files and variables say of the package index. https://pip.pypa.io/en/stable/topics/configuration/."""
    files = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", env.get("PIP_CONFIG_FILE", ""))
    found = configparser.RawConfigParser()
    found.read(Path(file).expanduser() for file in files if file)
    options = {name: found.get("global", name, fallback="") for name in _INDEX_OPTIONS}
    options |= {
        name: env.get(f"PIP_{name.upper().replace('-', '_')}", value) for name, value in options.items()
    }
    if not any(options.values()):
        return ""
    wanted = configparser.RawConfigParser()
    wanted["global"] = {name: value for name, value in options.items() if value}
    text = StringIO()
    wanted.write(text)
    return text.getvalue()


def kube_contexts(kubeconfig: str | None) -> tuple[str, set[str]]:
    """Return where the Kubernetes provider looks for contexts, and those that are there."""
    if kubeconfig and "\n" in kubeconfig:
        where, texts = "in kubernetes:kubeconfig", [kubeconfig]
    else:
        where = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
        paths = [Path(path) for path in where.split(os.pathsep) if path]
        texts = [path.read_text() for path in paths if path.is_file()]
    documents = [yaml.safe_load(text) or {} for text in texts]
    return where, {context["name"] for document in documents for context in document.get("contexts") or []}
