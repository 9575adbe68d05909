# SPDX-License-Identifier: Apache-2.0
"""{NAME.WHAT} in a field of a member: what another member has said, once it has said it."""

from __future__ import annotations

import re
from typing import Any, Callable

from ..scenario import with_texts

REFERENCE = re.compile(r"\{([a-z][a-z0-9-]*\.[a-z0-9.:_-]+)\}", re.IGNORECASE)


class Waiting(Exception):
    """What is meant is not there yet."""


def filled(value: Any, of: Callable[[str, str], str]) -> Any:
    """VALUE with each reference replaced. Waiting where one of them is not there yet."""

    def replaced(text: str) -> str:
        return REFERENCE.sub(lambda found: of(*found.group(1).split(".", 1)), text)

    return with_texts(value, replaced)
