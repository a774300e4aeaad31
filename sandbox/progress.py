"""Telling the user what takes time: one line per step, and how far it is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

Part = Callable[[int, int], None]
WORTH_A_LINE_S = 0.5


class Progress:
    """Steps on the terminal; plain lines where there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str, after: str = "") -> Iterator[Part]:
        """Show a step while it runs, with what comes `after`, and then how long it took.

        What is yielded is told how many parts of how many are done.
        """
        begun = time.monotonic()
        if after and not self._console.is_terminal:
            self._console.print(f"… {title}{after}")
        with self._console.status(title) as status:

            def part(done: int, total: int) -> None:
                seconds = time.monotonic() - begun
                status.update(f"{title}: {done} of at most {total} packages, {_clock(seconds)}{after}")

            yield part
        if (took := time.monotonic() - begun) >= WORTH_A_LINE_S:
            self._console.print(f"[green]✓[/green] {title} [dim]{_clock(took)}[/dim]", highlight=False)


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} min"
