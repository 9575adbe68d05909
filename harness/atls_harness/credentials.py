# SPDX-License-Identifier: Apache-2.0
"""X.509 credentials, made for one run: keys and certificates of the sides that do not attest
themselves, and certificates for keys that stay in a device (enrol.py brings the requests)."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import ContractError

LIFETIME = datetime.timedelta(days=2)
# What may carry a CMW: id-pe-cmw (RFC 9999), tcg-dice-conceptual-message-wrapper (TCG).
CMW_EXTENSIONS = (
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35"),
    x509.ObjectIdentifier("2.23.133.5.4.9"),
)
USAGES = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]


def write_key(path: Path, key: Any) -> None:
    """A new file with a private key, for its owner alone."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
    )


def _names(host: str, address: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [x509.DNSName(host), x509.IPAddress(ipaddress.IPv4Address(address))]
    )


HERE = _names("localhost", "127.0.0.1")
ELSEWHERE = _names("other.example", "192.0.2.1")  # RFC 2606, RFC 5737


def make_credentials(folder: Path) -> None:
    """Writes ca.pem with ca.key, and NAME.pem with NAME.key for client, server, elsewhere and
    stranger.

    That of elsewhere is for another host. The stranger's certificate says what the server's says,
    but is signed by a CA that nobody trusts. Certificates are valid for days around now, so that a
    clock offset does not matter.
    """
    authorities = {}
    for name in ("ca", "strange-ca"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"atls test {name}")
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        authorities[name] = (key, certificate)
    ca_pem = authorities["ca"][1].public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(ca_pem)
    write_key(folder / "ca.key", authorities["ca"][0])
    for name in ("client", "server", "elsewhere", "stranger"):
        ca_key, ca_certificate = authorities["strange-ca" if name == "stranger" else "ca"]
        key = ec.generate_private_key(ec.SECP256R1())
        names = ELSEWHERE if name == "elsewhere" else HERE
        certificate = (
            _builder(_name(f"atls test {name}"), ca_certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage(USAGES), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_key(folder / f"{name}.key", key)


@functools.lru_cache(maxsize=4)
def _authority(
    key_pem: bytes, certificate_pem: bytes
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A CA, which signs a request of most cases: to read its key takes longer than to sign."""
    key = serialization.load_pem_private_key(key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, x509.load_pem_x509_certificate(certificate_pem)


def sign_request(folder: Path, request: bytes, elsewhere: bool = False) -> bytes:
    """The certificate (PEM) that the run's CA, whose ca.pem and ca.key are in FOLDER, issues for a
    request (PKCS#10, PEM): names and CMW as they were asked for, byte for byte and as critical as
    there, and nothing else; ELSEWHERE: with the names of another host instead. ContractError where
    the request is none that can be signed."""
    ca_key, ca_certificate = _authority(
        (folder / "ca.key").read_bytes(), (folder / "ca.pem").read_bytes()
    )
    try:
        csr = x509.load_pem_x509_csr(request)
        key = csr.public_key()
        extensions = list(csr.extensions)
        signed = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as problem:
        raise ContractError(f"a certification request in PEM was expected: {problem}") from problem
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ContractError("the request is not for an elliptic-curve key")
    if not signed:
        raise ContractError("the request's signature is not by its own key (RFC 2986 section 4.2)")
    builder = _builder(csr.subject, ca_certificate.subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(USAGES), critical=False)
    for extension in extensions:
        names = isinstance(extension.value, x509.SubjectAlternativeName)
        if names and elsewhere:
            builder = builder.add_extension(ELSEWHERE, extension.critical)
        elif names or extension.oid in CMW_EXTENSIONS:
            builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
