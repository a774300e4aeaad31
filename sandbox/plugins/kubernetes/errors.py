"""What can go wrong, and how it is told to the user."""

from collections.abc import Mapping, Sequence
from typing import Any


class ProviderError(Exception):
    """A failure whose text is meant for the user as it is."""


class StatusError(ProviderError):
    """A refusal by the API server: its Status object, of which the message is for the user."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__(str(status.get("message") or "unknown"))
        self.code = int(status.get("code") or 0)
        self.reason = str(status.get("reason") or "")
        self.details: Mapping[str, Any] = status.get("details") or {}

    @property
    def not_found(self) -> bool:
        """Whether the object, its namespace or its kind does not exist."""
        return self.code == 404

    @property
    def already_exists(self) -> bool:
        """Whether an object of that name exists already."""
        return self.reason == "AlreadyExists"

    @property
    def conflict(self) -> bool:
        """Whether another field manager owns what was to be changed, or the object has changed meanwhile."""
        return self.reason == "Conflict"

    @property
    def gone(self) -> bool:
        """Whether a watch must start anew: its resourceVersion is too old."""
        return self.code == 410


class UnreachableError(ProviderError):
    """The API server did not answer."""


class NoMatchError(ProviderError):
    """The API server serves no such kind (meta.NoKindMatchError of k8s.io/apimachinery)."""


class AwaitError(ProviderError):
    """An object that the API server took did not become ready, or is not gone, when the wait ended.

    `live` is the object as last seen, None if it was never seen; `reasons` are the sub-errors.
    """

    def __init__(self, message: str, live: dict[str, Any] | None, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.live = live
        self.reasons = tuple(reasons)
