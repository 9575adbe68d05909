# SPDX-License-Identifier: Apache-2.0
"""Which machine and which libraries figures belong to: others are not compared with."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Mapping

LIBRARIES = ("gnutls", "nettle", "libcbor", "jansson", "libcurl", "libmicrohttpd")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _processor() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return match.group(1).strip() if match else platform.machine()


def _memory_kib() -> int:
    match = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return int(match.group(1)) if match else 0


def _version(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else "unknown"


def describe() -> dict[str, object]:
    """The machine, and what the figures were made with. The id tells one machine from another
    without naming it."""
    own = f"{_read('/etc/machine-id')}|{_processor()}|{os.cpu_count()}|{_memory_kib() >> 18}"
    return {
        "id": hashlib.sha256(own.encode()).hexdigest()[:16],
        "processor": _processor(),
        "cpus": os.cpu_count() or 1,
        "memory_gib": round(_memory_kib() / 1048576, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "compiler": _version(["cc", "--version"]),
        "libraries": {name: _version(["pkg-config", "--modversion", name]) for name in LIBRARIES},
    }


def difference(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """Why figures of the two cannot be compared, or ""."""
    for what in ("id", "processor", "cpus"):
        if one.get(what) != other.get(what):
            return f"{what}: {one.get(what)} and {other.get(what)}"
    return ""


def same_tools(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """What differs in compiler and libraries, or "": instruction counts are those of a compiler."""
    for what in ("compiler", "libraries", "system"):
        if one.get(what) != other.get(what):
            return f"{what}: {one.get(what)} and {other.get(what)}"
    return ""
