"""The kubeconfig of a stack, chosen as Pulumi's Kubernetes plugin chooses it.

The rules are those of parseKubeconfigString in the plugin's provider/pkg/provider/util.go.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml

from slipway.errors import BadKubeconfig

__all__ = ["BadKubeconfig", "Kubeconfig"]


@dataclass(frozen=True)
class Kubeconfig:
    """The addresses and logins of clusters, in files or as text."""

    files: tuple[Path, ...] = ()
    """Files to merge, as kubectl does; some may not exist."""
    contents: str | None = field(default=None, repr=False)
    """YAML or JSON, if `kubernetes:kubeconfig` holds the contents in place of a path."""

    @classmethod
    def choose(
        cls, setting: str | None, *, directory: Path = Path(), env: Mapping[str, str] = os.environ
    ) -> "Kubeconfig":
        """Return the kubeconfig for the value of `kubernetes:kubeconfig`.

        The value is a path, relative to the project's `directory`, if it exists, and the contents otherwise.
        Without a value, KUBECONFIG lists the files; without that variable, it is ~/.kube/config.
        """
        if setting:
            path = directory / (Path(setting).expanduser() if setting.startswith("~/") else setting)
            return cls(files=(path,)) if _exists(path) else cls(contents=setting)
        listed = [Path(path) for path in env.get("KUBECONFIG", "").split(os.pathsep) if path]
        return cls(files=tuple(listed) or (Path("~/.kube/config").expanduser(),))

    @property
    def origin(self) -> str:
        """The name of the kubeconfig for messages."""
        return os.pathsep.join(map(str, self.files)) or "in kubernetes:kubeconfig"

    def file(self) -> str | None:
        """Return the path for kubectl's `--kubeconfig`; None if kubectl itself merges several files.

        Contents go to a file that only this user can read; it is deleted when the process ends.
        """
        if self.contents is not None:
            return _private_file(self.contents).name
        return str(self.files[0]) if len(self.files) == 1 else None

    def contexts(self) -> set[str]:
        """Return the names of the contexts.

        Raises:
            BadKubeconfig: a file cannot be read, or holds no kubeconfig.
        """
        return {name for document in self._documents() for name in self._names(document)}

    def server(self, context: str | None, cluster: str | None = None) -> str | None:
        """Return the URL of the API server of a context, by default of the current one; None if it has none.

        `cluster` is the name of another cluster than the context's. The first file that has a name counts.

        Raises:
            BadKubeconfig: a file cannot be read, or holds no kubeconfig.
        """
        documents = self._documents()
        try:
            current = next((item["current-context"] for item in documents if item.get("current-context")), "")
            contexts, clusters = (
                {
                    item["name"]: item[kind]
                    for document in reversed(documents)
                    for item in document.get(kinds) or []
                }
                for kind, kinds in (("context", "contexts"), ("cluster", "clusters"))
            )
            name = cluster or contexts.get(context or current, {}).get("cluster")
            server = clusters.get(name, {}).get("server")
        except (AttributeError, KeyError, TypeError):
            raise BadKubeconfig(self._malformed) from None
        return str(server) if server else None

    def _documents(self) -> list[Any]:
        try:
            texts = [path.read_text() for path in self.files if path.exists()]
            return [yaml.safe_load(text) or {} for text in [*texts, self.contents or ""]]
        except OSError as error:
            raise BadKubeconfig(f"the kubeconfig {error.filename} cannot be read: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            raise BadKubeconfig(self._malformed) from None

    def _names(self, document: Any) -> list[str]:
        try:
            return [str(context["name"]) for context in document.get("contexts") or []]
        except (AttributeError, KeyError, TypeError):
            raise BadKubeconfig(self._malformed) from None

    @property
    def _malformed(self) -> str:
        hint = "; if it is meant as a path, no such file exists" if self.contents else ""
        return f"the kubeconfig {self.origin} is malformed{hint}"


@cache
def _private_file(contents: str) -> IO[str]:
    file = tempfile.NamedTemporaryFile("w", prefix="slipway-kubeconfig-")  # noqa: SIM115 - the cache keeps it open
    file.write(contents)
    file.flush()
    return file


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # contents are too long for a path, or hold a null byte
        return False
