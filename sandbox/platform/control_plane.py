"""The command lines and configuration of the control plane, the registry and the builder."""

from pathlib import Path

from sandbox.platform import cgroups, files, pki
from sandbox.platform.instance import NODES, Instance
from sandbox.platform.processes import FOR_SPEED, Program
from sandbox.shell import inside
from sandbox.tools.toolchain import Toolchain


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Return the processes that belong to no node."""
    return [
        _etcd(instance, tools),
        _api_server(instance, tools),
        _controller_manager(instance, tools),
        _scheduler(instance, tools),
        _host_proxy(instance, tools),
        _storage_provisioner(instance, tools),
        *_registry(instance, tools),
        _buildkitd(instance, tools),
    ]


def _control(instance: Instance, *argv: str) -> tuple[str, ...]:
    return (*inside(instance.control_netns), *argv)


def _etcd(instance: Instance, tools: Toolchain) -> Program:
    certificate, key = pki.certificate(instance, "etcd"), pki.key(instance, "etcd")
    ca = pki.certificate(instance, "ca")
    argv = (
        tools.path("etcd"),
        f"--data-dir={instance.state}/etcd",
        "--listen-client-urls=https://127.0.0.1:2379",
        "--advertise-client-urls=https://127.0.0.1:2379",
        "--listen-peer-urls=https://127.0.0.1:2380",
        "--initial-advertise-peer-urls=https://127.0.0.1:2380",
        "--initial-cluster=default=https://127.0.0.1:2380",
        f"--cert-file={certificate}", f"--key-file={key}", f"--trusted-ca-file={ca}", "--client-cert-auth",
        f"--peer-cert-file={certificate}", f"--peer-key-file={key}", f"--peer-trusted-ca-file={ca}",
        "--peer-client-cert-auth",
        "--auto-compaction-retention=1h",
        # etcd keeps the changes since its last snapshot in memory: of 100,000 (the default), over 100 MB.
        "--snapshot-count=1000",
        "--logger=zap",
    )  # fmt: skip
    return Program("etcd", _control(instance, *argv))


def _api_server(instance: Instance, tools: Toolchain) -> Program:
    def pair(certificate: str, key: str, identity: str) -> tuple[str, str]:
        return (
            f"--{certificate}={pki.certificate(instance, identity)}",
            f"--{key}={pki.key(instance, identity)}",
        )

    ca = pki.certificate(instance, "ca")
    argv = (
        tools.path("kube-apiserver"),
        f"--advertise-address={instance.control_ip}",
        f"--service-cluster-ip-range={instance.service_cidr}",
        "--etcd-servers=https://127.0.0.1:2379", f"--etcd-cafile={ca}",
        *pair("etcd-certfile", "etcd-keyfile", "etcd"),
        *pair("tls-cert-file", "tls-private-key-file", "kube-apiserver"),
        f"--client-ca-file={ca}", "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
        *pair("kubelet-client-certificate", "kubelet-client-key", "kube-apiserver-kubelet-client"),
        f"--kubelet-certificate-authority={ca}",
        # DNS does not have the names of nodes, so `kubectl logs` needs the address.
        "--kubelet-preferred-address-types=InternalIP",
        *pair("proxy-client-cert-file", "proxy-client-key-file", "front-proxy"),
        f"--requestheader-client-ca-file={ca}",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--enable-aggregator-routing=true",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki.key(instance, 'service-accounts')}",
        f"--service-account-signing-key-file={pki.key(instance, 'service-accounts')}",
        "--allow-privileged=true",
        # The pods of a lost node move within half a minute instead of five.
        "--default-not-ready-toleration-seconds=5", "--default-unreachable-toleration-seconds=5",
        "--profiling=false",
    )  # fmt: skip
    # On SIGTERM it removes its address from the Service `kubernetes`. A kube-proxy that starts at that
    # moment would find the Service without endpoints, and keep it so.
    return Program("kube-apiserver", _control(instance, *argv), stop_signal="KILL")


def _controller_options(config: Path) -> tuple[str, ...]:
    """Return the common options of the controller manager and the scheduler, without leader election."""
    return (
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
    )


def _controller_manager(instance: Instance, tools: Toolchain) -> Program:
    config = pki.kubeconfig(instance, "kube-controller-manager")
    ca = pki.certificate(instance, "ca")
    argv = (
        tools.path("kube-controller-manager"),
        *_controller_options(config),
        f"--cluster-cidr={instance.pod_cidr}", "--allocate-node-cidrs=false",
        f"--root-ca-file={ca}", f"--cluster-signing-cert-file={ca}",
        f"--cluster-signing-key-file={pki.key(instance, 'ca')}",
        f"--service-account-private-key-file={pki.key(instance, 'service-accounts')}",
        "--use-service-account-credentials=true",
        # Shorter than the defaults of 40 s, 15 s and 5 min, so that a user can watch the effects.
        "--node-monitor-grace-period=20s", "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-downscale-stabilization=20s",
    )  # fmt: skip
    return Program("kube-controller-manager", _control(instance, *argv), (config,))


def _scheduler(instance: Instance, tools: Toolchain) -> Program:
    config = pki.kubeconfig(instance, "kube-scheduler")
    argv = (tools.path("kube-scheduler"), *_controller_options(config))
    return Program("kube-scheduler", _control(instance, *argv), (config,))


def proxy_argv(instance: Instance, tools: Toolchain, node: str) -> tuple[str, ...]:
    """Return the command line of a node's kube-proxy.

    In iptables mode, the rules of network policies would hide the REJECT of a Service without endpoints.
    """
    return (
        tools.path("kube-proxy"),
        f"--kubeconfig={pki.kubeconfig(instance, 'kube-proxy')}",
        f"--hostname-override={node}",
        f"--cluster-cidr={instance.pod_cidr}",
        "--proxy-mode=nftables",
        # These limits belong to the whole machine: do not change them.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--metrics-bind-address=127.0.0.1:10249",
    )


def _host_proxy(instance: Instance, tools: Toolchain) -> Program:
    """Return the kube-proxy that serves ClusterIPs to the host, whichever node fails.

    kube-proxy needs the name of a node; it gets the first one's, without its addresses.
    """
    argv = _control(instance, *proxy_argv(instance, tools, NODES[0]))
    return Program("kube-proxy", argv, (pki.kubeconfig(instance, "kube-proxy"),))


def _storage_provisioner(instance: Instance, tools: Toolchain) -> Program:
    config = pki.kubeconfig(instance, "storage-provisioner")
    options = (f"--kubeconfig={config}", f"--directory={instance.state}/volumes")
    argv = (tools.path("storage-provisioner"), *options)
    return Program("storage-provisioner", _control(instance, *argv), (config,))


def _registry(instance: Instance, tools: Toolchain) -> list[Program]:
    config = files.write_json(
        instance.etc / "registry.yml",
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": f"{instance.state}/registry"},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"{instance.control_ip}:5000"},
        },
    )
    serve = _control(instance, tools.path("docker-registry"), "serve", str(config))
    # The registry listens in the sandbox's network only; this makes it available on the host.
    loopback = (
        tools.path("socat"),
        f"TCP4-LISTEN:{instance.registry_port},bind=127.0.0.1,reuseaddr,fork,backlog=128",
        f"TCP4:{instance.control_ip}:5000",
    )
    return [
        Program("registry", serve, (config,), {"OTEL_TRACES_EXPORTER": "none"}),
        Program("registry-loopback", loopback),
    ]


def _buildkitd(instance: Instance, tools: Toolchain) -> Program:
    config = files.write(
        instance.etc / "buildkitd.toml",
        f"""root = "{instance.state}/buildkit"
[grpc]
  address = ["unix://{instance.buildkit_socket}"]
[worker.oci]
  enabled = true
  gc = true
  maxUsedSpace = "10GB"
  defaultCgroupParent = "/{instance.cgroup}/{cgroups.BUILDS}"
[worker.containerd]
  enabled = false
[registry."docker.io"]
  mirrors = ["{instance.registry}"]
[registry."{instance.registry}"]
  http = true
""",
    )
    argv = (tools.path("buildkitd"), f"--config={config}")
    # It mounts snapshots in its temporary directory; those of a killed one are unmounted with the instance's.
    return Program("buildkitd", argv, (config,), {**FOR_SPEED, "TMPDIR": str(instance.run)})
