"""Names in Python, as Pulumi forms them for its SDKs and for programs."""

import re
from keyword import kwlist

_KEYWORDS = {*kwlist, "exec", "print"}
"""Those of Python 2 too."""


def snake_case(name: str) -> str:
    """The name in Python of what is called `name` elsewhere."""
    legal = re.sub(r"\W", "_", name)
    made = "".join(
        f"_{char.lower()}" if char.isupper() and _begins_word(legal, at) else char.lower()
        for at, char in enumerate(legal)
    )
    return _speakable(f"_{made}" if made[:1].isdigit() else made)


def unique(name: str, used: set[str]) -> str:
    """The name in Python of what is called `name`, with a number where it is in use already."""
    plain = snake_case(name)
    chosen, number = plain, 0
    while chosen in used:
        number += 1
        chosen = f"{plain}_{number}"
    used.add(chosen)
    return chosen


def _begins_word(name: str, at: int) -> bool:
    if not at or not name[at - 1].isupper():
        return at > 0
    following = name[at + 1 : at + 2]
    # An acronym keeps the digits or the one `s` that follow it: clusterIPs is cluster_ips.
    return bool(following) and not (following.isupper() or following.isdigit() or following == "s")


def _speakable(name: str) -> str:
    return f"{name}_" if name in _KEYWORDS else name
