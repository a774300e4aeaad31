"""The report as a self-contained HTML page: a tree of resources with a filter."""

import json
from pathlib import Path

from slipway.preview.report.model import Report

_PAGE = Path(__file__).with_name("page.html")
_PLACEHOLDER = "/* report */ null"


def render(report: Report) -> str:
    """Return the page. It contains the report as JSON, and a script that draws it."""
    data = json.dumps(report.model_dump(mode="json"))
    # Escaped, no text can end the script element. https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return _PAGE.read_text().replace(_PLACEHOLDER, data)
