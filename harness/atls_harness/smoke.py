# SPDX-License-Identifier: Apache-2.0
"""`./atls run --smoke`: a part of the suite that touches everything once (data/smoke.txt)."""

from __future__ import annotations

from .paths import PACKAGE

LIST = PACKAGE / "data" / "smoke.txt"


def paths() -> list[str]:
    """What is played: scenarios and cases, as a command line names them."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
