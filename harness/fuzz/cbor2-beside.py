# SPDX-License-Identifier: Apache-2.0
"""The CBOR check beside cbor2: whatever one takes whole, the other does, but for what the check
refuses on purpose. Tags keep no meaning here: cbor2 turns many into values of Python, and refuses
contents that are well-formed CBOR all the same."""

from __future__ import annotations

import io
import sys
from typing import Any

import atheris  # type: ignore[import-not-found]

from oracle import LIMIT, Oracle

with atheris.instrument_imports():
    from cbor2 import _decoder  # pure Python: it can be told what a tag means

ORACLE = Oracle()
# What cbor2 takes and the check does not: equal keys, text that is no UTF-8, and what RFC 8949
# section 3.3 (a simple value below 32 in two bytes) and 3.2.1 (a break) call not well-formed.
ON_PURPOSE = ("is the same as", "is not UTF-8", "in two bytes", "a break at byte")


def tag(decoder: _decoder.CBORDecoder, subtype: int) -> Any:
    """A tag, and what it is around."""
    return _decoder.CBORTag(decoder._decode_length(subtype), decoder._decode())


_decoder.major_decoders[6] = tag


def loads(data: bytes) -> bool:
    """Whether cbor2 takes DATA as one whole item."""
    stream = io.BytesIO(data)
    try:
        _decoder.CBORDecoder(stream).decode()
    except Exception:  # whatever it says: no
        return False
    return stream.tell() == len(data)


def one(data: bytes) -> None:
    """One input, to both."""
    result = ORACLE.cbor(data)
    why = ORACLE.text() if result else ""
    theirs = loads(data)
    if theirs and result and result != LIMIT and not any(one in why for one in ON_PURPOSE):
        raise AssertionError(f"cbor2 takes {data.hex()}, the check says: {why}")
    if not theirs and not result:
        raise AssertionError(f"the check takes {data.hex()}, cbor2 does not")


atheris.Setup(sys.argv, one)
atheris.Fuzz()
