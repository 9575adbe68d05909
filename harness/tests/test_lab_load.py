# SPDX-License-Identifier: Apache-2.0
"""A crowd at ./atls lab: two hundred connections at once, good and bad, with some that fuzz. All
are there afterwards, memory is bounded, and the page goes on. Seconds in CI; by hand for minutes:
ATLS_LAB_SECONDS=600."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Iterator

import pytest
from lab_crowd import Crowd
from lab_meeting import OPENER, Lab

from atls_harness.run import Run

SECONDS = float(os.environ.get("ATLS_LAB_SECONDS", "8"))
MEMORY_MAX = 400 << 10  # KiB, of the lab and each of its programs


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="atls-lab-") as made:
        yield Path(made)


def seen(lab: Lab) -> int:
    """How many connections the page counts, those that were turned away among them."""
    found = re.search(r'id="counted" role="status">([^<]*)<', lab.page("/"))
    assert found is not None
    assert "under way" not in found[1] and "the lab failed" not in found[1], found[1]
    return sum(map(int, re.findall(r"(?:^|, )([0-9]+) ", found[1])))


def memory(lab: Lab) -> dict[str, int]:
    """KiB that the lab and its programs have ever had in memory at once, each."""
    made = {}
    pids = [lab.process.pid]
    for task in Path(f"/proc/{lab.process.pid}/task").glob("*/children"):
        pids += map(int, task.read_text().split())
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
        name = re.search(r"Name:\s+(.*)", status)
        if found and name:
            made[f"{name[1]} {pid}"] = int(found[1])
    return made


class Watcher(threading.Thread):
    """Somebody with the page open."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self.messages = 0
        request = urllib.request.Request(urllib.parse.urljoin(lab.url, "live"))
        self._stream = OPENER.open(request, timeout=60)

    def run(self) -> None:
        try:
            for line in self._stream:
                self.messages += line.startswith(b"event: rows")
        except (OSError, ValueError):
            return


def test_a_crowd_loses_nothing(real: Run, folder: Path) -> None:
    lab = Lab(real, folder)
    try:
        watcher = Watcher(lab)
        watcher.start()
        crowd = Crowd(list(lab.ports.values()))
        looked = 0

        async def come() -> None:
            nonlocal looked
            task = asyncio.create_task(crowd.come(SECONDS))
            while not task.done():
                page = await asyncio.to_thread(lab.page, "/")
                assert "Connections" in page
                looked += 1
                await asyncio.wait([task], timeout=0.5)
            await task

        asyncio.run(come())
        made = sum(crowd.made.values())
        assert made >= 200 and looked > 1 and watcher.messages > 1
        assert set(crowd.made) == {
            "good",
            "old",
            "silent",
            "stranger",
            "half",
            "reset",
            "fuzz",
        }, "of each kind"
        lab.await_(lambda: "under way" not in lab.page("/"))
        assert seen(lab) == made, crowd.made
        most = memory(lab)
        assert max(most.values()) < MEMORY_MAX, most
        print(
            f"{made} connections, {dict(crowd.made)}; {looked} pages, {watcher.messages} messages"
        )
        print(f"KiB at most: {most}")
    finally:
        assert lab.stop() == 0
    lab.again()  # and all of them are there
    try:
        assert seen(lab) == made
    finally:
        assert lab.stop() == 0


def test_who_comes_too_often_is_turned_away_and_counted(real: Run, folder: Path) -> None:
    lab = Lab(real, folder, "--per-source", "5")
    try:
        crowd = Crowd(list(lab.ports.values()), seed=2)
        asyncio.run(crowd.come(2, at_once=40))
        made = sum(crowd.made.values())
        lab.await_(lambda: "under way" not in lab.page("/"))
        assert "turned away at the limits" in lab.page("/")
        assert seen(lab) == made
    finally:
        assert lab.stop() == 0
