# SPDX-License-Identifier: Apache-2.0
"""Links in the project's Markdown lead to a file that git has, and to a heading that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atls_harness.checks import tracked
from atls_harness.paths import ROOT

FILE = re.compile(r"`([\w./-]+\.(?:c|h|py|yaml|json|md|sh|lua|build))`")
STANDS_FOR = re.compile(r"[A-Z]{4}|foo")  # in the place of somebody's own
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+?) *$", re.MULTILINE)
DOCUMENTS = [name for name in tracked(".md") if not name.startswith("results/matrix/")]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    words = (re.sub(r"[^\w\- ]", "", one.lower()) for one in HEADING.findall(FENCE.sub("", text)))
    return {one.replace(" ", "-") for one in words}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    there = set(tracked())
    folders = {str(parent) for one in there for parent in Path(one).parents}
    text = FENCE.sub("", (ROOT / name).read_text("utf-8"))
    lost = []
    for link in LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        path = (ROOT / name).parent.joinpath(place).resolve() if place else ROOT / name
        inside = str(path.relative_to(ROOT))
        if inside not in there and inside not in folders:
            lost.append(f"[...]({link}): git has no {inside}")
        elif anchor and anchor not in anchors(path.read_text("utf-8")):
            lost.append(f"[...]({link}): no such heading")
    assert not lost, name


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name: str) -> None:
    """`rats/base/error.h` from the root or the document; `error.h` of C and Python anywhere."""
    there = set(tracked())
    bare = {Path(one).name for one in there}
    text = FENCE.sub("", (ROOT / name).read_text("utf-8"))
    lost = []
    for named in FILE.findall(text):
        beside = str((ROOT / name).parent.joinpath(named).resolve())
        known = {named, f"harness/{named}", beside.removeprefix(f"{ROOT}/")}
        if STANDS_FOR.search(named) or known & there:
            continue
        if "/" in named or (named not in bare and named.endswith((".c", ".h", ".py", ".lua"))):
            lost.append(named)
    assert not lost, name
