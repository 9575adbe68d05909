# SPDX-License-Identifier: Apache-2.0
"""Figures that others have published, with their sources: never measured here, and never among
those that were."""

from __future__ import annotations

from ..document import Document
from ..errors import InputError
from ..paths import PUBLISHED, PUBLISHED_SCHEMA

TITLE = "Published by others, not measured here"
COLUMNS = ("what", "figure", "by", "on", "source")


def rows() -> list[list[str]]:
    """A row of cells each, as COLUMNS has them."""
    file = Document(PUBLISHED, InputError)
    file.check(PUBLISHED_SCHEMA)
    return [
        [one["what"], f"{one['value']:,} {one['unit']}", one["who"], one["where"], one["source"]]
        for one in file.by_id("figures").values()
    ]
