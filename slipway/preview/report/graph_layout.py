"""The layout of a picture: boxes in columns, ordered so that few edges cross."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[str, str]
Point = tuple[float, float]

_GAP_X, _GAP_Y = 46.0, 12.0
_SWEEPS = 6
_LANE, _LANES = 15.0, 8


@dataclass
class Box:
    """A box, or a bend of an edge that crosses a column."""

    column: int
    width: float
    height: float
    x: float = 0
    y: float = 0

    @property
    def middle(self) -> float:
        """The y of its centre."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Layout:
    """Boxes with positions, and the points that each edge passes."""

    boxes: Mapping[str, Box]
    routes: Mapping[Edge, list[Point]]
    width: float
    height: float


def arrange(boxes: Mapping[str, Box], edges: Sequence[Edge]) -> Layout:
    """Place boxes. Edges go from left to right, or stay in a column."""
    used = sorted({box.column for box in boxes.values()})
    cells = {key: Box(used.index(box.column), box.width, box.height) for key, box in boxes.items()}
    paths = {edge: _path(cells, edge) for edge in edges}
    columns: list[list[str]] = [[] for _ in used]
    for key, cell in cells.items():
        columns[cell.column].append(key)
    links = [link for path in paths.values() for link in pairwise(path)]
    _order(columns, cells, links)
    lanes = _lanes(columns, edges)
    _place(columns, cells, links, lanes)
    routes = {edge: _points(cells, path, lanes.get(edge, 0)) for edge, path in paths.items()}
    width = max(
        [cell.x + cell.width for cell in cells.values()] + [x for way in routes.values() for x, _ in way]
    )
    height = max(cell.y + cell.height for cell in cells.values())
    return Layout({key: cells[key] for key in boxes}, routes, width, height)


def _path(cells: dict[str, Box], edge: Edge) -> list[str]:
    """Return the cells that an edge passes, with a new bend in each column between its ends."""
    source, target = edge
    bends = []
    for column in range(cells[source].column + 1, cells[target].column):
        bends.append(f"{source} {target} {column}")
        cells[bends[-1]] = Box(column, 0, 4)
    return [source, *bends, target]


def _near(links: Sequence[Edge], cells: Mapping[str, Box], step: int) -> dict[str, list[str]]:
    """Return each cell's neighbours in its own column, and in the next to the left (step -1) or right (1)."""
    near: dict[str, list[str]] = {key: [] for key in cells}
    for source, target in (*links, *((target, source) for source, target in links)):
        if cells[target].column - cells[source].column in (0, step):
            near[source].append(target)
    return near


def _order(columns: list[list[str]], cells: Mapping[str, Box], links: Sequence[Edge]) -> None:
    """Sort each column by the mean position of neighbours, from the left and from the right in turn."""
    for sweep in range(_SWEEPS):
        step = -1 if sweep % 2 == 0 else 1
        near = _near(links, cells, step)
        for column in columns[::-step]:
            positions = {key: index for keys in columns for index, key in enumerate(keys)}
            column.sort(key=_mean(near, positions.__getitem__))


def _mean(near: Mapping[str, list[str]], value: Callable[[str], float]) -> Callable[[str], float]:
    """Return a function for the mean value of a cell's neighbours; its own value if it has none."""

    def mean(key: str) -> float:
        others = near[key] or [key]
        return sum(map(value, others)) / len(others)

    return mean


def _lanes(columns: list[list[str]], edges: Sequence[Edge]) -> dict[Edge, float]:
    """Return how far each edge within a column swings out to the right: the longest goes outside."""
    lanes: dict[Edge, float] = {}
    for column in columns:
        rows = {key: row for row, key in enumerate(column)}
        within = [(abs(rows[a] - rows[b]), (a, b)) for a, b in edges if a in rows and b in rows]
        lanes |= {edge: _LANE * (1.5 + min(lane, _LANES)) for lane, (_, edge) in enumerate(sorted(within))}
    return lanes


def _place(
    columns: list[list[str]], cells: Mapping[str, Box], links: Sequence[Edge], lanes: Mapping[Edge, float]
) -> None:
    left = 0.0
    for column in columns:
        width = max(cells[key].width for key in column)
        for key in column:
            cells[key].x = left
            cells[key].width = width
        swing = max((lane for (source, _), lane in lanes.items() if source in column), default=0)
        left += width + max(_GAP_X, swing + _GAP_X / 2)
    for step in (-1, 1, -1):
        wish = _mean(_near(links, cells, step), lambda key: cells[key].middle)
        for column in columns[::-step]:
            _stack(column, cells, {key: wish(key) - cells[key].height / 2 for key in column})
    top = min(cell.y for cell in cells.values())
    for cell in cells.values():
        cell.y -= top


def _stack(column: Sequence[str], cells: Mapping[str, Box], wishes: Mapping[str, float]) -> None:
    """Place a column's cells near the wished positions, without overlaps and in order."""
    bottom = float("-inf")
    for key in column:
        cells[key].y = max(wishes[key], bottom)
        bottom = cells[key].y + cells[key].height + _GAP_Y
    off = sum(cells[key].y - wishes[key] for key in column) / len(column)
    for key in column:
        cells[key].y -= off


def _points(cells: Mapping[str, Box], path: Sequence[str], lane: float) -> list[Point]:
    """Return the points of an edge: both ends, and the left and right side of each bend.

    Within a column it goes from one right side over its lane to another, and leaves their middles free.
    """
    source, *bends, target = (cells[key] for key in path)
    right = source.x + source.width
    if source.column == target.column:
        down = 1 if source.y < target.y else -1
        start, end = source.middle + down * source.height / 4, target.middle - down * target.height / 4
        return [(right, start), (right + lane, (start + end) / 2), (right, end)]
    points = [(right, source.middle)]
    for bend in bends:
        points += [(bend.x, bend.middle), (bend.x + bend.width, bend.middle)]
    return [*points, (target.x, target.middle)]
