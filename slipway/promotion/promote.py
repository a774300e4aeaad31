"""How a promotion or rollback begins: what died before is finished first, then a receipt is opened."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from slipway.cluster.objects import differing, read
from slipway.cluster.rollout import rollout_problems
from slipway.errors import SlipwayError
from slipway.images import references as images
from slipway.images.references import Image
from slipway.preview import commits
from slipway.promotion import eligibility as source
from slipway.promotion.lease import Lease, busy, start, unfinished
from slipway.promotion.owner import Owner
from slipway.promotion.receipts import Outcome, Phase, Receipt, good, now
from slipway.promotion.run import Promotion, PromotionOptions, Prompter
from slipway.pulumi.project import Locked, NoSuchStack, Project, Stack
from slipway.pulumi.snapshot import BUILD, IMAGE, StackSnapshot, stack_file, who
from slipway.recovery.repair import repair


@dataclass(frozen=True)
class SourceRequirements:
    """What the source has to have shown."""

    require_verified: bool = False
    min_soak_s: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """A version that is to be moved, and where it comes from."""

    image: Image
    kind: str
    source: str
    commit: str


def promote(
    project: Project,
    origin: str,
    target: str,
    demands: SourceRequirements,
    terms: PromotionOptions,
    talk: Prompter,
) -> Receipt:
    """Move what `origin` runs to `target`, which is made if it has a file and the user agrees.

    Raises:
        SlipwayError: before anything is touched, when the source is not fit or the target is busy.
    """
    if origin == target:
        raise SlipwayError(f"source and target are both {target}")
    with ThreadPoolExecutor(2) as pool:
        from_side = pool.submit(StackSnapshot.read, project, origin)
        to_side = pool.submit(StackSnapshot.read, project, target)
    return _promote(
        from_side.result(), _existing(to_side, from_side.result(), target, talk), demands, terms, talk
    )


def _existing(
    found: Future[StackSnapshot], origin: StackSnapshot, target: str, talk: Prompter
) -> StackSnapshot:
    """Return the target; one that the backend does not have is made, if it has a file and the user agrees.

    A name without a file may be a typing error.
    """
    try:
        return found.result()
    except NoSuchStack:
        project = origin.stack.project
        stack = project.stack(target)
        if not stack.file.is_file():
            raise
        source.fit(origin)
        talk.tell(f"There is no stack {target} yet; {stack.file.name} describes it.")
        if not talk.agree(f"Make the stack {target}?"):
            raise
        make(stack)
        return StackSnapshot.read(project, target)


def make(stack: Stack) -> None:
    """Have the backend make a stack, and leave its file as it is."""
    file = stack_file(stack)
    before = file.text()
    try:
        stack.create()
    finally:
        file.undo_rewriting(before)


def _promote(
    from_side: StackSnapshot,
    to_side: StackSnapshot,
    demands: SourceRequirements,
    terms: PromotionOptions,
    talk: Prompter,
) -> Receipt:
    origin = from_side.name
    to_side, finished = finish(to_side, from_side.image, terms, talk)
    if finished and from_side.image and finished.digest == from_side.image.digest:
        return finished
    image = source.fit(from_side)
    if demands.require_verified or demands.min_soak_s:
        source.check_verified(from_side.receipts.all(), origin, image.digest, demands.min_soak_s)
    images.manifest(image)
    talk.tell(view(from_side, to_side, image))
    if to_side.repository and image.repository != to_side.repository:
        talk.tell(f"Copying {image.by_digest} to {to_side.repository}…")
        image = images.copy(image, to_side.repository)
    move = Candidate(image, "promotion", origin, commits.last_update_commit(from_side.updates))
    return begin(to_side, move, terms, talk).run()


def rollback(
    project: Project, target: str, to: int | None, terms: PromotionOptions, talk: Prompter
) -> Receipt:
    """Move the target back to what an earlier receipt proved.

    Raises:
        SlipwayError: before anything is touched, when there is no such receipt or the image is gone.
    """
    side = StackSnapshot.read(project, target)
    side, finished = finish(side, None, terms, talk)
    if finished and to is None:
        return finished  # what was under way is rolled back: that is the rollback
    receipts = side.receipts.all()
    chosen = choose(receipts, side.image, to, target)
    image = Image.parse(chosen.image)
    images.manifest(image)
    talk.tell(f"{target} runs   {side.image}\nreceipt #{chosen.number}  {image}")
    return begin(side, Candidate(image, "rollback", f"#{chosen.number}", chosen.commit), terms, talk).run()


def choose(receipts: list[Receipt], runs: Image | None, to: int | None, target: str) -> Receipt:
    """Return the receipt to go back to: the one asked for, or the latest good one of another version."""
    proven = list(good(receipts))
    if to is not None:
        found = next((one for one in proven if one.number == to), None)
    else:
        found = next((one for one in proven if runs is None or one.digest != runs.digest), None)
    if found is None:
        numbers = ", ".join(f"#{one.number}" for one in proven) or "none"
        asked = (
            f"receipt #{to} of {target} is not a good one"
            if to is not None
            else f"{target} has no earlier version"
        )
        raise SlipwayError(f"{asked}; good ones are: {numbers}. See: slipway history {target}")
    return found


def begin(side: StackSnapshot, move: Candidate, terms: PromotionOptions, talk: Prompter) -> Promotion:
    """Open a receipt. From here on, whatever happens is written down."""
    user = who()
    receipt = Receipt(
        number=0,  # the next one, once it is opened
        stack=side.name,
        kind=move.kind,
        source=move.source,
        image=str(move.image),
        previous=str(side.image) if side.image else None,
        previous_setting=side.file.image(),
        who=user,
        commit=move.commit,
        started=now(),
    )
    return Promotion(side, start(side.receipts, receipt, Owner.me(user)), terms, talk)


def finish(
    side: StackSnapshot, wanted: Image | None, terms: PromotionOptions, talk: Prompter
) -> tuple[StackSnapshot, Receipt | None]:
    """End what a promotion that died left open, and return the stack as it is then.

    The wanted version is promoted to its end, another one is rolled back. Its receipt is returned, None when
    nothing of it had been applied.
    """
    work = unfinished(side.receipts, Owner.me(who()), talk.tell)
    if work is None:
        if side.broken:
            raise SlipwayError(f"an update of {side.name} died: slipway recover {side.name}")
        return side, None
    receipt = work.receipt
    talk.tell(f"Promotion #{receipt.number} of {receipt.image} was interrupted while {receipt.phase}.")
    if receipt.phase is Phase.PREVIEWING:
        side.file.set_image(receipt.previous_setting)
        work.close(Outcome.ABANDONED, "interrupted")
        return side, None
    side = repair(side, talk.tell)
    same = wanted is not None and wanted.digest == receipt.digest
    done = resume(side, work, same, terms, talk)
    return side.reload(), done


def resume(
    side: StackSnapshot, work: Lease, forward: bool, terms: PromotionOptions, talk: Prompter
) -> Receipt:
    """Go on with an open receipt: to its end, or back to what was before."""
    if not forward and work.receipt.previous is not None:
        work.record(phase=Phase.ROLLING_BACK, reason=work.receipt.reason or "interrupted")
    return Promotion(side, work, terms, talk).run()


def view(origin: StackSnapshot, target: StackSnapshot, image: Image) -> str:
    """Write what the source runs, what the target runs, and what is proposed."""
    lines = [
        f"{origin.name} runs  {origin.image}",
        f"{target.name} runs  {target.image or 'nothing yet'}",
        f"proposed  {image}",
    ]
    objects = target.objects
    live = read(target.cluster, objects)
    lines += [f"{target.name}: {problem}" for problem in rollout_problems(objects, live)]
    drifted = _drift(target) if list(differing(objects, live)) else []
    lines += [f"{target.name}: {problem}" for problem in drifted] or [f"{target.name} has no drift"]
    if missing := sorted(lacking(origin, target)):
        lines.append(f"keys that {origin.name} has and {target.name} lacks: {', '.join(missing)}")
    return "\n".join(lines)


def _drift(target: StackSnapshot) -> list[str]:
    try:
        return source.drift(target)
    except Locked:
        latest = target.receipts.latest()
        if latest and latest[0].outcome is Outcome.OPEN:
            raise busy(latest[0]) from None
        raise


def lacking(origin: StackSnapshot, target: StackSnapshot) -> set[str]:
    """Return the configuration keys of the source that the target lacks, less those that say how to build."""
    own = {f"{origin.project}:{key}" for key in (IMAGE, BUILD)}
    return set(origin.config) - set(target.config) - own
