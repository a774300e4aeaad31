"""An open receipt is a lock: it has one owner, and a dead owner loses it."""

import os
import threading
from typing import cast

import pytest

from slipway.cluster.kubectl import Object
from slipway.errors import Conflict, PromotionInProgress
from slipway.promotion.lease import Lease, open_receipt, take_over
from slipway.promotion.owner import Owner
from slipway.promotion.receipts import Outcome, Phase, Receipt, Receipts, now


class InMemory:
    """The API server's guarantees: a name is unique, and a stale version is not replaced."""

    def __init__(self) -> None:
        self.stored: dict[int, tuple[Receipt, int]] = {}
        self.lock = threading.Lock()

    def latest(self) -> tuple[Receipt, Object] | None:
        with self.lock:
            if not self.stored:
                return None
            receipt, version = self.stored[max(self.stored)]
            return receipt, {"metadata": {"resourceVersion": str(version)}}

    def create(self, receipt: Receipt) -> Object:
        with self.lock:
            if receipt.number in self.stored:
                raise Conflict("AlreadyExists")
            self.stored[receipt.number] = (receipt, 1)
            return {"metadata": {"resourceVersion": "1"}}

    def replace(self, receipt: Receipt, stored: Object) -> Object:
        with self.lock:
            version = self.stored[receipt.number][1]
            if stored["metadata"]["resourceVersion"] != str(version):
                raise Conflict("Conflict")
            self.stored[receipt.number] = (receipt, version + 1)
            return {"metadata": {"resourceVersion": str(version + 1)}}


@pytest.fixture
def receipts() -> Receipts:
    return cast(Receipts, InMemory())


def new() -> Receipt:
    image = "registry:5000/hits@sha256:" + "a" * 64
    return Receipt(number=0, stack="prod", source="staging", image=image, who="somebody", started=now())


def live_owner() -> Owner:
    return Owner.this_process("somebody")


def dead_owner() -> Owner:
    return live_owner().model_copy(update={"pid": os.getpid(), "born": "long ago"})


def test_one_of_many_opens_a_receipt(receipts: Receipts) -> None:
    leases: list[Lease] = []
    begin = threading.Barrier(8)

    def promote() -> None:
        begin.wait()
        try:
            leases.append(open_receipt(receipts, new(), owner))
        except PromotionInProgress:
            return

    owner = live_owner()
    threads = [threading.Thread(target=promote) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leases) == 1


def test_next_receipt(receipts: Receipts) -> None:
    """The next receipt can be opened once the first is closed, and has the next number."""
    first = open_receipt(receipts, new(), live_owner())
    with pytest.raises(PromotionInProgress, match="in progress"):
        open_receipt(receipts, new(), live_owner())
    first.close(Outcome.VERIFIED)
    assert open_receipt(receipts, new(), live_owner()).receipt.number == 2


def test_take_over(receipts: Receipts) -> None:
    """A dead or released owner loses the lease, and its next write fails."""
    lost = open_receipt(receipts, new(), dead_owner())
    lost.record(phase=Phase.APPLYING)
    lease = take_over(receipts, live_owner(), print)
    assert lease is not None and lease.receipt.phase is Phase.APPLYING
    with pytest.raises(PromotionInProgress, match="taken over"):
        lost.record()
    with pytest.raises(PromotionInProgress, match="in progress"):
        take_over(receipts, live_owner(), print)
    lease.release()
    again = take_over(receipts, live_owner(), print)
    assert again is not None
    again.close(Outcome.FAILED, "why not")
    assert take_over(receipts, live_owner(), print) is None


@pytest.mark.parametrize("change", [{"space": "another boot"}, {"space": ""}, {"born": ""}])
def test_owner_that_is_not_visible(change: dict[str, str]) -> None:
    """The same host name in another boot or PID namespace is not a dead process, also in older receipts."""
    assert live_owner().is_alive() is True
    assert dead_owner().is_alive() is False
    assert dead_owner().model_copy(update=change).is_alive() is None


def test_lost_reply(receipts: Receipts) -> None:
    """The owner keeps the lease when the reply to its write is lost."""
    lease = open_receipt(receipts, new(), live_owner())
    latest = receipts.latest()
    assert latest is not None
    receipts.replace(latest[0], latest[1])  # the write arrived, but its reply was lost
    lease.record(phase=Phase.VERIFYING)
    lease.close(Outcome.VERIFIED)
    assert lease.closed


def test_a_long_reason_is_cut(receipts: Receipts) -> None:
    """The API server refuses a ConfigMap of more than 1 MiB, and the receipt would stay open."""
    lease = open_receipt(receipts, new(), live_owner())
    lease.close(Outcome.FAILED, "x" * 2**20)
    latest = receipts.latest()
    assert latest and latest[0].outcome is Outcome.FAILED
    assert len(latest[0].model_dump_json()) < 2**15
