"""The open receipt is a lock: whoever holds it is alone, and whoever died holds it no longer."""

import os
import threading
from typing import cast

import pytest

from slipway.cluster.kubectl import Object
from slipway.errors import Conflict, PromotionInProgress
from slipway.promotion.lease import Lease, open_receipt, take_over
from slipway.promotion.receipts import Outcome, Owner, Phase, Receipt, Receipts, now


class InMemory:
    """What the API server promises: a name is taken once, and a stale version is not replaced."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Receipt, int]] = {}
        self.lock = threading.Lock()

    def latest(self) -> tuple[Receipt, Object] | None:
        with self.lock:
            if not self.kept:
                return None
            receipt, version = self.kept[max(self.kept)]
            return receipt, {"metadata": {"resourceVersion": str(version)}}

    def create(self, receipt: Receipt) -> Object:
        with self.lock:
            if receipt.number in self.kept:
                raise Conflict("AlreadyExists")
            self.kept[receipt.number] = (receipt, 1)
            return {"metadata": {"resourceVersion": "1"}}

    def replace(self, receipt: Receipt, held: Object) -> Object:
        with self.lock:
            version = self.kept[receipt.number][1]
            if held["metadata"]["resourceVersion"] != str(version):
                raise Conflict("Conflict")
            self.kept[receipt.number] = (receipt, version + 1)
            return {"metadata": {"resourceVersion": str(version + 1)}}


@pytest.fixture
def receipts() -> Receipts:
    return cast(Receipts, InMemory())


def new() -> Receipt:
    image = "registry:5000/hits@sha256:" + "a" * 64
    return Receipt(number=0, stack="prod", source="staging", image=image, who="somebody", started=now())


def me() -> Owner:
    return Owner.this_process("somebody")


def dead() -> Owner:
    return me().model_copy(update={"pid": os.getpid(), "born": "long ago"})


def test_of_many_that_start_at_once_one_is_let_in(receipts: Receipts) -> None:
    let_in: list[Lease] = []
    begin = threading.Barrier(8)

    def promote() -> None:
        begin.wait()
        try:
            let_in.append(open_receipt(receipts, new(), holder))
        except PromotionInProgress:
            return

    holder = me()
    threads = [threading.Thread(target=promote) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 1


def test_nobody_starts_while_one_is_open_and_the_next_one_counts_on(receipts: Receipts) -> None:
    first = open_receipt(receipts, new(), me())
    with pytest.raises(PromotionInProgress, match="in progress"):
        open_receipt(receipts, new(), me())
    first.close(Outcome.VERIFIED)
    assert open_receipt(receipts, new(), me()).receipt.number == 2


def test_who_has_died_or_let_go_is_taken_over_from_and_then_touches_nothing(receipts: Receipts) -> None:
    lost = open_receipt(receipts, new(), dead())
    lost.record(phase=Phase.APPLYING)
    work = take_over(receipts, me(), print)
    assert work is not None and work.receipt.phase is Phase.APPLYING
    with pytest.raises(PromotionInProgress, match="taken over"):
        lost.record()
    with pytest.raises(PromotionInProgress, match="in progress"):
        take_over(receipts, me(), print)
    work.release()
    again = take_over(receipts, me(), print)
    assert again is not None
    again.close(Outcome.FAILED, "why not")
    assert take_over(receipts, me(), print) is None


def test_an_answer_that_was_lost_on_the_way_does_not_lose_the_lock(receipts: Receipts) -> None:
    work = open_receipt(receipts, new(), me())
    latest = receipts.latest()
    assert latest is not None
    receipts.replace(latest[0], latest[1])  # arrived, but nobody was told
    work.record(phase=Phase.VERIFYING)
    work.close(Outcome.VERIFIED)
    assert work.closed
