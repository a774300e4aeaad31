"""Canary: a second version of a model, which answers a share of the requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from components.image.reference import ImageReference
from components.kubernetes.component import Transform
from components.kubernetes.model_reference import Model
from components.validation import options
from slipway.images.model_card import CANARY, CARD, SIZE
from slipway.images.model_image import Published


@options
class Canary:
    """A second version next to the first: `slipway promote --model --canary` writes it to the stack file."""

    model: Model
    """The image of the second version."""
    share: Annotated[int, Field(strict=True, ge=0, le=99)]
    """The percent of all pods that serve it, at least one pod. The first version keeps its pods.

    0 makes it a shadow: it gets copies of requests, and no caller gets its answers.
    """

    def replicas(self, first: int) -> int:
        """Return the number of its pods next to those of the first version."""
        return max(1, round(first * self.share / (100 - self.share)))


def second_deployment(
    first: Mapping[str, Any], canary: Canary, published: Published, replicas: int
) -> dict[str, Any]:
    """Return the arguments of the canary's Deployment, from those of the first version's.

    Its pods have the labels that the Service selects, and one more by which its own Deployment knows them.
    """
    metadata, spec = first["metadata"], first["spec"]
    template, pod = spec["template"], spec["template"]["spec"]
    label = {CANARY: "true"}
    digest = ImageReference.parse(canary.model).digest
    annotations = {**metadata["annotations"], CARD: published.card.json_text(), SIZE: str(published.size)}
    return {
        **first,
        "metadata": {
            **metadata,
            "name": f"{metadata['name']}-canary",
            "labels": {**metadata["labels"], **label},
            "annotations": annotations,
        },
        "spec": {
            **spec,
            "replicas": canary.replicas(replicas),
            "selector": {"match_labels": {**spec["selector"]["match_labels"], **label}},
            "template": {
                **template,
                "metadata": {**template["metadata"], "labels": {**template["metadata"]["labels"], **label}},
                "spec": {
                    **pod,
                    "init_containers": _replaced(pod["init_containers"], "model", image=canary.model),
                    "containers": [
                        {**item, "env": _replaced(item["env"], "MODEL_DIGEST", value=digest)}
                        for item in pod["containers"]
                    ],
                },
            },
        },
    }


def labelled(transform: Transform | None) -> Transform:
    """Return a transform that gives pods the label of a canary."""

    def label(kind: str, arguments: dict[str, Any]) -> None:
        if kind == "Deployment":
            arguments["spec"]["template"]["metadata"]["labels"][CANARY] = "true"
        if transform:
            transform(kind, arguments)

    return label


def _replaced(items: Sequence[Mapping[str, Any]], name: str, **values: Any) -> list[dict[str, Any]]:
    """Return the items with these values in the item of this name."""
    return [{**item, **(values if item["name"] == name else {})} for item in items]
