"""What is known of what the image is made of."""

import json
import re
from pathlib import Path

from tests.e2e.program.conftest import PROJECT
from tests.e2e.security.conftest import Watched


def test_the_bill_of_materials_lists_exactly_what_is_installed(watched: Watched, tmp_path: Path) -> None:
    stack, written = watched.stack, tmp_path / "bill.json"
    done = stack.delivery("sbom", stack.name, f"--output={written}")
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
