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
    _name = _distribution.metadata["Name"]
    if _name and _name not in _installed:
        _installed[_name] = {
            "name": re.sub(r"[-_.]+", "-", _name.lower()),  # as PEP 503 normalises it
            "version": _distribution.version,
            "plugin": _plugin(_name),
        }
print(json.dumps([*_installed.values()]))
