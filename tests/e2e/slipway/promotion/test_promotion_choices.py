"""What whoever promotes may choose: to decline, to leave it to a merge, to ask for a soak before."""

import os
import pty
import subprocess
import sys
import time

from tests.e2e.slipway.promotion.conftest import Pipeline, digest


def answered(pipeline: Pipeline, answer: str, *words: str) -> tuple[int, str]:
    """Run a command of delivery in a terminal, type an answer to its question, and return how it ended."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        (sys.executable, "-m", "slipway", *words), cwd=pipeline.directory, env=pipeline.environment,
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        output = ""
        while "[y/N]" not in output and (character := process.stdout.read(1)):
            output += character
        os.write(ours, f"{answer}\n".encode())
        output += process.stdout.read()
    os.close(ours)
    os.close(theirs)
    return process.returncode, output


def test_nothing_happens_to_who_declines(fresh: Pipeline, images: dict[str, str]) -> None:
    before = fresh.file("staging").read_text()
    code, output = answered(fresh, "n", "promote", fresh.stack("dev"), fresh.stack("staging"))
    assert code == 0, output
    assert "staging" in output and images["two"] in output and "has no drift" in output, (
        "the question comes after the facts"
    )
    assert fresh.file("staging").read_text() == before
    assert fresh.running("staging") == {digest(images["one"])}
    latest = fresh.history("staging")[0]
    assert (latest["outcome"], latest["reason"]) == ("abandoned", "declined")


def test_a_pull_request_changes_one_line_and_its_merge_is_applied_by_pulumi_up(
    fresh: Pipeline, images: dict[str, str]
) -> None:
    before = fresh.file("staging").read_text()
    done = fresh.slipway("promote", fresh.stack("dev"), fresh.stack("staging"), "--pull-request", "--json")
    assert done.code == 0, done.stderr
    assert done.receipt["outcome"] == "proposed"
    assert fresh.file("staging").read_text() == before.replace(images["one"], images["two"])
    assert fresh.running("staging") == {digest(images["one"])}, "nothing was applied"
    fresh.pulumi("staging", "up", "--yes", "--skip-preview")
    assert fresh.running("staging") == {digest(images["two"])}


def test_what_was_not_verified_for_long_enough_is_refused(fresh: Pipeline, images: dict[str, str]) -> None:
    assert fresh.promote("dev", "staging").code == 0
    before = fresh.file("prod").read_text()
    refused = fresh.promote("staging", "prod", "--min-age", "3600")
    assert refused.code == 1 and "3600" in refused.stderr, refused.stderr
    assert fresh.file("prod").read_text() == before
    count = len(fresh.history("prod"))
    time.sleep(1)
    done = fresh.promote("staging", "prod", "--min-age", "1")
    assert done.code == 0, done.stderr
    assert len(fresh.history("prod")) == count + 1
    assert done.receipt["image"] == images["two"]
