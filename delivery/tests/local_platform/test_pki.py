"""Keys and certificates of a cluster."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from delivery.platform.layout import Network
from delivery.platform.pki import identities, make_keys

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def subject(found: x509.Certificate, attribute: x509.ObjectIdentifier) -> str:
    return str(found.subject.get_attributes_for_oid(attribute)[0].value)


def test_every_identity_gets_a_key_signed_by_the_authority(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", NOW)
    authority = certificate(tmp_path, "ca")
    for name in identities(Network(), "tms"):
        certificate(tmp_path, name).verify_directly_issued_by(authority)
        key = (tmp_path / f"{name}.key").read_bytes()
        private = serialization.load_pem_private_key(key, None)
        public = certificate(tmp_path, name).public_key()
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = serialization.Encoding.PEM
        assert private.public_key().public_bytes(pem, spki) == public.public_bytes(
            pem, spki
        )


def test_kubernetes_reads_user_and_group_from_the_subject(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", NOW)
    kubelet = certificate(tmp_path, "kubelet")
    assert subject(kubelet, NameOID.COMMON_NAME) == "system:node:tms"
    assert subject(kubelet, NameOID.ORGANIZATION_NAME) == "system:nodes"
    scheduler = certificate(tmp_path, "scheduler")
    assert subject(scheduler, NameOID.COMMON_NAME) == "system:kube-scheduler"


def test_the_api_server_serves_under_its_names(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", NOW)
    extension = certificate(tmp_path, "apiserver").extensions
    names = extension.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    assert ipaddress.ip_address("10.89.0.2") in addresses
    assert ipaddress.ip_address("10.96.0.1") in addresses
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_certificates_are_valid_now_and_for_a_year(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", NOW)
    admin = certificate(tmp_path, "admin")
    assert admin.not_valid_before_utc < NOW
    assert admin.not_valid_after_utc == NOW + dt.timedelta(days=365)


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", NOW)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")}
    assert modes == {0o600}


def test_a_complete_set_is_kept_and_a_part_of_one_is_not(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", NOW)
    first = (tmp_path / "ca.crt").read_bytes()
    make_keys(tmp_path, Network(), "tms", NOW)
    assert (tmp_path / "ca.crt").read_bytes() == first
    (tmp_path / "complete").unlink()
    make_keys(tmp_path, Network(), "tms", NOW)
    assert (tmp_path / "ca.crt").read_bytes() != first
