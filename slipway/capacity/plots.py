"""Small plots of the measured use, for the terminal and for pages."""

from collections.abc import Sequence

from slipway.page import Markup, element

_BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH, HEIGHT = 600, 120


def columns(times: Sequence[float], values: Sequence[float], count: int) -> list[float | None]:
    """Return the highest value in each of some equal parts of the time; None for a part without values."""
    highest: list[float | None] = [None] * count
    start, span = min(times), max(max(times) - min(times), 1e-9)
    for time, value in zip(times, values, strict=True):
        number = min(int((time - start) / span * count), count - 1)
        highest[number] = max(value, highest[number] or 0.0)
    return highest


def spark(times: Sequence[float], values: Sequence[float], most: float, count: int = 40) -> str:
    """Return the use over time in one line; a full block is `most`, a space has no samples."""
    scale = max(most, max(values)) or 1.0
    return "".join(
        " " if value is None else _BLOCKS[min(int(value / scale * len(_BLOCKS)), len(_BLOCKS) - 1)]
        for value in columns(times, values, count)
    )


def svg(times: Sequence[float], values: Sequence[float], levels: Sequence[tuple[str, float]]) -> Markup:
    """Return the use over time, with a horizontal line for each named level."""
    scale = max(max(values), *(level for _, level in levels), 1e-12) * 1.05

    def y(value: float) -> str:
        return f"{HEIGHT - value / scale * HEIGHT:.1f}"

    found = columns(times, values, WIDTH // 2)
    points = " ".join(f"{number * 2},{y(value)}" for number, value in enumerate(found) if value is not None)
    lines: list[Markup] = [element("polyline", points=points, class_="use")]
    for name, level in levels:
        lines.append(element("line", x1="0", x2=f"{WIDTH}", y1=y(level), y2=y(level), class_=name))
        lines.append(element("text", name, x="4", y=f"{max(float(y(level)) - 3, 10):.1f}", class_=name))
    return element("svg", *lines, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label="use over time")
