# SPDX-License-Identifier: Apache-2.0
"""{NAME.WHAT} in a field of a member: what another member has said, once it has said it."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

REFERENCE = re.compile(r"\{([a-z][a-z0-9-]*\.[a-z0-9.:_-]+)\}", re.IGNORECASE)


class Waiting(Exception):
    """What is meant is not there yet."""


def filled(value: Any, of: Callable[[str, str], str]) -> Any:
    """VALUE with each reference replaced. Waiting where one of them is not there yet."""
    if isinstance(value, Mapping):
        return {key: filled(below, of) for key, below in value.items()}
    if isinstance(value, list):
        return [filled(below, of) for below in value]
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: of(*found.group(1).split(".", 1)), value)
    return value
