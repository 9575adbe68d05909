# SPDX-License-Identifier: Apache-2.0
"""Text that a peer may have chosen, for people: in Markdown, where nothing in it is markup."""

from __future__ import annotations

import re
import unicodedata

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~&@$])")
REPLACED = "\N{REPLACEMENT CHARACTER}"
# Letters for Unicode, and nothing to be seen: fillers of Hangul, and a blank pattern of Braille.
BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
MARKS_MAX = 3  # upon one another; no language has more that matter


def visible(value: str) -> str:
    """VALUE with what cannot be seen, moves the cursor or turns the direction of the text around it
    replaced: control and format characters, lone surrogates, what Unicode has not assigned, and
    marks that are heaped upon one letter. Line ends and tabulators stay."""
    if value.isascii() and value.isprintable():
        return value
    made = []
    marks = 0
    for one in value:
        if one in "\n\t":
            marks = 0
        elif unicodedata.category(one) in ("Mn", "Me"):
            marks += 1
            if marks > MARKS_MAX + 1:
                continue
            one = one if marks <= MARKS_MAX else REPLACED
        else:
            marks = 0
            seen = one.isprintable() or unicodedata.category(one) == "Zs"
            one = one if seen and one not in BLANK else REPLACED
        made.append(one)
    return "".join(made)


def line(value: str) -> str:
    """The same in one line: no text of a peer begins one of its own."""
    if value.isascii() and value.isprintable():
        return value
    return visible(value).replace("\n", " ").replace("\t", " ")


def plain(value: str) -> str:
    """VALUE for a line of Markdown: nothing in it is markup."""
    return MARKDOWN.sub(r"\\\1", " ".join(visible(value).split()))


def code(value: str) -> str:
    """VALUE as code in a line of Markdown."""
    text = " ".join(visible(value).split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
