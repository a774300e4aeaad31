"""The resources of a program in PCL."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.plugins.language_python.generate import kubernetes
from sandbox.plugins.language_python.generate.pcl import Block, PclError, Reference, Value, parse

_LOGICAL_NAME = "__logicalName"
_OPTIONS = ("parent", "provider", "protect")


@dataclass(frozen=True)
class Resource:
    """A resource: its variable, its name in Pulumi, what it is and what it is made of.

    One without a class is a component that no package has.
    """

    variable: str
    name: str
    token: str
    class_name: str
    inputs: Mapping[str, Value]
    options: Mapping[str, Value]


def resources(pcl: str) -> list[Resource]:
    """The resources. Raises PclError, if there is anything else or what is not known."""
    return [_resource(block) for block in parse(pcl) if not _is_package(block)]


def after_dependencies(listed: Sequence[Resource]) -> list[Resource]:
    """The resources, each after those that it refers to. Raises PclError, if that cannot be."""
    known = {resource.variable for resource in listed}
    done: dict[str, Resource] = {}

    def add(resource: Resource, waiting: tuple[str, ...]) -> None:
        if resource.variable in waiting:
            raise PclError(f"these refer to each other: {', '.join(waiting)}")
        referred = _referred(resource, known)
        for other in listed:
            if other.variable in referred - done.keys():
                add(other, (*waiting, resource.variable))
        done[resource.variable] = resource

    for resource in listed:
        if resource.variable not in done:
            add(resource, ())
    return list(done.values())


def _referred(resource: Resource, known: Container[str]) -> set[str]:
    """The variables that a resource refers to. Those in its options may be of the program that there is."""
    inputs = list(_references(resource.inputs.values()))
    for reference in inputs:
        if reference.name not in known or not reference.property:
            raise PclError(f"what {reference.name} is in {resource.name}, is not known")
    return {reference.name for reference in (*inputs, *_references(resource.options.values()))}


def _is_package(block: Block) -> bool:
    if block.kind != "package":
        return False
    if block.labels != [kubernetes.PACKAGE] or block.blocks:
        raise PclError(f"of the package {' '.join(block.labels)}, nothing is known")
    return True


def _resource(block: Block) -> Resource:
    inputs, options = dict(block.attributes), _options(block)
    match block.kind, block.labels:
        case "resource", [variable, token]:
            class_name = kubernetes.resource_class(token)
            if not class_name:
                raise PclError(f"resources of type {token} are not known")
        case "component", [variable]:
            token, class_name = _text(block, inputs.pop("token", None)), ""
        case _:
            raise PclError(f"what a {' '.join([block.kind, *block.labels])} is, is not known")
    name = _text(block, inputs.pop(_LOGICAL_NAME, variable))
    if inputs and not class_name:
        raise PclError(f"the inputs of component {name} are not known")
    return Resource(variable, name, token, class_name, inputs, options)


def _options(block: Block) -> Mapping[str, Value]:
    found: dict[str, Value] = {}
    for inner in block.blocks:
        unknown = [inner.kind] if inner.kind != "options" else [part.kind for part in inner.blocks]
        unknown += [name for name in inner.attributes if name not in _OPTIONS]
        if unknown:
            raise PclError(f"of {' '.join(block.labels)}, this is not known: {', '.join(unknown)}")
        found |= inner.attributes
    return {name: found[name] for name in _OPTIONS if name in found}


def _text(block: Block, value: Value) -> str:
    if not isinstance(value, str):
        raise PclError(f"a text is missing in {' '.join(block.labels)}")
    return value


def _references(values: Iterable[Value]) -> Iterator[Reference]:
    for value in values:
        if isinstance(value, Reference):
            yield value
        elif isinstance(value, Mapping):
            yield from _references(value.values())
        elif isinstance(value, list):
            yield from _references(value)
