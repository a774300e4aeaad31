"""Receipts: the records of promotions, one ConfigMap each, in the cluster of the stack.

An open receipt is also the lock. Its name has the next number, so only one of two processes can create it,
and its owner renews it every few seconds. docs/decisions/receipts.md explains the place.
"""

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway import masking
from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import Conflict, ObjectNotFound, SlipwayError
from slipway.promotion.options import PromotionOptions
from slipway.promotion.owner import Owner

KEY = "receipt.json"
STACK_LABEL = "slipway.dev/receipt-of"
MAX_TEXT = 10_000
"""The characters of a reason, or of a check's detail, that a receipt keeps: a ConfigMap may have 1 MiB."""


_EARLIER = {"put back": "rolled back", "putting back": "rolling back"}
"""Values in receipts of earlier versions, and what they are called now."""


class _Recorded(StrEnum):
    """A value that receipts record."""

    @classmethod
    def _missing_(cls, value: object) -> "Self | None":
        return cls(_EARLIER[value]) if isinstance(value, str) and value in _EARLIER else None


class Outcome(_Recorded):
    """The result of a promotion."""

    OPEN = "open"
    """The promotion runs, or its process died."""
    VERIFIED = "verified"
    """The new version runs, and every check passed."""
    ROLLED_BACK = "rolled back"
    """It failed; the previous version runs again, and passed the checks."""
    FAILED = "failed"
    """It failed, and the rollback failed too, or there was no previous version."""
    ABANDONED = "abandoned"
    """It ended before the update: declined, refused, interrupted."""
    PROPOSED = "proposed"
    """Only the stack file was changed, as `--pull-request` requests."""


class Phase(_Recorded):
    """The step of an open promotion; each step can be repeated."""

    PREVIEWING = "previewing"
    CANARY = "watching a canary"
    """A share of the pods serves the model; the stack file has it as `canary`."""
    APPLYING = "applying"
    VERIFYING = "verifying"
    ROLLING_BACK = "rolling back"


class CheckResult(BaseModel):
    """The result of a check."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    detail: str
    seconds: float = 0.0


class Companion(BaseModel):
    """What is promoted together with the image of a receipt: the model."""

    model_config = ConfigDict(frozen=True)

    setting: str
    image: str
    previous: str | None = None
    previous_setting: str | None = None


class Receipt(BaseModel):
    """The record of a promotion or rollback."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    number: int
    """The number of the receipt, from 1 for each stack."""
    stack: str
    """The target."""
    kind: str = "promotion"
    """promotion or rollback."""
    source: str
    """The stack that the image comes from; for a rollback the receipt: #3."""
    setting: str = "image"
    """The key in the stack file that is promoted: image or model."""
    image: str
    """The full reference of the image or model, with its digest."""
    previous: str | None = None
    """The image that the target ran before; None if it ran no image."""
    previous_setting: str | None = None
    """The image in the stack file before."""
    companion: Companion | None = None
    """The model, if it is promoted together with the image."""
    salt: bool = True
    """The stack file had a salt before, or may have had: receipts of earlier versions do not record it."""
    who: str
    commit: str = ""
    """The commit of the source's last update, if Pulumi recorded it."""
    started: datetime
    ended: datetime | None = None
    phase: Phase = Phase.PREVIEWING
    outcome: Outcome = Outcome.OPEN
    reason: str = ""
    """The reason for an outcome other than verified."""
    plan: str = ""
    """The SHA-256 of the engine's update plan that was shown and applied."""
    checks: tuple[CheckResult, ...] = ()
    soak_s: float = 0.0
    """The duration of the soak, in seconds."""
    options: PromotionOptions | None = None
    """The options of the promotion; None in receipts of earlier versions."""
    holder: Owner | None = Field(default=None, repr=False)
    """The owner of the lease; None for a closed or released receipt."""

    @property
    def digest(self) -> str:
        """The image's digest."""
        return self.image.rpartition("@")[2]

    @property
    def changes(self) -> tuple[Self, ...]:
        """The receipt once for each version that it promotes, with the fields of that version."""
        if self.companion is None:
            return (self,)
        return self, self.model_copy(update=dict(self.companion))

    @property
    def images(self) -> str:
        """The images that it promotes, in one line."""
        return " and ".join(change.image for change in self.changes)

    def about(self, setting: str) -> Self | None:
        """Return the receipt with the version of a setting; None if it does not promote that."""
        return next((change for change in self.changes if change.setting == setting), None)

    def printed(self) -> Any:
        """Return the receipt as JSON for users: without its owner and without secrets."""
        return masking.masked(self.model_dump(mode="json", exclude={"holder"}))

    @property
    def verified(self) -> bool:
        """The stack ran the version, and every check passed."""
        return self.outcome is Outcome.VERIFIED


class Receipts:
    """The receipts of one stack."""

    def __init__(self, cluster: Cluster, project: str, stack: str, given: str = "") -> None:
        """Use the receipts in the cluster that the stack is deployed to.

        `given` is the namespace to use if the stack does not create its own: whoever may not create a
        namespace for its objects may not create another for receipts. Other projects may use it too.
        """
        self.stack = stack
        self._cluster = cluster
        self._namespace = given or namespace(project)
        self._prefix = f"{project}." if given else ""
        self._slug = slug(self._prefix + stack)

    def all(self) -> list[Receipt]:
        """Return every receipt, the latest first."""
        return [receipt for receipt, _ in self._read()]

    def latest(self) -> tuple[Receipt, Object] | None:
        """Return the latest receipt and its ConfigMap, or None."""
        return next(iter(self._read()), None)

    def create(self, receipt: Receipt) -> Object:
        """Create the ConfigMap of a receipt.

        Raises:
            Conflict: another receipt has the number.
        """
        try:
            return self._cluster.create(self._manifest(receipt))
        except ObjectNotFound:
            if self._prefix:
                raise  # the owner of the namespace creates it
            self._create_namespace()
            return self._cluster.create(self._manifest(receipt))

    def replace(self, receipt: Receipt, stored: Object) -> Object:
        """Replace the ConfigMap `stored`.

        Raises:
            Conflict: the ConfigMap in the cluster is newer than `stored`.
        """
        manifest = self._manifest(receipt)
        manifest["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
        return self._cluster.replace(manifest)

    def _read(self) -> list[tuple[Receipt, Object]]:
        objects = self._cluster.get("configmaps", "-n", self._namespace, "-l", f"{STACK_LABEL}={self._slug}")
        receipts = [(self._parse(item), item) for item in objects]
        return sorted(receipts, key=lambda pair: -pair[0].number)

    def _parse(self, stored: Object) -> Receipt:
        name = stored["metadata"]["name"]
        try:
            receipt = Receipt.model_validate_json(stored["data"][KEY])
        except (KeyError, ValidationError) as error:
            raise SlipwayError(
                f"receipt {name} in namespace {self._namespace} cannot be read: {error}"
            ) from None
        if (name, slug(self._prefix + receipt.stack)) != (f"{self._slug}.{receipt.number}", self._slug):
            raise SlipwayError(
                f"receipt {name} in namespace {self._namespace} was changed by hand: it says"
                f" #{receipt.number} of {receipt.stack}"
            )
        return receipt

    def _manifest(self, receipt: Receipt) -> Object:
        labels = {"app.kubernetes.io/managed-by": "slipway-delivery", STACK_LABEL: self._slug}
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
            return  # another promotion has just created it


def namespace(project: str) -> str:
    """Return the namespace of a project's receipts: its name if Kubernetes allows it, else a unique slug."""
    name = f"receipts-{project}"
    return name if re.fullmatch(r"[a-z0-9-]{1,62}[a-z0-9]", name) else f"receipts-{slug(project)}"


def slug(stack: str) -> str:
    """Return a unique Kubernetes name for a stack: lower case, at most 63 characters."""
    plain = re.sub(r"[^a-z0-9-]+", "-", stack.rpartition("/")[2].lower()).strip("-")[:40]
    if plain == stack:
        return plain
    return f"{plain}-{hashlib.sha256(stack.encode()).hexdigest()[:8]}".lstrip("-")


def now() -> datetime:
    """Return the present time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
