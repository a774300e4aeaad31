"""Telling the user what takes time: one line per step, and how far a build is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Steps on the terminal; plain lines where there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Show a step while it runs and how long it took; what is yielded counts its parts."""
        begun, count = time.monotonic(), 0
        with self._console.status(title) as status:

            def part(name: str) -> None:
                nonlocal count
                count += 1
                status.update(f"{title}: {count} packages, {name}")

            yield part
        if (took := time.monotonic() - begun) >= 0.5:
            self._console.print(f"[green]✓[/green] {title} [dim]{took:.1f} s[/dim]")
