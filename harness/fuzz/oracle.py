# SPDX-License-Identifier: Apache-2.0
"""The project's C readers, called from Python (rats/test/oracle.c)."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 3  # enum atls_error: beyond a stated bound


class Oracle:
    """rats/test/oracle.c of a build."""

    def __init__(self) -> None:
        build = Path(os.environ.get("ATLS_BUILD") or ROOT / "build")
        self._library = ctypes.CDLL(str(build / "rats" / "liboracle.so"))
        self._library.oracle_text.restype = ctypes.c_char_p

    def cbor(self, data: bytes) -> int:
        """0: one whole well-formed item."""
        return int(self._library.oracle_cbor(data, ctypes.c_size_t(len(data))))

    def cose(self, data: bytes, point: bytes) -> int:
        """0: a COSE_Sign1 that the key x || y signed."""
        return int(self._library.oracle_cose(data, ctypes.c_size_t(len(data)), point))

    def text(self) -> str:
        """What the last call found wrong."""
        said: bytes = self._library.oracle_text()
        return said.decode(errors="replace")
