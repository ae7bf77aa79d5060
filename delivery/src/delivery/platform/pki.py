"""Keys and certificates of the cluster, made anew for every cluster."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from delivery.platform.layout import Network

VALID = dt.timedelta(days=365)


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for: user, group, and the names it serves under."""

    user: str
    group: str | None = None
    names: tuple[str, ...] = ()


def identities(network: Network, node: str) -> dict[str, Identity]:
    """Return the certificates of a one-node cluster, by file name.

    Users and groups are those that Kubernetes' own RBAC rules are bound to.
    """
    api_names = ["localhost", "127.0.0.1", network.node_address]
    api_names += [network.kubernetes_service, "kubernetes", "kubernetes.default"]
    api_names += [
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    return {
        "apiserver": Identity("kube-apiserver", names=tuple(api_names)),
        "admin": Identity("admin", "system:masters"),
        "controller-manager": Identity("system:kube-controller-manager"),
        "scheduler": Identity("system:kube-scheduler"),
        "proxy": Identity("system:kube-proxy"),
        "dns": Identity("tms:dns"),
        "kubelet": Identity(
            f"system:node:{node}", "system:nodes", (node, network.node_address)
        ),
        "apiserver-kubelet": Identity("kube-apiserver-kubelet", "system:masters"),
    }


class Authority:
    """A certificate authority and the folder that it writes to."""

    def __init__(self, folder: Path, now: dt.datetime) -> None:
        """Make the authority's own key and certificate as `ca.key` and `ca.crt`."""
        self.folder = folder
        self.now = now
        folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tms-local-ca")])
        certificate = (
            self._builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self._write("ca", self.key, certificate)

    def issue(self, name: str, identity: Identity) -> None:
        """Write `name`.key and `name`.crt, for clients and servers alike."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, identity.user)]
        if identity.group:
            attributes.append(
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group)
            )
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            self._builder(x509.Name(attributes), key.public_key())
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if identity.names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(_general_names(identity.names)), False
            )
        self._write(name, key, builder.sign(self.key, hashes.SHA256()))

    def issue_signing_key(self, name: str) -> None:
        """Write `name`.key and `name`.pub, the pair that signs service accounts."""
        key = ec.generate_private_key(ec.SECP256R1())
        self._write_key(name, key)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        (self.folder / f"{name}.pub").write_bytes(public)

    def _builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            # Clocks are read twice on one machine, but never in the same instant.
            .not_valid_before(self.now - dt.timedelta(minutes=5))
            .not_valid_after(self.now + VALID)
        )

    def _write(
        self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self._write_key(name, key)
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (self.folder / f"{name}.crt").write_bytes(pem)

    def _write_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        # SEC 1, the form that Kubernetes 1.20 reads for service account keys too.
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        path = self.folder / f"{name}.key"
        path.touch(mode=0o600)
        path.write_bytes(pem)


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def make_keys(folder: Path, network: Network, node: str, now: dt.datetime) -> None:
    """Write every key and certificate of a cluster; keep a set that is complete."""
    complete = folder / "complete"
    if complete.exists():
        return
    authority = Authority(folder, now)
    for name, identity in identities(network, node).items():
        authority.issue(name, identity)
    authority.issue_signing_key("service-accounts")
    complete.touch()
