# SPDX-License-Identifier: Apache-2.0
"""Signed COSE messages beside pycose: what is found to be signed here, pycose finds too. Each input
chooses a message (headers, payload, tag), which is signed anew, and the places where it is bent."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found]
import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

with atheris.instrument_imports():
    from pycose.keys import EC2Key
    from pycose.messages import Sign1Message

from oracle import Oracle

ORACLE = Oracle()
NUMBERS = ec.generate_private_key(ec.SECP256R1()).private_numbers()
PUBLIC = NUMBERS.public_numbers
X, Y = PUBLIC.x.to_bytes(32, "big"), PUBLIC.y.to_bytes(32, "big")
KEY = EC2Key(crv="P_256", x=X, y=Y, d=NUMBERS.private_value.to_bytes(32, "big"))


def pycose_verifies(data: bytes) -> bool:
    """Whether pycose reads DATA as a Sign1 message of the key."""
    if (
        data[:2] == b"\xd8\x3d"
    ):  # the tag of a CWT (RFC 8392 section 6), which is not pycose's affair
        data = data[2:]
    try:
        value = cbor2.loads(data)
        parts = value.value if isinstance(value, cbor2.CBORTag) else value
        message = Sign1Message.from_cose_obj(list(parts), True)
        message.key = KEY
        return bool(message.verify_signature())
    except Exception:  # whatever it says: no
        return False


def signed(choice: atheris.FuzzedDataProvider) -> bytes:
    """A message with a good signature."""
    protected = {"ALG": "ES256"}
    message = Sign1Message(phdr=protected, payload=choice.ConsumeBytes(40))
    if choice.ConsumeBool():
        message.uhdr = {"KID": choice.ConsumeBytes(8)}
    message.key = KEY
    return bytes(message.encode(tag=choice.ConsumeBool()))


def one(data: bytes) -> None:
    """One input: signed, bent, and shown to both."""
    choice = atheris.FuzzedDataProvider(data)
    message = bytearray(signed(choice))
    for _ in range(choice.ConsumeIntInRange(0, 3)):
        at = choice.ConsumeIntInRange(0, len(message) - 1)
        message[at] ^= choice.ConsumeIntInRange(0, 255)
    bent = bytes(message)
    if ORACLE.cose(bent, X + Y) == 0 and not pycose_verifies(bent):
        raise AssertionError(f"verified here, not by pycose: {bent.hex()}")


atheris.Setup(sys.argv, one)
atheris.Fuzz()
