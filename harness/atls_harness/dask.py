# SPDX-License-Identifier: Apache-2.0
"""Dask's distributed, which `./atls setup bench` installs, and a client of a scheduler."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import HarnessError, Unsupported

CONNECT_LIMIT = 20  # seconds


def distributed() -> Any:
    """The module. Unsupported, with what to do, where there is none."""
    try:
        return importlib.import_module("distributed")
    except ImportError as problem:
        raise Unsupported("python3-distributed is not there; ./atls setup bench") from problem


def connect(url: str) -> Any:
    """A client of the scheduler that --scheduler names. HarnessError where none answers."""
    library = distributed()
    try:
        return library.Client(url, timeout=CONNECT_LIMIT)
    except (OSError, ValueError, TimeoutError) as problem:
        raise HarnessError(
            f"--scheduler {url}: no scheduler of Dask answers: {problem}"
        ) from problem
