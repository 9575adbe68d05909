#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A peer to begin with: a TLS stack, its flags, its events, its exit codes, and nothing else.

The stack is Python's ssl. In x509-cmw the evidence is in the certificate that the harness hands
out, so that an attester needs no more than TLS 1.3; a relying party would read the peer's
certificate in connected() and ask the verifier. What is not done gives exit 77 before any packet.
"""

import argparse
import hashlib
import json
import os
import select
import socket
import ssl
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

DONE, REFUSED, UNSUPPORTED = 0, 1, 77
BEGAN = time.monotonic()
CMW = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35")  # id-pe-cmw (RFC 9999)
OCTET_STRING = 0x04  # the CBOR slot of the extension's CHOICE
ARRAY_OF_TWO, ARRAY_OF_FOUR = 0x82, 0x84  # first bytes of a CMW record in CBOR
LINE_MAX = 1 << 12
# Names as RFC 8446 section 6 has them, of the alerts that an attester may get.
ALERTS = {
    "unexpected_message": 10,
    "handshake_failure": 40,
    "bad_certificate": 42,
    "certificate_unknown": 46,
    "illegal_parameter": 47,
    "unknown_ca": 48,
    "access_denied": 49,
    "decode_error": 50,
    "decrypt_error": 51,
    "internal_error": 80,
    "certificate_required": 116,
}


def unsupported(what):
    """Says what this peer does not do. Always before any packet."""
    print(f"mystack: not supported: {what}", file=sys.stderr)
    sys.exit(UNSUPPORTED)


def parse(side, argv):
    """The flags of harness/peers/README.md. An unknown flag is wrong usage (argparse exits with 2);
    an unknown value of a known flag is not supported."""
    flags = argparse.ArgumentParser(prog=f"mystack {side}", allow_abbrev=False)
    flags.add_argument("--version", action="version", version=f"mystack 1 ({ssl.OPENSSL_VERSION})")
    flags.add_argument("--profile", default="x509-cmw")
    flags.add_argument("--attester", default="none")
    flags.add_argument("--relying-party", default="none")
    flags.add_argument("--serialization", default="cbor")
    flags.add_argument("--evidence-format", default="psa")
    flags.add_argument("--cmw-form", default="record")
    flags.add_argument("--curve", default="p256")
    flags.add_argument("--timeout", type=float, default=20)
    flags.add_argument("--message", default=f"hello from {side}")
    for name in ("events", "keylog", "artifacts", "cert", "key", "ca", "device"):
        flags.add_argument(f"--{name}")
    # Known, and of no use to a peer that relies on nobody and does one thing only.
    for name in ("policy", "verifier", "verifier-id", "trust-verifier", "accept-tier"):
        flags.add_argument(f"--{name}")
    for name in ("nonce-size", "result-max-age", "clock-offset", "verifier-timeout"):
        flags.add_argument(f"--{name}")
    refused = ("fault", "variant", "evidence-type", "code-points", "credential-kind", "reattest")
    for name in (*refused, "second-device"):
        flags.add_argument(f"--{name}", action="append", default=[])
    flags.add_argument("--hrr", action="store_true")
    if side == "client":
        flags.add_argument("--connect", required=False)
        flags.add_argument("--connections", type=int, default=1)
    else:
        flags.add_argument("--listen", default="127.0.0.1:0")
        flags.add_argument("--max-connections", type=int, default=1)
    given = flags.parse_args(argv)
    for name, known in (
        ("profile", ("x509-cmw",)),
        ("attester", ("none", "background-check")),
        ("relying_party", ("none",)),
        ("serialization", ("cbor",)),
        ("evidence_format", ("psa",)),
        ("cmw_form", ("record",)),
        ("curve", ("p256",)),
    ):
        if getattr(given, name) not in known:
            unsupported(f"{name.replace('_', '-')} {getattr(given, name)}")
    for name in refused:
        if getattr(given, name.replace("-", "_")):
            unsupported(f"--{name}")
    if given.attester != "none" and not given.cert:
        unsupported("--attester without --cert and --key")
    if given.hrr or getattr(given, "connections", 1) != 1:
        unsupported("--hrr, --connections")
    if given.key and given.key.startswith("device:"):
        unsupported("a key that stays in a device")
    return given


class Events:
    """One JSON object a line; t never goes back."""

    def __init__(self, side, path):
        self.side = side
        self.file = sys.stdout if path == "-" else open(path or os.devnull, "a", encoding="utf-8")

    def say(self, event, **fields):
        line = {"t": time.monotonic() - BEGAN, "who": self.side, "event": event, **fields}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()


def spki(certificate):
    """A certificate's SubjectPublicKeyInfo, in hexadecimal."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return certificate.public_key().public_bytes(serialization.Encoding.DER, form).hex()


def evidence(certificate):
    """The CMW in our own certificate: what we will have sent when the handshake is over."""
    value = certificate.extensions.get_extension_for_oid(CMW).value.value
    size, start = value[1], 2
    if size & 0x80:  # long form of a DER length
        start += size & 0x7F
        size = int.from_bytes(value[2:start], "big")
    cmw = value[start:]
    if value[0] != OCTET_STRING or len(cmw) != size or not ARRAY_OF_TWO <= cmw[0] <= ARRAY_OF_FOUR:
        sys.exit("mystack: the certificate's CMW is no record in CBOR (RFC 9999 section 6)")
    return cmw


def context(side, given):
    """TLS 1.3, our certificate, and the authority that the peer's must come from."""
    kind = ssl.PROTOCOL_TLS_CLIENT if side == "client" else ssl.PROTOCOL_TLS_SERVER
    made = ssl.SSLContext(kind)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    if side == "server":
        made.num_tickets = 0
    if given.keylog:
        made.keylog_filename = given.keylog
    if given.cert:
        made.load_cert_chain(given.cert, given.key)
    if given.ca:
        made.load_verify_locations(given.ca)
    return made


def alert_of(problem):
    """The alert in OpenSSL's words ("TLSV1_ALERT_ACCESS_DENIED"), or None; and the reason."""
    words = getattr(problem, "reason", None) or ""
    if isinstance(problem, ssl.SSLCertVerificationError):
        alert = {"direction": "sent", "code": ALERTS["unknown_ca"], "name": "unknown_ca"}
        return alert, "certificate-untrusted"
    name = words.partition("ALERT_")[2].lower()
    if name in ALERTS:
        return {"direction": "received", "code": ALERTS[name], "name": name}, "peer-alert"
    if isinstance(problem, TimeoutError):
        return None, "timeout"
    return None, "peer-closed" if isinstance(problem, (EOFError, OSError)) else "internal"


def sent_credential(given, events, conn):
    """Tells what was sent; returns the key that has signed."""
    with open(given.cert, "rb") as file:
        own = x509.load_pem_x509_certificate(file.read())
    cmw = evidence(own)
    events.say(
        "credential",
        conn=conn,
        direction="sent",
        bytes=len(cmw),
        form="record",
        serialization="cbor",
        sha256=hashlib.sha256(cmw).hexdigest(),
    )
    return spki(own)


def connected(side, given, events, tls, conn, began):
    """What a connection is for, once TLS is there: a line each way. A client cannot know that its
    handshake was accepted before the server's first byte."""
    line = f"{given.message}\n".encode()
    if side == "client":
        tls.sendall(line)
    came = b""
    while not came.endswith(b"\n") and len(came) < LINE_MAX:
        more = tls.recv(LINE_MAX)
        if not more:
            raise EOFError("closed before a whole line came")
        came += more
    model = given.attester
    keys = {}
    if model != "none":
        keys["signed_with"] = sent_credential(given, events, conn)
    peer = tls.getpeercert(binary_form=True)
    if peer:
        keys["verified_with"] = spki(x509.load_der_x509_certificate(peer))
    how = {"outcome": "complete", "reason": "ok", "alert": None, "hrr": False}
    how["seconds"] = time.monotonic() - began
    attested = {"self_attested": model, "peer_attested": "none"}
    events.say("handshake", conn=conn, **how, **attested, **keys)
    if side == "server":
        tls.sendall(line)
    text = came.decode("utf-8", "replace").rstrip("\n")
    for direction, words in (("sent", given.message), ("received", text)):
        events.say("application-data", conn=conn, direction=direction, text=words)


def play(side, given, events, made, plain, conn):
    """One connection; returns whether it completed."""
    events.say("connection", conn=conn)
    began = time.monotonic()
    plain.settimeout(given.timeout)
    try:
        named = {"server_hostname": "localhost"} if side == "client" else {"server_side": True}
        with made.wrap_socket(plain, **named) as tls:
            connected(side, given, events, tls, conn, began)
    except (OSError, EOFError) as problem:  # ssl.SSLError is an OSError
        alert, reason = alert_of(problem)
        if given.attester != "none" and alert and alert["direction"] == "received":
            sent_credential(given, events, conn)  # it was answered, so it was sent
        how = {"outcome": "failed", "reason": reason, "alert": alert, "detail": str(problem)}
        events.say("handshake", conn=conn, **how)
        events.say("closed", conn=conn, outcome="failed")
        return False
    events.say("closed", conn=conn, outcome="complete")
    return True


def main():
    side, given = sys.argv[1], parse(sys.argv[1], sys.argv[2:])
    events = Events(side, given.events)
    made = context(side, given)
    if side == "client":
        host, _, port = given.connect.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=given.timeout) as plain:
            return DONE if play(side, given, events, made, plain, 1) else REFUSED
    host, _, port = given.listen.rpartition(":")
    parent, good, conn = os.getppid(), True, 0
    with socket.create_server((host, int(port))) as listener:
        address = listener.getsockname()
        events.say("ready", address=f"{address[0]}:{address[1]}", port=address[1])
        while given.max_connections == 0 or conn < given.max_connections:
            if os.getppid() != parent:  # whoever started us is gone
                return REFUSED
            if not select.select([listener], [], [], 0.5)[0]:
                continue
            plain, _ = listener.accept()
            conn += 1
            with plain:
                good &= play(side, given, events, made, plain, conn)
    return DONE if good else REFUSED


if __name__ == "__main__":
    sys.exit(main())
