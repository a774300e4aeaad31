"""The progress of long steps on the terminal, a line for each."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console
from rich.markup import escape

Part = Callable[[int, int], None]
SHOW_AFTER_S = 0.5
# Without a terminal, a long step prints a line this often.
REPEAT_AFTER_S = 30.0


class Progress(progress.Progress):
    """Steps on the terminal, some at the same time; plain lines without a terminal."""

    def __init__(self, console: Console) -> None:
        columns = (progress.SpinnerColumn(), progress.TextColumn("{task.description}"))
        super().__init__(*columns, console=console, transient=True, disable=not console.is_terminal)

    @contextmanager
    def step(self, title: str, after: str = "", details: str = "") -> Iterator[Part]:
        """Show a step while it runs, followed by the text `after`, and then its duration.

        The yielded function takes the number of finished parts and of all parts. Only the first plain line
        has the `details`.
        """
        begun = printed = time.monotonic()
        task = self.add_task(f"{title}{after}")

        def part(done: int, total: int) -> None:
            nonlocal printed
            now, text = time.monotonic(), f"{title}: {done} of at most {total} packages"
            self.update(task, description=f"{text}, {_clock(now - begun)}{after}")
            if self.disable and now - printed >= REPEAT_AFTER_S:
                self._print(f"  {text} after {_clock(now - begun)}")
                printed = now

        if details and self.disable:
            self._print(f"… {title}{details}{after}")
        try:
            yield part
        finally:
            self.remove_task(task)
        if (took := time.monotonic() - begun) >= SHOW_AFTER_S:
            self._print(f"[green]✓[/green] {title} [dim]{_clock(took)}[/dim]")

    def note(self, text: str) -> None:
        """Print what a user should know although the step succeeds."""
        self._print(f"[yellow]![/yellow] {escape(text)}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} min"
