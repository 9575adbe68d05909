# SPDX-License-Identifier: Apache-2.0
"""Python programs in the versions of a list (formatters and checkers: harness/tools.txt), in a
place of their own below the build directory: two releases of Debian are not to disagree over
spaces."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import InfrastructureError, Unsupported
from .paths import ROOT

LIST = ROOT / "harness" / "tools.txt"
STAMP = "of"
LIMIT = 900
# What pip says where it reached nothing, beside its own "no matching distribution".
UNREACHED = ("connection broken", "Connection refused", "name resolution", "timed out")


def prepare(place: Path, listed: Path | None = None, system_packages: bool = False) -> Path:
    """The folder of the programs; made where it is not there for this list and this Python. With
    SYSTEM_PACKAGES they see Debian's packages, too. Unsupported where PyPI cannot be reached."""
    listed = listed or LIST
    text = listed.read_bytes() + sys.version.encode()
    digest = hashlib.sha256(text).hexdigest()
    stamp = place / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return place / "bin"
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    sees = ["--system-site-packages"] if system_packages else []
    for argv in (
        [sys.executable, "-m", "venv", *sees, str(place)],
        [*pip, "--disable-pip-version-check", "--requirement", str(listed)],
    ):
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired as problem:
            raise Unsupported(f"{listed.name}: pip still runs after {LIMIT} s") from problem
        if done.returncode != 0:
            last = (done.stdout.strip().splitlines() or ["it said nothing"])[-1]
            if any(words in done.stdout for words in UNREACHED):
                raise Unsupported(f"the tools of {listed.name} cannot be fetched: {last}")
            raise InfrastructureError(f"{listed.name}: {' '.join(argv[1:4])}: {last}")
    stamp.write_text(digest, encoding="utf-8")
    return place / "bin"
