"""The packages in the SBOM of an image."""

import io
import tarfile
from pathlib import Path

import pytest

from slipway.errors import SlipwayError
from slipway.images import sbom
from slipway.images.references import Image
from slipway.images.sbom import Package, read_packages

DPKG = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10
Description: GNU C Library
 More of it.

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
DISTROLESS = "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"
APK = "C:Q1=\nP:musl\nV:1.2.5-r1\nA:x86_64\n\nP:busybox\nV:1.37\nA:x86_64\n"
METADATA = "Metadata-Version: 2.1\nName: Flask_Cors\nVersion: 5.0\n\nVersion: not this\n"
RELEASE = 'NAME="Debian"\nID=debian\nVERSION_ID="12"\n'


def archive(**files: str) -> io.BytesIO:
    """Return a file system as a tar archive; a double underscore in a name stands for a slash."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    target.seek(0)
    return target


@pytest.mark.parametrize(
    ("path", "text", "packages"),
    [
        ("var__lib__dpkg__status", DPKG, {Package("deb", "libc6", "2.36-9+deb12u10", "amd64")}),
        ("var__lib__dpkg__status.d__base", DISTROLESS, {Package("deb", "base-files", "12.4", "amd64")}),
        ("var__lib__dpkg__status.d__base.md5sums", DISTROLESS, set()),
        (
            "lib__apk__db__installed",
            APK,
            {Package("apk", "musl", "1.2.5-r1", "x86_64"), Package("apk", "busybox", "1.37", "x86_64")},
        ),
        (
            "opt__venv__lib__python3.11__site-packages__Flask_Cors-5.0.dist-info__METADATA",
            METADATA,
            {Package("pypi", "Flask_Cors", "5.0")},
        ),
        ("home__METADATA", METADATA, set()),
        ("lib__site-packages__x.dist-info__METADATA", "Metadata-Version: 2.1\nName: x\n", set()),
    ],
)
def test_package_databases(path: str, text: str, packages: set[Package]) -> None:
    assert read_packages(archive(**{path: text})) == ({}, packages)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("var__lib__dpkg__status", "Package: a\n\nPackage: b\n"),
        ("lib__apk__db__installed", "P:musl\n"),
        ("x__site-packages__a.dist-info__METADATA", "Name: a\n"),
    ],
)
def test_a_record_without_a_version_is_skipped(path: str, text: str) -> None:
    assert read_packages(archive(**{path: text})) == ({}, set())


def test_a_database_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "_LARGEST", 10)
    with pytest.raises(SlipwayError, match="var/lib/dpkg/status in the image has 54 bytes, more than 10"):
        read_packages(archive(var__lib__dpkg__status=DISTROLESS))


def test_a_package_url_contains_the_distribution() -> None:
    release, packages = read_packages(
        archive(var__lib__dpkg__status=DPKG, **{"usr__lib__os-release": RELEASE})
    )
    assert [package.url(release).to_string() for package in packages] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12"
    ]


def test_the_name_of_a_python_package_is_normalised() -> None:
    assert Package("pypi", "Flask_Cors", "5.0").url({}).to_string() == "pkg:pypi/flask-cors@5.0"


def test_an_image_with_rpm_packages_is_refused() -> None:
    with pytest.raises(SlipwayError, match="use syft"):
        read_packages(
            archive(**{"usr__lib__sysimage__rpm__rpmdb.sqlite": "x", "var__lib__dpkg__status": DPKG})
        )


@pytest.mark.parametrize("output", ["", "head --bytes=2048 {}"], ids=["none", "half"])
def test_a_failed_export_is_an_error(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tmp_path / "whole.tar"
    whole.write_bytes(archive(var__lib__dpkg__status=DPKG, etc__hosts="x" * 2000).getvalue())
    script = f"cat >/dev/null; {output.format(whole) or 'true'}; echo no such image >&2; exit 1"
    monkeypatch.setattr(sbom, "buildx", lambda *_: ("sh", "-c", script))
    with pytest.raises(SlipwayError, match="no such image"):
        sbom.generate(Image("localhost/hits", f"sha256:{'1' * 64}"))
