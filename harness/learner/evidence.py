# SPDX-License-Identifier: Apache-2.0
"""What the client presents: evidence and signatures of a device, X.509 certificates of files.

The device is asked as any program asks it (sim/device/protocol.h); frames are the attacker's.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

sys.path.append(str(Path(__file__).resolve().parents[1] / "peers" / "attacker"))
from device import ATTEST_KEY, CREATE_KEY, DONE, HEADER, SIGN, Line, frame  # noqa: E402

from messages import vector  # noqa: E402 # of peers/python, where the attacker has it from

REQUEST = b"\1\1"  # version, kind
P256 = b"\1"
PATIENCE = 60.0
END = b"-----END CERTIFICATE-----"


class Device:
    """A connection to a device, and a key of it: one that was enrolled, or one of its own."""

    def __init__(self, address: str, handle: int | None) -> None:
        self._stream = socket.socket(socket.AF_UNIX)
        self._stream.settimeout(PATIENCE)
        self._stream.connect(address.removeprefix("unix:"))
        self._line = Line(self._stream)
        self._session = os.urandom(4)
        self._sequence = 0
        self._lock = threading.Lock()
        if handle is None:
            self._handle = self._ask(CREATE_KEY, P256)[:4]
        else:
            self._handle = handle.to_bytes(4, "big")

    def _ask(self, operation: int, fields: bytes) -> bytes:
        with self._lock:
            self._sequence += 1
            header = REQUEST + self._session + self._sequence.to_bytes(4, "big")
            self._stream.sendall(frame(header + bytes([operation]) + fields))
            answer = self._line.read()
        if answer is None or answer[HEADER : HEADER + 2] != bytes([operation, DONE]):
            raise ValueError(f"expected that the device does operation {operation}, came a refusal")
        return answer[HEADER + 2 :]

    def evidence(self, challenge: bytes) -> bytes:
        """A CAB over a challenge: a CMW collection."""
        return self._ask(ATTEST_KEY, self._handle + vector(1, challenge))[3:]

    def sign(self, content: bytes) -> bytes:
        """An ECDSA signature with SHA-256, in DER."""
        context = Hash(SHA256())
        context.update(content)
        made = self._ask(SIGN, self._handle + vector(1, context.finalize()))[1:]
        return encode_dss_signature(
            int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
        )

    def close(self) -> None:
        """Keys of its own are gone with the connection."""
        self._stream.close()


class Certificate:
    """An X.509 chain, of a file."""

    def __init__(self, path: str) -> None:
        parts = Path(path).read_bytes().split(END)[:-1]
        chain = [x509.load_pem_x509_certificate(one + END) for one in parts]
        self.chain = [one.public_bytes(Encoding.DER) for one in chain]
        self.public_key = (
            chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )


class Credentials:
    """All that a client of the learner may present; of each worker its own."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.device = Device(told["device"], told["handle"])
        self.enrolled = Certificate(told["enrolled"]) if told["enrolled"] else None
        self.plain = Certificate(told["certificate"])
        key = load_pem_private_key(Path(told["key"]).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def sign_plain(self, content: bytes) -> bytes:
        """A signature by the key of the X.509 certificate that is not attested."""
        return self._key.sign(content, ec.ECDSA(SHA256()))
