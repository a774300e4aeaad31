"""Programs from Debian's packages, unpacked into the cache.

Installing one would start its service on the host.
"""

import tempfile
from pathlib import Path

from sandbox.platform import files
from sandbox.platform.instance import Instance
from sandbox.shell import run


def unpacked(instance: Instance, package: str) -> Path:
    """Return the directory of an unpacked package, which may not exist yet."""
    return instance.cache_home / package


def unpack(instance: Instance, package: str) -> None:
    """Download and unpack a package, unless that was done before."""
    with files.locked(instance.cache_home / f"{package}.lock"):
        if unpacked(instance, package).exists():
            return
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=instance.cache_home) as scratch:
            run("sh", "-c", 'cd "$0" && apt-get download "$1"', scratch, package)
            [archive] = Path(scratch).glob("*.deb")
            run("dpkg", "--extract", str(archive), f"{scratch}/root")
            Path(scratch, "root").rename(unpacked(instance, package))
