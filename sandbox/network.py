"""The sandbox's network: namespaces for the control plane and for each node, joined by a bridge.

The host takes part with one link and routes of its own; its packet filter and its
forwarding stay as they are. All functions may be called again: they mend what is missing.
"""

import ipaddress
import json
from pathlib import Path

from sandbox import mounts
from sandbox.instance import NODES, Instance
from sandbox.shell import inside, run

BRIDGE = "br0"
HOST_PORT = "host"
NODE_LINK = "eth0"


def ensure(instance: Instance) -> None:
    """Build the network, or what is missing of it."""
    for netns in instance.netns:
        if not Path("/run/netns", netns).exists():
            run("ip", "netns", "add", netns)
        run("ip", "-n", netns, "link", "set", "lo", "up")
        run(*inside(netns), "sysctl", "-qw", "net.ipv4.ip_forward=1")
    _ensure_control(instance)
    _ensure_host(instance)
    for node in NODES:
        _ensure_link(instance, node)
    for node in NODES:
        _ensure_routes(instance, node)


def _ensure_control(instance: Instance) -> None:
    netns = instance.control_netns
    if BRIDGE not in _links(netns):
        run("ip", "-n", netns, "link", "add", BRIDGE, "type", "bridge")
    _address(netns, BRIDGE, instance.control_ip)
    # kube-proxy answers for ClusterIPs by NAT, and only for addresses that have a route.
    run("ip", "-n", netns, "route", "replace", instance.service_cidr, "dev", BRIDGE)


def _ensure_host(instance: Instance) -> None:
    link = instance.host_link
    if link not in _links(None) or HOST_PORT not in _links(instance.control_netns):
        _join(instance, HOST_PORT, ("name", link))
    _address(None, link, instance.host_ip)
    run("ip", "route", "replace", instance.service_cidr, "via", instance.control_ip)
    for node in NODES:
        run("ip", "route", "replace", instance.node_pod_cidr(node), "via", instance.node_ip(node))


def _ensure_link(instance: Instance, node: str) -> None:
    netns = instance.node_netns(node)
    if NODE_LINK not in _links(netns) or node not in _links(instance.control_netns):
        _join(instance, node, ("name", NODE_LINK, "netns", netns))
    _address(netns, NODE_LINK, instance.node_ip(node))
    run("ip", "-n", instance.control_netns, "link", "set", node, "up")


def _ensure_routes(instance: Instance, node: str) -> None:
    netns = instance.node_netns(node)
    run("ip", "-n", netns, "route", "replace", instance.service_cidr, "via", instance.control_ip)
    for there in (instance.control_netns, *(instance.node_netns(other) for other in NODES if other != node)):
        run(
            "ip", "-n", there, "route", "replace", instance.node_pod_cidr(node), "via", instance.node_ip(node)
        )
    cluster = f"{instance.pod_cidr}, {instance.lan}"
    # Within the LAN pods keep their own address, which network policies need.
    rules = f"""
        table ip slipway
        delete table ip slipway
        table ip slipway {{
            chain postrouting {{
                type nat hook postrouting priority srcnat
                ip saddr {instance.node_pod_cidr(node)} ip daddr != {{ {cluster} }} masquerade
            }}
        }}"""
    run(*inside(netns), "nft", "-f", "-", stdin=rules)


def _join(instance: Instance, port: str, end: tuple[str, ...]) -> None:
    """Lay a veth pair from a port of the bridge to `end`; half of an old pair is taken away first."""
    control = instance.control_netns
    if port in _links(control):
        run("ip", "-n", control, "link", "delete", port)
    run("ip", "link", "add", *end, "type", "veth", "peer", "name", port, "netns", control)
    run("ip", "-n", control, "link", "set", port, "master", BRIDGE, "up")


def _address(netns: str | None, link: str, address: str) -> None:
    at = ("-n", netns) if netns else ()
    run("ip", *at, "address", "replace", f"{address}/24", "dev", link)
    run("ip", *at, "link", "set", link, "up")


def _links(netns: str | None) -> set[str]:
    at = ("-n", netns) if netns else ()
    return {link["ifname"] for link in json.loads(run("ip", *at, "-json", "link", "show") or "[]")}


def overlaps(instance: Instance) -> list[str]:
    """The host's routes, other than this instance's own, into addresses that it would use."""
    ours = [ipaddress.ip_network(cidr) for cidr in (instance.lan, instance.pod_cidr, instance.service_cidr)]
    taken = []
    for route in json.loads(run("ip", "-json", "-4", "route", "show")):
        if route["dst"] == "default" or route["dev"] == instance.host_link:
            continue
        if any(ipaddress.ip_network(route["dst"]).overlaps(cidr) for cidr in ours):
            taken.append(f"{route['dst']} dev {route['dev']}")
    return taken


def remove(instance: Instance) -> None:
    """Take the network away. The links go with their namespaces."""
    if instance.host_link in _links(None):
        run("ip", "link", "delete", instance.host_link)
    for netns in instance.netns:
        if Path("/run/netns", netns).exists():
            run("ip", "netns", "delete", netns)
    directory = Path("/run/netns")
    # `ip netns add` mounts this directory on itself and leaves that behind.
    if mounts.is_mounted(directory) and not any(directory.iterdir()):
        mounts.unmount(directory)
