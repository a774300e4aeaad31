"""The options of a promotion, which its receipt keeps, so that `recover` finishes it by the same options."""

import shlex
import shutil
from dataclasses import dataclass, field, replace

from slipway.errors import SlipwayError

READY = "/v2/health/ready"
"""The path at which a server of the Open Inference Protocol reports that its model answers."""


@dataclass(frozen=True)
class VerifyOptions:
    """The checks that a version must pass."""

    path: str = "/"
    """The path of the HTTP check, requested through the Service."""
    service: str | None = None
    """The name of the Service; by default a Service in front of the image's pods."""
    command: str | None = None
    """A command that runs without a shell, with IMAGE, NAMESPACE and STACK; exit code 0 passes."""
    soak_s: float = 0.0
    """The duration of the soak, in seconds."""
    rate: float = 5.0
    """The requests per second of the soak."""
    max_errors: float = 0.0
    """The share of the soak's requests that may fail: 0.01 is 1 %."""
    command_timeout_s: float = 300.0
    host: str | None = None
    """The Host header of the requests, for applications that refuse other names."""
    status: int | None = None
    """The status that passes; by default 200 to 299."""

    def for_model(self) -> "VerifyOptions":
        """Return the options with an inference of the sample row in place of the path that is the default."""
        return replace(self, path=READY) if self.path == VerifyOptions.path else self

    def without_soak(self) -> "VerifyOptions":
        """Return the same options without a soak."""
        return replace(self, soak_s=0.0)

    @property
    def requires_service(self) -> bool:
        """An option can only be checked through a Service."""
        return bool(self.path != "/" or self.service or self.soak_s or self.host or self.status)

    def arguments(self) -> list[str]:
        """Return the arguments of the command."""
        try:
            return shlex.split(self.command or "")
        except ValueError as error:
            raise SlipwayError(f"the check command cannot be parsed: {error}: {self.command}") from None

    def check_command(self) -> None:
        """Check that the command can be run, before anything is changed."""
        if self.command is None:
            return
        arguments = self.arguments()
        if not arguments or shutil.which(arguments[0]) is None:
            raise SlipwayError(
                f"the check command cannot be run: {arguments[0] if arguments else 'it'} is not an executable"
                f" program here: {self.command!r}"
            )


@dataclass(frozen=True)
class GateOptions:
    """The conditions on which a model may replace another one."""

    margin: float = 0.02
    """How much worse it may be: the accuracy by this difference, a mean error by this share."""
    confidence: float = 0.95
    """The confidence that it is not worse than that."""
    max_latency: float = 2.0
    """How many times as long an inference may take."""
    max_size: float = 2.0
    """How many times as large the model may be."""


@dataclass(frozen=True)
class CanaryOptions:
    """The steps of a canary, and what ends it."""

    shares: tuple[int, ...] = (10, 50)
    """The percent of the pods that serve the model in each step; after the last, all do.

    In a step with 0, the model is a shadow: it gets copies of requests.
    """
    step_s: float = 60.0
    """The shortest duration of a step, in seconds."""
    min_requests: int = 200
    """The requests that the model must have answered before a step is judged."""
    patience_s: float = 900.0
    """The longest duration of a step: with too few requests until then, the model is refused."""
    max_errors: float = 0.01
    """The share of requests by which more may fail than the champion's."""
    max_latency: float = 2.0
    """How many times as long the 95th percentile may be as the champion's."""
    max_shift: float = 0.25
    """The greatest population stability index of the predictions, against the model's card."""


@dataclass(frozen=True)
class PromotionOptions:
    """The options of a promotion."""

    verify: VerifyOptions = field(default_factory=VerifyOptions)
    gate: GateOptions = field(default_factory=GateOptions)
    pull_request: bool = False
    roll_back: bool = True
    canary: CanaryOptions | None = None
    """The canary of a model; None serves it by all pods at once."""
    with_model: bool = False
    """Promote the stack's model together with its image."""
    drill_age_s: float | None = None
    """The maximum age of the last drill of each database of the target; None demands no drill."""
