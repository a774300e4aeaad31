"""What somebody changed by hand is found, and taken back when asked for."""

import json

from tests.e2e.slipway.promotion.conftest import Pipeline


def test_taken_back(fresh: Pipeline) -> None:
    """A field that another manager has set since belongs to the program again after `drift --fix`."""
    stack, namespace = fresh.stack("staging"), fresh.namespace("staging")

    def web() -> tuple[int, str]:
        found = json.loads(fresh.kubectl("get", "deployment/web", "-n", namespace, "-o", "json"))["spec"]
        [container] = found["template"]["spec"]["containers"]
        return found["replicas"], container["env"][0]["value"]

    file = fresh.file("staging")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("encryptionsalt:")))
    before = file.read_text()
    assert fresh.slipway("drift", stack).code == 0
    by_program = web()
    fresh.kubectl("scale", "deployment/web", "--replicas=2", "-n", namespace)
    fresh.kubectl("set", "env", "deployment/web", "GREETING=hand", "-n", namespace)
    assert web() == (2, "hand")
    found = fresh.slipway("drift", stack)
    assert found.code == 2 and "replicas" in found.stdout, found.stdout + found.stderr
    assert web() == (2, "hand"), "looking changes nothing"
    fixed = fresh.slipway("drift", stack, "--fix", "--yes")
    assert fixed.code == 0, fixed.stdout + fixed.stderr
    assert web() == by_program
    assert fresh.slipway("drift", stack).code == 0
    recovered = fresh.slipway("recover", stack, "--yes")
    assert recovered.code == 0, recovered.stderr
    assert file.read_text() == before, "no command leaves a salt in a file that had none"
