"""The examples as stacks: their applications are adopted anew, and deployed."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.adopt import project as adoption
from stack.build_secrets import build_secrets
from tests.e2e.conftest import Ending
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack

EXAMPLES = PROJECT / "examples"


class Example(Stack):
    """The deployed stack of an example."""

    @property
    def url(self) -> str:
        address = self.kubectl("get", "service/web", "--output=jsonpath={.spec.clusterIP}")
        return f"http://{address}"

    def destroy(self) -> None:
        """Destroy it, with its database, which is protected."""
        self.succeed("state", "unprotect", "--all", "--yes")
        super().destroy()


@contextmanager
def adopted(
    name: str,
    environment: dict[str, str],
    root: Path,
    ending: Ending = lambda work: work(),
    **config: str,
) -> Iterator[Example]:
    """Adopt a copy of an example's application, and deploy what comes out, with these settings."""
    directory = root / name
    shutil.copytree(EXAMPLES / name / "app", directory / "app")
    (directory / "components").symlink_to(PROJECT / "components")
    (directory / ".venv").symlink_to(PROJECT / ".venv")
    (root / "state").mkdir()
    pip = root / "pip.conf"
    pip.write_text(str(build_secrets().get("pip", "")))
    own = {"PULUMI_BACKEND_URL": f"file://{root}/state", "PIP_CONFIG_FILE": str(pip)}
    stack = Example(f"test-{uuid.uuid4().hex[:6]}", directory, {**environment, **own})
    program = adoption.adopt(directory / "app", directory, files=[], profiles=[], context=INSTANCE.name)
    adoption.write(program.files(), directory, overwrite=False)
    assert (directory / "__main__.py").read_text() == (EXAMPLES / name / "__main__.py").read_text()
    shutil.move(directory / "Pulumi.dev.yaml", stack.file)
    stack.succeed("stack", "init")
    for key, value in {"repository": f"{INSTANCE.registry}/{name}", **config}.items():
        stack.succeed("config", "set", key, value)
    for key, value in program.translation.settings.secret.items():
        stack.tell_secret(key, value)
    with stack.while_up(ending):
        yield stack
