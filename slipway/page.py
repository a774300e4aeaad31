"""Self-contained HTML pages for people: elements with escaped text, and the colours that pages share."""

from html import escape
from pathlib import Path
from string import Template

_STYLE = Path(__file__).with_name("page.css")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str) -> Markup:
    """Return an element. Children that are not Markup are text; `class_` is the attribute class."""
    names = (
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value
    )
    content = (
        child if isinstance(child, Markup) else escape(child, quote=False) for child in children if child
    )
    return Markup(f"<{tag}{''.join(names)}>{''.join(content)}</{tag}>")


def fill(template: Path, title: str, **parts: Markup) -> str:
    """Return a page: the template with a title, the shared style and its parts."""
    style = Markup(_STYLE.read_text(encoding="utf-8"))
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=escape(title), style=style, **parts
    )
