"""What is known of what the image is made of."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.program.conftest import PROJECT
from tests.e2e.security.conftest import Watched

INSTALLERS = "pip pip3 pip3.11 uv easy_install wheel apt apt-get aptitude dpkg dpkg-deb apk rpm"
FIND = "do command -v $one; done"


def test_the_bill_of_materials_lists_exactly_what_is_installed(watched: Watched, tmp_path: Path) -> None:
    stack, written = watched.stack, tmp_path / "bill.json"
    done = stack.slipway("sbom", stack.name, f"--output={written}")
    assert done.returncode == 0, done.stderr
    bill = json.loads(written.read_text())
    assert bill["metadata"]["component"]["version"] == stack.output("image").rpartition("@")[2]
    urls = {component["purl"] for component in bill["components"]}
    locked = re.findall(r"^([a-z0-9.-]+)==(\S+)", (PROJECT / "app/requirements.txt").read_text(), re.M)
    assert {url for url in urls if url.startswith("pkg:pypi/")} == {
        f"pkg:pypi/{name}@{version}" for name, version in locked
    }
    installed = stack.kubectl(
        "exec", "deployment/web", "--", "grep", "-c", "ok installed", "/var/lib/dpkg/status"
    )
    debian = {url for url in urls if url.startswith("pkg:deb/debian/")}
    assert len(debian) == int(installed)
    assert [url for url in debian if re.match("pkg:deb/debian/libc6@2.*distro=debian-12", url)]


@pytest.mark.parametrize(
    ("command", "there"),
    [
        (f"for one in sh python3; {FIND}", True),
        ("python3 -m gunicorn --version", True),
        (f"for one in {INSTALLERS}; {FIND}", False),
        ("python3 -m pip", False),
        ("python3 -m ensurepip", False),
    ],
)
def test_no_package_installer_is_within_reach_of_a_shell(command: str, there: bool, watched: Watched) -> None:
    stack = watched.stack
    words = ("kubectl", "--namespace", stack.namespace, "exec", "deployment/web", "--", "sh", "-c", command)
    done = subprocess.run(words, env=stack.environment, capture_output=True, text=True)
    assert bool(done.stdout) == there, done.stdout + done.stderr
