"""Models as OCI images: one uncompressed layer with the files of a model, and the card as an annotation.

The same files give the same digest: every time in the image is 0, and the files are sorted. Annotations have
the names of ModelPack: https://github.com/modelpack/model-spec. The configuration is that of an ordinary
image, so that every container runtime pulls it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from slipway.errors import ImageNotFound
from slipway.errors import SlipwayError as SlipwayError  # also for the program
from slipway.images.model_card import Card
from slipway.images.references import Image
from slipway.images.registry import Repository

ARTIFACT = "application/vnd.cncf.model.manifest.v1+json"
CARD = "dev.slipway.model.card"
FILE_PATH = "org.cncf.model.filepath"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
DIRECTORY = "model"
"""The directory of the image that has the files."""
MODEL, CARD_FILE, HELD_OUT, TRAINING_ROWS = "model.onnx", "card.json", "held-out.json", "training-rows.txt"
FILES = (MODEL, CARD_FILE, HELD_OUT, TRAINING_ROWS)
"""What a training script writes."""
MAX_BYTES = 2 * 2**30
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"\x93NUMPY", b"\x1f\x8b")


@dataclass(frozen=True)
class ModelImage:
    """An image in memory, ready to be pushed."""

    card: Card
    layer: bytes
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """The digest that names it."""
        return _digest(self.manifest)

    def push(self, repository: Repository) -> Image:
        """Push the image unless the registry has it; return its reference."""
        tag = self.digest.removeprefix("sha256:")[:20]
        if repository.digest(tag) != self.digest:
            repository.push_blob(self.layer)
            repository.push_blob(self.config)
            repository.push_manifest(tag, self.manifest, MANIFEST_TYPE)
        return Image(repository.name, self.digest, tag)


def check_files(files: Mapping[str, bytes]) -> Card:
    """Return the card of the files that a training wrote; SlipwayError if they are not a model."""
    if missing := sorted(set(FILES) - set(files)):
        raise SlipwayError(f"the training wrote no {', '.join(missing)}: a model is {', '.join(FILES)}")
    if unknown := sorted(set(files) - set(FILES)):
        raise SlipwayError(f"the training wrote {', '.join(unknown)} too: a model is {', '.join(FILES)} only")
    if (size := sum(map(len, files.values()))) > MAX_BYTES:
        raise SlipwayError(f"the files of the model have {size} bytes, but may have {MAX_BYTES}")
    if files[MODEL].startswith(_PICKLES) or not files[MODEL].startswith(b"\x08"):
        raise SlipwayError(
            f"{MODEL} is not in the ONNX format; Slipway never loads a pickle or an archive. Export the model"
            " to ONNX: with skl2onnx for scikit-learn, torch.onnx.export for PyTorch"
        )
    card = Card.parse(files[CARD_FILE], CARD_FILE)
    actual = hashlib.sha256(files[HELD_OUT]).hexdigest()
    if actual != card.held_out.sha256:
        raise SlipwayError(
            f"held_out.sha256 of {CARD_FILE} is {card.held_out.sha256}, but {HELD_OUT} has {actual}"
        )
    return card


def pack(files: Mapping[str, bytes], origin: Mapping[str, str], platform: str = "linux/amd64") -> ModelImage:
    """Return the image of a model.

    Args:
        files: by their names.
        origin: further annotations: what the model was made from.
        platform: of the nodes; a model has no code, so it is the same for each.
    """
    card = check_files(files)
    system, architecture = platform.split("/")[:2]
    layer = _layer(files)
    config = _json(
        {
            "architecture": architecture,
            "os": system,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "slipway train"}],
        }
    )
    descriptor = {**_descriptor(LAYER_TYPE, layer), "annotations": {FILE_PATH: DIRECTORY}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTIFACT,
        "config": _descriptor(CONFIG_TYPE, config),
        "layers": [descriptor],
        "annotations": {"org.opencontainers.image.title": card.name, **origin, CARD: card.json_text()},
    }
    return ModelImage(card, layer, config, _json(manifest))


class Published(NamedTuple):
    """A model in a registry."""

    card: Card
    size: int
    """The bytes of its layer."""


def read_model(image: Image, repository: Repository | None = None) -> Published:
    """Return the card and the size of a model in a registry, without its layer.

    Raises:
        ImageNotFound: the registry does not have it.
        SlipwayError: it is not a model.
    """
    try:
        manifest = (repository or Repository(image.repository)).manifest(image.digest)
    except ImageNotFound:
        raise ImageNotFound(
            f"the registry does not have the model {image}; `slipway train` makes one"
        ) from None
    annotations = manifest.get("annotations") or {}
    if manifest.get("artifactType") != ARTIFACT or CARD not in annotations:
        raise SlipwayError(
            f"{image} is not a model: its manifest is not of the type {ARTIFACT} with the annotation {CARD}."
            " `slipway train` makes one"
        )
    card = Card.parse(annotations[CARD], f"the annotation {CARD} of {image}")
    return Published(card, sum(layer["size"] for layer in manifest["layers"]))


def _layer(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        directory = tarfile.TarInfo(DIRECTORY)
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755  # a copy of it can be copied over
        archive.addfile(directory)
        for name in sorted(files):
            entry = tarfile.TarInfo(f"{DIRECTORY}/{name}")
            entry.size, entry.mode = len(files[name]), 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
