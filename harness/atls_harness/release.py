# SPDX-License-Identifier: Apache-2.0
"""Which atls this is. The version has one place, meson.build, from which the C programs have it
too; CHANGELOG.md says what each version brought."""

from __future__ import annotations

import functools
import re
import shlex
import time
from typing import Any, Sequence

from . import ROOT_OF_TRUST
from .errors import InfrastructureError
from .paths import ROOT

WRITTEN = re.compile(r"^ +version: '([^']+)',$", re.MULTILINE)


@functools.cache
def version() -> str:
    """The version of this tree, such as 0.2.0."""
    path = ROOT / "meson.build"
    found = WRITTEN.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise InfrastructureError(f"{path}: expected a line \"version: '0.2.0',\", there is none")
    return found[1]


def told_of(command: str, given: Sequence[str], started: str, began: float) -> dict[str, Any]:
    """What the result of a command says of its run. BEGAN: of the clock time.monotonic()."""
    return {
        "command": shlex.join(["./atls", command, *given]),
        "started": started,
        "seconds": round(time.monotonic() - began, 1),
        "atls": version(),
        "root_of_trust": ROOT_OF_TRUST,
    }
