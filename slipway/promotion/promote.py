"""The entry points of promote and rollback. An interrupted promotion is finished first."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from slipway.databases.drills import check_fresh
from slipway.errors import SlipwayError, StackNotFound
from slipway.images import references
from slipway.images.model_image import read_model
from slipway.images.references import Image
from slipway.preview import commits
from slipway.process import current_user
from slipway.promotion.describe import describe, runs
from slipway.promotion.eligibility import check_verified, eligible_image
from slipway.promotion.lease import Lease, open_receipt, take_over
from slipway.promotion.options import PromotionOptions
from slipway.promotion.owner import Owner
from slipway.promotion.phases import Promotion, Prompter, restore_file
from slipway.promotion.receipts import Companion, Outcome, Phase, Receipt, now
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import IMAGE, MODEL, REPOSITORIES, StackSnapshot
from slipway.recovery.repair import repair


@dataclass(frozen=True)
class SourceRequirements:
    """The requirements on receipts of the source."""

    require_verified: bool = False
    min_age_s: float = 0.0
    """The minimum time since the version was verified in the source, without another version, in seconds."""


@dataclass(frozen=True)
class Candidate:
    """A version to promote, and its origin."""

    image: Image
    kind: str
    source: str
    commit: str
    model: Image | None = None
    """The model that is promoted together with the image."""


def promote(
    project: Project,
    source: str,
    target: str,
    requirements: SourceRequirements,
    options: PromotionOptions,
    prompter: Prompter,
    setting: str = IMAGE,
) -> Receipt:
    """Promote the image, or the model, of a stack to another stack.

    The target is created if it has a stack file, and the user confirms.
    """
    if source == target:
        raise SlipwayError(f"source and target are both {target}")
    options.verify.check_command()
    with ThreadPoolExecutor(2) as pool:
        reading_source = pool.submit(StackSnapshot.read, project, source, setting)
        reading_target = pool.submit(StackSnapshot.read, project, target, setting)
    snapshot = reading_source.result()
    return _promote(
        snapshot, _target(reading_target, snapshot, target, prompter), requirements, options, prompter
    )


def _target(
    reading: Future[StackSnapshot], source: StackSnapshot, target: str, prompter: Prompter
) -> StackSnapshot:
    """Return the target, after creating it if it has a stack file and the user confirms.

    A name without a stack file may be a typing error.
    """
    try:
        return reading.result()
    except StackNotFound:
        project = source.stack.project
        stack = project.stack(target)
        if not stack.file.is_file():
            raise
        eligible_image(source)
        prompter.info(f"The backend has no stack {target}, but there is a stack file, {stack.file.name}.")
        if not prompter.confirm(f"Create the stack {target}?"):
            raise
        stack.create()
        return StackSnapshot.read(project, target, source.setting)


def _promote(
    source: StackSnapshot,
    target: StackSnapshot,
    requirements: SourceRequirements,
    options: PromotionOptions,
    prompter: Prompter,
) -> Receipt:
    target, finished = finish(target, source.image, options, prompter)
    if finished and source.image and finished.digest == source.image.digest:
        return finished
    image = eligible_image(source)
    if options.canary and target.image is None:
        raise SlipwayError(
            f"{target.name} serves no model, which a canary needs: leave out --canary, --shadow"
        )
    if options.drill_age_s is not None:
        check_fresh(target.cluster, target.objects, target.name, options.drill_age_s)
    check_available(source, image, requirements)
    model, both = None, (source.promoting(MODEL), target.promoting(MODEL))
    if options.with_model:
        if (model := both[0].image) is None:
            raise SlipwayError(f"{source.name} serves no model: leave out --with-model")
        check_available(both[0], model, requirements)
        prompter.info(runs(*both, model))
    prompter.info(describe(source, target, image))
    image = copied(image, target, prompter)
    model = copied(model, both[1], prompter) if model else None
    candidate = Candidate(image, "promotion", source.name, commits.last_update_commit(source.updates), model)
    return begin(target, candidate, options, prompter).run()


def check_available(source: StackSnapshot, image: Image, requirements: SourceRequirements) -> None:
    """Check that the registry has an image of the source, as a model if it is one, and its receipts."""
    if source.setting == MODEL:
        read_model(image)
    if requirements.require_verified or requirements.min_age_s:
        check_verified(source.promotions, source.name, image.digest, requirements.min_age_s)
    references.manifest(image)


def copied(image: Image, target: StackSnapshot, prompter: Prompter) -> Image:
    """Return the image in the repository of the target, after copying it there."""
    if not target.repository or image.repository == target.repository:
        return image
    prompter.info(f"Copying {image.by_digest} to {target.repository}…")
    return references.copy(image, target.repository)


def rollback(
    project: Project,
    target: str,
    number: int | None,
    options: PromotionOptions,
    prompter: Prompter,
    setting: str = IMAGE,
) -> Receipt:
    """Roll a stack back to the image, or the model, of an earlier verified receipt."""
    options.verify.check_command()
    snapshot = StackSnapshot.read(project, target, setting)
    snapshot, finished = finish(snapshot, None, options, prompter)
    if finished and number is None:
        return finished  # an interrupted promotion was rolled back: that is the rollback
    receipt = choose_receipt(snapshot.promotions, snapshot.image, number, target)
    image = Image.parse(receipt.image)
    check_repository(image, snapshot, f"receipt #{receipt.number}")
    references.manifest(image)
    prompter.info(f"{target} runs   {snapshot.image}\nreceipt #{receipt.number}  {image}")
    candidate = Candidate(image, "rollback", f"#{receipt.number}", receipt.commit)
    return begin(snapshot, candidate, options, prompter).run()


def choose_receipt(
    receipts: list[Receipt], current: Image | None, number: int | None, target: str
) -> Receipt:
    """Return the receipt with a number, by default the latest verified receipt of another version."""
    verified = [receipt for receipt in receipts if receipt.verified]
    for receipt in verified:
        if receipt.number == number:
            return receipt
        if number is None and (current is None or receipt.digest != current.digest):
            return receipt
    problem = f"{target} has no earlier version" if number is None else f"receipt #{number} is not verified"
    numbers = ", ".join(f"#{receipt.number}" for receipt in verified) or "none"
    raise SlipwayError(f"{problem}; verified receipts: {numbers}. See: slipway history {target}")


def check_repository(image: Image, target: StackSnapshot, origin: str) -> None:
    """Check that an image of a receipt is from a repository of the stack.

    Whoever may write ConfigMaps can write a receipt, so a receipt alone must not bring in other images.

    Raises:
        SlipwayError: it is from another repository.
    """
    own = {target.repository, target.image.repository if target.image else ""} - {""}
    if image.repository not in own:
        setting = f"{target.project}:{REPOSITORIES[target.setting]} {image.repository}"
        raise SlipwayError(
            f"{origin} names {image}, which is not from the repository of {target.name}"
            f" ({', '.join(sorted(own)) or 'none is configured'}). If that is right:"
            f" pulumi config set {setting} --stack {target.name}"
        )


def begin(
    target: StackSnapshot, candidate: Candidate, options: PromotionOptions, prompter: Prompter
) -> Promotion:
    """Open a receipt for a candidate."""
    owner, model = Owner.this_process(current_user()), target.promoting(MODEL)
    receipt = Receipt(
        number=0,  # `open_receipt` sets the number
        stack=target.name,
        kind=candidate.kind,
        source=candidate.source,
        setting=target.setting,
        image=str(candidate.image),
        previous=str(target.image) if target.image else None,
        previous_setting=target.file.image(),
        companion=Companion(
            setting=MODEL,
            image=str(candidate.model),
            previous=str(model.image) if model.image else None,
            previous_setting=model.file.image(),
        )
        if candidate.model
        else None,
        salt=target.file.has_salt(),
        who=owner.user,
        commit=candidate.commit,
        started=now(),
        options=options,
    )
    lease = open_receipt(target.receipts, receipt, owner)
    return Promotion(target, lease, options, prompter)


def finish(
    target: StackSnapshot, image: Image | None, options: PromotionOptions, prompter: Prompter
) -> tuple[StackSnapshot, Receipt | None]:
    """Finish a promotion that a dead process left open, and return the new snapshot and its receipt.

    A promotion of `image` continues; a promotion of another image is rolled back. The receipt is None if no
    promotion is open, or if the open promotion had not changed the stack.
    """
    lease = take_over(target.receipts, Owner.this_process(current_user()), prompter.info)
    if lease is None:
        target.check_finished()
        return target, None
    receipt, own = lease.receipt, target
    target = target.promoting(receipt.setting)
    prompter.info(f"Promotion #{receipt.number} of {receipt.images} was interrupted while {receipt.phase}.")
    if receipt.phase is Phase.PREVIEWING:
        abandon(target, lease)
        return own, None
    check_command(lease)
    target = repair(target, prompter.info)
    same = image is not None and image.digest == receipt.digest
    closed = resume(target, lease, same, options, prompter)
    return own.reload(), closed if receipt.setting == own.setting else None


def abandon(target: StackSnapshot, lease: Lease) -> None:
    """Close an interrupted promotion that has not changed the stack, and restore the stack file."""
    _remove_salt(target, lease.receipt)
    restore_file(target, lease.receipt)
    lease.close(Outcome.ABANDONED, "interrupted")


def check_command(lease: Lease) -> None:
    """Check that the check command of an interrupted promotion can be run here; else release its lease."""
    try:
        if options := lease.receipt.options:
            options.verify.check_command()
    except SlipwayError:
        lease.release()
        raise


def check_previous(target: StackSnapshot, lease: Lease) -> None:
    """Check that the images to roll back to are from repositories of the stack; else release the lease."""
    try:
        for change in lease.receipt.changes:
            if change.previous:
                own = target.promoting(change.setting)
                check_repository(Image.parse(change.previous), own, f"receipt #{change.number}")
    except SlipwayError:
        lease.release()
        raise


def resume(
    target: StackSnapshot, lease: Lease, forward: bool, options: PromotionOptions, prompter: Prompter
) -> Receipt:
    """Resume an open promotion: continue it, or roll it back unless `forward`.

    `options` count only for a receipt of an earlier version, which does not have its own.
    """
    _remove_salt(target, lease.receipt)
    if not forward and lease.receipt.previous is not None:
        check_previous(target, lease)
        lease.record(phase=Phase.ROLLING_BACK, reason=lease.receipt.reason or "interrupted")
    return Promotion(target, lease, lease.receipt.options or options, prompter).run()


def _remove_salt(target: StackSnapshot, receipt: Receipt) -> None:
    """Remove the salt that a killed pulumi has left in a stack file."""
    if not receipt.salt:
        target.file.remove_salt()
