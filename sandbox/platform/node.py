"""A node: containerd, kubelet, kube-proxy and kube-router in a network namespace."""

import shutil
from pathlib import Path

from sandbox.platform import control_plane, files, images, pki
from sandbox.platform.instance import NODES, Instance
from sandbox.platform.processes import Program
from sandbox.shell import inside, run
from sandbox.tools.toolchain import Toolchain

# The kubelet would set these for the whole machine if they had other values:
# k8s.io/kubernetes/pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
MOUNT_NAMESPACE = """set -e
mount -t overlay overlay -o lowerdir=/var,upperdir={node}/var,workdir={node}/var.work /var
mount -t overlay overlay -o lowerdir=/run,upperdir={node}/run,workdir={node}/run.work /run
for tunable in {tunables}; do mount --bind {node}/sys/$tunable /proc/sys/$tunable; done
mount --make-rshared /
"""


def ensure(instance: Instance) -> None:
    """Create the mount namespace of each node.

    The files of containerd and the kubelet in /var and /run, and all their mounts, exist in the node alone.
    The kubelet finds its kernel settings there, and those of the host stay unchanged.
    """
    for node in NODES:
        if not files.is_mounted(mount_namespace(instance, node)):
            directory = _directory(instance, node)
            _create_directories(directory)
            script = MOUNT_NAMESPACE.format(node=directory, tunables=" ".join(TUNABLES))
            ensure_mount_namespace(instance, node, script)


def ensure_mount_namespace(instance: Instance, name: str, script: str) -> None:
    """Create a mount namespace that outlives its processes, unless it exists; the script mounts its parts."""
    namespaces = instance.run / "nodes"
    namespaces.mkdir(parents=True, exist_ok=True)
    if not files.is_mounted(namespaces):
        run("mount", "--bind", str(namespaces), str(namespaces))
        run("mount", "--make-private", str(namespaces))
    namespace = mount_namespace(instance, name)
    if not files.is_mounted(namespace):
        namespace.touch()
        run("unshare", f"--mount={namespace}", "sh", "-c", script)


def _create_directories(directory: Path) -> None:
    """Create the files and directories to mount over the machine's own; /run starts empty."""
    for name in ("run", "run.work"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for name in ("var", "var.work", "run", "run.work"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for tunable, value in TUNABLES.items():
        files.write(directory / "sys" / tunable, f"{value}\n")


def _directory(instance: Instance, node: str) -> Path:
    return instance.state / node


def mount_namespace(instance: Instance, name: str) -> Path:
    """Return the file that keeps a mount namespace, as nsenter takes it."""
    return instance.run / "nodes" / name


def inside_node(instance: Instance, node: str) -> tuple[str, ...]:
    """Return the command prefix that runs a program on a node, with its network and mounts."""
    return (*inside(instance.node_netns(node)), f"--mount={mount_namespace(instance, node)}")


def programs(instance: Instance, tools: Toolchain, node: str) -> list[Program]:
    """Return the processes of a node."""
    proxy = (*inside(instance.node_netns(node)), *control_plane.proxy_argv(instance, tools, node))
    return [
        _containerd(instance, tools, node),
        _kubelet(instance, tools, node),
        Program(f"{node}-kube-proxy", proxy, (pki.kubeconfig(instance, "kube-proxy"),)),
        *([_kube_router(instance, tools, node)] if tools.has("kube-router") else []),
    ]


def _kube_router(instance: Instance, tools: Toolchain, node: str) -> Program:
    """Return kube-router, which enforces network policies and nothing else."""
    config = pki.kubeconfig(instance, "kube-router")
    argv = (
        *inside_node(instance, node),
        tools.path("kube-router"),
        f"--kubeconfig={config}",
        f"--hostname-override={node}",
        f"--service-cluster-ip-range={instance.service_cidr}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--health-port=0",
    )
    return Program(f"{node}-kube-router", argv, (config,))


def _containerd(instance: Instance, tools: Toolchain, node: str) -> Program:
    directory, etc = _directory(instance, node), instance.etc / node
    hosts = etc / "certs.d"
    mirror = f'[host."{instance.registry_url}"]\n  capabilities = ["pull", "resolve"]\n'
    network = files.write_json(etc / "cni/10-sandbox.conflist", _network(instance, node))
    mirrors = (
        files.write(
            hosts / instance.registry / "hosts.toml", f'server = "{instance.registry_url}"\n{mirror}'
        ),
        files.write(hosts / "docker.io/hosts.toml", f'server = "https://registry-1.docker.io"\n{mirror}'),
    )
    config = files.write(
        etc / "containerd.toml",
        f"""version = 2
root = "{directory}/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{instance.registry}/{images.component("pause", Path(tools.path("catatonit")))}"
  # Without CAP_SYS_RESOURCE, containerd cannot lower the OOM score of a pod, and would not start it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network.parent}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{hosts}"
""",
    )
    argv = (*inside_node(instance, node), tools.path("containerd"), f"--config={config}")
    return Program(f"{node}-containerd", argv, (config, network, *mirrors))


def _network(instance: Instance, node: str) -> dict[str, object]:
    """Return the CNI configuration: a bridge per node, without masquerading between nodes."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": instance.node_pod_cidr(node)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "sandbox", "plugins": [bridge, portmap]}


def _kubelet(instance: Instance, tools: Toolchain, node: str) -> Program:
    directory = _directory(instance, node)
    config = files.write_json(
        instance.etc / node / "kubelet.yaml",
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "x509": {"clientCAFile": pki.certificate(instance, "ca")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": pki.certificate(instance, node),
            "tlsPrivateKeyFile": pki.key(instance, node),
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "clusterDNS": [instance.dns_ip],
            "clusterDomain": "cluster.local",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{instance.cgroup}/{node}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            # The disk is the user's, so its use must not evict pods.
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
            "imageGCHighThresholdPercent": 100,
        },
    )
    kubeconfig = pki.kubeconfig(instance, node)
    argv = (
        *inside_node(instance, node),
        tools.path("kubelet"),
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node}",
        f"--node-ip={instance.node_ip(node)}",
        f"--root-dir={directory}/kubelet",
    )
    return Program(f"{node}-kubelet", argv, (config, kubeconfig))
