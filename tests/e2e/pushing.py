"""Images that tests push themselves, without Pulumi."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path


def push(environment: Mapping[str, str], tag: str, context: Path, *options: str) -> str:
    """Build a directory's Dockerfile and push the image; return its reference by digest."""
    plugin = Path(environment["DOCKER_CONFIG"], "cli-plugins/docker-buildx")
    with tempfile.TemporaryDirectory() as directory:
        metadata = Path(directory, "metadata.json")
        words = ("build", "--push", "--quiet", f"--tag={tag}", f"--metadata-file={metadata}", *options)
        subprocess.run((plugin, *words, context), env=environment, check=True)
        return f"{tag}@{json.loads(metadata.read_text())['containerimage.digest']}"
