# SPDX-License-Identifier: Apache-2.0
"""Values of a result, read tolerantly: nothing in it is trusted.

results.json may come from another version of the harness, or from another machine; what is missing
is left out, what is unknown is ignored, and what has the wrong type counts as missing.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Mapping

from .. import RESULT_VERSION
from ..errors import HarnessError

OK, WARN, BAD, NONE = "ok", "warn", "bad", "none"
VALUE_MAX = 600


def read(path: Path, missing: str) -> Any:
    """What a JSON file holds. HarnessError where it cannot be read; MISSING where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise HarnessError(f"{path}: {missing}") from problem
    except (OSError, ValueError, RecursionError) as problem:
        raise HarnessError(f"{path}: {problem}") from problem


def load(path: Path) -> dict[str, Any]:
    """A results.json; a folder stands for the one in it."""
    path = path / "results.json" if path.is_dir() else path
    value = read(path, "there is no such result; ./atls run makes one")
    if not isinstance(value, dict) or not isinstance(value.get("cases"), list):
        raise HarnessError(f"{path}: not a result: expected an object with a list of cases")
    if value.get("version") != RESULT_VERSION:
        came = value.get("version")
        raise HarnessError(f"{path}: expected a result of version {RESULT_VERSION}, came {came!r}")
    return value


def text(value: Any, longest: int = VALUE_MAX) -> str:
    """Any value for a person, in a line that is no longer than LONGEST."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        made = ", ".join(f"{key} {text(below, longest)}" for key, below in value.items())
    elif isinstance(value, list):
        made = "; ".join(text(below, longest) for below in value)
    else:
        made = str(value).lower() if isinstance(value, bool) else str(value)
    return made if len(made) <= longest else made[: longest - 1] + "…"


def mapping(value: Any) -> Mapping[str, Any]:
    """VALUE if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """VALUE if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def number(value: Any) -> float:
    """VALUE if it is a number that can be shown, else 0."""
    if isinstance(value, (int, float)) and abs(value) < 1e12:
        return float(value)
    return 0.0


def anchor(kind: str, name: str) -> str:
    """An id for HTML, unlike that of any other name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24]
    return f"{kind}-{plain}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def moment(value: Any) -> str:
    """A time of ISO 8601, for people."""
    given = text(value)
    try:
        when = datetime.datetime.fromisoformat(given)
    except ValueError:
        return given
    return f"{when:%Y-%m-%d %H:%M} {'UTC' if not when.utcoffset() else f'{when:%z}'}"
