"""The report as a self-contained HTML page, complete without its script, which only filters."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from slipway.page import Markup, element, fill
from slipway.preview.report import svg
from slipway.preview.report.model import Property, Report, Resource, Stack
from slipway.preview.report.wording import (
    DRIFT,
    LEVELS,
    MARKS,
    OPS,
    PICTURE,
    headline,
    omitted,
    state,
    summary,
)
from slipway.preview.rules import Consequence, Level
from slipway.preview.topology.model import Mark, Topology
from slipway.pulumi.changes import Violation

_PAGE = Path(__file__).with_name("page.html")


def render(report: Report) -> str:
    """Return the page."""
    title = "; ".join(f"{stack.name}: {headline(stack)}" for stack in report.stacks)
    return fill(_PAGE, f"Preview: {title}", stacks=Markup("".join(map(_stack, report.stacks))))


def _stack(stack: Stack) -> Markup:
    name = state(stack).name
    levels = headline(stack) if stack.consequences and stack.status == "changed" else ""
    badge = element("span", name, class_=f"badge {name}")
    parts = [
        element("h2", stack.name, Markup(" "), badge),
        element("p", " · ".join(filter(None, (levels, summary(stack)))), class_="dim"),
        element("pre", stack.failure, class_=name) if stack.failure else None,
        element("ul", *map(_consequence, stack.consequences), class_="consequences"),
        *map(_violation, stack.violations),
        _picture(stack.topology) if stack.topology else None,
        _tree(stack.resources),
    ]
    if stack.drift is not None:
        parts += [element("h3", DRIFT if stack.drift else "No drift"), _tree(stack.drift)]
    parts += [element("p", text, class_="dim") for text in (*stack.messages, *stack.notes)]
    return element("section", *parts)


def _consequence(consequence: Consequence) -> Markup:
    lines = [element("li", line) for line in consequence.details]
    return element(
        "li",
        element("span", str(consequence.level), class_="level"),
        element("span", consequence.concern, class_="concern"),
        element("div", consequence.reason, element("ul", *lines, class_="dim") if lines else None),
        class_=str(consequence.level),
        data_level=str(consequence.level),
    )


def _violation(violation: Violation) -> Markup:
    kind, words = ("refused", "refused by policy") if violation.mandatory else ("attention", "policy advises")
    return element(
        "p", element("span", words, class_="level"), f" {violation.policy}: {violation.message}", class_=kind
    )


def _picture(topology: Topology) -> Markup:
    legend = [
        element("span", f"{MARKS[mark]} {mark}", class_=str(mark))
        for mark in (Mark.ADDED, Mark.REMOVED, Mark.CHANGED)
    ]
    caption = element("figcaption", f"{PICTURE}: ", *legend, omitted(topology), class_="dim")
    drawn = element("div", Markup(svg.render(topology)), class_="scroll")
    return element("figure", drawn, caption)


@dataclass
class _Item:
    """A resource in the tree."""

    resource: Resource | None
    """None for a component or stack that does not change: the report omits it."""
    kind: str
    name: str
    children: list["_Item"] = field(default_factory=list)


def _tree(resources: Iterable[Resource]) -> Markup | None:
    """Return resources below the components that they belong to."""
    resources = tuple(resources)
    items = {item.urn: _Item(item, _kind(item.type), item.name) for item in resources}
    roots: dict[str, _Item] = {}
    for resource in resources:
        parent = items.get(resource.parent)
        if parent is None and resource.parent:
            parent = roots.setdefault(resource.parent, _omitted(resource.parent))
        if parent is None:
            roots[resource.urn] = items[resource.urn]
        else:
            parent.children.append(items[resource.urn])
    return element("ul", *map(_draw, roots.values()), class_="tree") if roots else None


def _kind(type_: str) -> str:
    return type_.rpartition("$")[2].rpartition(":")[2]


def _omitted(urn: str) -> _Item:
    """Return the item of a resource whose URN alone is known: urn:pulumi:stack::project::type::name."""
    type_, _, name = urn.split("::", 2)[-1].partition("::")
    return _Item(None, _kind(type_), name)


def _draw(item: _Item) -> Markup:
    resource = item.resource
    mark, word = OPS[resource.op] if resource else OPS["same"]
    level = resource.level if resource else Level.SAFE
    title = [
        element("span", mark, class_="op", title=word) if resource else None,
        f"{item.kind} ",
        element("b", item.name),
        element("small", f" {LEVELS[level]}", class_=str(level)) if level > Level.SAFE else None,
    ]
    op = str(resource.op) if resource else "same"
    if resource and resource.properties:
        table = element("table", *map(_property, resource.properties))
        head = element("details", element("summary", *title), table, class_=op)
    else:
        head = element("div", *title, class_=f"leaf {op}")
    children = element("ul", *map(_draw, item.children)) if item.children else None
    return element("li", head, children, class_="resource", data_level=str(level))


def _property(item: Property) -> Markup:
    return element(
        "tr",
        element("td", item.path, " (replaces)" if item.replaces else None),
        element(
            "td",
            element("del", item.old) if item.old is not None else None,
            " → " if item.old is not None and item.new is not None else None,
            element("ins", item.new) if item.new is not None else None,
        ),
    )
