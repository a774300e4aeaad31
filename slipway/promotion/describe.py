"""What a promotion shows before its preview: the versions, and the problems of the target."""

from slipway.cluster.objects import differing, live_objects
from slipway.cluster.rollout import rollout_problems
from slipway.errors import StackLocked
from slipway.images.references import Image
from slipway.promotion.lease import in_progress
from slipway.promotion.receipts import Outcome
from slipway.pulumi.stack_snapshot import BUILD, CANARY, IMAGE, MODEL, StackSnapshot
from slipway.recovery.drift import cluster_drift


def describe(source: StackSnapshot, target: StackSnapshot, image: Image) -> str:
    """Return the images of source and target, the proposed image, and the problems of the target."""
    lines = [runs(source, target, image)]
    objects = target.objects
    live = live_objects(target.cluster, objects)
    lines += [f"{target.name}: {problem}" for problem in rollout_problems(target.cluster, objects, live)]
    drift = _drift(target) if list(differing(objects, live)) else []
    lines += [f"{target.name}: {problem}" for problem in drift] or [f"{target.name} has no drift"]
    if missing := sorted(missing_keys(source, target)):
        lines.append(f"configuration keys of {source.name} that {target.name} lacks: {', '.join(missing)}")
    return "\n".join(lines)


def runs(source: StackSnapshot, target: StackSnapshot, image: Image) -> str:
    """Return the images, or the models, of source and target, and the proposed one."""
    return (
        f"{source.name} runs  {source.image}\n"
        f"{target.name} runs  {target.image or f'no {target.setting}'}\n"
        f"proposed  {image}"
    )


def _drift(target: StackSnapshot) -> list[str]:
    try:
        return cluster_drift(target.stack)
    except StackLocked:
        latest = target.receipts.latest()
        if latest and latest[0].outcome is Outcome.OPEN:
            raise in_progress(latest[0]) from None
        raise


def missing_keys(source: StackSnapshot, target: StackSnapshot) -> set[str]:
    """Return the configuration keys of the source that the target lacks, without the keys of images."""
    image_keys = {f"{source.project}:{key}" for key in (IMAGE, MODEL, CANARY, BUILD)}
    return set(source.config) - set(target.config) - image_keys
