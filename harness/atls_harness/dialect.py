# SPDX-License-Identifier: Apache-2.0
"""What STYLE.md asks of C files and no formatter can hold: one name for the result of a call, one
way to ask for a pointer, one form of a sentence that refuses, comments that name files that exist.

The stage `format` of `./atls test` holds the rules of HELD; `python3 -m atls_harness.dialect` lists
what breaks any of them.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Iterator, Sequence

from .paths import ROOT

TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/|//[^\n]*)"
    r'|(?P<text>(?:L|u8?|U)?"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>'(?:\\.|[^'\\\n])*')",
    re.DOTALL,
)
TEXTS = re.compile(r'"(?:\\.|[^"\\\n])*"(?:\s*(?:"(?:\\.|[^"\\\n])*"|PRI[a-zA-Z0-9]+))*')
# == anywhere; != in a condition. Where the truth is a value, as in bool known = x != NULL, it is
# written out.
POINTER = re.compile(
    r"==\s*NULL\b|\bNULL\s*[!=]=|!=\s*NULL\s*(?:&&|\|\||\?|;[^;\n]*\)\s*(?:\{|$))"
    r"|(?:&&|\|\|)\s*[^\s&|()]+\s*!=\s*NULL\b|\b(?:if|while)\s*\([^()]*!=\s*NULL\s*\)",
    re.MULTILINE,
)
# A variable of a function's body that takes what a call returned, under another name.
RESULT = re.compile(
    r"^[ \t]+(?:int|ssize_t)\s+(?P<name>r|rc|ret|res|rv|err|retval|status_code)\s*(?:=|;|,)",
    re.MULTILINE,
)
MIXED = re.compile(
    r"^[ \t]+(?:int|ssize_t)\s+(?P<name>code|error|outcome)\s*=\s*atls_\w+\(", re.MULTILINE
)
NAMED = re.compile(r"[\w./-]*[\w-]\.(?:c|h|py|lua)\b")
BUILT = ("program/contract.h", "contract.h")  # there once something was built
GOT = re.compile(r"\bexpected\b[^\n]*\bgot\b|\bgot\b[^\n]*\bexpected\b")
PASSIVE = re.compile(r"(?<!as )\b(?:is|are|was|were|be) expected\b")
LAST = re.compile(r"\w[^:;(]* (?<!than )(?<!as )(?<!was )expected(?:$|[,;.)]| \()")


@dataclass(frozen=True)
class Offence:
    """Something that STYLE.md does not want."""

    file: str
    line: int
    seen: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.seen}: {self.wanted} (STYLE.md)"


# Sentences of others, which a stand-in for them repeats word for word.
QUOTED = ("expected exactly 1 trust anchor; got %zu",)


def bare(text: str) -> str:
    """TEXT without comments and literals, each character of which is a blank: lines stay."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(blank, text)


def without_comments(text: str) -> str:
    """TEXT with its literals, without comments."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0]) if match["comment"] else match[0]

    return TOKEN.sub(blank, text)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def pointers(name: str, text: str) -> Iterator[Offence]:
    """`x == NULL`"""
    code = bare(text)
    for match in POINTER.finditer(code):
        seen = "== NULL" if "==" in match[0] else "!= NULL"
        yield Offence(name, _line(code, match.start()), seen, "expected !x or x")


def results(name: str, text: str) -> Iterator[Offence]:
    """`int r = f()`"""
    code = bare(text)
    for pattern in (RESULT, MIXED):
        for match in pattern.finditer(code):
            said = f"a result named {match['name']}"
            yield Offence(name, _line(code, match.start("name")), said, "expected result")


def sentences(name: str, text: str) -> Iterator[Offence]:
    """ "X was expected", "X expected", "expected X, got Y"; tests name their rows as they like."""
    if Path(name).name.startswith("test-"):
        return
    code = without_comments(text)
    for match in TEXTS.finditer(code):
        words = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', match[0]))
        if "expected" not in words or words in QUOTED:
            continue
        if GOT.search(words) or PASSIVE.search(words) or LAST.search(words):
            seen = f'"{words[:70]}"'
            yield Offence(name, _line(code, match.start()), seen, 'expected "expected X, came Y"')


@functools.cache
def _files(root: Path) -> frozenset[str]:
    """The names of all files below ROOT, without their folders, and with them."""
    names = set()
    for folder, below, files in os.walk(root):
        below[:] = [one for one in below if not one.startswith((".", "build", "out"))]
        for name in files:
            names |= {name, os.path.relpath(os.path.join(folder, name), root)}
    return frozenset(names)


def names(name: str, text: str, root: Path = ROOT) -> Iterator[Offence]:
    """A comment that names a file which is not there (any more)."""
    for match in TOKEN.finditer(text):
        for named in NAMED.findall(match["comment"] or ""):
            if "/" in named and not (root / named.split("/")[0]).is_dir():
                continue  # a file of somebody else's
            if named in BUILT or "NAME" in named:
                continue
            if not any(known in _files(root) for known in (named, f"{Path(name).parent}/{named}")):
                line = _line(text, match.start())
                yield Offence(name, line, f"a comment names {named}", "expected a file that exists")


Rule = Callable[[str, str], Iterator[Offence]]
RULES: tuple[Rule, ...] = (pointers, results, sentences, names)
# Rules that every file keeps. A rule is put here once nothing breaks it any more.
HELD: tuple[Rule, ...] = RULES


def offences(
    files: Iterable[str], rules: Sequence[Rule] = RULES, root: Path = ROOT
) -> list[Offence]:
    """All that is to be mended in C files (names from ROOT)."""
    found: list[Offence] = []
    for name in files:
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        for rule in rules:
            found += rule(name, text)
    return found


def main() -> int:
    """Lists what breaks any rule."""
    from .checks import tracked

    found = offences(tracked(".c", ".h"))
    for one in found:
        print(one)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
