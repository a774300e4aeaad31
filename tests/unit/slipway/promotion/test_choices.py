"""The versions that promote and rollback choose."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.preview.plan import without_generated_secrets
from slipway.promotion.eligibility import check_verified
from slipway.promotion.promote import choose_receipt
from slipway.promotion.receipts import Outcome, Receipt, namespace, now, slug


def image(letter: str, repository: str = "registry:5000/hits") -> Image:
    return Image(repository, "sha256:" + letter * 64, f"tag-{letter}")


def receipt(number: int, letter: str, outcome: Outcome = Outcome.VERIFIED, age_s: float = 0) -> Receipt:
    then = now() - timedelta(seconds=age_s)
    return Receipt(
        number=number,
        stack="prod",
        source="staging",
        image=str(image(letter)),
        who="somebody",
        started=then,
        ended=then,
        outcome=outcome,
    )


HISTORY = [
    receipt(5, "d"),
    receipt(4, "c", Outcome.ROLLED_BACK),
    receipt(3, "b"),
    receipt(2, "b"),
    receipt(1, "a"),
]


def test_rollback_to_the_latest_other_verified_version() -> None:
    assert choose_receipt(HISTORY, image("d"), None, "prod").number == 3


def test_rollback_after_a_rollback() -> None:
    """It goes further back only if a number is given."""
    assert choose_receipt(HISTORY, image("b"), None, "prod").number == 5
    assert choose_receipt(HISTORY, image("b"), 1, "prod").number == 1


@pytest.mark.parametrize("number", [4, 9])
def test_rollback_to_an_unverified_receipt(number: int) -> None:
    with pytest.raises(SlipwayError, match=r"#5, #3, #2, #1"):
        choose_receipt(HISTORY, image("d"), number, "prod")


def test_no_earlier_version() -> None:
    with pytest.raises(SlipwayError, match="no earlier version; verified receipts: #1"):
        choose_receipt([receipt(1, "a")], image("a"), None, "prod")


def test_source_requirements() -> None:
    receipts = [receipt(2, "b", age_s=10), receipt(1, "b", age_s=100)]
    check_verified(receipts, "staging", image("b").digest, 90)
    with pytest.raises(SlipwayError, match="requires 110 s"):
        check_verified(receipts, "staging", image("b").digest, 110)
    with pytest.raises(SlipwayError, match="never verified"):
        check_verified([receipt(1, "b", Outcome.ROLLED_BACK)], "staging", image("b").digest, 0)


def test_age_with_another_version_between() -> None:
    """The age counts from the latest time at which another version ran."""
    receipts = [receipt(3, "b", age_s=10), receipt(2, "a", age_s=50), receipt(1, "b", age_s=100)]
    with pytest.raises(SlipwayError, match="10 s ago; --min-age requires 90 s"):
        check_verified(receipts, "staging", image("b").digest, 90)
    with pytest.raises(SlipwayError, match="another version ran in staging"):
        check_verified(receipts[1:], "staging", image("b").digest, 1)


def test_age_after_a_rollback() -> None:
    """A rollback verifies the previous version again; an abandoned promotion does not count."""
    rolled_back = receipt(2, "c", Outcome.ROLLED_BACK, age_s=20)
    rolled_back = rolled_back.model_copy(update={"previous": str(image("b"))})
    receipts = [receipt(3, "d", Outcome.ABANDONED), rolled_back, receipt(1, "b", age_s=100)]
    with pytest.raises(SlipwayError, match="20 s ago"):
        check_verified(receipts, "staging", image("b").digest, 30)


@pytest.mark.parametrize(
    "text",
    [
        f"ghcr.io/acme/hits:v1@sha256:{'a' * 64}",
        f"localhost:5001/hits@sha256:{'a' * 64}",
        f"hits:v1@sha256:{'a' * 64}",
    ],
)
def test_an_image_reads_as_it_is_written(text: str) -> None:
    assert str(Image.parse(text)) == text


def test_an_image_relative_to_the_repository_is_read_in_full() -> None:
    digest = f"sha256:{'a' * 64}"
    assert str(Image.parse(f"v1@{digest}", "localhost:5001/hits")) == f"localhost:5001/hits:v1@{digest}"
    assert str(Image.parse(digest, "localhost:5001/hits")) == f"localhost:5001/hits@{digest}"


@pytest.mark.parametrize("text", ["hits:latest", "", "sha256:abc", f"hits@sha256:{'g' * 64}"])
def test_a_text_without_a_digest_is_refused(text: str) -> None:
    with pytest.raises(SlipwayError, match="by digest"):
        Image.parse(text)


def test_receipt_names_are_unique() -> None:
    names = ["prod", "Prod", "prod.eu", "prod_eu", "prod-eu", "acme/slipway/prod", "p" * 100, "p" * 99, "_"]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    for name in slugs:
        assert name == name.lower().strip("-.") and len(name) <= 63


def test_receipt_namespaces() -> None:
    """Every legal project name has its own valid namespace; a name that was valid keeps its namespace."""
    projects = ["shop", "p" * 54, "My_App", "my_app", "acme.web", "a-", "P" * 100, "p" * 100, "p" * 55]
    namespaces = [namespace(project) for project in projects]
    assert namespaces[:2] == ["receipts-shop", f"receipts-{'p' * 54}"]
    assert len(set(namespaces)) == len(projects)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in namespaces)


def test_receipt_round_trip() -> None:
    written = receipt(1, "a").model_copy(update={"started": datetime(2026, 1, 1, tzinfo=UTC)})
    assert Receipt.model_validate_json(written.model_dump_json()) == written


def test_a_plan_contains_no_generated_secret_of_a_new_resource() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}

    def planned(step: str) -> dict[str, object]:
        goal = {"inputDiff": {"adds": {"data": secret, "metadata": {"name": "auth"}}}}
        return {"goal": goal, "steps": [step]}

    urn = "urn:pulumi:prod::slipway::kubernetes:core/v1:Secret::"
    engine = without_generated_secrets(
        {"resourcePlans": {f"{urn}new": planned("create"), f"{urn}old": planned("update")}}
    )
    adds = {
        name.rpartition("::")[2]: plan["goal"]["inputDiff"]["adds"]
        for name, plan in engine["resourcePlans"].items()
    }
    assert adds["old"] == {"data": secret, "metadata": {"name": "auth"}}
    assert adds["new"]["metadata"] == {"name": "auth"} and "v1:x" not in str(adds["new"])
