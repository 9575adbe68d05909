# SPDX-License-Identifier: Apache-2.0
"""What a person may have meant who typed a name that is not there."""

from __future__ import annotations

import difflib
from typing import Iterable

CUTOFF = 0.6
LISTED = 24  # more names than this are not read by anybody


def nearest(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """The known names that are most like WORD, the best first; none where nothing is like it."""
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), names, most, CUTOFF)
    return [names[name] for name in found]


def meant(word: str, known: Iterable[str]) -> str:
    """ "; did you mean NAME?", or "; there are: ..." where they are few, or ""."""
    names = list(dict.fromkeys(known))
    found = nearest(word, names)
    if found:
        return f"; did you mean {found[0]}?"
    return f"; there are: {', '.join(names)}" if 0 < len(names) <= LISTED else ""
