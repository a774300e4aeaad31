"""What a promotion starts from: a stack that is healthy, or an earlier good receipt."""

from collections.abc import Iterator

from slipway.cluster.objects import differing, live_objects
from slipway.cluster.rollout import rollout_problems
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion.receipts import Receipt, now
from slipway.pulumi.events import read as read_events
from slipway.pulumi.failures import explained
from slipway.pulumi.snapshot import StackSnapshot
from slipway.recovery.drift import of


def fit(side: StackSnapshot) -> Image:
    """Return what a stack runs, if it is fit to be promoted.

    Raises:
        SlipwayError: with everything that speaks against it.
    """
    found = list(problems(side))
    if found or side.image is None:
        raise SlipwayError(f"{side.name} is not fit to be promoted:\n  " + "\n  ".join(found))
    return side.image


def problems(side: StackSnapshot) -> Iterator[str]:
    """Yield what speaks against promoting what a stack runs, one sentence each."""
    last = next(iter(side.updates), None)
    if side.image is None:
        yield f"{side.name} runs nothing: deploy it first, `pulumi up --stack {side.name}`"
        return
    if last is None or last.result != "succeeded":
        yield (
            f"{side.name}'s last {last.kind if last else 'update'} has not succeeded:"
            f" `slipway recover {side.name}`"
        )
    if side.broken:
        yield f"{side.name}'s last update died: `slipway recover {side.name}`"
    objects = side.objects
    live = live_objects(side.cluster, objects)
    for problem in rollout_problems(objects, live):
        yield f"{side.name}: {problem}"
    if list(differing(objects, live)):
        for drifted in drift(side):
            yield f"{side.name}: {drifted}; `slipway drift {side.name}` shows more"


def drift(side: StackSnapshot) -> list[str]:
    """Have the engine say how the cluster differs from what the last update made, one sentence each."""
    run = side.stack.preview_refresh()
    told = read_events(run.events)
    if not run.succeeded:
        raise SlipwayError(f"{side.name} cannot be compared with its cluster: {explained(run, told)}")
    return [f"{one.kind} {one.name}: {'; '.join(one.cluster)}" for one in of(told)]


def check_verified(receipts: list[Receipt], source: str, digest: str, min_soak_s: float) -> None:
    """Refuse what was not verified in the source, or not for long enough.

    Raises:
        SlipwayError: with what is missing, and how to get it.
    """
    good = [one for one in receipts if one.good and one.digest == digest]
    if not good:
        raise SlipwayError(
            f"{digest} was never verified in {source}, and --require-verified asks for it. A promotion to"
            f" {source} verifies: slipway promote STACK {source}"
        )
    served = (now() - min(one.ended or one.started for one in good)).total_seconds()
    if served < min_soak_s:
        raise SlipwayError(
            f"{digest} was verified in {source} {served:.0f} s ago; --min-soak asks for {min_soak_s:.0f} s"
        )
