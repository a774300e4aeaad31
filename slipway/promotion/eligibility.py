"""The requirements on the source of a promotion: a healthy stack, or an earlier verified receipt."""

from collections.abc import Iterator
from datetime import datetime

from slipway.cluster.objects import differing, live_objects
from slipway.cluster.rollout import rollout_problems, settle
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion.receipts import Outcome, Receipt, now
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery.drift import cluster_drift


def eligible_image(source: StackSnapshot) -> Image:
    """Return the image of a stack that can be promoted."""
    problems = list(find_problems(source))
    if problems or source.image is None:
        raise SlipwayError(f"{source.name} cannot be promoted:\n  " + "\n  ".join(problems))
    return source.image


def find_problems(source: StackSnapshot) -> Iterator[str]:
    """Yield one sentence for each problem that prevents a promotion from a stack."""
    name = source.name
    last = next(iter(source.updates), None)
    if source.image is None:
        yield f"{name} has no image: deploy it first, `pulumi up --stack {name}`"
        return
    if last is None or last.result != "succeeded":
        yield f"{name}'s last {last.kind if last else 'update'} did not succeed: `slipway recover {name}`"
    if source.interrupted_operations:
        yield f"{name}'s last update died: `slipway recover {name}`"
    objects, live = source.objects, {}

    def unfinished() -> Iterator[str]:
        nonlocal live
        live = live_objects(source.cluster, objects)
        return rollout_problems(source.cluster, objects, live)

    for problem in settle(unfinished):
        yield f"{name}: {problem}"
    if any(differing(objects, live)):
        for drift in cluster_drift(source.stack):
            yield f"{name}: {drift}; see `slipway drift {name}`"


def check_verified(receipts: list[Receipt], source: str, digest: str, min_age_s: float) -> None:
    """Check that a digest was verified in the source, and has run there for `min_age_s` seconds since."""
    if not any(receipt.verified and receipt.digest == digest for receipt in receipts):
        raise SlipwayError(
            f"{digest} was never verified in {source}, and --require-verified requires it. A promotion to"
            f" {source} verifies: slipway promote STACK {source}"
        )
    if not min_age_s:
        return
    since = verified_since(receipts, digest)
    if since is None:
        raise SlipwayError(
            f"another version ran in {source} since {digest} was verified;"
            f" --min-age requires {min_age_s:.0f} s without another version"
        )
    age_s = (now() - since).total_seconds()
    if age_s < min_age_s:
        raise SlipwayError(
            f"{digest} was verified in {source} {age_s:.0f} s ago; --min-age requires {min_age_s:.0f} s"
        )


def verified_since(receipts: list[Receipt], digest: str) -> datetime | None:
    """Return when the version that runs now was verified; None if another version has run since.

    A promotion that was rolled back ran another version; the rollback verified the previous version again.

    Args:
        receipts: the receipts of the stack, the latest first.
        digest: the digest that the stack runs.
    """
    since = None
    for receipt in receipts:
        if receipt.outcome in (Outcome.ABANDONED, Outcome.PROPOSED):
            continue  # the stack was not updated
        ended = receipt.ended or receipt.started
        if receipt.verified and receipt.digest == digest:
            since = ended
        elif receipt.outcome is Outcome.ROLLED_BACK and (receipt.previous or "").endswith(digest):
            return since or ended
        else:
            return since
    return since
