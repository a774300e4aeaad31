"""Autoscaling: as many pods as the load needs, within bounds."""

from __future__ import annotations

from typing import Annotated

import pulumi_kubernetes as k8s
from pydantic import PlainValidator, ValidationInfo, field_validator

from components.validation import Count, Percent, conflict, integer_from_text, options


@options
class Autoscaling:
    """The bounds and the target of the autoscaler."""

    min_replicas: Count = 3
    """The lowest number of replicas."""
    max_replicas: Count
    """The highest number of replicas."""
    cpu_utilization: Percent = 70
    """The average CPU use to aim for, in percent of the request."""

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min_replicas", 1)
        if value < least:
            raise conflict(f"is {value}, but must not be below min_replicas, {least}", use=str(least))
        return value

    def spec(self, deployment: str) -> k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgsDict:
        """Return the autoscaler of a Deployment."""
        target: k8s.autoscaling.v2.MetricTargetArgsDict = {
            "type": "Utilization",
            "average_utilization": self.cpu_utilization,
        }
        return {
            "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": deployment},
            "min_replicas": self.min_replicas,
            "max_replicas": self.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }


def _scale(value: object) -> object:
    value = integer_from_text(value)
    if isinstance(value, Autoscaling) or (type(value) is int and value >= 0):
        return value
    raise ValueError("must be a number of replicas, or Autoscaling(...)")


Scale = Annotated[int | Autoscaling, PlainValidator(_scale)]


def least(replicas: int | Autoscaling) -> int:
    """Return the lowest number of replicas."""
    return replicas.min_replicas if isinstance(replicas, Autoscaling) else replicas


def most(replicas: int | Autoscaling) -> int:
    """Return the highest number of replicas."""
    return replicas.max_replicas if isinstance(replicas, Autoscaling) else replicas
