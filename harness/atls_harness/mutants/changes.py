# SPDX-License-Identifier: Apache-2.0
"""The changes that are made to a C file, one at a time.

They are what a check that somebody took out, or a slip of the pen, looks like: a condition that
never holds, a comparison that is off by its limit, "and" for "or", a statement that is left out, a
failure that is returned as success. The file is read as text with comments and literals masked:
clang-format has seen it, so an operator stands between blanks, and a function's braces stand at the
beginning of a line.

Left out on purpose: what only a lack of memory or a library that cannot go on reaches (no test
takes memory away; fail_fatal() and atls_openssl_fail() tell the libraries' failures that no input
brings about, and random numbers never fail); statements that give something back, wipe or forget
it, with the conditions that guard nothing else, since no test looks at memory that nobody uses any
more; locks, which only threads that meet can miss; and "no bytes or more" before a copy of so many
bytes, which is the same, as is "or equal" where the smaller or the greater of two is chosen, where
a failure has its word (that of none, 0, is never asked for), and at the one moment at which the
clock stands still on a limit; and that an event is not made which nobody hears.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
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
_GIVES_BACK = re.compile(rf"\s*(?:{_TIDYING.pattern}|[\w>.\-]+ = NULL;)")
NO_MEMORY = re.compile(
    r"ENOMEM|ATLS_E_MEMORY|E_MEMORY_ERROR|(?:no|out of)[ _]memory|\bfail_fatal\("
    r"|\batls_(?:openssl_fail|gnutls_error)\(|\bif \(.*\brandom\("
)
_FORGETS = re.compile(r"[\w>.\-]+ = NULL$")
_COPIES = re.compile(r"\)\s*\{?\s*(?:memcpy|memmove)\(")
# The smaller or the greater of two: where they are equal, both arms are the same number.
_SMALLER = re.compile(
    r"(?:\(\w+\))?[({]*(?:\(\w+\))?(?P<a>[\w.>\-]+) [<>]=? (?P<b>[\w.>\-]+)\s\?\s(?:\(\w+\))?"
    r"(?:(?P=a)\s:\s(?:\(\w+\))?(?P=b)|(?P=b)\s:\s(?:\(\w+\))?(?P=a))(?![\w.>\-])"
)
# The word of a failure of this machine, beside that of the peer's.
_WORD = re.compile(r"\s0\s\?\s(?:atls_failure_keep\([^\";]*)?(?:\"internal\"|ATLS_NO_WORD)")
_CLOCK = "atls_now()"
_NOT_HEARD = re.compile(r"!.*\batls_events_heard\(", re.S)
_TAKES_MEMORY = re.compile(r"\b(?:\w*alloc\w*|strn?dup|v?asprintf)\(")
_FAILURE = re.compile(r"\breturn (?=atls_fail\()")
_NAME = re.compile(r"(\w+)\((?!\()")
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
    function: str  # whose it is
    which: int  # of those of the function that are told alike, in their order
    key: str  # the same as long as the function's text is, wherever that stands

    def apply(self, text: str, begin: int = 0, end: int | None = None) -> str:
        """The file with this change; of it what stood from BEGIN to END."""
        return text[begin : self.start] + self.text + text[self.end : end]


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


@dataclass(frozen=True)
class Function:
    """Where a function stands in a file: its head, its body's opening brace, its end."""

    name: str
    start: int
    body: int
    end: int

    def holds(self, place: int) -> bool:
        """Whether PLACE is in its body."""
        return self.body <= place < self.end


def functions(code: str) -> list[Function]:
    """The functions of a file whose comments and literals are masked."""
    found = []
    for opening in re.finditer(r"^\{$", code, re.M):
        end = code.find("\n}", opening.end())
        # The lines before it, back to what ends the thing before: a blank line, or a brace.
        begin = max(
            code.rfind(mark, 0, opening.start()) + len(mark) for mark in ("\n\n", "}\n", ";\n")
        )
        name = _NAME.search(code, begin, opening.start())
        if name and end > 0:
            found.append(Function(name.group(1), begin, opening.start(), end + 2))
    return found


def changes(text: str) -> list[Change]:
    """Every change of a file, in the order of its lines."""
    code = masked(text)
    held = functions(code)
    found = sorted(_all(text, code), key=lambda one: (one[0], one[3]))
    lines = text.splitlines()
    made = []
    alike: Counter[tuple[str, str, str]] = Counter()
    for start, end, new, kind in found:
        line = text.count("\n", 0, start) + 1
        source = lines[line - 1].strip()
        # A block may give something back first.
        further = 2 if source.endswith("{") and _GIVES_BACK.match(lines[line]) else 1
        if any(NO_MEMORY.search(near) for near in lines[line - 1 : line + further]):
            continue
        if source.startswith("if (!") and _TAKES_MEMORY.search(lines[line - 2]):
            continue
        holder = next((one for one in held if one.holds(start)), None)
        if not holder:
            continue  # of a macro that is a table's row
        name, offset = holder.name, start - holder.start
        body = text[holder.start : holder.end].strip()
        key = hashlib.sha256(f"{body}\0{offset}\0{kind}".encode()).hexdigest()[:24]
        alike[name, source, kind] += 1
        which = alike[name, source, kind]
        made.append(Change(start, end, new, line, kind, source, name, which, key))
    return made


def _guards_a_release(code: str, end: int) -> bool:
    """Whether all that the condition that closes at END guards is giving back or wiping."""
    rest = code[end + 1 :]
    block = re.match(r"\s*\{(?P<inside>[^{}]*)\}(?P<after>\s*else\b)?", rest)
    single = re.match(r"\s*(?P<inside>[^;{}]*;)(?P<after>\s*else\b)?", rest)
    found = block or single
    if not found or found.group("after"):
        return False
    parts = [part.strip() for part in found.group("inside").split(";") if part.strip()]
    return bool(parts) and all(_TIDYING.match(part) for part in parts)


def _all(text: str, code: str) -> Iterator[tuple[int, int, str, str]]:
    guards = []
    for found in _IF.finditer(code):
        start, end = found.end(), closing(code, found.end() - 1)
        if _guards_a_release(code, end):
            guards.append(range(start, end))
            continue
        inside = text[start:end]
        if _NOT_HEARD.match(inside):
            continue
        yield start, end, f"0 && ({inside})", "the condition never holds"
    for found in _SWAP.finditer(code):
        if any(found.start() in guard for guard in guards):
            continue
        rest = code[found.end() :]
        if found.group() == ">" and rest.startswith(" 0)") and _COPIES.match(rest, 2):
            continue
        if _SMALLER.match(code, code.rfind(" ", 0, found.start() - 1) + 1):
            continue
        if found.group() == "<" and _WORD.match(re.sub(r"\s+", " ", text[found.end() :][:200])):
            continue
        if rest.startswith(f" {_CLOCK}") or code.endswith(f"{_CLOCK} ", 0, found.start()):
            continue
        new = SWAPS[found.group()]
        yield found.start(), found.end(), new, f"{new} for {found.group()}"
    for found in _STATEMENT.finditer(code):
        body = found.group("body")
        if _TIDYING.match(body):
            continue
        before = code[: found.start()].rstrip().rpartition("\n")[2].strip()
        if _FORGETS.match(body) and _TIDYING.match(before):
            continue
        if _CALL.match(body) or _ASSIGNMENT.match(body):
            yield found.start("body"), found.end("body"), "(void)0", "the statement is left out"
    for found in _FAILURE.finditer(code):
        yield found.end(), found.end(), "0 * ", "the failure is returned as success"
    for found in _TRUTH.finditer(code):
        new = "false" if found.group(1) == "true" else "true"
        yield found.start(1), found.end(1), new, f"{new} for {found.group(1)}"
