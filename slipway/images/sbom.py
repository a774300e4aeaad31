"""The software bill of materials of an image: which packages of its distribution and of Python it holds."""

import re
import subprocess
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from typing import IO

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from slipway.errors import SlipwayError
from slipway.images.references import TIMEOUT_S, Image, buildx

_DEBIAN = re.compile(r"var/lib/dpkg/status(\.d/[^/]+(?<!\.md5sums))?")
_ALPINE = re.compile(r"(usr/)?lib/apk/db/installed")
_PYTHON = re.compile(r".*/(site|dist)-packages/[^/]+\.(dist-info/METADATA|egg-info/PKG-INFO)")
_RPM = re.compile(r"(var/lib|usr/lib/sysimage)/rpm/.+")
_RELEASE = re.compile(r"(etc|usr/lib)/os-release")


@dataclass(frozen=True, order=True)
class Package:
    """One installed package, by its package URL: https://github.com/package-url/purl-spec."""

    type: str
    """The package URL's type: deb, apk or pypi."""
    name: str
    version: str
    architecture: str = ""

    def url(self, release: dict[str, str]) -> PackageURL:
        """Return what names it everywhere; `release` is the image's os-release."""
        if self.type == "pypi":
            return PackageURL("pypi", None, re.sub(r"[-_.]+", "-", self.name).lower(), self.version)
        distribution = release.get("ID", "debian" if self.type == "deb" else "alpine")
        place = {"arch": self.architecture, "distro": f"{distribution}-{release.get('VERSION_ID', '')}"}
        return PackageURL(self.type, distribution, self.name, self.version, place)


def bill(image: Image) -> str:
    """Return the bill in CycloneDX's JSON (1.6), read from the image's own files by BuildKit.

    Of an image for several platforms it is that of the builder's own.

    Raises:
        SlipwayError: when the image or BuildKit cannot be had, or the image does not tell what it holds.
    """
    command = buildx("build", "--quiet", "--provenance=false", "--output=type=tar,dest=-", "-")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        with process, _no_longer_than(TIMEOUT_S, process):
            assert process.stdin and process.stdout  # noqa: S101 # they are pipes
            process.stdin.write(f"FROM {image.by_digest}\n".encode())
            process.stdin.close()
            try:
                release, packages = read(process.stdout)
            except tarfile.ReadError:  # nothing came: the exit code tells
                release, packages = {}, set()
            process.stdout.read()  # the padding, or buildx would end with a broken pipe
        if process.returncode:
            log.seek(0)
            said = log.read().decode(errors="replace").strip()
            raise SlipwayError(f"{image.by_digest} cannot be read: {said or 'it took too long'}")
    if not packages:
        raise SlipwayError(
            f"{image.by_digest} has no packages of dpkg, apk or Python, the kinds read here: use syft"
        )
    return _written(image, release, packages)


@contextmanager
def _no_longer_than(seconds: float, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def read(archive: IO[bytes]) -> tuple[dict[str, str], set[Package]]:
    """Return the release of the distribution and the packages of a file system that comes as a tar.

    Raises:
        SlipwayError: when there are packages of a kind that is not read.
    """
    release: dict[str, str] = {}
    packages: set[Package] = set()
    with tarfile.open(fileobj=archive, mode="r|") as files:
        for member in filter(tarfile.TarInfo.isfile, files):
            name = member.name.removeprefix("./")
            parse = next((parse for pattern, parse in _PARSERS.items() if pattern.fullmatch(name)), None)
            if parse:
                packages.update(parse(_text(files, member)))
            elif _RPM.fullmatch(name):
                raise SlipwayError(
                    "it has packages of rpm, which are not read here: use syft for such images"
                )
            elif _RELEASE.fullmatch(name):
                pairs = (line.partition("=") for line in _text(files, member).splitlines())
                release = {key: value.strip("\"'") for key, _, value in pairs}
    return release, packages


def _text(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = files.extractfile(member)
    return content.read().decode(errors="replace") if content else ""


def _debian(text: str) -> Iterator[Package]:
    """Packages of dpkg's database: https://manpages.debian.org/dpkg/deb822.5. Removed ones stay in it."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields = message_from_string(paragraph)
        if fields["Package"] and fields.get("Status", "installed").endswith("installed"):
            yield Package("deb", fields["Package"], fields["Version"], fields["Architecture"])


def _alpine(text: str) -> Iterator[Package]:
    """Packages of apk's database: https://wiki.alpinelinux.org/wiki/Apk_spec."""
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        if "P" in fields:
            yield Package("apk", fields["P"], fields["V"], fields.get("A", ""))


def _python(text: str) -> Iterator[Package]:
    """A distribution's own metadata: https://packaging.python.org/specifications/core-metadata/."""
    fields = message_from_string(text)
    if fields["Name"] and fields["Version"]:
        yield Package("pypi", fields["Name"], fields["Version"])


_PARSERS = {_DEBIAN: _debian, _ALPINE: _alpine, _PYTHON: _python}


def _written(image: Image, release: dict[str, str], packages: Iterable[Package]) -> str:
    root = Component(
        name=image.repository, version=image.digest, type=ComponentType.CONTAINER, bom_ref=image.by_digest
    )
    document = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, image.by_digest))
    document.metadata.component = root
    parts = []
    for package in sorted(packages):
        url = package.url(release)
        parts.append(
            Component(
                name=package.name,
                version=package.version,
                type=ComponentType.LIBRARY,
                purl=url,
                bom_ref=url.to_string(),
            )
        )
    document.components.update(parts)
    document.register_dependency(root, parts)
    return JsonV1Dot6(document).output_as_string(indent=2)
