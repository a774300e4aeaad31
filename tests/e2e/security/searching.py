"""Where a secret may have gone: the texts of each place, and the forms that it may have there."""

import base64
import gzip
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx

from sandbox.platform.images import MANIFESTS
from tests.e2e.program.conftest import INSTANCE


def forms(secret: str) -> set[bytes]:
    """The secret as it is, escaped, in a URL, and in base64 at each of the three places where it may begin.

    Of base64 the ends are left out, which depend on what is around it.
    """
    plain = secret.encode()
    escaped = "".join(f"\\x{byte:02x}" for byte in plain).encode()  # as Redis writes it for Redis
    texts = (plain, escaped, escaped.replace(b"\\", b"\\\\"))  # the last is that in JSON
    encoded = (base64.b64encode(b"x" * shift + text)[4:-4] for text in texts for shift in range(3))
    return {*texts, quote(secret, safe="").encode(), *encoded}


def holding(directory: Path, needles: Iterable[bytes]) -> list[str]:
    """The files below a directory that hold any of these, found by grep because there may be gigabytes.

    The builder deletes files of its cache at any time, so a search that misses one starts again.
    """
    patterns = b"\n".join(needles)
    words = ("grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "--file=-")
    for _ in range(5):
        done = subprocess.run((*words, "--devices=skip", directory), input=patterns, capture_output=True)
        if done.returncode in (0, 1):
            return done.stdout.decode().splitlines()
        missed = done.stderr.decode().splitlines()
        assert all(line.endswith(": No such file or directory") for line in missed), missed
    raise AssertionError(f"each search missed files that were deleted meanwhile: {missed}")


def image(reference: str) -> Iterator[bytes]:
    """What a registry keeps of an image: manifests, configuration with its history, attestations, layers."""
    repository, _, digest = reference.partition("@")
    path = repository.removeprefix(f"{INSTANCE.registry}/").partition(":")[0]
    with httpx.Client(
        base_url=f"http://{INSTANCE.registry}/v2/{path}", headers={"Accept": MANIFESTS}
    ) as client:
        yield from _manifest(client, digest)


def _manifest(client: httpx.Client, digest: str) -> Iterator[bytes]:
    content = client.get(f"/manifests/{digest}").raise_for_status().content
    yield content
    manifest = json.loads(content)
    for item in manifest.get("manifests", []):
        yield from _manifest(client, item["digest"])
    for item in (manifest.get("config"), *manifest.get("layers", [])):
        if item:
            blob = client.get(f"/blobs/{item['digest']}").raise_for_status().content
            yield gzip.decompress(blob) if item["mediaType"].endswith("gzip") else blob
