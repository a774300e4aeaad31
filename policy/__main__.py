"""The policy pack: `pulumi up --policy-pack policy`.

Loading it must print nothing: the host reads a port from the first line of the output.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from objects import UNKNOWN
from pulumi_policy import EnforcementLevel, PolicyPack, ReportViolation, ResourceValidationPolicy
from pulumi_policy.proxy import UnknownValueError
from rules import POLICIES, Policy


def _policy(policy: Policy) -> ResourceValidationPolicy:
    def validate(args: Any, report: ReportViolation) -> None:
        if args.resource_type.startswith("kubernetes:"):
            for problem in policy.violations(args.resource_type.rpartition(":")[2], marked(args.props)):
                report(f"{args.name}: {problem}")

    level = EnforcementLevel.MANDATORY if policy.mandatory else EnforcementLevel.ADVISORY
    return ResourceValidationPolicy(policy.name, policy.description, validate, level)


def marked(value: Any) -> Any:
    """Copy a value, with UNKNOWN for unknown parts, which raise an error when the SDK reads them."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(value: Any, key: Any) -> Any:
    try:
        return marked(value[key])
    except UnknownValueError:
        return UNKNOWN


PolicyPack("slipway", policies=[_policy(policy) for policy in POLICIES])
