"""An open receipt in the hands of this process: recorded at each step, renewed in between."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slipway.cluster.kubectl import Object
from slipway.errors import Conflict, PromotionInProgress, SlipwayError
from slipway.promotion.owner import GONE_AFTER_S, RENEWED_EVERY_S, Owner
from slipway.promotion.receipts import Outcome, Phase, Receipt, Receipts, now


class Lease:
    """The receipt of a promotion that runs. Safe to use from the thread that renews it."""

    def __init__(self, receipts: Receipts, receipt: Receipt, held: Object, me: Owner) -> None:
        """Use `start` or `take_over`."""
        self._receipts = receipts
        self._held = held
        self._lock = threading.Lock()
        self._me = me
        self.receipt = receipt

    def record(self, **changes: Any) -> None:
        """Write down how far the work has come.

        Raises:
            PromotionInProgress: another process has taken over. Nothing more must be touched then.
        """
        with self._lock:
            self._write(changes)

    def _write(self, changes: dict[str, Any]) -> None:
        receipt = self.receipt.model_copy(update={"holder": self._me.alive_now(), **changes})
        try:
            self._held = self._receipts.replace(receipt, self._held)
        except Conflict:
            self._held = self._receipts.replace(receipt, self._still_mine())
        self.receipt = receipt

    def _still_mine(self) -> Object:
        """Return the object anew: an answer of the API server's may have been lost on the way."""
        latest = self._receipts.latest()
        if latest is None or not self._me.is_same(latest[0].holder):
            raise PromotionInProgress(
                f"another process has taken over promotion #{self.receipt.number} to {self.receipt.stack};"
                f" this one has stopped. See: slipway history {self.receipt.stack}"
            )
        return latest[1]

    def enter(self, phase: Phase) -> None:
        """Write down which phase begins."""
        self.record(phase=phase)

    def close(self, outcome: Outcome, reason: str = "") -> None:
        """Write down how it ended; the stack is free for the next one."""
        self.record(outcome=outcome, reason=reason, ended=now(), holder=None)

    def release(self) -> None:
        """Leave it open for whoever goes on with it."""
        self.record(holder=None)

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.receipt.outcome is not Outcome.OPEN

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Give signs of life while the block runs."""
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(RENEWED_EVERY_S):
                with self._lock:
                    if self.receipt.holder is None:  # closed, or let go
                        return
                    try:
                        self._write({})
                    except SlipwayError:
                        continue  # the next step's own record says what is wrong

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def start(receipts: Receipts, receipt: Receipt, me: Owner) -> Lease:
    """Open a receipt under the next number.

    That the latest is closed is looked at together with its number: whoever opened one in between has taken
    the next, and creating it again fails.

    Raises:
        PromotionInProgress: another promotion was quicker.
    """
    latest = receipts.latest()
    if latest and latest[0].outcome is Outcome.OPEN:
        raise busy(latest[0])
    number = latest[0].number + 1 if latest else 1
    opened = receipt.model_copy(update={"number": number, "holder": me})
    try:
        return Lease(receipts, opened, receipts.create(opened), me)
    except Conflict:
        raise PromotionInProgress(
            f"another promotion to {receipt.stack} has just begun: slipway history {receipt.stack}"
        ) from None


def unfinished(receipts: Receipts, me: Owner, tell: Callable[[str], None]) -> Lease | None:
    """Take over the receipt that a process left open when it died; None when there is none.

    Raises:
        PromotionInProgress: it has not died.
    """
    found = receipts.latest()
    if found is None or found[0].outcome is not Outcome.OPEN:
        return None
    receipt, held = found
    alive = receipt.holder.alive() if receipt.holder else False
    if alive is None:
        tell(f"Promotion #{receipt.number} is open, by {receipt.holder}; waiting for a sign of life of it…")
        alive = _shows_life(receipts, held)
    if alive:
        raise busy(receipt)
    work = Lease(receipts, receipt, held, me)
    work.record()
    return work


def busy(receipt: Receipt) -> PromotionInProgress:
    """Return how it is told that a promotion is at work."""
    return PromotionInProgress(
        f"promotion #{receipt.number} of {receipt.image} to {receipt.stack} is under way ({receipt.phase}),"
        f" by {receipt.holder}"
    )


def _shows_life(receipts: Receipts, held: Object) -> bool:
    """Wait for a sign of life. Whose clock is right does not matter: only that the receipt changes."""
    until = time.monotonic() + GONE_AFTER_S
    while time.monotonic() < until:
        latest = receipts.latest()
        if latest and latest[1]["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"]:
            return True
        time.sleep(RENEWED_EVERY_S / 5)
    return False
