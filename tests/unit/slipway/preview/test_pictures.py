"""The pictures of a topology: SVG in the page, Mermaid in the comment."""

import dataclasses
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from docs.images import draw
from slipway.preview.report import html, markdown, mermaid, svg
from slipway.preview.report.graph_layout import Box, arrange
from slipway.preview.report.model import Report, Stack
from slipway.preview.rules import Consequence, Level
from slipway.preview.topology.model import Edge, Fact, Layer, Mark, Node, Topology
from tests.e2e.slipway.corpus.cases import cases

HOSTILE = [
    'x"]; a-->b', "%%{init: {}}%%", "`code`", "</script><b>", "<img src=x onerror=alert(1)>", "a & b",
    "```\n# Title", "- item", "1. item", "===", "www.example.com", "@everyone", "$$x$$", "\u202e", "x" * 500,
]  # fmt: skip


def node(number: int, layer: Layer, name: str = "web", mark: Mark = Mark.SAME, *facts: Fact) -> Node:
    return Node(f"n{number}", layer, "Service", name, mark, facts)


def drawing(name: str = "web") -> Topology:
    nodes = (
        node(0, Layer.OUTSIDE),
        node(1, Layer.DOOR, name, Mark.ADDED, Fact(name, Mark.SAME)),
        node(2, Layer.SERVICE, name, Mark.CHANGED, Fact(name, Mark.REMOVED), Fact("port 81", Mark.ADDED)),
        node(3, Layer.PODS, name, Mark.REMOVED),
        node(4, Layer.PODS),
    )
    edges = (
        Edge("n0", "n1", "", Mark.ADDED),
        Edge("n1", "n4", name, Mark.ADDED),
        Edge("n2", "n3", "", Mark.REMOVED),
        Edge("n3", "n4", "6379", Mark.CHANGED),
    )
    return Topology(nodes, edges, 0)


class TestSvg:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_text_is_escaped(self, name: str) -> None:
        tree = ElementTree.fromstring(svg.render(drawing(name)))  # noqa: S314 - our own output
        assert {item.tag for item in tree.iter()} == {"svg", "g", "title", "rect", "text", "path"}
        texts = [item.text or "" for item in tree.iter("text")]
        assert max(map(len, texts)) < 80

    def test_marks_are_signs_and_classes(self) -> None:
        tree = ElementTree.fromstring(svg.render(drawing()))  # noqa: S314
        texts = {item.text: item.get("class") for item in tree.iter("text")}
        assert texts["+ Service"] == "kind same"
        assert texts["+ port 81"] == "fact added"
        assert {"\N{MINUS SIGN} Service", "~ Service", "~ 6379"} <= texts.keys()
        assert [item.get("class") for item in tree if "edge" in item.get("class", "")] == [
            "edge added", "edge added", "edge removed", "edge changed",
        ]  # fmt: skip

    def test_it_has_no_colours_of_its_own(self) -> None:
        """The page's style has those of light and dark screens."""
        assert not re.search(r"#[0-9a-f]{3}|rgb|style=", svg.render(drawing()))

    def test_everything_is_within_the_view_box(self) -> None:
        tree = ElementTree.fromstring(svg.render(drawing("a-longer-name")))  # noqa: S314
        left, top, width, height = map(float, tree.attrib["viewBox"].split())
        for item in tree.iter("rect"):
            x, y, wide, high = (float(item.attrib[key]) for key in ("x", "y", "width", "height"))
            assert left < x and x + wide < left + width
            assert top < y and y + high < top + height


class TestLayout:
    def test_boxes_do_not_overlap(self) -> None:
        boxes = {str(number): Box(number % 4, 50 + number, 20 + number) for number in range(40)}
        edges = [(str(a), str(b)) for a in range(0, 40, 3) for b in range(1, 40, 5) if a % 4 < b % 4]
        placed = arrange(boxes, edges).boxes.values()
        for one, two in combinations(placed, 2):
            apart_x = one.x + one.width <= two.x or two.x + two.width <= one.x
            assert apart_x or one.y + one.height <= two.y or two.y + two.height <= one.y

    def test_connected_boxes_face_each_other(self) -> None:
        boxes = {name: Box(0 if name in "abc" else 1, 50, 20) for name in "abcxyz"}
        edges = [("a", "z"), ("b", "y"), ("c", "x")]
        routes = arrange(boxes, edges).routes
        assert all(points[0][1] == pytest.approx(points[-1][1]) for points in routes.values())

    def test_an_edge_that_crosses_a_column_bends_around_its_boxes(self) -> None:
        boxes = {"a": Box(0, 50, 20), "wall": Box(1, 50, 20), "b": Box(2, 50, 20)}
        layout = arrange(boxes, [("a", "b"), ("a", "wall"), ("wall", "b")])
        wall = layout.boxes["wall"]
        [bend] = {y for x, y in layout.routes["a", "b"] if wall.x <= x <= wall.x + wall.width}
        assert not wall.y < bend < wall.y + wall.height

    def test_edges_within_a_column_have_lanes_beside_it(self) -> None:
        boxes = {name: Box(0, 50, 20) for name in "abcd"} | {"x": Box(1, 50, 20)}
        layout = arrange(boxes, [("a", "b"), ("a", "d"), ("c", "d")])
        swings = {points[1][0] for points in layout.routes.values()}
        assert len(swings) == 3
        assert min(swings) > 50 and max(swings) < layout.boxes["x"].x
        assert max(swings) == layout.routes["a", "d"][1][0], "the longest edge is outside"

    def test_empty_columns_take_no_width(self) -> None:
        boxes = {"a": Box(0, 50, 20), "b": Box(5, 50, 20)}
        assert arrange(boxes, [("a", "b")]).width < 200


class TestMermaid:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_text_is_escaped(self, name: str) -> None:
        """Within a label there are only letters, entities, and marks that mean nothing to Mermaid."""
        label = r'"[^"`%{}<>&@$=_*+]*(<br>[^"`%{}<>&@$=_*+]*)*"'
        node_or_edge = rf"    n\d(\[{label}\](:::\w+)?| (-->|==>|-\.->)(\|{label}\|)? n\d)"
        for line in mermaid.render(drawing(name)).splitlines()[1:10]:
            assert re.fullmatch(node_or_edge, line), line

    def test_marks_are_signs_and_colours(self) -> None:
        lines = mermaid.render(drawing()).splitlines()
        assert lines[0] == "flowchart LR"
        assert '    n1["#43; Service<br>web<br>web"]:::added' in lines
        assert "    n0 ==> n1" in lines
        assert "    n2 -.-> n3" in lines
        assert '    n3 ==>|"#126; 6379"| n4' in lines
        assert "    linkStyle 0,1 stroke:#2da44e" in lines

    def test_it_needs_few_characters(self) -> None:
        """A comment has 65,536 characters for everything."""
        nodes = tuple(node(number, Layer.PODS, "a-service-of-a-team", Mark.ADDED) for number in range(40))
        edges = tuple(Edge(f"n{number}", "n0", "6379", Mark.ADDED) for number in range(1, 40))
        assert len(mermaid.render(Topology(nodes, edges, 0))) < 6_000


class TestReports:
    """The picture is in the page and the comment, if the topology changes."""

    def test_comment(self) -> None:
        comment = markdown.render(report(drawing()))
        assert "How the system is reached: + added" in comment
        assert f"```mermaid\n{mermaid.render(drawing())}\n```" in comment

    def test_page(self) -> None:
        assert svg.render(drawing()) in html.render(report(drawing()))

    def test_no_picture(self) -> None:
        assert "mermaid" not in markdown.render(report(None))
        assert "<svg" not in html.render(report(None))

    def test_parts_that_are_left_out(self) -> None:
        content = report(dataclasses.replace(drawing(), left_out=7))
        for text in (markdown.render(content), html.render(content)):
            assert "7 parts are left out" in text

    def test_a_comment_without_space_loses_the_picture_before_consequences(self) -> None:
        content = report(drawing())
        comment = markdown.render(content, limit=len(markdown.render(content)) - 1)
        assert "mermaid" not in comment
        assert "all properties and the picture" in comment
        assert "is deleted" in comment


def test_the_documents_show_all_that_a_page_has() -> None:
    """docs/images/draw.py needs cases that exist, and rows that are valid."""
    assert {case.name for case in cases()} >= draw.CASES
    pages = draw.preview(), draw.status()
    assert all(text in pages[0] for text in ("badge dangerous", "<svg", 'class="tree"', *draw.COMMITS))
    assert all(text in pages[1] for text in ("healthy", "verified", "unhealthy"))


def report(topology: Topology | None) -> Report:
    consequence = Consequence(Level.DANGEROUS, "data", "the claim is deleted")
    stack = Stack(
        name="prod", status="changed", level=Level.DANGEROUS, counts={}, consequences=(consequence,),
        resources=(), drift=None, violations=(), messages=(), notes=(), failure="", topology=topology,
    )  # fmt: skip
    return Report(stacks=(stack,))
