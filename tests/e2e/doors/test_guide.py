"""The example of this repository under a host name, by the commands of docs/guides/sandbox.md."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import started
from tests.e2e.doors.conftest import answer
from tests.e2e.program.conftest import PROJECT, new_stack, program
from tests.e2e.sandbox.cluster import eventually

GUIDE = (PROJECT / "docs/guides/sandbox.md").read_text()
COMMANDS = GUIDE.partition("## Host names")[2].partition("\n## ")[0]


def test_the_example_answers_under_a_host_name(tmp_path: Path) -> None:
    pairs = re.findall(r'pulumi config set --stack dev --path web\.(\w+) "?([^"\n]+)', COMMANDS)
    web = dict(pairs)
    assert web.keys() == {"host", "tlsSecret", "ingressClass", "public"}
    assert f"sandbox certificate {web['host']} " in COMMANDS
    project = program(tmp_path, started("--ingress"))
    with new_stack(project, "host", build="app", web={**web, "replicas": 1}).while_up() as stack:
        url = stack.output("url")
        assert url == f"https://{web['host']}"
        command = (sys.executable, "-m", "sandbox", "certificate", web["host"])
        create, _ = subprocess.check_output(command, cwd=PROJECT, text=True).splitlines()
        assert create.startswith("kubectl create secret tls NAME ")
        stack.kubectl(*create.replace("NAME", web["tlsSecret"]).split()[1:])
        eventually("the page is served", lambda: answer(f"{url}/?format=text").startswith("hits="))
