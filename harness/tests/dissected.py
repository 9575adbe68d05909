# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Wireshark dissector and its fuzz target (harness/fuzz/dissector.py) share:
messages, whole and damaged, and tshark with the dissector.
"""

from __future__ import annotations

import datetime
import functools
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from atls_harness.paths import ROOT

import sealed
from sealed import Connection, certificate, certificate_request, extension, proof, vector

DISSECTOR = ROOT / "tls" / "wireshark" / "attested-tls.lua"
# What shows that the dissector stumbled.
MISTAKES = ("atls.mistake", "dissector has a mistake", "Lua Error", "stack traceback")

EVIDENCE_REQUEST, EVIDENCE_PROPOSAL, RESULTS_REQUEST, RESULTS_PROPOSAL = range(0xFF10, 0xFF14)
ATTESTATION_EVIDENCE, ATTESTATION, REMOTE_ATTESTATION = range(0xFF14, 0xFF17)
CMW_ATTESTATION = 0xFF00
NONCE = bytes(range(32))
KEY = {1: 2, -1: 1, -2: b"\x11" * 32, -3: b"\x22" * 32}


@functools.lru_cache(maxsize=None)
def no_superuser() -> tuple[str, ...]:
    """Wireshark 4.4 loads no Lua script for root: a user namespace in which root has another
    number, with root's files. Where none can be made, tshark is started as it is."""
    other = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return ()
    done = subprocess.run([*other, "true"], capture_output=True)
    return other if done.returncode == 0 else ()


def run_tshark(
    path: Path, *arguments: str, dissector: bool = True
) -> subprocess.CompletedProcess[str]:
    """tshark with the DISSECTOR, on a capture. Ports come by chance, and some have an owner whose
    dissector would take the connection for its own."""
    command = [*no_superuser(), "tshark", "-r", str(path)]
    command += ["-X", f"lua_script:{DISSECTOR}"] if dissector else []
    command += ["-o", "tcp.try_heuristic_first:TRUE"]
    return subprocess.run(
        [*command, *arguments],
        env=dict(os.environ, HOME=str(path.parent)),  # nobody's preferences
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
    )


def evidence_type(*octets: int, tail: bytes) -> bytes:
    """An EvidenceType: the octets in front, then its argument."""
    return bytes(octets) + tail


def token(claims: Mapping[Any, Any]) -> bytes:
    """A COSE_Sign1 whose signature is none."""
    made: bytes = cbor2.dumps([cbor2.dumps({1: -7}), {}, cbor2.dumps(claims), b"\x33" * 64])
    return made


KAT = token({10: NONCE, 8: {1: KEY}, 2500: KEY})
PAT = token(
    {
        10: NONCE,
        2395: 0x3000,
        2396: b"\x44" * 32,
        2399: [{1: "BL", 2: b"\x55" * 32, 5: b"\x66" * 32}],
    }
)
LEGACY = token({-75008: NONCE, -75002: 0x3000, -75003: b"\x44" * 32, -75000: "PSA_IOT_PROFILE_1"})
RECORD = cbor2.dumps(["application/eat+cwt", KAT, 4])
# Evidence that a software TPM made.
TPM_EVIDENCE = (ROOT / "rats" / "tokens" / "corpus" / "tpm" / "evidence").read_bytes()
TPM = cbor2.dumps(["application/vnd.parallaxsecond.key-attestation.tpm", TPM_EVIDENCE])
# Evidence of a simulated Arm CCA platform and realm, in its three forms.
CCA_SEEDS = ROOT / "rats" / "tokens" / "corpus" / "cca"
CCA_KINDS = {
    "token-907": 'application/eat-collection; profile="http://arm.com/CCA-SSD/1.0.0"',
    "token-399": 'application/eat-collection; profile="http://arm.com/CCA-SSD/1.0.0"',
    "parsec": "application/vnd.parallaxsecond.key-attestation.cca",
}
CCA = {
    name: cbor2.dumps([kind, (CCA_SEEDS / name).read_bytes()]) for name, kind in CCA_KINDS.items()
}
CF_273 = (273).to_bytes(2, "big")
X509 = b"\x30\x03\x02\x01\x05"  # a SEQUENCE is all that the dissector asks of it


def self_signed(oid: str, value: bytes) -> bytes:
    """A certificate with an extension, the same each time."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(NONCE)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    now = datetime.datetime(2026, 1, 1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False)
        .sign(key, None)
    )
    return made.public_bytes(serialization.Encoding.DER)


def der(tag: int, content: bytes) -> bytes:
    """A DER element of 128 to 65535 bytes."""
    return bytes([tag, 0x82]) + vector(content, 2)


JWT = b"eyJhbGciOiJFUzI1NiJ9.eyJzdWJtb2RzIjp7ImEiOnsiZWFyLnN0YXR1cyI6Im5vbmUifX19.AAAA"
JSON = b'{"a":["application/cmw+cbor","ggFA"],"__cmwc_t":"tag:a","b":["application/json","e30"]}'
# What may stand where a CMW does.
SEEDS = (
    RECORD,
    cbor2.dumps({"kat": ["application/eat+cwt", KAT], "pat": [263, PAT]}),
    JSON,
    cbor2.dumps([264, JWT]),
    b"\x01" + vector(KAT, 2) + vector(LEGACY, 2),
    cbor2.dumps(cbor2.CBORTag(1668547091, RECORD)),
    cbor2.dumps([267, cbor2.dumps({})]),
    TPM,
    *CCA.values(),
)
OFFER = vector(evidence_type(0, 0, tail=CF_273), 1) + vector(NONCE, 1)
SCHEME = b"\x00\x00" + CF_273
SEAT = vector(SCHEME, 2) + vector(b"\x01" + vector(b"v", 2), 2)


@functools.lru_cache(maxsize=None)
def one_certificate() -> bytes:
    """One certificate for all damaged ones."""
    return self_signed("1.3.6.1.5.5.7.1.35", der(4, RECORD))


def damaged(data: bytes, dice: random.Random) -> bytes:
    """DATA with none to a few bits, bytes or pieces changed."""
    changed = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 2, 5))):
        at = dice.randrange(len(changed)) if changed else 0
        kind = dice.randrange(4)
        if kind == 0 and changed:
            changed[at] = dice.randrange(256)
        elif kind == 1 and changed:
            changed[at] ^= 1 << dice.randrange(8)
        elif kind == 2:
            del changed[at : at + dice.randrange(1, 30)]
        else:
            changed[at:at] = dice.randbytes(dice.randrange(1, 4))
    return bytes(changed)


def damaged_connection(seed: bytes, dice: random.Random) -> Connection:
    """Every message that the dissector looks into, each damaged, with SEED for a CMW."""
    cmw = damaged(seed, dice)
    entry = extension(REMOTE_ATTESTATION, damaged(vector(cmw, 3), dice))
    cert = certificate([(cmw, b""), (damaged(one_certificate(), dice), entry)])
    authenticator = damaged(certificate([(X509, extension(CMW_ATTESTATION, cmw))]) + proof(), dice)
    hello = extension(EVIDENCE_REQUEST, damaged(OFFER, dice))
    hello += extension(REMOTE_ATTESTATION, damaged(SEAT, dice))
    hello += extension(RESULTS_REQUEST, damaged(vector(vector(b"verifier", 2), 1), dice))
    return Connection(
        hello=hello,
        encrypted=extension(EVIDENCE_PROPOSAL, damaged(OFFER, dice)),
        request=certificate_request(extension(REMOTE_ATTESTATION, damaged(SCHEME, dice))),
        server=cert + proof(),
        client=damaged(cert, dice),
        after=[(sealed.CLIENT, sealed.APPLICATION_DATA, authenticator)],
    )


def _falls_alone(path: Path, *arguments: str) -> bool:
    """Whether a capture ends tshark by a signal without the dissector: 4.0.17 does so on some
    damaged messages."""
    shown = ["tls" if word == "atls" else word for word in arguments]
    return run_tshark(path, *shown, dissector=False).returncode < 0


def stumbles(connections: Sequence[Connection], path: Path, *arguments: str) -> str:
    """What shows that the dissector stumbled over one of CONNECTIONS; "" where nothing does. Of
    what ends tshark by itself nothing is known: it is named, and the others are looked at."""
    done = run_tshark(sealed.write(path, connections), *arguments)
    if done.returncode < 0 and _falls_alone(path, *arguments):
        if len(connections) > 1:
            found = (stumbles([one], path, *arguments) for one in connections)
            return next(filter(None, found), "")
        print(f"tshark without the dissector ends with {done.returncode} too", file=sys.stderr)
        return ""
    if done.returncode != 0:
        return f"tshark ended with {done.returncode}: {done.stderr[-2000:]}"
    return next((word for word in MISTAKES if word in done.stdout + done.stderr), "")
