# SPDX-License-Identifier: Apache-2.0
"""Instruction counts: what a handshake costs without the noise of a clock, and whose code it is.

valgrind's callgrind counts instructions within one function of atls-bench. Each is charged to the
crypto libraries, to the TLS library, or to a room of this project; what general libraries do (libc,
JSON, CBOR, HTTP) is charged to whoever called them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Sequence

CRYPTO = ("libhogweed", "libnettle", "libgmp", "libcrypto")
TLS = ("libgnutls", "libtasn1", "libp11-kit", "libidn2", "libunistring")
PROGRAM = "atls-bench"
ROOMS = ("rats", "sim", "roles", "tls", "verifier-stub", "program")
MEASURING = "tls/bench/"
NAME = re.compile(r"\((\d+)\)(?: (.*))?\Z")
COST = re.compile(r"[+\-*0-9]")


@dataclass
class Function:
    """One function: in which object and file, its own cost, and what its calls cost."""

    object: str
    file: str
    name: str
    own: int = 0
    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)


class _Names:
    """Callgrind's name compression: "(3) name" the first time, "(3)" afterwards."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def take(self, text: str) -> str:
        match = NAME.match(text)
        if match is None:
            return text
        number, name = match.groups()
        if name is not None:
            self.known[number] = name
        return self.known[number]


def read(path: Path) -> dict[tuple[str, str, str], Function]:
    """The functions of a callgrind.out file, by (object, file, name)."""
    objects, files, names = _Names(), _Names(), _Names()
    functions: dict[tuple[str, str, str], Function] = {}
    now_object = now_file = call_object = call_file = call_name = ""
    current: Function | None = None
    call = False
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, equals, value = line.rstrip("\n").partition("=")
            if equals and key in (
                "ob",
                "fl",
                "fi",
                "fe",
                "fn",
                "cob",
                "cfi",
                "cfl",
                "cfn",
                "calls",
            ):
                if key == "ob":
                    now_object = objects.take(value)
                elif key in ("fl", "fi", "fe"):
                    name = files.take(value)
                    now_file = name if key == "fl" else now_file
                elif key == "fn":
                    index = (now_object, now_file, names.take(value))
                    current = functions.setdefault(index, Function(*index))
                    call_object, call_file = now_object, now_file
                elif key == "cob":
                    call_object = objects.take(value)
                elif key in ("cfi", "cfl"):
                    call_file = files.take(value)
                elif key == "cfn":
                    call_name = names.take(value)
                else:
                    call = True
            elif current is not None and COST.match(line):
                cost = int(line.split()[1])
                if call:
                    current.calls[call_object, call_file, call_name] += cost
                    call_object, call_file, call = now_object, now_file, False
                else:
                    current.own += cost
    return functions


def _owner(object_: str, file: str) -> str:
    """Whose a function is: crypto, gnutls, a room, "measuring", or "" for general libraries."""
    library = object_.rpartition("/")[2]
    if library.startswith(CRYPTO):
        return "crypto"
    if library.startswith(TLS):
        return "gnutls"
    if library != PROGRAM:
        return ""
    if MEASURING in file:
        return "measuring"
    parts = file.split("/")
    return next((room for room in ROOMS if room in parts[:-1]), "measuring")


def charge(functions: Iterable[Function]) -> Counter[str]:
    """Instructions by owner."""
    functions = list(functions)
    charged: Counter[str] = Counter()
    for function in functions:
        owner = _owner(function.object, function.file)
        if not owner:
            continue
        charged[owner] += function.own
        for (object_, file, _), cost in function.calls.items():
            if not _owner(object_, file):
                charged[owner] += cost
    for owner, cost in _called_back(functions).items():
        charged[owner] -= cost
    return charged


def _called_back(functions: Sequence[Function]) -> Counter[str]:
    """What general libraries called back, which has owners of its own, by who called the library:
    it is part of what that call cost."""
    callers: dict[tuple[str, str, str], list[tuple[Function, int]]] = {}
    for function in functions:
        for index, cost in function.calls.items():
            callers.setdefault(index, []).append((function, cost))

    def users(function: Function, seen: set[tuple[str, str, str]]) -> Counter[str]:
        """Who called it, through general libraries too, by the costs of the calls."""
        index = (function.object, function.file, function.name)
        found: Counter[str] = Counter()
        if index in seen:
            return found
        seen.add(index)
        for caller, cost in callers.get(index, ()):
            owner = _owner(caller.object, caller.file)
            found.update({owner: cost} if owner else users(caller, seen))
        return found

    back: Counter[str] = Counter()
    for function in functions:
        if _owner(function.object, function.file):
            continue
        cost = sum(
            one for (object_, file, _), one in function.calls.items() if _owner(object_, file)
        )
        shares = users(function, set()) if cost else Counter()
        for owner, share in shares.items():
            back[owner] += round(cost * share / shares.total())
    return back


def heaviest(functions: Iterable[Function], count: int) -> list[tuple[int, str, str]]:
    """The project's functions with the most of their own, with what libraries did for them."""
    found = []
    for function in functions:
        owner = _owner(function.object, function.file)
        if owner in ROOMS:
            cost = function.own + sum(
                cost
                for (object_, file, _), cost in function.calls.items()
                if not _owner(object_, file)
            )
            found.append((cost, owner, function.name))
    return sorted(found, reverse=True)[:count]
