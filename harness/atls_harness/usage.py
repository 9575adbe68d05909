# SPDX-License-Identifier: Apache-2.0
"""What each command of ./atls takes: its parser, and so its --help.

Python's own library only, so that help is there before anything is installed. The options of `run`
are a table, because two parsers take them: the one here, for help and for typing errors, and
pytest's (plugin.py), which runs the cases.
"""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, NoReturn, Sequence

from .nearest import meant, nearest
from .paths import ROOT

USAGE = 2
WIDTH = 88
ROLES = ("client", "server", "device", "verifier")
DEVICE_PROGRAMS = ("device", "provision", "enroll")  # of the device's peer
ROOTS = ("psa", "tpm", "cca")  # of trust: the contract's, which nobody can read here yet
SEED = 1
FUZZ_SECONDS = 10
SIMULATED = "The root of trust is simulated: nothing here says anything about real hardware."
# The sections of ./atls bench, in the order in which they are measured.
SECTIONS = (
    "pair",
    "instructions",
    "devices",
    "verifier",
    "load",
    "fleet",
    "shards",
    "network",
    "stacks",
    "cases",
)
PURPOSES = ("run", "test", "bench", "python")
DEVICE_COMMANDS = ("show", "flip", "glitch", "power", "replay", "times")


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with a command line, and what may have been meant."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        paragraphs = str(settings["description"]).split("\n\n")
        settings["description"] = "\n\n".join(textwrap.fill(one, WIDTH) for one in paragraphs)
        super().__init__(allow_abbrev=False, **settings)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(unknown(rest[0], self.options()))
        return found

    def options(self) -> list[str]:
        """All options, as they are typed."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n{self.prog} --help lists what it takes\n")


def unknown(word: str, options: Sequence[str]) -> str:
    """What to say of a word that a command does not take."""
    if not word.startswith("-"):
        return f"{word!r} is one word too many"
    name = word.partition("=")[0]
    long = {one.lstrip("-"): one for one in options if one.startswith("--")}
    found = nearest(name.lstrip("-"), long)
    return f"no option {name}" + (f"; did you mean {long[found[0]]}?" if found else "")


def one_of(kind: str, known: Sequence[str]) -> Callable[[str], str]:
    """A type for argparse: one of some names, or the nearest of them is suggested."""

    def check(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"no {kind} {text!r}{meant(text, known)}")
        return text

    return check


@dataclass(frozen=True)
class Option:
    """An option of `run`: for argparse, and for pytest, which takes the same settings."""

    names: tuple[str, ...]
    settings: Mapping[str, Any]


def _option(*names: str, **settings: Any) -> Option:
    return Option(names, settings)


# What of the project's own. Keep harness/README.md beside it.
RUN = (
    _option("--list", action="store_true", help="print the cases and play none"),
    _option(
        "--smoke",
        action="store_true",
        help="a part that touches every program, profile and model, in less than 40 s",
    ),
    _option("--repeat", type=int, default=1, metavar="N", help="play each case N times"),
    _option(
        "--seed",
        default=str(SEED),
        metavar="N|random",
        help=f"seed of the simulated devices (default: {SEED})",
    ),
    _option(
        "--root",
        default=ROOTS[0],
        metavar="|".join(ROOTS),
        help="root of trust of the devices, which makes the evidence (default: psa)",
    ),
    _option(
        "--shard",
        default="",
        metavar="K/N",
        help="only the part K of N of the cases; ./atls merge makes one result of all parts",
    ),
    _option(
        "--scheduler",
        default="",
        metavar="URL",
        help="play on the workers of Dask's scheduler there (tcp://HOST:PORT), and join the parts",
    ),
    _option(
        "--keep", action="store_true", help="keep the bundle of every case, not of failed ones"
    ),
    _option(
        "--packets",
        action="store_true",
        help="likewise, with the packets of its connections for Wireshark",
    ),
    _option("--stories", action="store_true", help="tell what happened in every case"),
    _option(
        "--ambiguities",
        action="store_true",
        help="only what the drafts leave open: reading against reading, and what breaks",
    ),
    _option(
        "--clause",
        action="append",
        default=[],
        metavar="ID",
        help="only what shows this requirement (R-TA-37), or a family of them (R-TA); repeatable",
    ),
    _option(
        "--section",
        action="append",
        default=[],
        metavar="DOCUMENT:SECTION",
        help="only what shows those of a section and of the sections below (ta-07:8.1); repeatable",
    ),
    _option(
        "--baseline",
        type=Path,
        default=None,
        metavar="FILE",
        help="compare with an earlier results.json; what is worse fails the run",
    ),
    _option(
        "--expected-failures",
        type=Path,
        default=None,
        metavar="FILE",
        help="YAML: what is known to fail, each with a reason",
    ),
    _option(
        "--all-supported",
        action="store_true",
        help="an unsupported case counts as a failure",
    ),
    _option(
        "--allow-empty",
        action="store_true",
        help="a run in which no case could be played may pass (else it ends with 5)",
    ),
    _option(
        "--build",
        type=Path,
        default=None,
        metavar="DIR",
        help="build directory of the programs (default: build, or $ATLS_BUILD)",
    ),
    _option(
        "--out",
        type=Path,
        default=ROOT / "out",
        metavar="DIR",
        help="where results go (default: out)",
    ),
    *(
        _option(
            f"--{role}", default=None, metavar="PEER", help=f"the peer that is the {role} (atls)"
        )
        for role in ROLES[:-1]
    ),
    _option(
        "--verifier",
        default=None,
        metavar="PEER|URL|FILE.yaml",
        help="the peer that is the verifier (atls), or one that is running somewhere: its URL, or "
        "a file that says more (harness/README.md)",
    ),
    _option(
        "--verifier-ca",
        type=Path,
        default=None,
        metavar="FILE",
        help="who certifies that URL (PEM; default: the CAs of this machine)",
    ),
    _option(
        "--verifier-auth",
        type=Path,
        default=None,
        metavar="FILE",
        help="bearer token for that URL: the first line of FILE",
    ),
    _option(
        "--peers",
        action="append",
        default=[],
        metavar="all|NAME,NAME|DIR",
        help="every client against every server of these peers; or another folder of peers",
    ),
    _option(
        "--pair",
        action="append",
        default=[],
        metavar="CLIENT:SERVER",
        help="this client against this server (several names with commas; all)",
    ),
    _option(
        "--required",
        type=Path,
        default=None,
        metavar="FILE",
        help="YAML: the cells of the matrix that must be green",
    ),
)
# What pytest and its plugins have, as far as it is of use here; what else they know is taken too.
PYTEST = (
    _option(
        "-k",
        metavar="EXPRESSION",
        help="only cases whose names match: words with and, or, not and brackets",
    ),
    _option(
        "-n",
        metavar="N",
        help="N cases at once (default: three for each processor, for they mostly wait)",
    ),
    _option("-x", "--exitfirst", action="store_true", help="end at the first failure"),
    _option("--maxfail", metavar="N", help="end after N failures"),
    _option("-v", "--verbose", action="store_true", help="a line for each case"),
    _option("-q", "--quiet", action="store_true", help="less"),
    _option("--junitxml", metavar="FILE", help="JUnit's results there (default: in the results)"),
    _option("--durations", metavar="N", help="the N slowest cases"),
    _option("--timeout", metavar="S", help="end what takes longer than S seconds"),
    _option("--collect-only", action="store_true", help="as --list, in pytest's words"),
)
RUN_EPILOG = """
exit status: 0 all is well; 1 a case failed, or the run could not be carried out; 2 wrong usage,
or a choice of cases that leaves none; 130 ended by control-C, with the results of what was played

examples:
  ./atls run -k flipped                         the cases with "flipped" in their names, each told
  ./atls run scenarios/handshakes               one folder; or a scenario, or scenario.yaml::case
  ./atls run 'wrong-challenge[client-ta-07]'    one case, by the name that tables and reports have
  ./atls run --clause R-TA-37                   what shows a requirement; --section ta-07:8.1
  ./atls run --peers all --client openssl       one row of the matrix
  ./atls run --device qemu                      the device as firmware on QEMU

Whatever else pytest takes is handed on to it. How to: harness/README.md.
"""


def run() -> Parser:
    """`./atls run`."""
    made = Parser(
        prog="./atls run",
        usage="./atls run [OPTIONS] [PATH | PATH::CASE | NAME]...",
        description="Builds what has changed, plays scenarios with real processes on loopback, "
        "prints what happened and stores it in a new folder below out/.",
        epilog=RUN_EPILOG + "\n" + SIMULATED,
    )
    made.add_argument(
        "path",
        nargs="*",
        help="folders, scenarios or cases (default: all; of a matrix, those for any two stacks)",
    )
    for one in RUN:
        made.add_argument(*one.names, **one.settings)
    group = made.add_argument_group("from pytest")
    for one in PYTEST:
        group.add_argument(*one.names, **one.settings)
    return made


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
    made.add_argument("--build", type=Path, default=None, metavar="DIR", help="build directory")
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
        description="Writes what a run came to: report.html (one page, which needs no network), "
        "report.md, badge.json, and junit.xml where there is none. Nothing is run.",
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
    for one in RUN:
        if one.names[0] in same_as_run:
            made.add_argument(*one.names, **one.settings)
    return made


def device() -> Parser:
    """`./atls device`."""
    made = Parser(
        prog="./atls device",
        usage=f"./atls device [{'|'.join(DEVICE_COMMANDS)}] [OPTIONS] [flags of atls-device]",
        description="Boots a device that is firmware on QEMU, shows what it measured and what a "
        "verifier makes of its evidence; lets you tamper with it, and runs "
        "campaigns of faults. Set it up once: ./atls setup --peer qemu. Flags that "
        "are not below go to atls-device.\n\n"
        "show (the default) is one boot; flip, glitch, power and replay are "
        "campaigns of faults; times measures.",
        epilog=DEVICE_EPILOG,
    )
    made.add_argument("--seed", type=int, default=1, metavar="N", help="identity of the device (1)")
    made.add_argument("--build", type=Path, metavar="DIR", help="build directory")
    made.add_argument(
        "--image",
        type=one_of("image", ("BL", "FW", "APP")),
        default="FW",
        metavar="BL|FW|APP",
        help="flip: bits of which image (FW)",
    )
    made.add_argument(
        "--region",
        type=one_of("region", ("header", "trailer", "all")),
        default="header",
        metavar="header|trailer|all",
        help="flip: which part of it (header)",
    )
    made.add_argument(
        "--sample", type=int, default=0, metavar="N", help="flip, glitch: N at random, not all"
    )
    made.add_argument(
        "--stage",
        type=one_of("stage", ("bootloader", "rom")),
        default="bootloader",
        metavar="bootloader|rom",
        help="glitch: instructions of which (bootloader)",
    )
    made.add_argument(
        "--boot-policy",
        type=one_of("policy", ("measure", "enforce")),
        default="measure",
        metavar="measure|enforce",
        help="what the boot does with an image whose signature does not verify (measure)",
    )
    made.add_argument(
        "--jobs", type=int, default=processors(), metavar="N", help="devices at a time"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="campaigns: every trial, as JSON")
    made.add_argument("--repeat", type=int, default=20, metavar="N", help="times: how often (20)")
    return made


DEVICE_EPILOG = """
things to try:
  ./atls device                                       boot, record, evidence, verdict
  ./atls device --tamper flip:FW:1234                 the secure image, after signing: who notices?
  ./atls device --tamper flip:FW:1234 --boot-policy enforce
  ./atls device --tamper stored:FW:40                 header and signature included
  ./atls device --application intruder                reads secure memory from the other world
  ./atls device --update FW:2.5.0:2 --flash FILE      an update; then without --update: a rollback
  ./atls device flip --image FW --region header       a campaign: every bit of the header
  ./atls device glitch --sample 40                    skipped instructions in the bootloader
  ./atls device power                                 power cut while the bootloader writes
  ./atls device replay                                an old image with an old state
  ./atls device times                                 boot to ready, requests, handshakes
"""


def verifiers() -> Parser:
    """`./atls verifiers`."""
    made = Parser(
        prog="./atls verifiers",
        description="Where two verifiers answer differently: what each said, and what the "
        "relying party made of it. Verifiers that are running somewhere are named by their "
        "URLs, and played with; for others play the same cases first: ./atls run, and "
        "./atls run --verifier NAME.",
    )
    what = (
        "URL of a verifier, or a YAML file that says more; or results.json of a run, or its folder"
    )
    made.add_argument("first", help=what)
    made.add_argument("second", help="the same of another verifier")
    made.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="CASE",
        help="of URLs: this scenario or case (repeatable; default: all)",
    )
    for name, what in (("ca", "who certifies the URLs"), ("auth", "bearer token for the URLs")):
        made.add_argument(f"--verifier-{name}", type=Path, metavar="FILE", help=what)
    made.add_argument("--build", type=Path, metavar="DIR", help="build directory")
    made.add_argument("--out", type=Path, metavar="DIR", help="results go below DIR (default: out)")
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
    made.add_argument("--shards", type=int, default=2, metavar="N", help="shards: how many (2)")
    made.add_argument(
        "--scheduler", default="", metavar="URL", help="shards: of Dask, for several machines"
    )
    made.add_argument(
        "--out",
        type=Path,
        default=ROOT / "out",
        metavar="DIR",
        help="where results go (default: out)",
    )
    made.add_argument("--build", type=Path, default=None, metavar="DIR", help="build directory")
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
    made.add_argument("--build", type=Path, default=None, metavar="DIR", help="build directory")
    made.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME|all",
        help="set this peer up as well (repeatable; several with commas)",
    )
    made.add_argument(
        "--peers",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="another folder of peers",
    )
    made.add_argument(
        "--root",
        type=one_of("root of trust", ROOTS),
        default=ROOTS[0],
        metavar="|".join(ROOTS),
        help="also what devices with this root of trust need (tpm: libtss2-dev, swtpm)",
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


def attacks() -> Parser:
    """`./atls attacks`."""
    made = Parser(
        prog="./atls attacks",
        usage="./atls attacks [list | run [OPTIONS] | ID]",
        description="Known attacks on a binding of attestation and TLS: lists them, tells of one "
        "(its id, such as A01), or plays them. Each is played on loopback with real processes, "
        "with every subset of the capabilities that it asks for; whether it succeeded is judged "
        "from the victims' events and key logs.",
        epilog="exit status: 0 all came out as it is known (an attack that succeeds is a finding,\n"
        "no failure); 1 something changed, or could not be carried out; 2 wrong usage\n\n"
        "The attackers reach parties of their own run on loopback, and nobody else.\n" + SIMULATED,
    )
    made.add_argument("what", nargs="?", default="list", metavar="list|run|ID", help="(list)")
    made.add_argument(
        "-k",
        dest="keyword",
        default="",
        metavar="EXPRESSION",
        help="run: only those whose names match: A01, A07 and seat-06",
    )
    made.add_argument(
        "-n", dest="numprocesses", type=int, default=0, metavar="N", help="N plays at once"
    )
    made.add_argument("-v", "--verbose", action="store_true", help="a line for each play")
    made.add_argument("--keep", action="store_true", help="keep events and logs of every play")
    made.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of devices ({SEED})")
    made.add_argument(
        "--victim", default="atls", metavar="PEER", help="whose endpoints are the victims (atls)"
    )
    made.add_argument(
        "--peers",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="another folder of peers",
    )
    made.add_argument("--build", type=Path, default=None, metavar="DIR", help="build directory")
    made.add_argument(
        "--out",
        type=Path,
        default=ROOT / "out",
        metavar="DIR",
        help="where results go (default: out)",
    )
    return made


def probe() -> Parser:
    """`./atls probe`."""
    made = Parser(
        prog="./atls probe",
        usage="./atls probe [OPTIONS] HOST:PORT",
        description="What a server somewhere speaks of attested TLS, what it asks of a client, "
        "what it presents, and what it lets pass. Connects as relying party and as attester with "
        "each profile, model and evidence format, then with every misbehaviour of a client that "
        "a scenario is about, one connection at a time. It reaches for that server alone, and "
        "for verifiers that you name.",
        epilog="exit status: 0 nothing that is required failed; 1 something did (it let a "
        "misbehaviour pass,\nsent another alert than is due, presented what does not hold, or "
        "speaks no profile), or nothing\nanswers; 2 wrong usage\n\n"
        "Probe servers of your own, or of those who asked you to.\n" + SIMULATED,
    )
    made.add_argument("address", metavar="HOST:PORT", help="the server; of IPv6 [ADDRESS]:PORT")
    made.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one, which the server has to speak (repeatable; default: all, of which it "
        "has to speak one)",
    )
    made.add_argument("--ca", type=Path, metavar="FILE", help="who certifies the server (PEM)")
    for name, what in (
        ("cert", "X.509 certificate of the client where it does not attest (PEM)"),
        ("key", "its private key (PEM)"),
    ):
        made.add_argument(f"--client-{name}", type=Path, metavar="FILE", help=what)
    made.add_argument(
        "--client-ca",
        type=Path,
        metavar="DIR",
        help="DIR/ca.pem certifies the client's attested keys: for the server to trust. Made there "
        "where it is not, valid for two days (default: another CA each time)",
    )
    made.add_argument(
        "--endorsements",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="CoRIM of the server's device: then signatures are checked, too (repeatable)",
    )
    made.add_argument(
        "--verifier", default="", metavar="URL", help="ask this verifier, not one of our own"
    )
    made.add_argument(
        "--trust-verifier",
        action="append",
        default=[],
        metavar="ID=SOURCE",
        help="whose results the client takes: SOURCE is a JWK file or a URL (repeatable)",
    )
    made.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME=READING",
        help="one reading of a draft that has several (repeatable)",
    )
    made.add_argument(
        "--code-points", type=Path, metavar="FILE", help="JSON: numbers that no draft has yet"
    )
    made.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of our device ({SEED})")
    made.add_argument(
        "--pace", type=float, default=0.1, metavar="S", help="pause between connections (0.1 s)"
    )
    made.add_argument(
        "--limit", type=int, default=400, metavar="N", help="connections at most (400)"
    )
    made.add_argument(
        "--time", type=float, default=600, metavar="S", help="all of it at most (600 s)"
    )
    made.add_argument(
        "--patience", type=int, default=5, metavar="S", help="for one handshake (5 s)"
    )
    made.add_argument("-v", "--verbose", action="store_true", help="a line for each connection")
    made.add_argument("--json", type=Path, metavar="FILE", help="all of it, as JSON, there as well")
    made.add_argument("--junit", type=Path, metavar="FILE", help="the same for JUnit's readers")
    made.add_argument("--build", type=Path, default=None, metavar="DIR", help="build directory")
    made.add_argument(
        "--out",
        type=Path,
        default=ROOT / "out",
        metavar="DIR",
        help="where results go (default: out)",
    )
    return made


PARSERS: Mapping[str, Callable[[], Parser]] = {
    "run": run,
    "attacks": attacks,
    "probe": probe,
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


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))
