"""The servers that this machine reaches: those with releases of tools and with images."""

import time
import urllib.error
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path

from sandbox.platform.instance import Instance

# Without a login the response is 401, which is enough.
DOCKER_HUB = "https://registry-1.docker.io/v2/"
# The source of `pulumi plugin install`: https://www.pulumi.com/docs/iac/concepts/plugins/
_PULUMI_RELEASES = "https://get.pulumi.com/"
TIMEOUT_S = 5.0
RETRY_AFTER_S = 3600.0


@cache
def reachable(address: str) -> bool:
    """Return whether a server responds, with any status."""
    try:
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(address, timeout=TIMEOUT_S).close()  # noqa: S310 - the addresses above
    except OSError:
        return False
    return True


def pulumi_releases() -> bool:
    """Return whether Pulumi's plugins can be downloaded; a failure counts for an hour."""
    failure = _failure()
    if failure.exists() and time.time() - failure.stat().st_mtime < RETRY_AFTER_S:
        return False
    if reachable(_PULUMI_RELEASES):
        return True
    record_failed_download()
    return False


def record_failed_download() -> None:
    """Record that a plugin cannot be downloaded; the plugins are then compiled."""
    _failure().parent.mkdir(parents=True, exist_ok=True)
    _failure().touch()


def _failure() -> Path:
    return Instance.from_environment().cache_home / "pulumi-releases-unreachable"
