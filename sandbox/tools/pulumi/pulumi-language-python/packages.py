"""Print the installed packages as JSON, each with its pulumi-plugin.json if it has one.

It runs in the project's Python, where nothing but the standard library is sure to be there.
"""

import importlib.metadata
import importlib.util
import json
import re
from pathlib import Path
from typing import Any


def _plugin(name: str) -> Any:
    try:
        spec = importlib.util.find_spec(name.replace("-", "_"))
    except (ImportError, ValueError):
        return None
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder, "pulumi-plugin.json")
        if file.is_file():
            return json.loads(file.read_text())
    return None


_installed: dict[str, Any] = {}
for _distribution in importlib.metadata.distributions():
    # `metadata` parses the whole README as well, which doubles the time.
    _text = _distribution.read_text("METADATA") or _distribution.read_text("PKG-INFO") or ""
    _headers = dict(re.findall(r"^(Name|Version): *(.*)$", _text.partition("\n\n")[0], re.MULTILINE))
    _name = _headers.get("Name")
    if _name and _name not in _installed:
        _installed[_name] = {
            "name": re.sub(r"[-_.]+", "-", _name.lower()),  # as PEP 503 normalises it
            "version": _headers.get("Version", ""),
            "plugin": _plugin(_name),
        }
print(json.dumps([*_installed.values()]))
