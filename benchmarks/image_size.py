"""The size of the application's image, compared to a single-stage one, and the push after a changed line.

    eval "$(.venv/bin/sandbox env)" && python -m benchmarks.image_size

Sizes are those of compressed layers. The layers of the base image count separately, because nodes and the
registry have them already.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx

from sandbox.platform.instance import Instance

APP = Path(__file__).parent.parent / "app"
REGISTRY = Instance.from_environment().registry
REPOSITORY = "benchmarks/image-size"
MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
CA = Path("/etc/ssl/certs/ca-certificates.crt")

SINGLE_STAGE = """\
FROM python:3.11-slim-bookworm
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=ca \\
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \\
    python3 -m venv /opt/venv && /opt/venv/bin/pip install -r requirements.txt
CMD ["/opt/venv/bin/gunicorn"]
"""


def layers(name: str, tag: str) -> dict[str, int]:
    """Return the compressed size in bytes of each layer, by digest."""
    answer = httpx.get(f"http://{REGISTRY}/v2/{name}/manifests/{tag}", headers={"Accept": MANIFEST})
    manifest = answer.raise_for_status().json()
    return {layer["digest"]: layer["size"] for layer in manifest["layers"]}


def build(context: Path, tag: str) -> dict[str, int]:
    """Build and push a directory, and return its layers."""
    secret = ["--secret", f"id=ca,src={CA}"] if CA.exists() else []
    command = ["docker", "buildx", "build", "--quiet", "--push", "--provenance=false", *secret]
    command += ["--build-arg=SOURCE_DATE_EPOCH=0", f"--tag={REGISTRY}/{REPOSITORY}:{tag}", str(context)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return layers(REPOSITORY, tag)


def main() -> None:
    """Build the images and print a table."""
    with tempfile.TemporaryDirectory() as directory:
        context = Path(directory, "app")
        ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
        shutil.copytree(APP, context, ignore=ignored)
        first = build(context, "runtime")
        module = context / "hitcounter/web.py"
        module.write_text(module.read_text() + "# one line\n")
        changed = build(context, "changed")
        (context / "Dockerfile").write_text(SINGLE_STAGE)
        single = build(context, "single")
    base = layers("library/python", "3.11-slim-bookworm")
    report(base, first, changed, single)


def report(
    base: dict[str, int], first: dict[str, int], changed: dict[str, int], single: dict[str, int]
) -> None:
    """Print the sizes in MB and KB."""
    own, other = (sum(image.values()) - sum(base.values()) for image in (first, single))
    pushed = sum(size for digest, size in changed.items() if digest not in first)
    count = len(changed.keys() - first.keys())
    print(f"base image                         {sum(base.values()) / 1e6:8.2f} MB")
    print(f"runtime, above the base            {own / 1e6:8.2f} MB in {len(first) - len(base)} layers")
    print(f"single stage, above the base       {other / 1e6:8.2f} MB")
    print(f"runtime / single stage             {own / other:8.2f}")
    print(f"pushed by one changed line         {pushed / 1e3:8.2f} KB in {count} layer")


if __name__ == "__main__":
    main()
