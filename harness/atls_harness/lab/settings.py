# SPDX-License-Identifier: Apache-2.0
"""What a lab was told on its command line, and what it keeps in its folder: CA, keys, tokens."""

from __future__ import annotations

import base64
import contextlib
import datetime
import fcntl
import ipaddress
import json
import os
import secrets
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..credentials import make_credentials, sign_request, write_key
from ..errors import InfrastructureError, UsageError
from .store import Limits

PORT = 8600
PORT_MAX = 65535
SIOCGIFADDR = 0x8915
CREDENTIALS_DAYS = 1  # then a start makes new ones, which are valid for two days
CREDENTIALS = ("ca", "strange-ca", "client", "server", "elsewhere", "stranger")
PROVISIONING_TOKEN = "provisioning.token"
VERIFIER_KEY = "verifier.key.jwk"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Settings:
    """All of it."""

    host: str = "127.0.0.1"
    port: int = PORT  # of the page; the verifier's and the places' follow. 0: whichever are free
    name: str = ""
    state: Path = Path("lab")
    allowed: Sequence[Network] = ()
    token: str = ""
    limits: Limits = field(default_factory=Limits)
    at_once: int = 1024
    per_source: int = 512

    @property
    def addresses(self) -> list[str]:
        """Where the lab can be reached, as far as that can be told."""
        address = ipaddress.ip_address(self.host)
        if not address.is_unspecified:
            return [self.host]
        return [*_addresses_of_four(), *(_addresses_of_six() if address.version == 6 else [])]

    @property
    def certified(self) -> list[str]:
        """The addresses that its certificates have."""
        return list(dict.fromkeys(["127.0.0.1", *self.addresses]))

    @property
    def shown(self) -> str:
        """The host that instructions name."""
        known = [one for one in self.addresses if not ipaddress.ip_address(one).is_loopback]
        return self.name or (known or self.addresses)[0]

    @property
    def names(self) -> list[str]:
        """The names by which its page may be asked for, and that its certificates have."""
        return list(dict.fromkeys(["localhost", *([self.name] if self.name else [])]))


def _addresses_of_four() -> list[str]:
    """The first address of IPv4 of each interface (netdevice(7))."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # it has none
                told = fcntl.ioctl(one, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                found.append(socket.inet_ntoa(told[20:24]))
    return found or ["127.0.0.1"]


def _addresses_of_six() -> list[str]:
    """Those of IPv6 that are not of one link alone."""
    made = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines():
            address = ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))
            if not address.is_link_local:
                made.append(str(address))
    return made


def listen_at(text: str) -> tuple[str, int]:
    """HOST, HOST:PORT or [ADDRESS]:PORT; HOST is an address of this machine."""
    host, port = text, PORT
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise UsageError(f"--listen: expected [ADDRESS]:PORT, came {text!r}")
        port = _port(rest[1:]) if rest else PORT
    elif text.count(":") == 1:
        host, _, given = text.partition(":")
        port = _port(given)
    try:
        return str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)), port
    except ValueError:
        raise UsageError(
            f"--listen: expected an address of this machine (0.0.0.0: all), came {host!r}"
        ) from None


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > PORT_MAX - 32:
        raise UsageError(f"--listen: expected a port from 0 to {PORT_MAX - 32}, came {text!r}")
    return int(text)


def networks(texts: Sequence[str]) -> list[Network]:
    """What --allow-probe names."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as problem:
            raise UsageError(f"--allow-probe: expected ADDRESS/BITS, came {text!r}: {problem}")
    return found


def hold(state: Path) -> IO[str]:
    """The lab's folder, for this process alone."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (state / "lab.lock").open("w", encoding="ascii")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InfrastructureError(
            f"another lab runs on {state}; --state DIR is another place"
        ) from None
    except OSError as problem:
        raise InfrastructureError(f"--state {state}: {problem.strerror}") from problem
    return file


def prepare(settings: Settings) -> None:
    """CA, certificates, the verifier's key and a token for its endorsements: made where they are
    not there, or have become old."""
    state = settings.state
    if _old(state / "ca.pem"):
        for name in CREDENTIALS:
            (state / f"{name}.pem").unlink(missing_ok=True)
            (state / f"{name}.key").unlink(missing_ok=True)
        make_credentials(state)
    issue(settings, "server")
    if not (state / VERIFIER_KEY).exists():
        _write(state / VERIFIER_KEY, json.dumps(_jwk()))
    if not (state / PROVISIONING_TOKEN).exists():
        _write(state / PROVISIONING_TOKEN, secrets.token_urlsafe(32) + "\n")


def _old(path: Path) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return True
    ends = getattr(certificate, "not_valid_after_utc", None)  # Debian 12's library has it not yet
    ends = ends or certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc)
    left: datetime.timedelta = ends - datetime.datetime.now(datetime.timezone.utc)
    return left < datetime.timedelta(days=CREDENTIALS_DAYS)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _jwk() -> dict[str, Any]:
    """A private key of P-256 (RFC 7518 section 6.2)."""
    key: Any = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    public = numbers.public_numbers

    def field_of(value: int) -> str:
        return base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")

    made = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"}
    made |= {"x": field_of(public.x), "y": field_of(public.y)}
    return {**made, "d": field_of(numbers.private_value)}


def issue(settings: Settings, name: str, folder: Path | None = None) -> None:
    """NAME.pem and NAME.key in FOLDER (the lab's own): an ordinary certificate by the lab's CA,
    for the lab's names and addresses."""
    folder = folder or settings.state
    key: Any = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(one) for one in settings.names]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"atls lab {name}")]))
        .add_extension(
            x509.SubjectAlternativeName(
                [*names, *(x509.IPAddress(ipaddress.ip_address(one)) for one in settings.certified)]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = request.public_bytes(serialization.Encoding.PEM)
    (folder / f"{name}.pem").write_bytes(sign_request(settings.state, pem))
    (folder / f"{name}.key").unlink(missing_ok=True)
    write_key(folder / f"{name}.key", key)
