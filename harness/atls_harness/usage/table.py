# SPDX-License-Identifier: Apache-2.0
"""The lab, which stays."""

from __future__ import annotations

from pathlib import Path

from ..paths import ROOT
from .parser import BUILD, SIMULATED, Parser, add
from .run_options import SEED


def lab() -> Parser:
    """`./atls lab`."""
    made = Parser(
        prog="./atls lab",
        description="A server for a table at which people try their stacks: a port for each "
        "profile and role, and a page that shows each connection as it comes, with why it ended "
        "as it did, its hello and evidence decoded, and its packets. It stays until it is stopped, "
        "and keeps what it saw.",
        epilog="examples:\n"
        "  ./atls lab                     this machine alone: http://127.0.0.1:8600/\n"
        "  ./atls lab --listen 0.0.0.0 --name lab.example --allow-probe 192.0.2.0/24\n\n"
        "Whoever reaches its ports can use it: on a network of strangers give it --token.\n"
        "How to: harness/README.md.\n" + SIMULATED,
    )
    made.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDRESS[:PORT]",
        help="where (127.0.0.1:8600; 0.0.0.0 is everywhere). The page has PORT, the verifier the "
        "next, then the profiles; 0: whichever are free",
    )
    made.add_argument("--name", default="", metavar="HOST", help="the lab's name in DNS, if any")
    made.add_argument(
        "--state",
        type=Path,
        default=ROOT / "out" / "lab",
        metavar="DIR",
        help="what is kept, with the keys of the lab's CA (out/lab)",
    )
    made.add_argument(
        "--allow-probe",
        action="append",
        default=[],
        metavar="CIDR",
        help="a network whose servers may be probed (repeatable; default: this machine's own, for "
        "those who are on it)",
    )
    made.add_argument(
        "--token",
        type=Path,
        metavar="FILE",
        help="the page asks for the first line of FILE (default: for nothing)",
    )
    made.add_argument(
        "--keep-days", type=float, default=7, metavar="N", help="connections are kept so long (7)"
    )
    for name, value, what in (
        ("keep-connections", 20_000, "and so many of them"),
        ("keep-mib", 1024, "and so much, in MiB"),
        ("source-mib", 128, "and of one source so much"),
        ("at-once", 1024, "connections at a time"),
        ("per-source", 512, "of one source"),
    ):
        made.add_argument(
            f"--{name}", type=int, default=value, metavar="N", help=f"{what} ({value})"
        )
    made.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of its device ({SEED})")
    add(made, BUILD)
    return made
