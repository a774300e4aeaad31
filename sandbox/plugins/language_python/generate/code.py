"""Writing a program in Python, in the form of the official generator."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from sandbox.plugins.language_python.generate import kubernetes, literals
from sandbox.plugins.language_python.generate.names import snake_case, unique
from sandbox.plugins.language_python.generate.pcl import Key, Reference, Value
from sandbox.plugins.language_python.generate.resources import Resource, after_dependencies, resources

_INDENT = "    "


def program(pcl: str) -> str:
    """The program in Python that a program in PCL stands for. Raises PclError for what is not known."""
    listed = resources(pcl)
    imports = {"pulumi": "import pulumi"}
    if any(resource.class_name for resource in listed):
        imports[kubernetes.PACKAGE] = f"import {kubernetes.SDK} as {kubernetes.PACKAGE}"
    used = set(imports)
    writer = _Writer({resource.variable: unique(resource.variable, used) for resource in listed})
    statements = map(writer.statement, after_dependencies(listed))
    return "\n".join([*imports.values(), "", *statements, ""])


class _Writer:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def statement(self, resource: Resource) -> str:
        """The statement that makes a resource."""
        variable, name = self._variables[resource.variable], literals.string(resource.name)
        if not resource.class_name:
            made = f"pulumi.ComponentResource({literals.string(resource.token)}, {name}"
            options = self._options(resource, _INDENT)
            return f"{variable} = {made}{f', {options}' if options else ''})"
        arguments = [
            f"{snake_case(key)}={self._value(value, _INDENT, (resource.token, key))}"
            for key, value in resource.inputs.items()
        ]
        arguments = [f"kubernetes.{resource.class_name}({name}", *arguments]
        if options := self._options(resource, 2 * _INDENT):
            arguments.append(options)
        return f"{variable} = {_comma_lines(arguments, _INDENT)})"

    def _options(self, resource: Resource, indent: str) -> str:
        options = [f"{key}={self._value(value, indent)}" for key, value in resource.options.items()]
        return f"opts = pulumi.ResourceOptions({_comma_lines(options, indent)})" if options else ""

    def _value(self, value: Value, indent: str, path: tuple[str, ...] = ()) -> str:
        """A value that begins in a line with that indent; the path tells its type."""
        match value:
            case None | bool():
                return str(value)
            case Decimal():
                return literals.floating(value) if kubernetes.is_float(path) else literals.number(value)
            case str():
                constant = kubernetes.constant(path, value)
                return f"{kubernetes.PACKAGE}.{constant}" if constant else literals.string(value)
            case Reference():
                variable = self._variables.get(value.name, snake_case(value.name))
                return f"{variable}.{snake_case(value.property)}" if value.property else variable
            case list():
                return self._list(value, indent, path)
            case _:
                return self._object(value, indent, path)

    def _list(self, items: list[Value], indent: str, path: tuple[str, ...]) -> str:
        if len(items) < 2:
            return f"[{''.join(self._value(item, indent, path) for item in items)}]"
        inner = indent + _INDENT
        lines = (f"\n{inner}{self._value(item, inner, path)}," for item in items)
        return f"[{''.join(lines)}\n{indent}]"

    def _object(self, items: Mapping[Key, Value], indent: str, path: tuple[str, ...]) -> str:
        if not items:
            return "{}"
        inner = indent + _INDENT
        lines = (
            f"\n{inner}{literals.string(key.text if key.quoted else snake_case(key.text))}: "
            f"{self._value(value, inner, (*path, key.text))},"
            for key, value in items.items()
        )
        return f"{{{''.join(lines)}\n{indent}}}"


def _comma_lines(parts: Iterable[str], indent: str) -> str:
    return f",\n{indent}".join(parts)
