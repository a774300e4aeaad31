"""The code blocks of the README."""

import re
from pathlib import Path
from textwrap import dedent

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    """Return the blocks of a language, without the indentation of a list."""
    return list(map(dedent, re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)))


def console_blocks() -> dict[str, list[str]]:
    """Return the console blocks of each section that has any."""
    sections = (section.partition("\n") for section in README.split("\n## ")[1:])
    return {title: found for title, _, text in sections if (found := blocks("console", text))}
