"""The reachability of Pulumi's releases from this machine."""

import time
import urllib.error
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path

from sandbox.platform.instance import Instance

# The source of `pulumi plugin install`: https://www.pulumi.com/docs/iac/concepts/plugins/
ADDRESS = "https://get.pulumi.com/"
TIMEOUT_S = 5.0
RETRY_AFTER_S = 3600.0


@cache
def reachable() -> bool:
    """Return whether releases can be downloaded; a failure counts for an hour."""
    if _failure().exists() and time.time() - _failure().stat().st_mtime < RETRY_AFTER_S:
        return False
    try:
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(ADDRESS, timeout=TIMEOUT_S).close()
    except OSError:
        unreachable()
        return False
    _failure().unlink(missing_ok=True)
    return True


def unreachable() -> None:
    """Record a failed download, after which the plugins are compiled."""
    _failure().parent.mkdir(parents=True, exist_ok=True)
    _failure().touch()
    reachable.cache_clear()


def _failure() -> Path:
    return Instance.from_environment().cache_home / "pulumi-releases-unreachable"
