"""What a promotion promises, on a real cluster."""

import os
import signal

import pytest

from tests.e2e.slipway.promotion.conftest import INSTANCE, Pipeline, digest, wait_for

REFUSES_TWO = "sh -c 'case $IMAGE in *:two@*) exit 1;; esac'"


def test_what_dev_runs_goes_to_prod_as_the_same_bytes_by_one_line(
    fresh: Pipeline, images: dict[str, str]
) -> None:
    before = {name: fresh.file(name).read_text() for name in ("staging", "prod")}
    refused = fresh.promote("staging", "prod", "--require-verified")
    assert refused.code == 1 and "never verified" in refused.stderr, refused.stderr
    for source, target in (("dev", "staging"), ("staging", "prod")):
        done = fresh.promote(source, target, *(["--require-verified"] if target == "prod" else []))
        assert done.code == 0, done.stderr
        assert done.receipt["outcome"] == "verified"
        assert fresh.running(target) == {digest(images["two"])}
        after = fresh.file(target).read_text()
        assert after == before[target].replace(images["one"], images["two"]), "one line, and nothing else"
        assert fresh.changes(target) == []
    [receipt] = fresh.history("prod")
    assert receipt["source"] == fresh.stack("staging") and receipt["image"] == images["two"]
    assert [check["name"] for check in receipt["checks"]] == ["rollout", "digest", "http"]


def test_a_stack_that_does_not_exist_yet_is_made(
    fresh: Pipeline, images: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """As on a fresh machine: the file is in the checkout, the backend has no such stack."""
    before = f"# qa\nconfig:\n  kubernetes:context: {INSTANCE.name}  # pinned\n  pm:greeting: qa\n"
    fresh.file("qa").write_text(before)
    request.addfinalizer(lambda: fresh.remove("qa"))
    done = fresh.promote("dev", "qa")
    assert done.code == 0, done.stderr
    assert done.receipt["outcome"] == "verified"
    assert fresh.running("qa") == {digest(images["two"])}
    assert fresh.file("qa").read_text() == f"{before}  pm:image: {images['two']}\n"
    assert fresh.changes("qa") == []


@pytest.mark.parametrize(
    ("version", "words", "reason", "own"),
    [
        pytest.param(
            "two", ("--check-command", REFUSES_TWO), "command: exit code 1", "", marks=pytest.mark.soak
        ),
        ("crash", (), "the update failed", ""),
        pytest.param("slow", (), "the update failed", "", marks=pytest.mark.soak),
        ("rising", ("--soak", "3", "--rate", "10"), "", "500 rising"),
    ],
)
def test_a_bad_version_is_rolled_back_and_no_request_is_dropped(
    version: str, words: tuple[str, ...], reason: str, own: str, fresh: Pipeline, images: dict[str, str]
) -> None:
    """A version that answers 500 once it is ready does so to users as well, until it is rolled back."""
    fresh.deploy("dev", images[version])
    before = fresh.file("staging").read_text()
    with fresh.load("staging") as failed:
        done = fresh.promote("dev", "staging", *words)
    assert done.code == 1, done.stderr
    assert done.receipt["outcome"] == "rolled back" and reason in done.receipt["reason"], done.stdout
    assert [item for item in failed if not (own and item.startswith(own))] == []
    assert fresh.running("staging") == {digest(images["one"])}
    assert fresh.file("staging").read_text() == before
    assert fresh.changes("staging") == []


def test_one_of_two_promotions_to_a_stack_is_refused(fresh: Pipeline) -> None:
    words = ("promote", fresh.stack("dev"), fresh.stack("staging"), "--yes", "--json")
    both = [fresh.start(*words), fresh.start(*words)]
    ended = [(*process.communicate(), process.returncode) for process in both]
    assert sorted(code for _, _, code in ended) == [0, 1], ended
    [loser] = [stderr for _, stderr, code in ended if code]
    assert "is in progress" in loser or "has just begun" in loser
    numbers = [receipt["number"] for receipt in fresh.history("staging")]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        pytest.param("previewing", signal.SIGKILL, marks=pytest.mark.soak),
        pytest.param("previewing", signal.SIGINT, marks=pytest.mark.soak),
        ("applying", signal.SIGKILL),
        pytest.param("applying", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("verifying", signal.SIGKILL, marks=pytest.mark.soak),
        ("verifying", signal.SIGINT),
    ],
)
def test_a_promotion_that_was_stopped_is_finished_by_running_it_again(
    phase: str, number: signal.Signals, fresh: Pipeline, images: dict[str, str]
) -> None:
    count = len(fresh.history("staging"))
    words = ("--soak", "4")
    process = fresh.start("promote", fresh.stack("dev"), fresh.stack("staging"), "--yes", "--json", *words)

    def reached() -> bool:
        assert process.poll() is None, process.communicate()
        return fresh.phase("staging", count + 1) == phase

    wait_for(reached)
    os.killpg(process.pid, number)
    process.communicate()
    done = fresh.promote("dev", "staging")
    assert done.code == 0, done.stderr
    assert fresh.running("staging") == {digest(images["two"])}
    assert fresh.changes("staging") == []
    receipts = fresh.history("staging")
    numbers = [receipt["number"] for receipt in receipts]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "none lost, none doubled"
    assert "open" not in {receipt["outcome"] for receipt in receipts}


def test_a_rollback_goes_to_what_was_verified_and_stopping_a_roll_back_does_not_stop_it(
    fresh: Pipeline, images: dict[str, str]
) -> None:
    assert fresh.promote("dev", "staging").code == 0
    fresh.deploy("dev", images["rising"])
    words = ("--soak", "2", "--rate", "10")
    number = len(fresh.history("staging")) + 1
    process = fresh.start("promote", fresh.stack("dev"), fresh.stack("staging"), "--yes", *words)
    wait_for(lambda: fresh.phase("staging", number) == "rolling back")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    back = fresh.promote("dev", "staging")
    assert back.code == 1 and back.receipt["outcome"] == "rolled back", back.stderr
    assert "soak: " in back.receipt["reason"] and "requests failed" in back.receipt["reason"]
    assert fresh.running("staging") == {digest(images["two"])}
    assert fresh.slipway("rollback", fresh.stack("staging"), "--yes", "--to", "999").code == 1
    fresh.deploy("staging", images["one"])
    done = fresh.slipway("rollback", fresh.stack("staging"), "--yes", "--json")
    assert done.code == 0, done.stderr
    assert done.receipt["kind"] == "rollback" and done.receipt["image"] == images["two"]
    assert fresh.running("staging") == {digest(images["two"])}
    assert fresh.changes("staging") == []
