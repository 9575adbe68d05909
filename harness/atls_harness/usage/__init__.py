# SPDX-License-Identifier: Apache-2.0
"""What each command of ./atls takes: its parser, and so its --help.

Python's own library only, so that help is there before anything is installed.
"""

from __future__ import annotations

import re
import textwrap
from typing import Callable, Mapping

from .checking import SECTIONS, bench, clauses, decode, merge, report, setup, test
from .parser import SIMULATED, USAGE, Parser, check_numbers, unknown
from .playing import DEVICE_PROGRAMS, attacks, device, learn, probe, run, verifiers
from .run_options import PYTEST, ROLES, ROOTS, RUN
from .table import lab

__all__ = (
    "DEVICE_PROGRAMS",
    "PARSERS",
    "PYTEST",
    "ROLES",
    "ROOTS",
    "RUN",
    "SECTIONS",
    "USAGE",
    "Parser",
    "attacks",
    "bench",
    "check_numbers",
    "clauses",
    "decode",
    "device",
    "lab",
    "learn",
    "merge",
    "overview",
    "probe",
    "report",
    "run",
    "setup",
    "test",
    "unknown",
    "verifiers",
)

PARSERS: Mapping[str, Callable[[], Parser]] = {
    "run": run,
    "attacks": attacks,
    "probe": probe,
    "lab": lab,
    "learn": learn,
    "test": test,
    "clauses": clauses,
    "report": report,
    "merge": merge,
    "verifiers": verifiers,
    "device": device,
    "decode": decode,
    "setup": setup,
    "bench": bench,
}


def overview() -> str:
    """The commands, each with the first sentence of its description."""
    lines = ["usage: ./atls COMMAND [OPTIONS]", ""]
    for name, make in PARSERS.items():
        words = " ".join(str(make().description).split())
        sentence = re.split(r"[.:;](?: |$)", words)[0]
        lines += textwrap.wrap(
            f"  {name:<10} {sentence}", 100, subsequent_indent=" " * 13, break_on_hyphens=False
        )
    return "\n".join([*lines, "", "./atls COMMAND --help says more of each.", SIMULATED])
