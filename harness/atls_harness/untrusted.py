# SPDX-License-Identifier: Apache-2.0
"""What a party wrote, read as the work of a stranger: within bounds, strictly, and made visible.

A party may write anything where the harness reads: no file at all but a pipe that nobody fills,
bytes that are no text, JSON that nests for ever, escape sequences for the terminal of whoever looks
at the result. Whatever it is, the answer is a ContractError with a sentence, never another
exception; and what is read is held to I-JSON (RFC 7493), so that what comes of it can be written as
JSON and read by anybody: UTF-8, no member twice, no number that is none.
"""

from __future__ import annotations

import errno
import functools
import json
import math
import os
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ContractError
from .markdown import line, visible

FILE_MAX = 32 << 20  # bytes of a file; of a capture of events at full load there are a few
TAIL_MAX = 64 << 10  # bytes of the end of a log
QUOTE_MAX = 200  # characters of what is wrong
TOLD_MAX = 2000  # characters of a text that is told
LIST_MAX = 200  # entries of a list that is told
DEPTH_MAX = 32
INTEGER_MAX = (1 << 53) - 1  # RFC 7493 section 2.2: every reader has the same number
SURROGATES = range(0xD800, 0xE000)


def _open(path: Path) -> int:
    """A regular file, opened without waiting; FileNotFoundError where there is none."""
    try:
        found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as problem:
        kind = "a symbolic link" if problem.errno == errno.ELOOP else problem.strerror
        raise ContractError(f"{path.name}: expected a file, found {kind}") from problem
    mode = os.fstat(found).st_mode
    if not stat.S_ISREG(mode):
        os.close(found)
        names = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device"}
        kind = names.get(stat.S_IFMT(mode), "something else")
        raise ContractError(f"{path.name}: expected a file, found {kind}")
    return found


def read(path: Path, most: int = FILE_MAX) -> bytes:
    """All of a file. ContractError where it is none or has more than MOST bytes."""
    with os.fdopen(_open(path), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ContractError(f"{path.name}: expected at most {most >> 20} MiB, there is more")
    return data


def beginning(path: Path, most: int) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether that is all of it."""
    with os.fdopen(_open(path), "rb") as file:
        data = file.read(most + 1)
    return data[:most], len(data) <= most


def tail(path: Path, most: int = TAIL_MAX) -> str:
    """The end of a log, made visible; "" where there is none, what is wrong where it is no file."""
    try:
        with os.fdopen(_open(path), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            data = file.read(most)
    except FileNotFoundError:
        return ""
    except ContractError as problem:
        return str(problem)
    return visible(data.decode("utf-8", errors="replace"))


def both_ends(path: Path, most: int = FILE_MAX) -> str:
    """The beginning and the end of a log, where it is too long for both to be all of it."""
    try:
        with os.fdopen(_open(path), "rb") as file:
            data = file.read(most)
            size = file.seek(0, os.SEEK_END)
            if size > most:
                file.seek(max(most, size - most))
                data += b"\n" + file.read(most)
    except (FileNotFoundError, ContractError):
        return ""
    return data.decode("utf-8", errors="replace")


def quoted(value: Any, most: int = QUOTE_MAX) -> str:
    """The beginning of a value, in quotes and visible, for a sentence about what is wrong."""
    if isinstance(value, bytes):
        value = value[: 4 * most + 4].decode("utf-8", errors="replace")
    if not isinstance(value, str):
        return cut(str(value), most)
    text = repr(visible(value[: most + 1]))
    return text if len(value) <= most else f"{text[: most + 1]}…{text[0]} ({len(value)} characters)"


def cut(text: str, most: int = TOLD_MAX) -> str:
    """TEXT in a line, without what cannot be seen, and no longer than MOST."""
    shown = line(text[: 4 * most])
    return shown if len(shown) <= most and len(text) <= 4 * most else shown[: most - 1] + "…"


def parse(text: str) -> Any:
    """One value of I-JSON (RFC 7493), its strings visible. ValueError says what is wrong."""
    try:
        if text.startswith("\ufeff"):  # the decoder alone calls it no value
            raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
        value = _decoder().decode(text)
    except RecursionError:
        raise ValueError(f"it nests deeper than {DEPTH_MAX}") from None
    # Nearly all that parties write can be seen as it stands, and nests less than it has brackets.
    printable = text.isascii() and text.isprintable() and "\\" not in text
    shallow = text.count("{") + text.count("[") < DEPTH_MAX
    return value if printable and shallow else _seen(value, 0)


def json_object(body: bytes) -> dict[str, Any]:
    """An object of I-JSON, or an empty one where it is none."""
    try:
        made = parse(body.decode("utf-8"))
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


@functools.lru_cache(maxsize=1)
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_constant=_constant,
        parse_float=_float,
        parse_int=_integer,
        object_pairs_hook=_members,
    )


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number [RFC 8259 section 6]")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{cut(text, 40)} is beyond all numbers [RFC 7493 section 2.2]")
    return value


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > INTEGER_MAX:
        raise ValueError(f"{cut(text, 40)} is beyond 2^53 - 1 [RFC 7493 section 2.2]")
    return int(text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{quoted(twice)} stands there twice [RFC 7493 section 2.3]")
    return made


def _seen(value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise ValueError(f"it nests deeper than {DEPTH_MAX}")
    if isinstance(value, str):
        if not value.isascii() and any(ord(one) in SURROGATES for one in value):
            raise ValueError("half of a surrogate pair stands alone [RFC 7493 section 2.1]")
        return line(value)
    if isinstance(value, dict):
        return {_seen(key, depth): _seen(below, depth + 1) for key, below in value.items()}
    if isinstance(value, list):
        return [_seen(below, depth + 1) for below in value]
    return value


def told(value: Any, most: int = TOLD_MAX, depth: int = 0) -> Any:
    """VALUE for a result: visible, as JSON has it, and of a size that a person can look at."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (Mapping, list, tuple)) and depth > DEPTH_MAX:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())[:LIST_MAX]
        return {cut(str(key), QUOTE_MAX): told(below, most, depth + 1) for key, below in items}
    if isinstance(value, (list, tuple)):
        made = [told(below, most, depth + 1) for below in value[:LIST_MAX]]
        return made + ([f"… {len(value) - LIST_MAX} more"] if len(value) > LIST_MAX else [])
    return cut(str(value), most)


def write_lines(value: Mapping[str, Any]) -> str:
    """An object as a file of JSON: a line for each member, and for each entry of a list. Python
    writes it several times as fast as with a line for each value. ValueError as write_json()."""
    members = []
    for key, below in value.items():
        if isinstance(below, list) and below:
            entries = ",\n  ".join(json.dumps(one, allow_nan=False) for one in below)
            text = f"[\n  {entries}\n ]"
        else:
            text = json.dumps(below, allow_nan=False)
        members.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(members) + "\n}\n"


def write_json(value: Any, indent: int = 1) -> str:
    """VALUE as a file of JSON; ValueError where it has a number that JSON has not."""
    return json.dumps(value, indent=indent, allow_nan=False) + "\n"
