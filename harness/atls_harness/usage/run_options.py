# SPDX-License-Identifier: Apache-2.0
"""The options of `./atls run`: a table, because two parsers take them: the one of playing.py, for
help and for typing errors, and pytest's (plugin.py), which runs the cases."""

from __future__ import annotations

from pathlib import Path

from .parser import OUT, option


ROLES = ("client", "server", "device", "verifier")
ROOTS = ("psa", "tpm", "cca", "parsec")  # of trust: the contract's, which nobody can read here yet
SEED = 1
# What of the project's own. Keep harness/README.md beside it.
RUN = (
    option("--list", action="store_true", help="print the cases and play none"),
    option(
        "--smoke",
        action="store_true",
        help="a part that touches every program, profile and model, in less than 40 s",
    ),
    option("--repeat", type=int, default=1, metavar="N", help="play each case N times"),
    option(
        "--seed",
        default=str(SEED),
        metavar="N|random",
        help=f"seed of the simulated devices (default: {SEED})",
    ),
    option(
        "--root",
        default=ROOTS[0],
        metavar="|".join(ROOTS),
        help="root of trust of the devices, which makes the evidence (default: psa)",
    ),
    option(
        "--shard",
        default="",
        metavar="K/N",
        help="only the part K of N of the cases; ./atls merge makes one result of all parts",
    ),
    option(
        "--scheduler",
        default="",
        metavar="URL",
        help="play on the workers of Dask's scheduler there (tcp://HOST:PORT), and join the parts",
    ),
    option("--keep", action="store_true", help="keep the bundle of every case, not of failed ones"),
    option(
        "--packets",
        action="store_true",
        help="likewise, with the packets of its connections for Wireshark",
    ),
    option("--stories", action="store_true", help="tell what happened in every case"),
    option(
        "--no-serve-cases",
        action="store_true",
        help="start every program anew for each case, those too of which one process can play many",
    ),
    option(
        "--ambiguities",
        action="store_true",
        help="only what the drafts leave open: reading against reading, and what breaks",
    ),
    option(
        "--clause",
        action="append",
        default=[],
        metavar="ID",
        help="only what shows this requirement (R-TA-37), or a family of them (R-TA); repeatable",
    ),
    option(
        "--section",
        action="append",
        default=[],
        metavar="DOCUMENT:SECTION",
        help="only what shows those of a section and of the sections below (ta-07:8.1); repeatable",
    ),
    option(
        "--baseline",
        type=Path,
        default=None,
        metavar="FILE",
        help="compare with an earlier results.json; what is worse fails the run",
    ),
    option(
        "--expected-failures",
        type=Path,
        default=None,
        metavar="FILE",
        help="YAML: what is known to fail, each with a reason",
    ),
    option(
        "--all-supported",
        action="store_true",
        help="an unsupported case counts as a failure",
    ),
    option(
        "--allow-empty",
        action="store_true",
        help="a run in which no case could be played may pass (else it ends with 5)",
    ),
    option(
        "--build",
        type=Path,
        default=None,
        metavar="DIR",
        help="build directory of the programs (default: build, or $ATLS_BUILD)",
    ),
    OUT,
    *(
        option(
            f"--{role}", default=None, metavar="PEER", help=f"the peer that is the {role} (atls)"
        )
        for role in ROLES[:-1]
    ),
    option(
        "--verifier",
        default=None,
        metavar="PEER|URL|FILE.yaml",
        help="the peer that is the verifier (atls), or one that is running somewhere: its URL, or "
        "a file that says more (harness/README.md)",
    ),
    option(
        "--verifier-ca",
        type=Path,
        default=None,
        metavar="FILE",
        help="who certifies that URL (PEM; default: the CAs of this machine)",
    ),
    option(
        "--verifier-auth",
        type=Path,
        default=None,
        metavar="FILE",
        help="bearer token for that URL: the first line of FILE",
    ),
    option(
        "--peers",
        action="append",
        default=[],
        metavar="all|NAME,NAME|DIR",
        help="every client against every server of these peers; or another folder of peers",
    ),
    option(
        "--pair",
        action="append",
        default=[],
        metavar="CLIENT:SERVER",
        help="this client against this server (several names with commas; all)",
    ),
    option(
        "--required",
        type=Path,
        default=None,
        metavar="FILE",
        help="YAML: the cells of the matrix that must be green",
    ),
)
# What pytest and its plugins have, as far as it is of use here; what else they know is taken too.
PYTEST = (
    option(
        "-k",
        metavar="EXPRESSION",
        help="only cases whose names match: words with and, or, not and brackets",
    ),
    option(
        "-n",
        metavar="N",
        help="N cases at once (default: three for each processor, for they mostly wait)",
    ),
    option("-x", "--exitfirst", action="store_true", help="end at the first failure"),
    option("--maxfail", metavar="N", help="end after N failures"),
    option("-v", "--verbose", action="store_true", help="a line for each case"),
    option("-q", "--quiet", action="store_true", help="less"),
    option("--junitxml", metavar="FILE", help="JUnit's results there (default: in the results)"),
    option("--durations", metavar="N", help="the N slowest cases"),
    option("--timeout", metavar="S", help="end what takes longer than S seconds"),
    option("--collect-only", action="store_true", help="as --list, in pytest's words"),
)
