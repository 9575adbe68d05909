# SPDX-License-Identifier: Apache-2.0
"""Text that a peer may have chosen, for people: in Markdown, where nothing in it is markup."""

from __future__ import annotations

import re

# Control characters, and those that turn the direction of the text around them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff]"
)
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~&@$])")


def visible(value: str) -> str:
    """VALUE with what cannot be seen made visible."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value)


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
