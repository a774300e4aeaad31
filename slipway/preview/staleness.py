"""What a preview was made of, so that it is not applied once any of it has changed."""

from dataclasses import dataclass

from slipway.cluster import objects as live
from slipway.errors import OutOfDate
from slipway.images import references as images
from slipway.images.references import Image
from slipway.preview import fingerprints
from slipway.pulumi.snapshot import StackSnapshot


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of everything that an update depends on."""

    program: str
    project: str
    configuration: str
    state: str
    cluster: str
    image: str

    @classmethod
    def take(cls, target: StackSnapshot, image: Image) -> "Fingerprint":
        """Look at everything once.

        Raises:
            SlipwayError: when the registry does not have the image (any more), or cannot be asked.
        """
        images.manifest(image)
        directory = target.stack.project.directory
        return cls(
            program=fingerprints.program(directory, without=directory),
            project=(directory / "Pulumi.yaml").read_text(),
            configuration=fingerprints.configuration(target.stack),
            state=fingerprints.state(target.state),
            cluster=live.fingerprint(live.live_objects(target.cluster, target.objects)),
            image=f"{image} {images.tag_digest(image)}",
        )

    def check_unchanged(self, target: StackSnapshot, image: Image) -> None:
        """Return if all is as it was; `target` must have been read anew.

        Raises:
            OutOfDate: something is not. Nothing was touched.
        """
        now = Fingerprint.take(target, image)
        what = [name for key, name in _NAMES.items() if getattr(self, key) != getattr(now, key)]
        if what:
            raise OutOfDate(
                f"{' and '.join(what)} changed since the preview of {target.name} was made, so that it is out"
                " of date; nothing was applied. Run the same command again"
            )


_NAMES = {
    "program": "the program",
    "project": "Pulumi.yaml",
    "configuration": "the configuration",
    "state": "the state (by another update)",
    "cluster": "an object in the cluster",
    "image": "what the image's tag names",
}
