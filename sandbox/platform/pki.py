"""Certificates and kubeconfigs: an authority, and an identity with rights for each component."""

import base64
from dataclasses import dataclass
from pathlib import Path

import trustme

from sandbox.platform import files
from sandbox.platform.instance import NODES, Instance


@dataclass(frozen=True)
class Identity:
    """The subject of a certificate: Kubernetes takes the user from CN and the group from O."""

    file: str
    user: str
    group: str = "slipway"
    hosts: tuple[str, ...] = ()


def identities(instance: Instance) -> tuple[Identity, ...]:
    """Return all identities of an instance."""
    api_names = (
        "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
        instance.control_ip, instance.kubernetes_ip, "localhost", "127.0.0.1",
    )  # fmt: skip
    return (
        Identity("etcd", "etcd", hosts=("localhost", "127.0.0.1")),
        Identity("kube-apiserver", "kube-apiserver", hosts=api_names),
        Identity("kube-apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Identity("front-proxy", "front-proxy"),
        Identity("service-accounts", "service-accounts"),
        Identity("admin", "admin", "system:masters"),
        Identity("kube-controller-manager", "system:kube-controller-manager"),
        Identity("kube-scheduler", "system:kube-scheduler"),
        Identity("kube-proxy", "system:kube-proxy"),
        Identity("kube-router", "kube-router"),
        Identity("metrics-server", "metrics-server", hosts=("metrics-server.kube-system.svc",)),
        Identity("storage-provisioner", "storage-provisioner"),
        *((Identity("contour", "contour"),) if instance.ingress.exists() else ()),
        *((Identity("prometheus", "prometheus"),) if instance.prometheus.exists() else ()),
        *(
            Identity(node, f"system:node:{node}", "system:nodes", (node, instance.node_ip(node)))
            for node in NODES
        ),
    )


def certificate(instance: Instance, file: str) -> str:
    """Return the path of an identity's certificate; `ca` is the authority."""
    return str(instance.pki / f"{file}.crt")


def key(instance: Instance, file: str) -> str:
    """Return the path of an identity's private key."""
    return str(instance.pki / f"{file}.key")


def encoded(path: str) -> str:
    """Return the content of a certificate or key in Base64, as manifests and kubeconfigs have it."""
    return base64.b64encode(Path(path).read_bytes()).decode()


def kubeconfig(instance: Instance, identity: str) -> Path:
    """Write the kubeconfig of an identity. It contains the keys, so it can be copied elsewhere."""
    name = instance.name
    user = {
        "client-certificate-data": encoded(certificate(instance, identity)),
        "client-key-data": encoded(key(instance, identity)),
    }
    authority = encoded(certificate(instance, "ca"))
    return files.write_json(
        instance.kubeconfig if identity == "admin" else instance.etc / f"{identity}.kubeconfig",
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": instance.api_url, "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        mode=0o600,
    )


def ensure(instance: Instance) -> None:
    """Create the missing certificates; only the owner can read the keys."""
    instance.pki.mkdir(parents=True, exist_ok=True)
    clients = authority(instance.pki, f"{instance.name} sandbox")
    for identity in identities(instance):
        path = Path(certificate(instance, identity.file))
        if path.exists():
            continue
        # Go rejects a certificate without a host name.
        issued = clients.issue_cert(
            *(identity.hosts or (identity.file,)), common_name=identity.user, organization_name=identity.group
        )
        write(issued, path)


def authority(directory: Path, name: str) -> trustme.CA:
    """Return the authority of a directory, whose certificate is ca.crt; create it unless it exists."""
    certificate, key = directory / "ca.crt", directory / "ca.key"
    if certificate.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    created = trustme.CA(organization_unit_name=name)
    _write(key, created.private_key_pem.bytes())
    _write(certificate, created.cert_pem.bytes())
    return created


def write(issued: trustme.LeafCert, path: Path) -> None:
    """Write a certificate to a file NAME.crt, and its key to NAME.key."""
    _write(path.with_name(f"{path.stem}.key"), issued.private_key_pem.bytes())
    _write(path, b"".join(blob.bytes() for blob in issued.cert_chain_pems))


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
