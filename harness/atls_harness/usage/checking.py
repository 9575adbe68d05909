# SPDX-License-Identifier: Apache-2.0
"""Commands that check, measure, set up, and tell what a run came to."""

from __future__ import annotations

from pathlib import Path

from ..paths import ROOT
from .parser import BUILD, MORE_PEERS, OUT, Parser, add, one_of
from .run_options import ROOTS, RUN

FUZZ_SECONDS = 10
# The sections of ./atls bench, in the order in which they are measured.
SECTIONS = (
    "pair",
    "crypto",
    "instructions",
    "devices",
    "verifier",
    "load",
    "fleet",
    "shards",
    "network",
    "stacks",
    "cases",
    "curves",
)
PURPOSES = ("run", "test", "bench", "python")


def test() -> Parser:
    """`./atls test`."""
    made = Parser(
        prog="./atls test",
        description="Everything that CI checks, in stages: formatters, linters, types, builds, "
        "unit tests, sanitizers, valgrind, fuzzers, the harness and all scenarios. "
        "A stage that fails does not stop the others; each leaves a log below out/.",
    )
    made.add_argument("--list", action="store_true", help="print the stages and run none")
    made.add_argument("--only", action="append", metavar="STAGE", help="only these (repeatable)")
    made.add_argument("--coverage", action="store_true", help="coverage of tests and scenarios")
    add(made, BUILD)
    made.add_argument(
        "--fuzz-seconds",
        type=int,
        default=FUZZ_SECONDS,
        metavar="N",
        help=f"seconds for each fuzz target ({FUZZ_SECONDS})",
    )
    made.add_argument(
        "--mutants",
        type=int,
        default=0,
        metavar="N",
        help="stage mutants: N changed lines, drawn by chance (0: all of them)",
    )
    made.add_argument(
        "--mutants-seed",
        type=int,
        default=1,
        metavar="N",
        help="stage mutants: which ones are drawn (1); what runs have found adds up",
    )
    made.add_argument(
        "--mutants-of",
        action="append",
        metavar="FILES",
        help="stage mutants: of these files only, as tls/v*.c (repeatable)",
    )
    return made


def clauses() -> Parser:
    """`./atls clauses`."""
    made = Parser(
        prog="./atls clauses",
        description="Which requirement of the drafts is shown by which scenario or unit test, "
        "and how that went in the newest run.",
        epilog="examples:\n"
        "  ./atls clauses                 the numbers, by document\n"
        "  ./atls clauses R-TA-37         one: its text, its tests, and how to run them\n"
        "  ./atls clauses R-SE --list     a line for each of a family",
    )
    made.add_argument(
        "id", nargs="*", help="requirements (R-SE-10) or families of them (R-SE); default: all"
    )
    made.add_argument("--list", action="store_true", help="a line for each requirement")
    made.add_argument(
        "--results",
        type=Path,
        default=ROOT / "out" / "latest" / "results.json",
        metavar="FILE",
        help="of this run (default: the newest, out/latest/results.json)",
    )
    made.add_argument(
        "--build",
        type=Path,
        default=None,
        metavar="DIR",
        help="build directory, for the names of unit tests",
    )
    return made


def report() -> Parser:
    """`./atls report`."""
    made = Parser(
        prog="./atls report",
        description="Writes what a run came to: report.html (one page up to 3,000 cases, "
        "which needs no network), report.md, badge.json, and junit.xml where there is none. "
        "Nothing is run.",
        epilog="example, with the attacks in it:\n"
        "  ./atls report --attacks out/latest-attacks\n",
    )
    made.add_argument(
        "result",
        nargs="?",
        type=Path,
        default=ROOT / "out" / "latest",
        help="a results.json, or the folder of a run (default: the newest run)",
    )
    made.add_argument(
        "--output",
        type=Path,
        default=None,
        metavar="DIR",
        help="where (default: beside the result)",
    )
    made.add_argument(
        "--attacks",
        type=Path,
        default=None,
        metavar="FILE",
        help="with what a run of ./atls attacks came to: an attacks.json, or its folder",
    )
    made.add_argument(
        "--publish", action="store_true", help="write what this repository publishes in results/"
    )
    return made


def merge() -> Parser:
    """`./atls merge`."""
    made = Parser(
        prog="./atls merge",
        description="Makes one result of the parts of a run (./atls run --shard K/N). Refuses "
        "parts that do not belong together (other revision, versions, peers, seed or cases), a "
        "part or a case that is missing, and one that is there twice. Ends as the whole run would "
        "have.",
        epilog="examples:\n"
        "  ./atls run --shard 1/2        on one machine, and 2/2 on another\n"
        "  ./atls merge first/results.json second/results.json\n"
        "  ./atls run --scheduler tcp://host:8786    both at once, on the workers of Dask",
    )
    made.add_argument(
        "part", nargs="+", type=Path, help="results.json of each part, or the folder of its run"
    )
    made.add_argument(
        "--out",
        type=Path,
        default=ROOT / "out",
        metavar="DIR",
        help="the joined result is a new folder below DIR (default: out)",
    )
    same_as_run = ("--baseline", "--required")
    add(made, *(one for one in RUN if one.names[0] in same_as_run))
    return made


def bench() -> Parser:
    """`./atls bench`."""
    made = Parser(
        prog="./atls bench",
        description="What attestation costs, beside TLS without it: in memory, by whose code, "
        "over sockets, under load, over a network, with many devices.\n\nWith --plan nothing is "
        "measured: what 100,000 or 10^9 devices cost is computed from what was.",
    )
    made.add_argument("--full", action="store_true", help="everything, with many samples")
    made.add_argument(
        "--only",
        action="append",
        type=one_of("section", SECTIONS),
        metavar="SECTION",
        help=f"one of {', '.join(SECTIONS)} (repeatable)",
    )
    made.add_argument("--samples", type=int, metavar="N", help="connections of each mode in memory")
    made.add_argument(
        "--mode", action="append", metavar="MODE", help="only this mode, in memory (repeatable)"
    )
    made.add_argument("--compare", type=Path, metavar="FILE", help="with an earlier benchmark.json")
    made.add_argument(
        "--instructions-of",
        type=Path,
        metavar="FILE",
        help="recorded instruction counts: more than 5 %% off is a failure",
    )
    made.add_argument("--record", type=Path, metavar="FILE", help="write instruction counts there")
    made.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="what many devices cost, by the assumptions in FILE (docs/capacity.yaml is one)",
    )
    made.add_argument(
        "--from",
        type=Path,
        dest="source",
        metavar="FILE",
        help="--plan: from this benchmark.json (default: the latest of out, else a recorded one)",
    )
    made.add_argument(
        "--crypto",
        choices=("gnutls", "fast"),
        default="gnutls",
        help="pair: fast measures each mode once more with OpenSSL's ECDSA inside of GnuTLS",
    )
    made.add_argument("--shards", type=int, default=2, metavar="N", help="shards: how many (2)")
    made.add_argument(
        "--scheduler", default="", metavar="URL", help="shards: of Dask, for several machines"
    )
    add(made, OUT, BUILD)
    return made


def setup() -> Parser:
    """`./atls setup`."""
    made = Parser(
        prog="./atls setup",
        usage="./atls setup [run|test|bench|python] [OPTIONS]",
        description="Installs the Debian packages that a command needs (run, the default, test "
        "or bench; it says which, and why, first) and builds the programs. With "
        "--peer, other people's stacks as well: packages, tools, their own build.",
    )
    made.add_argument(
        "purpose",
        nargs="?",
        type=one_of("command to set up for", PURPOSES),
        default=PURPOSES[0],
        metavar="run|test|bench|python",
        help="the command whose packages are installed (run); python: what needs no compiler",
    )
    add(made, BUILD)
    made.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME|all",
        help="set this peer up as well (repeatable; several with commas)",
    )
    add(made, MORE_PEERS)
    made.add_argument(
        "--root",
        type=one_of("root of trust", ROOTS),
        default=ROOTS[0],
        metavar="|".join(ROOTS),
        help="also what devices with this root of trust need (tpm: libtss2-dev, swtpm; "
        "parsec: these, protobuf-c, and the peer parsec)",
    )
    made.add_argument(
        "--again", action="store_true", help="even where nothing has changed since the last time"
    )
    return made


def decode() -> Parser:
    """`./atls decode`: what atls-decode takes, for whoever has not built it yet."""
    made = Parser(
        prog="./atls decode",
        usage="./atls decode [OPTIONS] [FILE]",
        description="Prints a message of remote attestation as an annotated tree: CMW, CAB, "
        "KAT, PSA token, COSE_Sign1, EAR (JWT or claims), CoRIM, boot record, JWK, "
        "or any other CBOR or JSON.",
        epilog="exit status: 0 the message is well-formed and every check that could be made\n"
        "passed, 1 if not, 2 wrong usage",
    )
    made.add_argument(
        "file",
        nargs="?",
        help="binary, hexadecimal or base64 (default, and -: standard input)",
    )
    made.add_argument("--events", metavar="FILE", help="events, one JSON object a line (-: stdout)")
    made.add_argument(
        "--format", metavar="FORM", help="of the input: auto (default), binary, hex, base64"
    )
    made.add_argument(
        "-k",
        "--key",
        action="append",
        metavar="FILE",
        help="public key to try on signatures: PEM, JWK, or all trust anchors of a CoRIM",
    )
    made.add_argument("-n", "--nonce", metavar="HEX", help="the challenge that it should answer")
    made.add_argument(
        "-v",
        "--verifier-key",
        metavar="FILE",
        help="key of the verifier that signed an EAR: JWK, PEM, or its discovery document",
    )
    made.add_argument("-w", "--whole", action="store_true", help="long strings in full")
    made.add_argument("-V", "--version", action="store_true", help="print the program's version")
    return made
