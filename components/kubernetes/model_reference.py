"""References to models in a registry, which ModelService, its canary and Training take."""

from typing import Annotated

from pydantic import AfterValidator

from components.image import registry
from components.image.reference import ImageReference
from components.image.registry import RegistryCredentials
from slipway.images.model_image import Published, read_model
from slipway.images.model_image import SlipwayError as SlipwayError


def _by_digest(value: str) -> str:
    """Refuse a reference without a digest, and without a repository."""
    return str(ImageReference.parse(value))


Model = Annotated[str, AfterValidator(_by_digest)]


def read(model: str, credentials: RegistryCredentials | None) -> Published:
    """Return the card and the size of a model; SlipwayError if it is not a model."""
    image = ImageReference.parse(model)
    return read_model(image, registry.client(image.repository, credentials))
