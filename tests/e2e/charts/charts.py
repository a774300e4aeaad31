"""A chart in a registry, pushed the way `helm push` does it."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import httpx
import yaml

# https://helm.sh/docs/topics/registries/#oci-feature-deprecation-and-behavior-changes-with-v380
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def push(registry: str, repository: str, chart: Path) -> str:
    """Push a chart's directory; return its `oci://` address without the version, which is the tag."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    base = f"http://{registry}/v2/{repository}/{about['name']}"
    config = {"mediaType": _CONFIG, **_blob(base, json.dumps(about).encode())}
    layer = {"mediaType": _CONTENT, **_blob(base, _package(chart, about["name"]))}
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer]}
    httpx.put(
        f"{base}/manifests/{about['version']}",
        content=json.dumps(manifest),
        headers={"Content-Type": _MANIFEST},
    ).raise_for_status()
    return f"oci://{registry}/{repository}/{about['name']}"


def _package(chart: Path, name: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(chart, arcname=name)
    return packed.getvalue()


def _blob(base: str, content: bytes) -> dict[str, str | int]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    started = httpx.post(f"{base}/blobs/uploads/").raise_for_status()
    location = httpx.URL(started.headers["Location"]).copy_merge_params({"digest": digest})
    httpx.put(
        started.url.join(location), content=content, headers={"Content-Type": "application/octet-stream"}
    ).raise_for_status()
    return {"digest": digest, "size": len(content)}
