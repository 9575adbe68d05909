# SPDX-License-Identifier: Apache-2.0
"""Figures that others have published, with their sources: never measured here, and never among
those that were."""

from __future__ import annotations

from typing import Any

from ..document import Document
from ..errors import InputError
from ..paths import PUBLISHED, PUBLISHED_SCHEMA

TITLE = "Published by others, not measured here"
COLUMNS = ("what", "figure", "by", "on", "source")


def figures() -> list[dict[str, Any]]:
    """Each as the file has it."""
    file = Document(PUBLISHED, InputError)
    file.check(PUBLISHED_SCHEMA)
    return [dict(one) for one in file.by_id("figures").values()]


def rows() -> list[list[str]]:
    """A row of cells each, as COLUMNS has them."""
    return [
        [one["what"], f"{one['value']:,} {one['unit']}", one["who"], one["where"], one["source"]]
        for one in figures()
    ]
