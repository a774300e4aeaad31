"""The reachability of servers with releases and images. Its reason: tools and images need it alike."""

import time
import urllib.error
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.platform.instance import Instance

# The source of `pulumi plugin install`: https://www.pulumi.com/docs/iac/concepts/plugins/
PULUMI = "https://get.pulumi.com/"
# Without a login the response is 401, which is enough.
DOCKER_HUB = "https://registry-1.docker.io/v2/"
TIMEOUT_S = 5.0
RETRY_AFTER_S = 3600.0


@cache
def reachable(address: str) -> bool:
    """Return whether a server responds, with any status; a failure counts for an hour."""
    failure = _failure(address)
    if failure.exists() and time.time() - failure.stat().st_mtime < RETRY_AFTER_S:
        return False
    try:
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(address, timeout=TIMEOUT_S).close()  # noqa: S310 - the addresses above
    except OSError:
        set_unreachable(address)
        return False
    failure.unlink(missing_ok=True)
    return True


def set_unreachable(address: str) -> None:
    """Record a failure, after which the fallback is used."""
    _failure(address).parent.mkdir(parents=True, exist_ok=True)
    _failure(address).touch()
    reachable.cache_clear()


def _failure(address: str) -> Path:
    return Instance.from_environment().cache_home / f"unreachable-{urlsplit(address).hostname}"
