"""The example program's components, made as a file says: what the corpus of changes changes.

CORPUS_SPEC names a JSON file: `namespace`, `cache`, `store`, `web` and `auto` hold a component's arguments
(null leaves it out), `patch` sets values in the arguments of children by path, and `objects` holds
Kubernetes objects as manifests, by their name in the program; `patch` may say of each of these that it is to
be retained ("NAME/retain"), and which name it had before ("NAME/alias"). `outputs` are the stack's.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import Autoscaling, EnvVar, Exposure, Namespace, Redis, WebService

SPEC = json.loads(Path(os.environ["CORPUS_SPEC"]).read_text())


def patched(component: str) -> Any:
    """Apply the patches for a component's children, named component/Kind."""

    def transform(kind: str, args: dict[str, Any]) -> None:
        for path, value in (SPEC["patch"].get(f"{component}/{kind}") or {}).items():
            put(args, path.split("/"), value)

    return transform


def put(target: Any, path: list[str], value: Any) -> None:
    """Set what is at a path, or remove it where the value is null. ~1 stands for / in a key."""
    *parents, last = [int(part) if part.isdigit() else part.replace("~1", "/") for part in path]
    for part in parents:
        target = target[part] if isinstance(part, int) else target.setdefault(part, {})
    if value is None:
        del target[last]
    elif isinstance(last, int) and last == len(target):
        target.append(value)
    else:
        target[last] = value


def variable(spec: dict[str, Any]) -> EnvVar:
    """Return an environment variable: {name, value}, or with `secret` or `config_map`: {name, key}."""
    if secret := spec.get("secret"):
        return EnvVar.secret(spec["name"], secret["name"], secret["key"])
    if config_map := spec.get("config_map"):
        return EnvVar.config_map(spec["name"], config_map["name"], config_map["key"])
    return EnvVar.value(spec["name"], spec["value"])


namespace = Namespace(SPEC["namespace"], transform=patched("namespace"))
redises = {
    name: Redis(name, namespace=namespace.name, transform=patched(name), **SPEC[name])
    for name in ("cache", "store")
    if SPEC[name] is not None
}
for name in ("web", "auto"):
    if SPEC[name] is None:
        continue
    arguments = dict(SPEC[name])
    redis = redises.get(arguments.pop("redis"))
    if autoscaling := arguments.pop("autoscaling", None):
        arguments["replicas"] = Autoscaling(**autoscaling)
    WebService(
        name,
        namespace=namespace.name,
        env=[*(redis.env if redis else []), *map(variable, arguments.pop("env", []))],
        expose=Exposure(**arguments.pop("expose", {})),
        transform=patched(name),
        **arguments,
    )

for name, manifest in SPEC["objects"].items():
    if manifest is None:
        continue
    manifest["metadata"].setdefault("namespace", SPEC["namespace"])
    kind, (group, _, version) = manifest["kind"], manifest["apiVersion"].rpartition("/")
    group = group.partition(".")[0] or "core"
    make = getattr(getattr(getattr(k8s, group), version), kind)
    body = {
        re.sub("([A-Z])", r"_\1", key).lower(): value
        for key, value in manifest.items()
        if key not in ("apiVersion", "kind")
    }
    former = SPEC["patch"].get(f"{name}/alias")
    options = pulumi.ResourceOptions(
        depends_on=[namespace],
        retain_on_delete=SPEC["patch"].get(f"{name}/retain", False),
        aliases=[pulumi.Alias(name=former)] if former else None,
    )
    make(name, opts=options, **body)

for name, value in SPEC.get("outputs", {}).items():
    pulumi.export(name, value)
