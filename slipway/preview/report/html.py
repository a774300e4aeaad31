"""The report as one page that needs nothing else: the tree of resources, to be filtered."""

import json
from pathlib import Path

from slipway.preview.report.model import Report

_PAGE = Path(__file__).with_name("page.html")
_PLACE = "/* report */ null"


def render(report: Report) -> str:
    """Write the page; the report lies in it as JSON, which the page's script draws."""
    data = json.dumps(report.model_dump(mode="json"))
    # Nothing in it can end the script element that it stands in. https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return _PAGE.read_text().replace(_PLACE, data)
