# SPDX-License-Identifier: Apache-2.0
"""Events of programs written in Python (harness/peers/README.md), and dying with the parent. For
this nothing of data/contract.yaml is read: attackers are started a thousand times."""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import threading
import time
from typing import Any

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Events:
    """One JSON object a line; times never go back. BEGAN: when t is 0, where that is not now."""

    def __init__(self, who: str, path: str | None, began: float = 0.0) -> None:
        self._who = who
        self._began = began or time.monotonic()
        self._lock = threading.Lock()
        self._file = None
        if path is not None:
            self._file = sys.stdout if path == "-" else open(path, "a", encoding="utf-8")

    def tell(self, event: str, /, **fields: Any) -> None:
        """Writes one event."""
        if self._file is None:
            return
        with self._lock:
            t = round(time.monotonic() - self._began, 6)
            self._file.write(json.dumps({"t": t, "who": self._who, "event": event, **fields}))
            self._file.write("\n")
            self._file.flush()


def die_with_parent() -> None:
    """Of this process, or of a program before it becomes one."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
