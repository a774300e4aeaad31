"""A single server without Patroni and without a cluster: `python3 -m dbserver.single serve|apply|…`.

A Docker engine has no files for secrets. They come by the environment, and first of all go into files in
memory, where pods mount them: what runs then finds them there, and not in its environment.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from dbserver import schedule
from dbserver.databases import apply_databases, literal, verifier
from dbserver.restore import begin as restore
from dbserver.restore import check_origin
from dbserver.server import BINARIES, EVERYONE, USERS, make_certificate, parameters, password, write_secret
from dbserver.volume import lock_volume

SECRETS = "DB_SECRETS"


def keep_secrets(environment: MutableMapping[str, str]) -> None:
    """Move the secrets from the environment into the files where all modules look for them."""
    for name, text in json.loads(environment.pop(SECRETS, "{}")).items():
        path = USERS.parent / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_secret(path, text)


def serve(environment: Mapping[str, str]) -> None:
    """Make the database unless the volume has it, and become its server."""
    data = Path(environment["PGDATA"])
    lock_volume(data.parent)
    if not data.exists() or not any(data.iterdir()):
        make(data, environment)
    configure(data, environment)
    make_certificate(environment["DB_NAME"])
    set_superuser(data)
    os.execv(f"{BINARIES}/postgres", ["postgres", "-D", str(data)])  # noqa: S606 # it needs no shell


def make(data: Path, environment: Mapping[str, str]) -> None:
    """Make an empty database, or a restored one. It gets its name when it is complete."""
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    if environment.get("RESTORE_SERVER"):
        restore(new)
    else:
        options = ("--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums")
        subprocess.run((f"{BINARIES}/initdb", f"--pgdata={new}", *options, "--auth=reject"), check=True)
    new.rename(data)


def configure(data: Path, environment: Mapping[str, str]) -> None:
    """Write the files of the configuration, which a backup has too."""
    values = {"listen_addresses": "*", **parameters(dict(environment), shutil.disk_usage(data).total)}
    lines = [f"{name} = {_setting(value)}\n" for name, value in values.items()]
    (data / "postgresql.conf").write_text("".join(lines))
    (data / "pg_hba.conf").write_text("\n".join(("local all all scram-sha-256", *EVERYONE, "")))


def _setting(value: str) -> str:
    """Return a quoted value of postgresql.conf, in which a backslash begins an escape."""
    return literal(value.replace("\\", r"\\"))


def set_superuser(data: Path) -> None:
    """Give the superuser its password: a restored database and a volume of an earlier stack have another."""
    statement = f"ALTER ROLE postgres PASSWORD {literal(verifier(password('superuser')))}\n"
    command = (f"{BINARIES}/postgres", "--single", "-D", str(data), "postgres")
    done = subprocess.run(command, input=statement, capture_output=True, text=True, check=False)
    if done.returncode or "ERROR" in done.stderr:
        sys.exit(f"the server does not start: {done.stderr.strip()}")


def main() -> None:
    """Run what the argument names."""
    keep_secrets(os.environ)
    [name] = sys.argv[1:]
    if name == "serve":
        serve(os.environ)
    elif name == "apply":
        check_origin(os.environ)
        apply_databases(json.loads(os.environ["DB_SETTINGS"]))
    elif name == "drill":
        os.execvp("python3", ["python3", "-m", "dbserver.drill"])  # noqa: S606 # of the image
    else:
        schedule.run(os.environ)


if __name__ == "__main__":
    main()
