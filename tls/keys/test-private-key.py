# SPDX-License-Identifier: Apache-2.0
"""Private keys that leave the project, read by python3-cryptography and by the openssl command.

RFC 5915 section 3 fixes the length of an EC private value: ceil(log2(order) / 8) octets. Readers
that are lenient take others too, so the octets are looked at here, and the whole is compared with
what cryptography writes for the same key.

Usage: test-private-key.py PEER
"""

import base64
import shutil
import subprocess
import sys
import tempfile
import unittest

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

PEER = sys.argv.pop(1)
KEYS = 1000
CURVES = {
    "p256": (ec.SECP256R1(), 32),
    "p384": (ec.SECP384R1(), 48),
    "p521": (ec.SECP521R1(), 66),
}
# Private values whose first octets are zero, or whose top bit is set at a border of an octet.
VALUES = [1, 0x7F, 0x80, 0xFF, 0x100, 1 << 127, (1 << 248) - 1, 1 << 247, 1 << 248, 1 << 255]
LARGER = [1 << 376, (1 << 376) - 1, 1 << 383, (1 << 375) + 5]


def ask(lines: list[str]) -> list[bytes]:
    """What the program answers, in order."""
    done = subprocess.run([PEER], input="\n".join(lines), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [bytes.fromhex(line) for line in done.stdout.split()]


def element(data: bytes) -> tuple[int, bytes, bytes]:
    """The first element of DER: its tag, what is in it, what is behind it."""
    size, at = data[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at], "big")
    return data[0], data[at : at + size], data[at + size :]


def private_value(der: bytes) -> bytes:
    """The OCTET STRING of ECPrivateKey, as long as it stands there."""
    _, info, rest = element(der)
    assert rest == b""
    _, _, info = element(info)  # version
    _, _, info = element(info)  # algorithm
    tag, octets, _ = element(info)
    assert tag == 0x04
    _, inside, _ = element(octets)
    _, _, inside = element(inside)  # version
    tag, value, _ = element(inside)
    assert tag == 0x04
    return value


class PrivateKeys(unittest.TestCase):
    def check(self, der: bytes, curve: str) -> ec.EllipticCurvePrivateKey:
        """Its length, and every octet as cryptography has it."""
        key = serialization.load_der_private_key(der, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        size = CURVES[curve][1]
        value = private_value(der)
        self.assertEqual(len(value), size, curve)
        self.assertEqual(int.from_bytes(value, "big"), key.private_numbers().private_value)
        again = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.assertEqual(again, der, curve)
        return key

    def test_generated(self) -> None:
        """In half of them the top bit is set, in one of 256 the first octet is zero."""
        for curve in CURVES:
            made = ask([f"make {curve}"] * KEYS)
            self.assertEqual(len(made), KEYS)
            for der in made:
                self.check(der, curve)
            self.openssl_reads(made)

    def openssl_reads(self, made: list[bytes]) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            self.skipTest("the openssl command is not there")
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            for der in made:
                text = base64.encodebytes(der).decode()
                file.write(f"-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n")
            file.flush()
            argv = [openssl, "storeutl", "-keys", "-noout", file.name]
            done = subprocess.run(argv, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"Total found: {len(made)}", done.stdout)

    def test_chosen_values(self) -> None:
        for curve, (group, size) in CURVES.items():
            for number in VALUES + (LARGER if size > 32 else []):
                key = ec.derive_private_key(number, group)
                point = key.public_key().public_numbers()
                numbers = [
                    point.x.to_bytes(size, "big"),
                    point.y.to_bytes(size, "big"),
                    number.to_bytes(size, "big"),
                ]
                for cut in (False, True):  # as GnuTLS may hand them over
                    texts = [(n.lstrip(b"\0") if cut else n).hex() for n in numbers]
                    (der,) = ask([f"take {curve} {' '.join(texts)}"])
                    self.assertEqual(self.check(der, curve).private_numbers().private_value, number)

    def test_other_kinds(self) -> None:
        """Keys of other algorithms go out as GnuTLS writes them."""
        small, large = ask(["make ed25519", "make rsa"])
        self.assertEqual(private_value_size(small), 32)
        self.assertIsInstance(serialization.load_der_private_key(large, None), rsa.RSAPrivateKey)

    def test_signatures(self) -> None:
        """r and s of fixed size become minimal INTEGERs (X.690 section 8.3.2)."""
        for value in ("01", "7f", "80", "00ff", "0001", "ff" * 32, "00" * 2 + "80" * 30):
            padded = value.rjust(64, "0")
            (der,) = ask([f"signatures {padded}"])
            number = int(value, 16)
            self.assertEqual(der, encode_dss_signature(number, number), value)
            self.assertEqual(decode_dss_signature(der), (number, number))


def private_value_size(der: bytes) -> int:
    """Of an Ed25519 key (RFC 8410 section 7)."""
    key = serialization.load_der_private_key(der, None)
    raw: bytes = key.private_bytes(  # type: ignore[union-attr]
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    return len(raw)


if __name__ == "__main__":
    unittest.main()
