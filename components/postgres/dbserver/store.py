"""The store of a database's backups: barman's programs, and the questions that they do not answer.

`python3 -m dbserver.store NAME` prints the base backups of a database, as JSON; it changes nothing.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CREDENTIALS = Path("/etc/postgres/store")
SEGMENT = re.compile("[0-9A-F]{24}")
TIMEOUT_S = 6 * 3600
# S3 look-alikes do not have the checksums that the SDK asks for since 2025.
_SDK = dict.fromkeys(
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"), "when_required"
)
NOT_FOUND = 1
"""The exit code of barman's programs when they reached the store, and it lacks what was asked for."""


class StoreError(Exception):
    """The store refused or failed; the message has the reason."""

    def __init__(self, reason: str, code: int = 4) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Backup:
    """A complete base backup."""

    id: str
    begun: datetime
    ended: datetime


@dataclass(frozen=True)
class Store:
    """The part of a bucket that belongs to one database, by the name that barman calls its server."""

    url: str
    server: str
    endpoint: str = ""
    region: str = "us-east-1"
    encryption: str = ""

    @classmethod
    def of(cls, server: str | None = None, environment: Mapping[str, str] = os.environ) -> "Store":
        """Return the store of a database, by default of the pod's own."""
        return cls(
            url=environment["BACKUP_URL"].rstrip("/"),
            server=server or environment["DB_NAME"],
            endpoint=environment.get("BACKUP_ENDPOINT", ""),
            region=environment.get("BACKUP_REGION") or "us-east-1",
            encryption=environment.get("BACKUP_ENCRYPTION", ""),
        )

    @property
    def place(self) -> str:
        """Where everything of the database is."""
        return f"{self.url}/{self.server}"

    @property
    def _bucket(self) -> str:
        return urlsplit(self.url).netloc

    def _key(self, path: str) -> str:
        return f"{urlsplit(self.url).path.strip('/')}/{self.server}/{path}".lstrip("/")

    def run(
        self, program: str, *arguments: str, options: Sequence[str] = (), env: Mapping[str, str] = {}
    ) -> str:
        """Run a program of barman, and return its output.

        Raises:
            StoreError: with the last line that it printed.
        """
        where = ("--endpoint-url", self.endpoint) if self.endpoint else ()
        command = (f"barman-cloud-{program}", *options, *where, self.url, self.server, *arguments)
        with self._environment() as store:
            try:
                done = subprocess.run(
                    command, env={**os.environ, **env, **store}, capture_output=True, text=True, check=False,
                    timeout=TIMEOUT_S,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise StoreError(f"{command[0]} did not end within {TIMEOUT_S} s") from None
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
            said = re.sub(r"^\S+ \S+ \[\d+\] ", "", lines[-1]) if lines else "no output"
            raise StoreError(f"{command[0]} ended with {done.returncode}: {said}", done.returncode)
        return done.stdout

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        """Write the credentials into a file for the SDK: neither arguments nor environment show them."""
        access, secret = ((CREDENTIALS / name).read_text().strip() for name in ("access-key", "secret-key"))
        with tempfile.NamedTemporaryFile("w", prefix="store-") as file:  # with mode 0600
            file.write(f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
            file.flush()
            yield {
                "AWS_SHARED_CREDENTIALS_FILE": file.name, "AWS_DEFAULT_REGION": self.region, **_SDK
            }  # fmt: skip

    @property
    def encrypted(self) -> tuple[str, ...]:
        """The option with which programs that write ask the store to encrypt."""
        return ("--encryption", self.encryption) if self.encryption else ()

    def backups(self) -> list[Backup]:
        """Return the complete base backups, the oldest first."""
        listed = json.loads(self.run("backup-list", options=("--format", "json")))
        found = [
            Backup(item["backup_id"], _time(item["begin_time"]), _time(item["end_time"]))
            for item in listed["backups_list"]
            if item["status"] == "DONE"
        ]
        return sorted(found, key=lambda backup: backup.ended)

    @cached_property
    def _client(self) -> Any:
        import boto3  # half a second, which each archived segment would take

        with self._environment() as variables:
            keys = [(CREDENTIALS / name).read_text().strip() for name in ("access-key", "secret-key")]
            os.environ.update(_SDK)
            del variables
        session = boto3.Session(*keys, region_name=self.region)
        return session.client("s3", endpoint_url=self.endpoint or None)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Turn the errors of the SDK into StoreError, also those in the middle of an answer."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, OSError) as error:
            raise StoreError(f"the store {self.endpoint or self.url} refuses or fails: {error}") from None

    def keys(self, path: str) -> list[str]:
        """Return what is below a path of the database, without the path of the database."""
        with self._asked():
            pages = self._client.get_paginator("list_objects_v2")
            listed = list(pages.paginate(Bucket=self._bucket, Prefix=self._key(path)))
        found = [item["Key"] for page in listed for item in page.get("Contents", ())]
        return [key.removeprefix(self._key("")) for key in found]

    def read(self, path: str) -> bytes | None:
        """Return an object; None if there is none."""
        if path not in self.keys(path):
            return None
        with self._asked():
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(path))["Body"].read()
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write an object."""
        with self._asked():
            self._client.put_object(Bucket=self._bucket, Key=self._key(path), Body=content)

    def segments(self, timeline: str) -> list[str]:
        """Return the archived segments of a timeline, the oldest first."""
        names = (key.rpartition("/")[2].partition(".") for key in self.keys(f"wals/{timeline}"))
        return sorted(name for name, _, rest in names if SEGMENT.fullmatch(name) and "partial" not in rest)

    def check(self, backup: Backup) -> None:
        """Check that every archive of a base backup is whole, by the checksum that gzip keeps of it.

        Raises:
            StoreError: an archive is missing, cut off, or has other bytes than were written.
        """
        archives = [key for key in self.keys(f"base/{backup.id}/") if key.endswith(".tar.gz")]
        if not archives:
            raise StoreError(f"the base backup {backup.id} has no archive in the store")
        for key in archives:
            unpacking = zlib.decompressobj(31)
            try:
                with self._asked():
                    body = self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"]
                    for block in body.iter_chunks(1 << 20):
                        unpacking.decompress(block)
            except zlib.error as error:
                raise StoreError(f"the base backup {backup.id} is damaged: {key}: {error}") from None
            if not unpacking.eof:
                raise StoreError(f"the base backup {backup.id} is damaged: {key} is cut off")


def _time(text: str) -> datetime:
    """Return a time of barman: "Fri Nov 27 02:04:46 2026" in UTC, or ISO 8601."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.strptime(text, "%a %b %d %H:%M:%S %Y")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def main() -> None:
    """Print the complete base backups of the database that the argument names, the oldest first."""
    try:
        found = Store.of(sys.argv[1]).backups()
    except StoreError as error:
        sys.exit(str(error))
    print(json.dumps([{"id": backup.id, "ended": backup.ended.isoformat()} for backup in found]))


if __name__ == "__main__":
    main()
