"""The page about ordinary releases: the reports of recorded previews, by today's rules.

`python -m tests.e2e.slipway.corpus.releases > docs/guides/previews-releases.md` writes it.
"""

import io
import json
from collections.abc import Iterator

from rich.console import Console

from slipway.cluster.capacity import from_objects
from slipway.preview.report import terminal
from slipway.preview.report.model import Report
from slipway.preview.report.stack_report import stack_report
from slipway.preview.rules import Situation
from slipway.pulumi.events import summarise
from tests.e2e.slipway.corpus.cases import CLUSTER, Case, cases

RELEASES = {
    "a new version of the web service": "a new image",
    "a new version of both web services": "a new image for two services",
    "an environment variable more": "one more variable",
    "a third replica": "another replica",
    "more memory allowed": "a higher limit",
}
"""Recorded cases that reviewers see most often, and what changes."""
_WIDTH = 110
_HEAD = """# Ordinary releases

The reports of five releases, as `slipway preview` prints them.
The real engine and cluster previewed each; the recordings are in the corpus.
`python -m tests.e2e.slipway.corpus.releases` writes this page; a test compares it with the rules.

None of them has anything to look at.
"""


def report(case: Case) -> Report:
    """Return the report of a recorded case."""
    summary = summarise(case.events())
    changes = tuple(change for change in summary.changes if change.custom)
    cluster = from_objects(json.loads(CLUSTER.read_text()))
    situation = Situation(changes, summary.unchanged, cluster, outputs=summary.outputs)
    return Report(stacks=(stack_report("prod", summary, situation),))


def page() -> str:
    """Return the page."""
    return "\n".join((_HEAD, *_sections()))


def _sections() -> Iterator[str]:
    by_name = {case.name: case for case in cases()}
    for name, title in RELEASES.items():
        text = io.StringIO()
        terminal.show(report(by_name[name]), Console(file=text, width=_WIDTH, color_system=None))
        lines = "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())
        yield f"## {title.capitalize()}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    print(page(), end="")
