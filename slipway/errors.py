"""Errors that the user can act on. The command line prints their message without a traceback.

Any function may raise SlipwayError. A docstring names only the subclasses that its callers distinguish.

SlipwayError
├── Interrupted
├── CommandFailed
│   ├── CommandNotFound
│   └── CommandTimeout
├── StackNotFound
├── StackLocked
├── LockInUse
├── BadReference
├── ImageNotFound
├── RegistryUnavailable
├── ObjectNotFound
├── Conflict
├── BadKubeconfig
├── BadSource
├── OutOfDate
├── HistoryUnavailable
└── PromotionInProgress
"""


class SlipwayError(Exception):
    """An operation failed; the message names the cause and the next step."""


class Interrupted(SlipwayError):
    """The user pressed Ctrl-C or closed the terminal, or the process received SIGTERM."""


# Other programs


class CommandFailed(SlipwayError):
    """A program ended with an exit code other than 0."""


class CommandNotFound(CommandFailed):
    """A program is not installed."""


class CommandTimeout(CommandFailed):
    """A program did not end in time."""


# Pulumi


class StackNotFound(SlipwayError):
    """The backend has no stack of that name."""

    def __init__(self, stack: str) -> None:
        super().__init__(
            f"there is no stack {stack}; `pulumi stack ls` lists the stacks of this project,"
            f" `pulumi stack init {stack}` creates it"
        )


class StackLocked(SlipwayError):
    """Another operation, running or dead, holds the lock of the stack."""

    def __init__(self, stack: str, output: str) -> None:
        super().__init__(
            f"stack {stack} is locked by another operation. Wait until it ends; if it died,"
            f" `slipway recover {stack}` removes the lock"
        )
        self.output = output
        """The output of pulumi: some backends print the owner of the lock."""


class LockInUse(SlipwayError):
    """The owner of a stack's lock runs, or cannot be checked."""


# Registries and clusters


class BadReference(SlipwayError, ValueError):
    """The text does not name one version of an image."""

    def __init__(self, text: str) -> None:
        self.reason = "must name one version by digest: sha256:…, tag@sha256:… or repository:tag@sha256:…"
        super().__init__(f"{text!r} {self.reason}")


class ImageNotFound(SlipwayError):
    """The registry does not have the image."""


class RegistryUnavailable(SlipwayError):
    """The registry is unreachable, refuses the login, or answers with an error."""


class ObjectNotFound(SlipwayError):
    """The cluster does not have the object."""


class Conflict(SlipwayError):
    """The object exists already, or has changed since it was read."""


class BadKubeconfig(SlipwayError):
    """The kubeconfig cannot be read. The message never repeats its contents."""


# Applications


class BadSource(SlipwayError):
    """A Compose file or a Dockerfile cannot be read or translated."""


# Previews and promotions


class OutOfDate(SlipwayError):
    """An input of the preview has changed since the preview was made."""


class HistoryUnavailable(SlipwayError):
    """The commits since the last update could not be listed."""


class PromotionInProgress(SlipwayError):
    """Another process works on a promotion to the same stack."""
