# SPDX-License-Identifier: Apache-2.0
"""The unit tests of a build: which there are, as meson knows them, and one played to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Mapping

from .family import status_fields

# How often, and how many seconds apart, one looks at a test that takes long.
LOOKS = 4
LOOK = 0.25


@dataclass(frozen=True)
class UnitTest:
    """A unit test as meson knows it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    targets: tuple[str, ...]  # what ninja has to build first


def unit_tests(build: Path) -> list[UnitTest]:
    """The unit tests of a build, as meson has set them up."""
    info = build / "meson-info"
    paths = {
        target["id"]: [os.path.relpath(name, build) for name in target["filename"]]
        for target in json.loads((info / "intro-targets.json").read_text(encoding="utf-8"))
    }
    found = []
    for test in json.loads((info / "intro-tests.json").read_text(encoding="utf-8")):
        needs = tuple(name for one in test["depends"] for name in paths.get(one, []))
        folder = test["workdir"] or str(build)
        found.append(UnitTest(test["name"], tuple(test["cmd"]), test["env"], folder, needs))
    return found


def play(
    test: UnitTest,
    limit: float,
    more: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> bool:
    """Whether a unit test passes within LIMIT seconds; all its processes end with it. Time in which
    it wanted to run and the machine did not let it is not counted. MORE is added to its
    environment, WITHOUT is left out of it."""
    environment = {**os.environ, **test.environment, **(more or {})}
    party = subprocess.Popen(
        test.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in environment.items() if name not in without},
        cwd=test.folder,
        start_new_session=True,
    )
    try:
        patience = limit
        while True:
            try:
                return party.wait(patience) in (0, 77)
            except subprocess.TimeoutExpired:
                waits, seconds = activity(party.pid)
                if waits or seconds > limit:
                    return False
                patience = LOOK
    finally:
        try:
            os.killpg(party.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        party.wait()


def activity(session: int) -> tuple[bool, float]:
    """Of the processes of a session: whether all of them wait for something, seen LOOKS times, and
    the processor seconds that they have used."""
    waits, seconds = True, 0.0
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK)
        states, seconds = _states(session)
        waits = waits and not states & {"R", "D"}
        if not waits:
            break
    return waits, seconds


def _states(session: int) -> tuple[set[str], float]:
    states, ticks = set(), 0
    for place in Path("/proc").glob("[0-9]*"):  # deeper it would look at what has ended
        fields = status_fields(int(place.name))
        if fields and int(fields[3]) == session:
            states.add(fields[0])
            ticks += sum(int(field) for field in fields[11:15])
    return states, ticks / os.sysconf("SC_CLK_TCK")
