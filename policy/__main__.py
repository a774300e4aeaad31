"""The house rules as a policy pack of Pulumi's: `pulumi up --policy-pack policy`.

Nothing may be printed while it loads: its host reads a port from the first line.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import EnforcementLevel, PolicyPack, ReportViolation, ResourceValidationPolicy
from pulumi_policy.proxy import UnknownValueError
from rules import POLICIES, Policy


def _policy(one: Policy) -> ResourceValidationPolicy:
    def validate(args: Any, report: ReportViolation) -> None:
        if args.resource_type.startswith("kubernetes:"):
            for problem in one.rule(args.resource_type.rpartition(":")[2], known(args.props)):
                report(f"{args.name}: {problem}")

    level = EnforcementLevel.MANDATORY if one.mandatory else EnforcementLevel.ADVISORY
    return ResourceValidationPolicy(one.name, one.description, validate, level)


def known(value: Any) -> Any:
    """Copy a value, with None for what is not known yet: the SDK's raises when that is looked at."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(value: Any, key: Any) -> Any:
    try:
        return known(value[key])
    except UnknownValueError:
        return None


PolicyPack("slipway", policies=[_policy(one) for one in POLICIES])
