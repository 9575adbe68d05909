# SPDX-License-Identifier: Apache-2.0
"""Commands that play with programs: scenarios, attacks, a server somewhere, verifiers, a device."""

from __future__ import annotations

import os
from pathlib import Path

from .parser import BUILD, MORE_PEERS, OUT, SIMULATED, Parser, add, one_of, option
from .run_options import PYTEST, RUN, SEED

DEVICE_PROGRAMS = ("device", "provision", "enroll")  # of the device's peer
DEVICE_COMMANDS = ("show", "flip", "glitch", "power", "replay", "times")

CLIENT_CA = option(
    "--client-ca",
    type=Path,
    metavar="DIR",
    help="DIR/ca.pem certifies the client's attested keys: for the server to trust. Made there "
    "where it is not, valid for two days (default: another CA each time)",
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
    add(made, *RUN)
    add(made.add_argument_group("from pytest"), *PYTEST)
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
    add(made, MORE_PEERS, BUILD, OUT)
    return made


def probe() -> Parser:
    """`./atls probe`."""
    made = Parser(
        prog="./atls probe",
        usage="./atls probe [OPTIONS] HOST:PORT | --listen PORT",
        description="What a server somewhere speaks of attested TLS, what it asks of a client, "
        "what it presents, and what it lets pass. Connects as relying party and as attester with "
        "each profile, model and form of evidence, then with every misbehaviour of a client that "
        "a scenario is about, one connection at a time. It reaches for that server alone, and "
        "for verifiers that you name.\n\n"
        "With --listen it is the server, for a client that connects again and again: each "
        "connection is another honest offer, or another misbehaviour of a server, and it says what "
        "comes next. Control-C ends it, with the report of what was seen.",
        epilog="exit status: 0 nothing that is required failed; 1 something did (it let a "
        "misbehaviour pass,\nsent another alert than is due, presented what does not hold, or "
        "speaks no profile), or nothing\nanswers; 2 wrong usage\n\n"
        "Probe servers of your own, or of those who asked you to.\n" + SIMULATED,
    )
    made.add_argument(
        "address", metavar="HOST:PORT", nargs="?", help="the server; of IPv6 [ADDRESS]:PORT"
    )
    made.add_argument(
        "--listen",
        metavar="[HOST:]PORT",
        help="await a client there, instead; without HOST on loopback, and port 0 picks one",
    )
    made.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one, which the peer has to speak (repeatable; default: all, of which it "
        "has to speak one)",
    )
    made.add_argument(
        "--honest", action="store_true", help="what it speaks only: no misbehaviours are tried"
    )
    made.add_argument("--sni", default="", metavar="NAME", help="ask for this name, not for HOST")
    made.add_argument("--ca", type=Path, metavar="FILE", help="who certifies the peer (PEM)")
    for name, what in (
        ("cert", "X.509 certificate of our side where it does not attest (PEM)"),
        ("key", "its private key (PEM)"),
    ):
        made.add_argument(f"--client-{name}", type=Path, metavar="FILE", help=what)
    add(made, CLIENT_CA)
    made.add_argument(
        "--endorsements",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="CoRIM of the peer's device: then signatures are checked, too (repeatable)",
    )
    made.add_argument(
        "--verifier", default="", metavar="URL", help="ask this verifier, not one of our own"
    )
    made.add_argument(
        "--trust-verifier",
        action="append",
        default=[],
        metavar="ID=SOURCE",
        help="whose results our side takes: SOURCE is a JWK file or a URL (repeatable)",
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
    made.add_argument(
        "--root", default="psa", metavar="psa|tpm|cca", help="root of trust of our device (psa)"
    )
    made.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of our device ({SEED})")
    made.add_argument(
        "--pace", type=float, default=0.1, metavar="S", help="pause between connections (0.1 s)"
    )
    made.add_argument(
        "--limit", type=int, default=400, metavar="N", help="connections at most (400)"
    )
    made.add_argument(
        "--time",
        type=float,
        metavar="S",
        help="all of it at most (600 s; a day where a client is awaited)",
    )
    made.add_argument(
        "--patience", type=int, default=5, metavar="S", help="for one handshake (5 s)"
    )
    made.add_argument("-v", "--verbose", action="store_true", help="a line for each connection")
    made.add_argument("--json", type=Path, metavar="FILE", help="all of it, as JSON, there as well")
    made.add_argument("--junit", type=Path, metavar="FILE", help="the same for JUnit's readers")
    made.add_argument("--html", type=Path, metavar="FILE", help="the same as a page, there as well")
    add(made, BUILD, OUT)
    return made


def learn() -> Parser:
    """`./atls learn`."""
    made = Parser(
        prog="./atls learn",
        usage="./atls learn --server PEER|HOST:PORT [OPTIONS]",
        description="The state machine of a server's attested handshake, learnt from its answers "
        "to any order of some ten messages, and held to what its profile asks for: each path to "
        "application data, and each answer that is not the one due. The server wants its client "
        "attested, in the background-check model.",
        epilog="exit status: 0 every path to application data is one that is expected, and that "
        "one is there;\n1 another path leads there, the expected one does not, or the same "
        "messages had different\nanswers; 2 wrong usage. An alert that is not the one due is "
        "named, and no failure.\n\nLearn from servers of your own, or of those who asked you to.\n"
        + SIMULATED,
    )
    made.add_argument(
        "--server",
        action="append",
        required=True,
        metavar="PEER|HOST:PORT",
        help="programs of a peer, started for this, or one server somewhere (repeatable)",
    )
    made.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="as this one has it (repeatable; default: all of which a machine is expected)",
    )
    made.add_argument(
        "--flag",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="more flags of a peer's server, such as policy=optional (repeatable)",
    )
    made.add_argument(
        "--quiet",
        type=float,
        default=0.1,
        metavar="S",
        help="an answer has ended when nothing came for so long (0.1 s on an idle machine; longer "
        "where answers turn out to differ)",
    )
    made.add_argument(
        "--at-once",
        type=int,
        default=0,
        metavar="N",
        help="connections at once (1; 8 to a peer, each to a server of its own)",
    )
    made.add_argument(
        "--pace", type=float, default=0.05, metavar="S", help="HOST:PORT: before each (0.05 s)"
    )
    made.add_argument(
        "--limit", type=int, default=2000, metavar="N", help="connections at most (2000)"
    )
    made.add_argument(
        "--time", type=float, default=600, metavar="S", help="for one machine at most (600 s)"
    )
    made.add_argument(
        "--code-points", type=Path, metavar="FILE", help="JSON: numbers that no draft has yet"
    )
    made.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of our device ({SEED})")
    add(made, CLIENT_CA, MORE_PEERS, BUILD, OUT)
    return made


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
    add(made, BUILD)
    made.add_argument("--out", type=Path, metavar="DIR", help="results go below DIR (default: out)")
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
    add(made, BUILD)
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


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))
