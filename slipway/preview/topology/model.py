"""Nodes and edges of the picture in a report."""

from enum import StrEnum

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

_CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Mark(StrEnum):
    """The difference between before and after."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Layer(StrEnum):
    """The columns of the picture, in the order in which a request passes them."""

    OUTSIDE = "outside"
    GATEWAY = "gateway"
    DOOR = "door"
    SERVICE = "service"
    PODS = "pods"
    DATA = "data"
    """Volumes, and peers outside of the stack that pods may reach."""


@dataclass(frozen=True, config=_CONFIG)
class Fact:
    """One line about a node: a port, a host name, or traffic that network policies allow."""

    text: str
    mark: Mark


@dataclass(frozen=True, config=_CONFIG)
class Node:
    """A part of the system."""

    id: str
    """Unique in its picture: n0."""
    layer: Layer
    kind: str
    """Ingress, NodePort, Service, Deployment, claim, …"""
    name: str
    mark: Mark
    facts: tuple[Fact, ...]


@dataclass(frozen=True, config=_CONFIG)
class Edge:
    """Requests, or the use of a volume, from one node to another."""

    source: str
    target: str
    label: str
    """The ports, if network policies name them."""
    mark: Mark


@dataclass(frozen=True, config=_CONFIG)
class Topology:
    """The system before and after the change, as one picture."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int
    """The number of nodes that are left out, because the picture is too large."""
