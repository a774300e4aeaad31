"""The software bill of materials (SBOM) of an image: the packages of its distribution and of Python."""

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
_LARGEST = 64 * 2**20
"""Bytes of a file to read: a layer can hold a thousand times its own size."""


@dataclass(frozen=True, order=True)
class Package:
    """An installed package, identified by its package URL: https://github.com/package-url/purl-spec."""

    type: str
    """The package URL's type: deb, apk or pypi."""
    name: str
    version: str
    architecture: str = ""

    def url(self, release: dict[str, str]) -> PackageURL:
        """Return the package URL; `release` is the image's os-release."""
        if self.type == "pypi":
            return PackageURL("pypi", None, re.sub(r"[-_.]+", "-", self.name).lower(), self.version)
        distribution = release.get("ID", "debian" if self.type == "deb" else "alpine")
        place = {"arch": self.architecture, "distro": f"{distribution}-{release.get('VERSION_ID', '')}"}
        return PackageURL(self.type, distribution, self.name, self.version, place)


def generate(image: Image) -> str:
    """Return the SBOM as CycloneDX 1.6 JSON, from the files of the image, which BuildKit exports.

    Of an image for several platforms, BuildKit exports the builder's own.

    Raises:
        SlipwayError: when BuildKit cannot export the image, or the image has no package database.
    """
    command = buildx("build", "--quiet", "--provenance=false", "--output=type=tar,dest=-", "-")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        with process, _time_limit(TIMEOUT_S, process):
            assert process.stdin and process.stdout  # noqa: S101 # they are pipes
            process.stdin.write(f"FROM {image.by_digest}\n".encode())
            process.stdin.close()
            try:
                release, packages = read_packages(process.stdout)
            except tarfile.ReadError:  # an incomplete export: the exit code is not 0
                release, packages = {}, set()
            process.stdout.read()  # the padding; without this buildx fails with a broken pipe
        if process.returncode:
            log.seek(0)
            message = log.read().decode(errors="replace").strip()
            raise SlipwayError(f"cannot export {image.by_digest}: {message or 'timed out'}")
    if not packages:
        raise SlipwayError(f"{image.by_digest} has no packages of dpkg, apk or Python; for others, use syft")
    return _document(image, release, packages)


@contextmanager
def _time_limit(seconds: float, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def read_packages(archive: IO[bytes]) -> tuple[dict[str, str], set[Package]]:
    """Return the os-release and the packages of a file system in a tar archive.

    Raises:
        SlipwayError: when the file system has packages of rpm, or a database that is too large.
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
                raise SlipwayError("packages of rpm are not supported: use syft for this image")
            elif _RELEASE.fullmatch(name):
                pairs = (line.partition("=") for line in _text(files, member).splitlines())
                release = {key: value.strip("\"'") for key, _, value in pairs}
    return release, packages


def _text(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.size > _LARGEST:
        raise SlipwayError(f"{member.name} in the image has {member.size} bytes, more than {_LARGEST}")
    content = files.extractfile(member)
    return content.read().decode(errors="replace") if content else ""


def _debian(text: str) -> Iterator[Package]:
    """Yield the packages of dpkg's database, which also lists removed ones: https://manpages.debian.org/dpkg/deb822.5."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields = message_from_string(paragraph)
        installed = fields.get("Status", "installed").endswith("installed")
        if fields["Package"] and fields["Version"] and installed:
            yield Package("deb", fields["Package"], fields["Version"], fields["Architecture"] or "")


def _alpine(text: str) -> Iterator[Package]:
    """Yield the packages of apk's database: https://wiki.alpinelinux.org/wiki/Apk_spec."""
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        if "P" in fields and "V" in fields:
            yield Package("apk", fields["P"], fields["V"], fields.get("A", ""))


def _python(text: str) -> Iterator[Package]:
    """Yield the package of a metadata file: https://packaging.python.org/specifications/core-metadata/."""
    fields = message_from_string(text)
    if fields["Name"] and fields["Version"]:
        yield Package("pypi", fields["Name"], fields["Version"])


_PARSERS = {_DEBIAN: _debian, _ALPINE: _alpine, _PYTHON: _python}


def _document(image: Image, release: dict[str, str], packages: Iterable[Package]) -> str:
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
