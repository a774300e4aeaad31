"""Whether Pulumi's plugins can be downloaded from this machine."""

import time
import urllib.error
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path

from sandbox.platform.instance import Instance

# Where `pulumi plugin install` finds a plugin: https://www.pulumi.com/docs/iac/concepts/plugins/
ADDRESS = "https://get.pulumi.com/"
REACHED_WITHIN = 5.0  # seconds
RETRY_AFTER = 3600.0  # seconds after an attempt that failed


@cache
def reachable() -> bool:
    """Return whether releases can be downloaded. A "no" is remembered for an hour."""
    if _failed().exists() and time.time() - _failed().stat().st_mtime < RETRY_AFTER:
        return False
    try:
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(ADDRESS, timeout=REACHED_WITHIN).close()
    except OSError:
        unreachable()
        return False
    _failed().unlink(missing_ok=True)
    return True


def unreachable() -> None:
    """Remember that a download has failed, so that the plugins are compiled."""
    _failed().parent.mkdir(parents=True, exist_ok=True)
    _failed().touch()
    reachable.cache_clear()


def _failed() -> Path:
    return Instance.from_environment().cache_home / "pulumi-releases-unreachable"
