"""Receipts: what each promotion did, kept in the cluster beside the stack, one ConfigMap each.

The receipt that is open is also the lock: its name carries the next number, so that of two that make it one
fails, and who holds it says so every few seconds. docs/decisions/receipts.md says why it is kept there.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import Conflict, ObjectNotFound, SlipwayError
from slipway.promotion.owner import Owner

KEY = "receipt.json"
OF = "slipway.dev/receipt-of"


class Outcome(StrEnum):
    """How a promotion ended."""

    OPEN = "open"
    """It runs, or it died."""
    VERIFIED = "verified"
    """The new version runs, and every check passed."""
    ROLLED_BACK = "rolled back"
    """It failed; the version from before runs again, and passed the checks."""
    FAILED = "failed"
    """It failed, and so did rolling back, or there was nothing to roll back to."""
    ABANDONED = "abandoned"
    """It ended before anything was applied: declined, refused, interrupted."""
    PROPOSED = "proposed"
    """The stack file was changed and nothing applied, as `--pull-request` asks."""

    @classmethod
    def _missing_(cls, value: object) -> "Outcome | None":
        """Read receipts of earlier versions."""
        return cls.ROLLED_BACK if value == "put back" else None


class Phase(StrEnum):
    """How far an open promotion has come; each can be done again."""

    PREVIEWING = "previewing"
    APPLYING = "applying"
    VERIFYING = "verifying"
    ROLLING_BACK = "rolling back"

    @classmethod
    def _missing_(cls, value: object) -> "Phase | None":
        """Read receipts of earlier versions."""
        return cls.ROLLING_BACK if value == "putting back" else None


class Check(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    detail: str
    seconds: float = 0.0


class Receipt(BaseModel):
    """What one promotion did."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    number: int
    """Counts up from 1 for each stack."""
    stack: str
    """The target."""
    kind: str = "promotion"
    """promotion or rollback."""
    source: str
    """The stack that the image came from; for a rollback the receipt: #3."""
    image: str
    """The image in full, by digest."""
    previous: str | None = None
    """What the target ran before; None when it ran nothing."""
    previous_setting: str | None = None
    """What its file said before."""
    who: str
    commit: str = ""
    """The commit that the source's last update was made from, where known."""
    started: datetime
    ended: datetime | None = None
    phase: Phase = Phase.PREVIEWING
    outcome: Outcome = Outcome.OPEN
    reason: str = ""
    """Why it did not end verified."""
    plan: str = ""
    """SHA-256 of the engine's update plan that was shown and applied."""
    checks: tuple[Check, ...] = ()
    soak_s: float = 0.0
    """For how long the checks went on, in seconds."""
    holder: Owner | None = Field(default=None, repr=False)
    """Who works on it; None once it is closed."""

    @property
    def digest(self) -> str:
        """The image's digest."""
        return self.image.rpartition("@")[2]

    @property
    def good(self) -> bool:
        """Whether the stack was proven to run it."""
        return self.outcome is Outcome.VERIFIED


class Receipts:
    """The receipts of one stack."""

    def __init__(self, cluster: Cluster, project: str, stack: str) -> None:
        """Look at a stack's receipts in the cluster that it is deployed to."""
        self.stack = stack
        self._cluster = cluster
        self._namespace = f"receipts-{project}"
        self._slug = slug(stack)

    def all(self) -> list[Receipt]:
        """Every receipt, the latest first."""
        return [receipt for receipt, _ in self._read()]

    def latest(self) -> tuple[Receipt, Object] | None:
        """The latest receipt, and the object that holds it."""
        return next(iter(self._read()), None)

    def create(self, receipt: Receipt) -> Object:
        """Write a receipt that is not there yet.

        Raises:
            Conflict: when another has taken the number.
        """
        try:
            return self._cluster.create(self._manifest(receipt))
        except ObjectNotFound:
            self._create_namespace()
            return self._cluster.create(self._manifest(receipt))

    def replace(self, receipt: Receipt, held: Object) -> Object:
        """Write a receipt in place of what `held` was.

        Raises:
            Conflict: when it is no longer that.
        """
        manifest = self._manifest(receipt)
        manifest["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        return self._cluster.replace(manifest)

    def _read(self) -> list[tuple[Receipt, Object]]:
        found = self._cluster.get("configmaps", "-n", self._namespace, "-l", f"{OF}={self._slug}")
        read = [(self._parsed(one), one) for one in found]
        return sorted(read, key=lambda pair: -pair[0].number)

    def _parsed(self, found: Object) -> Receipt:
        try:
            return Receipt.model_validate_json(found["data"][KEY])
        except (KeyError, ValidationError) as error:
            raise SlipwayError(
                f"receipt {found['metadata']['name']} in namespace {self._namespace} cannot be read: {error}"
            ) from None

    def _manifest(self, receipt: Receipt) -> Object:
        labels = {"app.kubernetes.io/managed-by": "slipway-delivery", OF: self._slug}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{self._slug}.{receipt.number}",
                "namespace": self._namespace,
                "labels": labels,
            },
            "data": {KEY: receipt.model_dump_json(indent=2)},
        }

    def _create_namespace(self) -> None:
        manifest: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self._namespace,
                "labels": {
                    "app.kubernetes.io/managed-by": "slipway-delivery",
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            },
        }
        try:
            self._cluster.create(manifest)
        except Conflict:
            return  # another promotion made it just now


def slug(stack: str) -> str:
    """Return a name for Kubernetes that no other stack has: lower case, at most 63 characters."""
    plain = re.sub(r"[^a-z0-9-]+", "-", stack.rpartition("/")[2].lower()).strip("-")[:40]
    if plain == stack:
        return plain
    return f"{plain}-{hashlib.sha256(stack.encode()).hexdigest()[:8]}".lstrip("-")


def good(receipts: Sequence[Receipt]) -> Iterator[Receipt]:
    """Yield those that the stack was proven to run, in the order given."""
    return (receipt for receipt in receipts if receipt.good)


def now() -> datetime:
    """The present time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
