# SPDX-License-Identifier: Apache-2.0
"""What programs of the project give away with --leak, read by the attacker that it is meant for."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def leaked_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The newest key of a file to which a device leaks its keys (PEM, one behind the other)."""
    pem = path.read_bytes()
    key = load_pem_private_key(pem[pem.rindex(b"-----BEGIN") :], None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("expected a leaked key of P-256, came another")
    return key
