"""The S3 store of the sandbox."""

from sandbox import status
from sandbox.platform import environment, object_store
from sandbox.platform.instance import Instance
from sandbox.tools.toolchain import Toolchain


def test_without_it_nothing_is_different(instance: Instance) -> None:
    assert object_store.programs(instance, Toolchain(instance)) == []
    assert not [name for name in environment.variables(instance) if name.startswith("AWS")]


def test_its_login_is_made_once_and_only_its_owner_reads_it(instance: Instance) -> None:
    object_store.ensure(instance)
    before = instance.store_credentials.read_text()
    object_store.ensure(instance)
    assert instance.store_credentials.read_text() == before
    assert instance.store_credentials.stat().st_mode & 0o777 == 0o600


def test_nothing_that_others_see_has_the_login(instance: Instance) -> None:
    object_store.ensure(instance)
    (instance.libexec / "versitygw").symlink_to("/bin/true")
    [program] = object_store.programs(instance, Toolchain(instance))
    shown = (program.section(instance), str(environment.variables(instance)), status._store(instance))
    keys = [line.partition(" = ")[2] for line in instance.store_credentials.read_text().splitlines()[1:]]
    assert all(keys)
    assert [key for key in keys for text in shown if key in text] == []
    assert str(instance.store_credentials) in status._store(instance)


def test_a_silent_store_is_a_problem(instance: Instance) -> None:
    tools = Toolchain(instance)
    object_store.ensure(instance)
    assert object_store.unready(instance, tools) == [], "it is not compiled yet"
    (instance.libexec / "versitygw").symlink_to("/bin/true")
    instance.control_ip = "127.0.0.1"
    [problem] = object_store.unready(instance, tools)
    assert "the store does not serve" in problem and "logs store`" in problem
