"""A lease on an open receipt, renewed by a heartbeat thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slipway.cluster.kubectl import Object
from slipway.errors import Conflict, PromotionInProgress, SlipwayError
from slipway.promotion.owner import Owner
from slipway.promotion.receipts import MAX_TEXT, Outcome, Receipt, Receipts, now

HEARTBEAT_S = 10
EXPIRY_S = 45
"""Seconds without a heartbeat after which the lease of an owner on another machine expires."""


class Lease:
    """The right of this process to work on an open receipt. Safe to use from several threads."""

    def __init__(self, receipts: Receipts, receipt: Receipt, stored: Object, owner: Owner) -> None:
        """Use `open_receipt` or `take_over`."""
        self._receipts = receipts
        self._stored = stored
        self._lock = threading.Lock()
        self._owner = owner
        self.receipt = receipt

    def record(self, **changes: Any) -> None:
        """Write changes to the receipt.

        Raises:
            PromotionInProgress: another process has taken over; this process must not change anything more.
        """
        with self._lock:
            self._write(changes)

    def _write(self, changes: dict[str, Any]) -> None:
        if "reason" in changes:
            changes = {**changes, "reason": changes["reason"][:MAX_TEXT]}
        receipt = self.receipt.model_copy(update={"holder": self._owner.renew(), **changes})
        try:
            self._stored = self._receipts.replace(receipt, self._stored)
        except Conflict:
            # The API server's reply to an earlier write may have been lost.
            self._stored = self._receipts.replace(receipt, self._read_own())
        self.receipt = receipt

    def _read_own(self) -> Object:
        latest = self._receipts.latest()
        if latest is None or not self._owner.is_same_process(latest[0].holder):
            raise PromotionInProgress(
                f"another process has taken over promotion #{self.receipt.number} to {self.receipt.stack};"
                f" this process has stopped. See: slipway history {self.receipt.stack}"
            )
        return latest[1]

    def close(self, outcome: Outcome, reason: str = "") -> None:
        """Write the outcome, so that the next promotion can start."""
        self.record(outcome=outcome, reason=reason, ended=now(), holder=None)

    def release(self) -> None:
        """Leave the receipt open for another process."""
        self.record(holder=None)

    @property
    def closed(self) -> bool:
        """The promotion has ended."""
        return self.receipt.outcome is not Outcome.OPEN

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Renew the lease while the block runs."""
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(HEARTBEAT_S):
                with self._lock:
                    if self.receipt.holder is None:  # closed or released
                        return
                    try:
                        self._write({})
                    except SlipwayError:
                        continue  # the next `record` raises the error

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def open_receipt(receipts: Receipts, receipt: Receipt, owner: Owner) -> Lease:
    """Create a receipt with the next number, and return its lease.

    If another process opens a receipt at the same time, that receipt gets the number, and this
    creation fails.

    Raises:
        PromotionInProgress: another promotion has an open receipt.
    """
    latest = receipts.latest()
    if latest and latest[0].outcome is Outcome.OPEN:
        raise in_progress(latest[0])
    number = latest[0].number + 1 if latest else 1
    opened = receipt.model_copy(update={"number": number, "holder": owner})
    try:
        return Lease(receipts, opened, receipts.create(opened), owner)
    except Conflict:
        raise PromotionInProgress(
            f"another promotion to {receipt.stack} has just begun: slipway history {receipt.stack}"
        ) from None


def take_over(receipts: Receipts, owner: Owner, info: Callable[[str], None]) -> Lease | None:
    """Return a lease on the receipt that a dead process left open, or None if no receipt is open.

    Raises:
        PromotionInProgress: the owner of the receipt is alive.
    """
    latest = receipts.latest()
    if latest is None or latest[0].outcome is not Outcome.OPEN:
        return None
    receipt, stored = latest
    alive = receipt.holder.is_alive() if receipt.holder else False
    if alive is None:
        info(f"Promotion #{receipt.number} is open, by {receipt.holder}; waiting for its heartbeat…")
        alive = _wait_for_heartbeat(receipts, stored)
    if alive:
        raise in_progress(receipt)
    lease = Lease(receipts, receipt, stored, owner)
    lease.record()
    return lease


def in_progress(receipt: Receipt) -> PromotionInProgress:
    """Return the error for an open receipt whose owner is alive."""
    return PromotionInProgress(
        f"promotion #{receipt.number} of {receipt.images} to {receipt.stack} is in progress"
        f" ({receipt.phase}), by {receipt.holder}"
    )


def _wait_for_heartbeat(receipts: Receipts, stored: Object) -> bool:
    """Return whether the receipt changes in time; this does not depend on the clocks of the machines."""
    deadline = time.monotonic() + EXPIRY_S
    while time.monotonic() < deadline:
        latest = receipts.latest()
        if latest and latest[1]["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
            return True
        time.sleep(HEARTBEAT_S / 5)
    return False
