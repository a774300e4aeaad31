"""The progress of long steps on the terminal, a line for each."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner

Part = Callable[[int, int], None]
SHOW_AFTER_S = 0.5
# Without a terminal, a long step prints a line this often.
REPEAT_AFTER_S = 30.0


class Progress:
    """Steps on the terminal, some at the same time; plain lines without a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, Spinner] = {}
        self._lock = threading.Lock()
        self._live = Live(console=console, transient=True, get_renderable=self._render)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @contextmanager
    def step(self, title: str, after: str = "", details: str = "") -> Iterator[Part]:
        """Show a step while it runs, followed by the text `after`, and then its duration.

        The yielded function takes the number of finished parts and of all parts. Only the first plain line
        has the `details`.
        """
        begun = printed = time.monotonic()

        def part(done: int, total: int) -> None:
            nonlocal printed
            now = time.monotonic()
            self._show(title, f"{title}: {done} of at most {total} packages, {_clock(now - begun)}{after}")
            if not self._console.is_terminal and now - printed >= REPEAT_AFTER_S:
                self._print(f"  {title}: {done} of at most {total} packages after {_clock(now - begun)}")
                printed = now

        if details and not self._console.is_terminal:
            self._print(f"… {title}{details}{after}")
        self._show(title, f"{title}{after}")
        try:
            yield part
        finally:
            with self._lock:
                del self._running[title]
        if (took := time.monotonic() - begun) >= SHOW_AFTER_S:
            self._print(f"[green]✓[/green] {title} [dim]{_clock(took)}[/dim]")

    def _show(self, title: str, text: str) -> None:
        with self._lock:
            self._running.setdefault(title, Spinner("dots")).update(text=text)
        if self._live.is_started:
            self._live.refresh()

    def _render(self) -> Group:
        with self._lock:
            return Group(*self._running.values())

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} min"
