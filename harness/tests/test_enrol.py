# SPDX-License-Identifier: Apache-2.0
"""Certificates for keys that stay in a device: the request, what the run's CA makes of it, and the
refusals of both.

Clauses: R-CMW-12
"""

from __future__ import annotations

import hashlib
import stat
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from atls_harness.credentials import CMW_EXTENSIONS, make_credentials, sign_request
from atls_harness.enrol import Enrolment, enrol
from atls_harness.errors import ContractError, InfrastructureError, Unsupported
from atls_harness.events import select
from atls_harness.process import Process
from atls_harness.run import Run

PE, TCG = CMW_EXTENSIONS
RECORD = b"\x82\x73application/eat+cwt\x42\x01\x02"
VALUE = b"\x04\x18" + RECORD


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with a run's credentials."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    make_credentials(folder)
    return folder


@pytest.fixture
def device(real: Run, tmp_path: Path) -> Iterator[str]:
    """A running device's address."""
    address = f"unix:{real.work / hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}.sock"
    events = ["--events", str(tmp_path / "device.events.jsonl")]
    argv = [*real.command("device", "device"), "--listen", address, "--seed", "21", *events]
    process = Process("device", "device", argv, tmp_path, True)
    try:
        process.ready()
        yield address
    finally:
        process.stop()


@pytest.fixture
def enrolled(
    real: Run, device: str, authority: Path, tmp_path: Path
) -> Callable[..., tuple[Enrolment, x509.Certificate]]:
    """Enrols, with flags, and reads the certificate."""

    def call(*flags: str) -> tuple[Enrolment, x509.Certificate]:
        made = enrol(real.command("device", "enroll"), device, authority, tmp_path, "leaf", flags)
        return made, x509.load_pem_x509_certificate(made.certificate.read_bytes())

    return call


def issued_by(folder: Path, certificate: x509.Certificate) -> bool:
    """Does openssl find that the run's CA made it, for a server and for a client?"""
    path = folder / "judged.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    command = ["openssl", "verify", "-CAfile", str(folder / "ca.pem"), "-purpose"]
    return all(
        subprocess.run([*command, purpose, str(path)], capture_output=True).returncode == 0
        for purpose in ("sslserver", "sslclient")
    )


def extension_value(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes:
    """The contents of an extension that the library does not know."""
    value = certificate.extensions.get_extension_for_oid(oid).value
    assert isinstance(value, x509.UnrecognizedExtension)
    return value.value


def test_a_certificate_without_a_cmw(
    enrolled: Callable[..., tuple[Enrolment, x509.Certificate]], authority: Path
) -> None:
    """Names, key and issuer are as they should be; the key is named, and is nowhere in a file."""
    made, certificate = enrolled()
    assert made.key == "device:1"
    assert issued_by(authority, certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH} == set(usage)
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (event,) = select(made.events, "enrolled")
    assert event["spki"] == spki.hex()
    for oid in CMW_EXTENSIONS:
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_oid(oid)
    for path in made.certificate.parent.iterdir():
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes()


CARRIED = [
    (["--evidence-format", "cab"], PE, b"\x04\x82"),
    (["--evidence-format", "cab", "--serialization", "json"], PE, b"\x0c\x82"),
    (["--evidence-format", "psa"], PE, b"\x04\x82"),
    (["--evidence-format", "psa", "--cmw-form", "tag"], PE, b"\x04\x82"),
    (["--evidence-format", "psa", "--cmw-oid", "tcg"], TCG, b"\x83"),
    (["--evidence-format", "psa", "--curve", "p384"], PE, b"\x04\x82"),
]


@pytest.mark.parametrize("flags, oid, begins", CARRIED)
def test_the_cmw_answers_the_key(
    enrolled: Callable[..., tuple[Enrolment, x509.Certificate]],
    authority: Path,
    flags: list[str],
    oid: x509.ObjectIdentifier,
    begins: bytes,
) -> None:
    """The extension is the request's, not critical; its evidence is over the hash of the key."""
    made, certificate = enrolled("--cmw", "auto", *flags)
    assert issued_by(authority, certificate)
    value = extension_value(certificate, oid)
    assert value.startswith(begins)
    assert not certificate.extensions.get_extension_for_oid(oid).critical
    request = x509.load_pem_x509_csr(made.request.read_bytes())
    asked = request.extensions.get_extension_for_oid(oid).value
    assert isinstance(asked, x509.UnrecognizedExtension) and asked.value == value
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    name = "sha384" if "p384" in flags else "sha256"
    digest = hashlib.new(name, spki).digest()
    (challenge,) = select(made.events, "challenge")
    assert challenge["direction"] == "computed"
    assert challenge["nonce"] == digest.hex()
    if "json" not in flags:  # there the tokens are in base64url
        assert digest in value


REFUSED: list[tuple[list[str], type[Exception], str]] = [
    (["--cmw", "auto", "--fault", "nonsense"], Unsupported, "fault nonsense"),
    (["--curve", "p521"], Unsupported, "p521"),
    (["--cmw", "auto", "--cmw-oid", "tcg"], Unsupported, "collection"),
    (["--ip", "localhost"], InfrastructureError, "IP address"),
    (["--attester", "passport"], InfrastructureError, "ended with 2"),
    (["--cmw", "/dev/null"], InfrastructureError, "CMW"),
]


@pytest.mark.parametrize("flags, error, words", REFUSED)
def test_refusals_are_told_apart(
    enrolled: Callable[..., tuple[Enrolment, x509.Certificate]],
    tmp_path: Path,
    flags: list[str],
    error: type[Exception],
    words: str,
) -> None:
    """77 is no support, everything else no enrolment, and there is no certificate."""
    with pytest.raises(error, match=words):
        enrolled(*flags)
    assert not (tmp_path / "leaf.pem").exists()


SCRIPTS: list[tuple[str, type[Exception], str]] = [
    ("exit 3", ContractError, "crashed"),
    ("kill -SEGV $$", ContractError, "crashed"),
    ("exit 0", ContractError, "device:HANDLE was expected"),
    ("echo device:0", ContractError, "device:HANDLE was expected"),
    ("echo device:1", ContractError, "device:HANDLE was expected"),
    ("echo 'x: runtime error: y' >&2; exit 1", ContractError, "crashed"),
]


@pytest.mark.parametrize("script, error, words", SCRIPTS)
def test_a_program_that_breaks_the_contract(
    authority: Path, tmp_path: Path, script: str, error: type[Exception], words: str
) -> None:
    """It is not believed that there is a key."""
    with pytest.raises(error, match=words):
        enrol(["sh", "-c", script, "enroll"], "unix:/none", authority, tmp_path, "leaf")


def test_no_program(authority: Path, tmp_path: Path) -> None:
    """Nothing to start."""
    with pytest.raises(InfrastructureError):
        enrol(["/nonexistent/enroll"], "unix:/none", authority, tmp_path, "leaf")


def request_for(key: Any, *extensions: tuple[x509.ExtensionType, bool]) -> bytes:
    """A request with extensions."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def test_what_is_copied(authority: Path) -> None:
    """Names and CMWs, byte for byte and as critical as asked; no right to sign, nothing unknown."""
    stranger = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1")
    pem = sign_request(
        authority,
        request_for(
            ec.generate_private_key(ec.SECP384R1()),
            (x509.UnrecognizedExtension(PE, VALUE), True),
            (x509.UnrecognizedExtension(TCG, b"not even a CMW"), False),
            (x509.UnrecognizedExtension(stranger, b"\x05\x00"), False),
            (x509.BasicConstraints(ca=True, path_length=None), True),
        ),
    )
    certificate = x509.load_pem_x509_certificate(pem)
    assert extension_value(certificate, PE) == VALUE
    assert certificate.extensions.get_extension_for_oid(PE).critical
    assert extension_value(certificate, TCG) == b"not even a CMW"
    assert not certificate.extensions.get_extension_for_oid(TCG).critical
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_oid(stranger)
    limits = certificate.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value
    assert isinstance(limits, x509.BasicConstraints) and not limits.ca


def test_another_host(authority: Path) -> None:
    """On request the certificate is for another host, whatever was asked for; all else stays."""
    asked = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    request = request_for(
        ec.generate_private_key(ec.SECP256R1()),
        (asked, False),
        (x509.UnrecognizedExtension(PE, VALUE), False),
    )
    for elsewhere, expected in ((False, ["localhost"]), (True, ["other.example"])):
        certificate = x509.load_pem_x509_certificate(sign_request(authority, request, elsewhere))
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert found.value.get_values_for_type(x509.DNSName) == expected
        assert extension_value(certificate, PE) == VALUE


def flipped(pem: bytes) -> bytes:
    """The same request with one bit of its signature changed."""
    der = bytearray(x509.load_pem_x509_csr(pem).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)


def test_requests_that_are_not_signed(authority: Path) -> None:
    """No PEM, another kind of PEM, a broken signature, a key that no device has."""
    key = ec.generate_private_key(ec.SECP256R1())
    requests = [
        b"",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        (authority / "ca.pem").read_bytes(),
        flipped(request_for(key)),
        request_for(ed25519.Ed25519PrivateKey.generate()),
    ]
    for request in requests:
        with pytest.raises(ContractError):
            sign_request(authority, request)


def test_the_authority_key_is_private(authority: Path) -> None:
    """Nobody else on the machine reads it."""
    assert stat.S_IMODE((authority / "ca.key").stat().st_mode) == 0o600
