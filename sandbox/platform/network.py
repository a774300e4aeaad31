"""The sandbox's network: namespaces for the control plane and for each node, joined by a bridge.

The host gets one link and a few routes; its packet filter and forwarding stay unchanged. A second call of a
function repairs missing parts.
"""

import ipaddress
import json
import os
from pathlib import Path

from sandbox.platform import files
from sandbox.platform.instance import NODES, Instance
from sandbox.shell import inside, run

NAMESPACES = Path("/run/netns")
BRIDGE = "br0"
HOST_PORT = "host"
NODE_LINK = "eth0"
# Some programs read the names in upper case, others those in lower case.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_NO_PROXY = ("NO_PROXY", "no_proxy")
FORWARD = ("sysctl", "-qw", "net.ipv4.ip_forward=1")


def ensure(instance: Instance) -> None:
    """Create the missing parts of the network."""
    for netns in instance.netns:
        if not (NAMESPACES / netns).exists():
            run("ip", "netns", "add", netns)
    _ensure_links(instance)
    _ensure_control(instance)
    _ensure_host(instance)
    for node in NODES:
        _ensure_node(instance, node)
    if instance.docker.exists():
        _ensure_docker(instance)
    if instance.ingress.exists():
        _ensure_ingress(instance)


def _ensure_links(instance: Instance) -> None:
    control = instance.control_netns
    ports = _links(control)
    if BRIDGE not in ports:
        _ip(control, f"link add {BRIDGE} type bridge")
    if not (HOST_PORT in ports and instance.host_link in _links(None)):
        _join(instance, ports, HOST_PORT, f"name {instance.host_link}")
    for node in NODES:
        netns = instance.node_netns(node)
        if not (node in ports and NODE_LINK in _links(netns)):
            _join(instance, ports, node, f"name {NODE_LINK} netns {netns}")


def _join(instance: Instance, ports: set[str], port: str, end: str) -> None:
    """Create a veth pair from a port of the bridge to `end`, in place of the rest of an old pair."""
    control = instance.control_netns
    if port in ports:
        _ip(control, f"link delete {port}")
    _ip(None, f"link add {end} type veth peer name {port} netns {control}")
    _ip(control, f"link set {port} master {BRIDGE}")


def _ensure_control(instance: Instance) -> None:
    _ip(
        instance.control_netns,
        *(f"link set {link} up" for link in ("lo", HOST_PORT, *NODES)),
        *_address(BRIDGE, instance.control_ip),
        # kube-proxy translates ClusterIPs with NAT, which needs a route for them.
        f"route replace {instance.service_cidr} dev {BRIDGE}",
        *(_route_to_pods(instance, node) for node in NODES),
    )
    run(*inside(instance.control_netns), *FORWARD)


def _ensure_host(instance: Instance) -> None:
    _ip(
        None,
        *_address(instance.host_link, instance.host_ip),
        f"route replace {instance.service_cidr} via {instance.control_ip}",
        *(_route_to_pods(instance, node) for node in NODES),
    )


def _ensure_node(instance: Instance, node: str) -> None:
    netns = instance.node_netns(node)
    _ip(
        netns,
        "link set lo up",
        *_address(NODE_LINK, instance.node_ip(node)),
        f"route replace {instance.service_cidr} via {instance.control_ip}",
        *(_route_to_pods(instance, other) for other in NODES if other != node),
    )
    run(*inside(netns), *FORWARD)
    cluster = f"{instance.pod_cidr}, {instance.lan}"
    # In the LAN, pods keep their address, which network policies need.
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


def _ensure_docker(instance: Instance) -> None:
    """Join the Docker engine to the LAN; the engine makes the networks of its containers itself."""
    netns, port = instance.docker_netns, "docker"
    ports = _links(instance.control_netns)
    if not (port in ports and NODE_LINK in _links(netns)):
        _join(instance, ports, port, f"name {NODE_LINK} netns {netns}")
    _ip(instance.control_netns, f"link set {port} up")
    _ip(netns, "link set lo up", *_address(NODE_LINK, instance.docker_ip))
    _ip(None, f"route replace {instance.container_cidr} via {instance.docker_ip}")


def _ensure_ingress(instance: Instance) -> None:
    """Lead the usual ports to those of Envoy: Contour adds 8000 to the port of each listener."""
    rules = f"""
        table ip slipway
        delete table ip slipway
        table ip slipway {{
            chain prerouting {{
                type nat hook prerouting priority dstnat
                ip daddr {instance.control_ip} tcp dport 80 redirect to :8080
                ip daddr {instance.control_ip} tcp dport 443 redirect to :8443
            }}
        }}"""
    run(*inside(instance.control_netns), "nft", "-f", "-", stdin=rules)


def _route_to_pods(instance: Instance, node: str) -> str:
    return f"route replace {instance.node_pod_cidr(node)} via {instance.node_ip(node)}"


def _address(link: str, address: str) -> tuple[str, str]:
    return f"address replace {address}/24 dev {link}", f"link set {link} up"


def _ip(netns: str | None, *commands: str) -> None:
    """Run several commands in one `ip`."""
    run("ip", *(("-n", netns) if netns else ()), "-batch", "-", stdin="\n".join(commands))


def _links(netns: str | None) -> set[str]:
    options = ("-n", netns) if netns else ()
    return {link["ifname"] for link in json.loads(run("ip", *options, "-json", "link", "show") or "[]")}


def overlaps(instance: Instance, docker: bool) -> list[str]:
    """Return the host's routes that this instance, or with `docker` its containers, would break.

    A wider route, such as that of a VPN, only loses the sandbox's addresses, because the more specific route
    wins. But its gateway must not be one of them.
    """
    cidrs = (instance.lan, instance.pod_cidr, instance.service_cidr)
    own = [ipaddress.IPv4Network(cidr) for cidr in (*cidrs, *((instance.container_cidr,) if docker else ()))]
    taken = []
    for route in json.loads(run("ip", "-json", "-4", "route", "show")):
        # A route has several hops or, if it is a blackhole, no device.
        hops = (route, *route.get("nexthops", ()))
        devices = [hop["dev"] for hop in hops if "dev" in hop]
        needed = [hop[key] for hop in hops for key in ("dst", "gateway", "prefsrc") if key in hop]
        networks = [ipaddress.IPv4Network(address) for address in needed if address != "default"]
        if instance.host_link not in devices and any(a.subnet_of(b) for a in networks for b in own):
            words = (route.get("type", ""), route["dst"], *(f"dev {device}" for device in devices))
            taken.append(" ".join(word for word in words if word))
    return taken


def unproxied(instance: Instance) -> dict[str, str]:
    """Return the variables with which programs reach the sandbox without this machine's proxy, if it has one.

    They keep what the user has in them. Go and curl read networks; Python takes single addresses only.
    """
    if not any(os.environ.get(name) for name in _PROXIES):
        return {}
    hosts = [entry for name in _NO_PROXY for entry in os.environ.get(name, "").split(",") if entry]
    hosts += [
        "localhost",
        "127.0.0.1",
        instance.control_ip,
        instance.docker_ip,
        *map(instance.node_ip, NODES),
    ]
    hosts += [instance.lan, instance.pod_cidr, instance.service_cidr, instance.container_cidr]
    return dict.fromkeys(_NO_PROXY, ",".join(dict.fromkeys(host.strip() for host in hosts)))


def remove(instance: Instance) -> None:
    """Remove the network; links disappear with their namespaces.

    Without its namespaces, the host's link of this name belongs to another instance with the same slot.
    """
    netns = [name for name in instance.netns if (NAMESPACES / name).exists()]
    if netns and instance.host_link in _links(None):
        run("ip", "link", "delete", instance.host_link)
    for name in netns:
        run("ip", "netns", "delete", name)
    # `ip netns add` mounts this directory on itself, and `delete` keeps that mount.
    if files.is_mounted(NAMESPACES) and not any(NAMESPACES.iterdir()):
        files.unmount(NAMESPACES)
