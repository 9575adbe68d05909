# SPDX-License-Identifier: Apache-2.0
"""The changes that are made to a C file, one at a time.

They are what a check that somebody took out, or a slip of the pen, looks like: a condition that
never holds, a comparison that is off by its limit, "and" for "or", a statement that is left out, a
failure that is returned as success. The file is read as text with comments and literals masked:
clang-format has seen it, so an operator stands between blanks.

Left out on purpose: what only a lack of memory reaches (no test takes memory away), and statements
that give something back or wipe it, which only the sanitizers' builds and valgrind can miss; and
locks, which only threads that meet can miss.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator

SWAPS = {
    "&&": "||",
    "||": "&&",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
}
_SWAP = re.compile(r"(?<= )(&&|\|\||<=|>=|<|>)(?=\s)")
_IF = re.compile(r"\bif \(")
_STATEMENT = re.compile(
    r"^[ \t]+(?!return\b|goto\b|break\b|continue\b|else\b|case\b)(?P<body>[^;{}]*);$", re.M
)
_CALL = re.compile(r"^[\w>.\-\[\]]+\(.*\)$", re.S)
_ASSIGNMENT = re.compile(r"^\*?[\w>.\-\[\]]+ (?:[|&+\-]?=) ", re.S)
_TIDYING = re.compile(
    r"\w*(?:free|deinit|decref|clear|wipe|bzero|close|cleanup|destroy|finalize|va_end"
    r"|mutex|rwlock)\w*\("
)
_NO_MEMORY = re.compile(r"ENOMEM|ATLS_E_MEMORY|E_MEMORY_ERROR|(?:no|out of)[ _]memory")
_TAKES_MEMORY = re.compile(r"\b(?:\w*alloc\w*|strn?dup)\(")
_FAILURE = re.compile(r"\breturn (?=atls_fail\()")
_TRUTH = re.compile(r"\breturn (true|false);")
# Literals, comments and preprocessor lines, in the order in which C sees them.
_MASKED = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:\\\n|[^\n])*",
    re.S | re.M,
)


@dataclass(frozen=True)
class Change:
    """One change: TEXT stands instead of source[start:end]."""

    start: int
    end: int
    text: str
    line: int  # from 1
    kind: str  # what a person calls it
    source: str  # the line as it is, without its indentation

    def apply(self, text: str) -> str:
        """The file with this change."""
        return text[: self.start] + self.text + text[self.end :]


def masked(text: str) -> str:
    """TEXT with blanks for what is no code; every character stays where it was."""
    return _MASKED.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def closing(code: str, opening: int) -> int:
    """Where the parenthesis at OPENING closes."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"expected a closing parenthesis for the one at {opening}, came the end")


def changes(text: str) -> list[Change]:
    """Every change of a file, in the order of its lines."""
    code = masked(text)
    found = sorted(_all(text, code), key=lambda one: (one[0], one[3]))
    lines = text.splitlines()
    made = []
    for start, end, new, kind in found:
        line = text.count("\n", 0, start) + 1
        source = lines[line - 1].strip()
        if any(_NO_MEMORY.search(near) for near in lines[line - 1 : line + 1]):
            continue
        if source.startswith("if (!") and _TAKES_MEMORY.search(lines[line - 2]):
            continue
        made.append(Change(start, end, new, line, kind, source))
    return made


def _all(text: str, code: str) -> Iterator[tuple[int, int, str, str]]:
    for found in _IF.finditer(code):
        start, end = found.end(), closing(code, found.end() - 1)
        inside = text[start:end]
        yield start, end, f"0 && ({inside})", "the condition never holds"
    for found in _SWAP.finditer(code):
        new = SWAPS[found.group()]
        yield found.start(), found.end(), new, f"{new} for {found.group()}"
    for found in _STATEMENT.finditer(code):
        body = found.group("body")
        if _TIDYING.match(body):
            continue
        if _CALL.match(body) or _ASSIGNMENT.match(body):
            yield found.start("body"), found.end("body"), "(void)0", "the statement is left out"
    for found in _FAILURE.finditer(code):
        yield found.end(), found.end(), "0 * ", "the failure is returned as success"
    for found in _TRUTH.finditer(code):
        new = "false" if found.group(1) == "true" else "true"
        yield found.start(1), found.end(1), new, f"{new} for {found.group(1)}"
