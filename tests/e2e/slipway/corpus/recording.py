"""Preview every case of the corpus on the real engine and cluster, and record the events.

    eval "$(.venv/bin/sandbox env)"
    .venv/bin/python -m tests.e2e.slipway.corpus.recording IMAGE IMAGE2 [CASE …]

IMAGE and IMAGE2 are two versions of app/ in the sandbox's registry, by digest. CASE is part of a name;
without any, those are previewed of which there is no recording yet.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.slipway.corpus.cases import PROGRAM, Case, base, cases, filled, trimmed, write

PROJECT = Path(__file__).parents[4]


class Stack:
    """The base of the corpus, deployed; cases are previewed on it."""

    def __init__(self, directory: Path, images: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.images = images
        (directory / "state").mkdir(exist_ok=True)
        for name, target in {
            "__main__.py": PROGRAM / "__main__.py",
            "Pulumi.yaml": PROGRAM / "Pulumi.yaml",
            "components": PROJECT / "components",
            ".venv": PROJECT / ".venv",
        }.items():
            if not (directory / name).exists():
                (directory / name).symlink_to(target)
        context = environment["BUILDX_BUILDER"]  # the sandbox calls both by its own name
        settings = {"config": {"kubernetes:context": context}}
        (directory / "Pulumi.corpus.yaml").write_text(yaml.safe_dump(settings))
        self.environment = {
            **environment,
            "PULUMI_BACKEND_URL": f"file://{directory}/state",
            "PULUMI_DEBUG_COMMANDS": "true",
            "CORPUS_SPEC": str(directory / "spec.json"),
        }

    def specify(self, spec: Mapping[str, Any]) -> None:
        """Say what the program is to make from now on."""
        (self.directory / "spec.json").write_text(json.dumps(spec))

    def base(self) -> None:
        """Deploy the content of base.yaml."""
        self.specify(filled(base(), self.images))
        self.pulumi("stack", "select", "--create", "corpus")
        self.pulumi("up", "--yes", "--skip-preview")

    def preview(self) -> list[dict[str, Any]]:
        """Return the events of a preview."""
        log = self.directory / "events.json"
        log.unlink(missing_ok=True)
        self.pulumi("preview", "--event-log", str(log))
        return [json.loads(line) for line in log.read_text().splitlines()]

    def pulumi(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a pulumi command; stop with its output if it fails, unless that is expected."""
        done = subprocess.run(
            ("pulumi", *words, "--non-interactive"),
            cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"pulumi {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done


def record(stack: Stack, case: Case) -> None:
    """Preview a case and store the events of the engine."""
    stack.specify(case.spec(stack.images))
    try:
        write(case.slug, trimmed(stack.preview()))
    except RuntimeError as error:
        print(f"cannot be previewed: {error}", file=sys.stderr)


def references(first: str, second: str) -> dict[str, str]:
    """Return what stands for the images in the corpus."""
    return {"IMAGE": first, "IMAGE2": second, "REPOSITORY": first.partition("@")[0].rpartition(":")[0]}


def main(arguments: list[str]) -> None:
    """Deploy the base, preview what was asked for, and remove everything again."""
    images, expected = references(*arguments[:2]), arguments[2:]
    with tempfile.TemporaryDirectory() as directory:
        stack = Stack(Path(os.environ.get("CORPUS_DIRECTORY", directory)), images, os.environ)
        try:
            stack.base()
            write("base", trimmed(stack.preview()))
            for case in cases():
                missing = not expected and not case.recording.exists()
                if missing or any(word in case.name for word in expected):
                    print(case.name, flush=True)
                    record(stack, case)
        finally:
            if "CORPUS_DIRECTORY" not in os.environ:
                stack.pulumi("destroy", "--yes", "--skip-preview", "--remove")


if __name__ == "__main__":
    main(sys.argv[1:])
