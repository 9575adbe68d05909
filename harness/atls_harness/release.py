# SPDX-License-Identifier: Apache-2.0
"""Which atls this is. The version has one place, meson.build, from which the C programs have it
too; CHANGELOG.md says what each version brought."""

from __future__ import annotations

import functools
import re

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
