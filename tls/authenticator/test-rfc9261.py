# SPDX-License-Identifier: Apache-2.0
"""RFC 9261 a second time, against the first: made and checked byte for byte.

Nothing here is shared with the C code: messages, transcripts and Finished are computed with hashlib
and hmac, signatures with python3-cryptography. The C side is peer-rfc9261, one process an end.

Usage: test-rfc9261.py PEER
"""

import datetime
import hashlib
import hmac
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Callable, Optional, Sequence, Union

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY = 11, 13, 15
CLIENT_CERTIFICATE_REQUEST, FINISHED = 17, 20
SIGNATURE_ALGORITHMS, CMW_ATTESTATION = 13, 0xFF00
ECDSA_P256, ECDSA_P384, RSA_PSS, ED25519 = 0x0403, 0x0503, 0x0804, 0x0807
UNEXPECTED_MESSAGE, ILLEGAL_PARAMETER, DECRYPT_ERROR = 10, 47, 51
UNSUPPORTED_EXTENSION, CERTIFICATE_REQUIRED = 110, 116

Key = Union[ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, rsa.RSAPrivateKey]
Extensions = Sequence[tuple[int, bytes]]


@dataclass(frozen=True)
class Entry:
    """A CertificateEntry."""

    certificate: bytes
    extensions: Extensions = ()


@dataclass(frozen=True)
class Identity:
    """A key, its signature scheme, its chain."""

    scheme: int
    key: Key
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Reading:
    """How RFC 9261 is read; the defaults are what it says, the rest what one can get wrong."""

    text: bytes = b"Exported Authenticator"
    spaces: int = 64
    separator: bytes = b"\0"
    signs_request: bool = True
    signs_context: bool = True
    finishes_verify: bool = True
    finishes_hash: bool = True
    key_is_base_key: bool = False
    empty_has_certificate: bool = True
    as_other_side: bool = False
    request_skips: int = 0  # octets of the request that no transcript has: 4 are its header (H33)


def vector(prefix: int, data: bytes) -> bytes:
    """A TLS vector."""
    return len(data).to_bytes(prefix, "big") + data


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + vector(3, body)


def block(extensions: Extensions) -> bytes:
    """What is in an extension block."""
    return b"".join(kind.to_bytes(2, "big") + vector(2, data) for kind, data in extensions)


def expand_label(name: str, secret: bytes, label: bytes) -> bytes:
    """HKDF-Expand-Label with an empty context and a hash's length; one block is enough."""
    size = hashlib.new(name).digest_size
    info = size.to_bytes(2, "big") + vector(1, b"tls13 " + label) + vector(1, b"")
    return hmac.new(secret, info + b"\x01", name).digest()


@dataclass
class Connection:
    """What both ends know, and one end's way to speak."""

    hash_name: str
    number: int = 1
    reading: Reading = field(default_factory=Reading)

    def export(self, label: str) -> bytes:
        """A fixed value for each label and connection."""
        return hmac.new(bytes([self.number]), label.encode(), self.hash_name).digest()

    def labels(self) -> list[str]:
        """The four of section 5.1."""
        return [
            f"EXPORTER-{side} authenticator {what}"
            for side in ("client", "server")
            for what in ("handshake context", "finished key")
        ]

    def hash(self, data: bytes) -> bytes:
        """The authenticator hash."""
        return hashlib.new(self.hash_name, data).digest()

    def side(self, sender: str) -> str:
        """Whose labels are used."""
        other = {"client": "server", "server": "client"}
        return other[sender] if self.reading.as_other_side else sender

    def context(self, sender: str) -> bytes:
        """The handshake context of an authenticator by SENDER."""
        return self.export(f"EXPORTER-{self.side(sender)} authenticator handshake context")

    def content(self, sender: str, request: bytes, certificate: bytes) -> bytes:
        """What CertificateVerify signs: section 5.2.2."""
        how = self.reading
        covered = self.context(sender) if how.signs_context else b""
        covered += request[how.request_skips :] if how.signs_request else b""
        return b" " * how.spaces + how.text + how.separator + self.hash(covered + certificate)

    def finished(self, sender: str, request: bytes, messages: bytes) -> bytes:
        """The Finished message over MESSAGES: sections 5.2.3 and 6."""
        key = self.export(f"EXPORTER-{self.side(sender)} authenticator finished key")
        if self.reading.key_is_base_key:
            key = expand_label(self.hash_name, key, b"finished")
        covered = self.context(sender) + request[self.reading.request_skips :] + messages
        covered = self.hash(covered) if self.reading.finishes_hash else covered
        return message(FINISHED, hmac.new(key, covered, self.hash_name).digest())

    def authenticator(
        self,
        sender: str,
        request: bytes,
        context: bytes,
        identity: Identity,
        signature: Optional[bytes] = None,
    ) -> bytes:
        """Certificate || CertificateVerify || Finished; SIGNATURE where it is known already."""
        entries = b"".join(
            vector(3, e.certificate) + vector(2, block(e.extensions)) for e in identity.entries
        )
        certificate = message(CERTIFICATE, vector(1, context) + vector(3, entries))
        if signature is None:
            signature = sign(identity, self.content(sender, request, certificate))
        verify = message(
            CERTIFICATE_VERIFY, identity.scheme.to_bytes(2, "big") + vector(2, signature)
        )
        covered = certificate + (verify if self.reading.finishes_verify else b"")
        return certificate + verify + self.finished(sender, request, covered)

    def empty(self, sender: str, request: bytes, context: bytes) -> bytes:
        """An empty authenticator: section 6."""
        certificate = message(CERTIFICATE, vector(1, context) + vector(3, b""))
        if not self.reading.empty_has_certificate:
            certificate = b""
        return self.finished(sender, request, certificate)


def sign(identity: Identity, content: bytes) -> bytes:
    """By the identity's scheme."""
    key = identity.key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    wide = isinstance(key.curve, ec.SECP384R1)
    return key.sign(content, ec.ECDSA(hashes.SHA384() if wide else hashes.SHA256()))


def verify_signature(identity: Identity, content: bytes, signature: bytes) -> None:
    """Raises InvalidSignature."""
    key = identity.key.public_key()
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, content)
    elif isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        key.verify(signature, content, pss, hashes.SHA256())
    else:
        wide = isinstance(key.curve, ec.SECP384R1)
        key.verify(signature, content, ec.ECDSA(hashes.SHA384() if wide else hashes.SHA256()))


def make_identity(scheme: int, key: Key, extensions: Extensions, more: int = 0) -> Identity:
    """A self-signed certificate; MORE times again behind it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(datetime.datetime(2020, 1, 1))
    builder = builder.not_valid_after(datetime.datetime(2040, 1, 1))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    der = builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)
    return Identity(scheme, key, [Entry(der, extensions)] + [Entry(der)] * more)


def schemes(*numbers: int) -> tuple[int, bytes]:
    """A signature_algorithms extension."""
    return SIGNATURE_ALGORITHMS, vector(2, b"".join(n.to_bytes(2, "big") for n in numbers))


OFFER: Extensions = (
    (CMW_ATTESTATION, b""),
    schemes(ECDSA_P256, ECDSA_P384, RSA_PSS, ED25519),
)


def request_by(sender: str, context: bytes, extensions: Extensions = OFFER) -> bytes:
    """Section 4."""
    kind = CERTIFICATE_REQUEST if sender == "server" else CLIENT_CERTIFICATE_REQUEST
    return message(kind, vector(1, context) + vector(2, block(extensions)))


def words(data: bytes) -> str:
    """Bytes as the peer reads them."""
    return data.hex() or "."


class Peer:
    """The C end."""

    def __init__(self, program: str, side: str, connection: Connection) -> None:
        exported = [f"{label}={connection.export(label).hex()}" for label in connection.labels()]
        self.process = subprocess.Popen(
            [program, side, connection.hash_name, *exported]
            + ["headless"] * (connection.reading.request_skips == 4),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, *command: str) -> list[str]:
        """One command; its answer's words."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(" ".join(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert answer, f"the peer left at {command[0]}"
        return answer

    def made(self, *command: str) -> bytes:
        """What a command made."""
        answer = self.say(*command)
        assert answer[0] == "ok", (command[0], answer)
        return bytes.fromhex(answer[1])

    def be(self, identity: Identity) -> None:
        """Gives the peer its identity."""
        # Debian's type stubs do not know that every key has this method.
        export: Callable[..., bytes] = getattr(identity.key, "private_bytes")
        der = export(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.say("identity", hex(identity.scheme), der.hex(), *entry_words(identity))

    def close(self) -> None:
        """It must end well."""
        self.process.communicate(timeout=20)
        assert self.process.returncode == 0, self.process.returncode

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            self.process.kill()
            self.process.wait()


def entry_words(identity: Identity) -> list[str]:
    """Entries as the peer writes and reads them."""
    return [
        ",".join([e.certificate.hex()] + [f"0x{k:04x}={words(d)}" for k, d in e.extensions])
        for e in identity.entries
    ]


def split(authenticator: bytes) -> list[tuple[int, bytes]]:
    """Messages: type and body."""
    found, at = [], 0
    while at < len(authenticator):
        size = int.from_bytes(authenticator[at + 1 : at + 4], "big")
        found.append((authenticator[at], authenticator[at + 4 : at + 4 + size]))
        at += 4 + size
    assert at == len(authenticator)
    return found


def check_made(
    connection: Connection, sender: str, request: bytes, context: bytes, who: Identity, made: bytes
) -> None:
    """MADE is, but for its signature, what this side makes; and its signature verifies."""
    messages = split(made)
    assert [kind for kind, _ in messages] == [CERTIFICATE, CERTIFICATE_VERIFY, FINISHED]
    body = messages[1][1]
    scheme, size = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    signature = body[4:]
    assert scheme == who.scheme and size == len(signature)
    verify_signature(who, connection.content(sender, request, message(*messages[0])), signature)
    known = None if who.scheme == ED25519 else signature  # Ed25519 has but one
    assert made == connection.authenticator(sender, request, context, who, known)


def exchanges(program: str, connection: Connection, who: Identity) -> int:
    """Each end asks, answers, refuses, volunteers; the other side of each is this program."""
    other = {"client": "server", "server": "client"}
    for side in ("client", "server"):
        with Peer(program, side, connection) as peer:
            peer.be(who)
            offer = [f"{kind}={words(data)}" for kind, data in OFFER]
            for number, context in enumerate((b"", b"one", bytes(range(255)))):
                # The peer asks.
                request = peer.made("request", words(context), *offer)
                assert request == request_by(side, context)
                made = connection.authenticator(other[side], request, context, who)
                answer = peer.say("validate", words(context), made.hex())
                assert answer == ["ok", f"0x{who.scheme:04x}"] + entry_words(who), answer
                # The peer is asked.
                context = b"asked" + bytes([number])
                request = request_by(other[side], context)
                assert peer.say("take", request.hex()) == ["ok", context.hex()]
                made = peer.made("answer", context.hex())
                check_made(connection, side, request, context, who, made)
            # Refusals of both.
            request = peer.made("request", b"no".hex(), *offer)
            made = connection.empty(other[side], request, b"no")
            answer = peer.say("validate", b"no".hex(), made.hex())
            assert answer[:3] == ["refused", "refused", str(CERTIFICATE_REQUIRED)], answer
            request = request_by(other[side], b"never")
            peer.say("take", request.hex())
            made = peer.made("refuse", b"never".hex())
            assert made == connection.empty(side, request, b"never")
            # Of a server that nobody asked.
            peer.say("hello", block(OFFER).hex())
            if side == "server":
                made = peer.made("volunteer", b"self".hex())
                check_made(connection, side, b"", b"self", who, made)
            else:
                made = connection.authenticator("server", b"", b"self", who)
                answer = peer.say("validate", "-", made.hex())
                assert answer == ["ok", f"0x{who.scheme:04x}"] + entry_words(who), answer
    return 2 * (3 * 2 + 2 + 1)


@dataclass(frozen=True)
class Flaw:
    """A reading other than RFC 9261's, and what the peer says to it."""

    name: str
    outcome: str
    alert: int
    clause: str
    reading: Reading = Reading()
    change: Callable[[bytes], bytes] = bytes
    extensions: Extensions = ((CMW_ATTESTATION, b"evidence"),)
    scheme: int = ECDSA_P256
    number: int = 1


SIGNED, DONE = "RFC 9261 section 5.2.2", "RFC 9261 section 5.2.3"
FLAWS = (
    Flaw("the text of TLS 1.3", "signature", DECRYPT_ERROR, SIGNED,
         Reading(text=b"TLS 1.3, server CertificateVerify")),
    Flaw("63 spaces", "signature", DECRYPT_ERROR, SIGNED, Reading(spaces=63)),
    Flaw("no separator", "signature", DECRYPT_ERROR, SIGNED, Reading(separator=b"")),
    Flaw("the request not signed", "signature", DECRYPT_ERROR, SIGNED,
         Reading(signs_request=False)),
    Flaw("the handshake context not signed", "signature", DECRYPT_ERROR, SIGNED,
         Reading(signs_context=False)),
    Flaw("the request without its header (H33)", "signature", DECRYPT_ERROR, SIGNED,
         Reading(request_skips=4)),
    Flaw("the labels of the other side", "signature", DECRYPT_ERROR, SIGNED,
         Reading(as_other_side=True)),
    Flaw("another connection", "signature", DECRYPT_ERROR, SIGNED, number=2),
    Flaw("Finished without CertificateVerify", "mismatch", DECRYPT_ERROR, DONE,
         Reading(finishes_verify=False)),
    Flaw("Finished over the messages themselves", "mismatch", DECRYPT_ERROR, DONE,
         Reading(finishes_hash=False)),
    Flaw("Finished with a key derived as in TLS 1.3", "mismatch", DECRYPT_ERROR, DONE,
         Reading(key_is_base_key=True)),
    Flaw("an extension not asked for", "unsupported", UNSUPPORTED_EXTENSION,
         "RFC 9261 section 5.2.1", extensions=((0xFF01, b""),)),
    Flaw("a scheme not offered", "unsupported", ILLEGAL_PARAMETER, SIGNED, scheme=0x0503),
    Flaw("a byte behind it", "malformed", 50, "RFC 9261 section 5.2", change=lambda m: m + b"\0"),
    Flaw("no Certificate", "malformed", UNEXPECTED_MESSAGE, "RFC 9261 section 5.2",
         change=lambda m: b"".join(message(*part) for part in split(m)[1:])),
)  # fmt: skip


def flaws(program: str, connection: Connection, key: ec.EllipticCurvePrivateKey) -> int:
    """Every flaw is refused, for what it is; then the same request is still answered."""
    offer = [
        f"{kind}={words(data)}" for kind, data in ((CMW_ATTESTATION, b""), schemes(ECDSA_P256))
    ]
    with Peer(program, "client", connection) as peer:
        for number, flaw in enumerate(FLAWS):
            context = bytes([number])
            request = peer.made("request", context.hex(), *offer)
            good = make_identity(ECDSA_P256, key, ((CMW_ATTESTATION, b"evidence"),))
            who = make_identity(flaw.scheme, key, flaw.extensions)
            wrong = replace(connection, reading=flaw.reading, number=flaw.number)
            made = flaw.change(wrong.authenticator("server", request, context, who))
            answer = peer.say("validate", context.hex(), made.hex())
            expected = ["refused", flaw.outcome, str(flaw.alert), *flaw.clause.split()]
            assert answer == expected, (flaw.name, answer, expected)
            made = connection.authenticator("server", request, context, good)
            assert peer.say("validate", context.hex(), made.hex())[0] == "ok", flaw.name
        request = peer.made("request", b"no".hex(), *offer)
        for reading in (
            Reading(empty_has_certificate=False),
            Reading(as_other_side=True),
            Reading(finishes_hash=False),
        ):
            made = replace(connection, reading=reading).empty("server", request, b"no")
            answer = peer.say("validate", b"no".hex(), made.hex())
            assert answer[:3] == ["refused", "mismatch", str(DECRYPT_ERROR)], answer
        wrong_type = request_by("client", b"x")  # this is the server's place
        answer = peer.say("take", wrong_type.hex())
        assert answer[:3] == ["refused", "malformed", str(UNEXPECTED_MESSAGE)], answer
        request = request_by("server", b"once")
        assert peer.say("take", request.hex())[0] == "ok"
        answer = peer.say("take", request.hex())
        assert answer[:3] == ["refused", "mismatch", str(ILLEGAL_PARAMETER)], answer
    return len(FLAWS) + 5


def main() -> int:
    """Runs everything; an assertion ends it."""
    program = sys.argv[1]
    p256 = ec.generate_private_key(ec.SECP256R1())
    evidence: Extensions = ((CMW_ATTESTATION, b"evidence"),)
    identities = (
        make_identity(ECDSA_P256, p256, evidence),
        make_identity(ECDSA_P384, ec.generate_private_key(ec.SECP384R1()), evidence, more=2),
        make_identity(RSA_PSS, rsa.generate_private_key(65537, 2048), (), more=1),
        make_identity(ED25519, ed25519.Ed25519PrivateKey.generate(), evidence),
    )
    count = 0
    for hash_name in ("sha256", "sha384"):
        connection = Connection(hash_name)
        for who in identities:
            count += exchanges(program, connection, who)
        headless = replace(connection, reading=Reading(request_skips=4))
        count += exchanges(program, headless, identities[0])
        count += flaws(program, connection, p256)
    print(f"{count} exchanges agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
