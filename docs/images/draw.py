"""Draw the pictures of the pages in this folder, without a cluster.

    .venv/bin/python -m docs.images.draw

The report is that of recorded previews, by today's rules and renderer; the stacks of the pipeline are in
status.json. It needs chromium (`make browser`), and pngquant for small files (`apt-get install pngquant`).
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pulumi.automation.events import EngineEvent, OpType

from slipway.cli.status import page
from slipway.cluster.capacity import from_objects
from slipway.preview.report import html
from slipway.preview.report.builder import stack_report
from slipway.preview.report.model import Report
from slipway.preview.rules import Situation
from slipway.pulumi.events import summarise
from slipway.status import Row
from tests.e2e.slipway.corpus.cases import CLUSTER, cases

FOLDER = Path(__file__).parent
CASES = {
    "a new version of the web service",
    "more memory for the Redis without a volume",
    "a port on every node",
}
COMMITS = ("3f9c2d1 app: change the caption", "b81e7a4 app: count each visitor once")
READ_AT = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
LIGHT, DARK = "1", "0"
# https://source.chromium.org/chromium/chromium/src/+/main:third_party/blink/public/mojom/css/preferred_color_scheme.mojom
SHOTS = {
    "preview.png": ("preview", LIGHT, 1100, 1000),
    "preview-dark.png": ("preview", DARK, 1100, 1000),
    "preview-phone.png": ("preview", LIGHT, 390, 1290),
    "status.png": ("status", LIGHT, 1100, 370),
    "status-dark.png": ("status", DARK, 1100, 370),
    "status-phone.png": ("status", DARK, 390, 870),
}
"""File: page, colour scheme, width and height."""


def events() -> Iterator[EngineEvent]:
    """Yield the steps of all chosen cases on the same stack; what no case changes stays as it is."""
    recorded = [event for case in cases() if case.name in CASES for event in case.events()]
    steps = [(event.resource_pre_event.metadata, event) for event in recorded if event.resource_pre_event]
    changed = {step.urn for step, _ in steps if step.op is not OpType.SAME}
    yielded: set[str] = set()
    for step, event in steps:
        if step.op is not OpType.SAME:
            yield event
        elif step.urn not in changed | yielded:
            yielded.add(step.urn)
            yield event


def preview() -> str:
    """Return the page of a report."""
    summary = summarise(events())
    changes = tuple(change for change in summary.changes if change.custom)
    cluster = from_objects(json.loads(CLUSTER.read_text()))
    situation = Situation(changes, summary.unchanged, cluster, COMMITS)
    return html.render(Report(stacks=(stack_report("prod", summary, situation),)))


def status() -> str:
    """Return the page of the pipeline."""
    rows = json.loads((FOLDER / "status.json").read_text())
    return page([Row.model_validate(row) for row in rows], READ_AT)


def main() -> None:
    """Draw every picture."""
    pages = {"preview": preview(), "status": status()}
    with tempfile.TemporaryDirectory() as directory:
        for name, text in pages.items():
            (Path(directory) / f"{name}.html").write_text(text)
        for file, (name, scheme, width, height) in SHOTS.items():
            browser = (
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={directory}/browser", f"--window-size={width},{height}",
                f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={FOLDER / file}",
                f"file://{directory}/{name}.html",
            )  # fmt: skip
            subprocess.run(browser, check=True, stderr=subprocess.DEVNULL)
            subprocess.run(
                ("pngquant", "--force", "--output", str(FOLDER / file), "64", str(FOLDER / file)), check=True
            )


if __name__ == "__main__":
    main()
