"""The requirements on the source of a promotion: a healthy stack, or an earlier verified receipt."""

from collections.abc import Iterator

from slipway.cluster.objects import differing, live_objects
from slipway.cluster.rollout import rollout_problems
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion.receipts import Receipt, now
from slipway.pulumi.snapshot import StackSnapshot
from slipway.recovery.drift import cluster_drift


def eligible_image(source: StackSnapshot) -> Image:
    """Return the image of a stack that can be promoted.

    Raises:
        SlipwayError: the stack cannot be promoted; the message lists every problem.
    """
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
    objects = source.objects
    live = live_objects(source.cluster, objects)
    for problem in rollout_problems(objects, live):
        yield f"{name}: {problem}"
    if list(differing(objects, live)):
        for drift in cluster_drift(source.stack):
            yield f"{name}: {drift}; see `slipway drift {name}`"


def check_verified(receipts: list[Receipt], source: str, digest: str, min_age_s: float) -> None:
    """Check that a digest was verified in the source, and at least `min_age_s` seconds ago.

    Raises:
        SlipwayError: it was not; the message has the next step.
    """
    verified = [receipt for receipt in receipts if receipt.verified and receipt.digest == digest]
    if not verified:
        raise SlipwayError(
            f"{digest} was never verified in {source}, and --require-verified requires it. A promotion to"
            f" {source} verifies: slipway promote STACK {source}"
        )
    age_s = (now() - min(receipt.ended or receipt.started for receipt in verified)).total_seconds()
    if age_s < min_age_s:
        raise SlipwayError(
            f"{digest} was verified in {source} {age_s:.0f} s ago; --min-soak requires {min_age_s:.0f} s"
        )
