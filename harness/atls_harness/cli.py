# SPDX-License-Identifier: Apache-2.0
"""The command line behind ./atls. The launcher has installed packages."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Sequence

import pytest

from . import checks, coverage, pairs, report, setup, verifiers
from .bench import main as bench
from .build import build_programs, jobs
from .errors import HarnessError, UsageError
from .firmware import main as device
from .paths import INTEROP, PEERS, ROOT, SCENARIOS, default_build
from .peer import load_peers

# Workers of pytest for each processor: cases mostly wait for processes, verifiers and time-outs.
WORKERS = 3
# Options of `run` whose value is not a path to collect.
TAKES_VALUE = {"-k", "-n", "-m", "-p", "-o", "-c", "-W", "--repeat", "--seed", "--build", "--peers"}
TAKES_VALUE |= {"--out", "--client", "--server", "--device", "--verifier", "--junitxml"}
TAKES_VALUE |= {"--baseline", "--expected-failures", "--pair", "--required"}


def pytest_arguments(given: Sequence[str]) -> list[str]:
    """The arguments for pytest: paths are found from here or from the project's root."""
    made: list[str] = []
    named = False
    value = False
    for argument in given:
        path, colons, rest = argument.partition("::")
        if value or argument.startswith("-"):
            value = not value and argument in TAKES_VALUE
            made.append(argument)
            continue
        found = Path(path).resolve() if Path(path).exists() else ROOT / path
        if not found.exists():
            raise UsageError(f"{path}: there is no such scenario or folder")
        made.append(str(found) + colons + rest)
        named = True
    if not named:
        made += [str(path) for path in _default_paths(given)]
    if not any(a == "-n" or a.startswith(("-n", "--numprocesses")) for a in given):
        made += ["-n", str(WORKERS * jobs())]
    quiet = [] if any(a in ("-v", "-vv", "--verbose") for a in given) else ["-q"]
    own = ["-p", "atls_harness.plugin", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    return [*own, *quiet, "--no-header", *made]


def _values(given: Sequence[str], option: str) -> list[str]:
    """All values of an option that may stand several times."""
    spaced = [given[at + 1] for at, one in enumerate(given[:-1]) if one == option]
    return spaced + [one.partition("=")[2] for one in given if one.startswith(f"{option}=")]


def _default_paths(given: Sequence[str]) -> list[Path]:
    """What is played where nothing is named: of a matrix, what is meant for any two stacks."""
    peers = _values(given, "--peers")
    if pairs.asked(peers, _values(given, "--pair")):
        return [INTEROP, PEERS, *pairs.folders(peers)]
    return [SCENARIOS, PEERS]


def build_directory(given: Sequence[str]) -> Path:
    """The build directory: --build DIR, else the default."""
    for index, argument in enumerate(given):
        if argument == "--build" and index + 1 < len(given):
            return Path(given[index + 1]).resolve()
        if argument.startswith("--build="):
            return Path(argument.partition("=")[2]).resolve()
    return default_build()


def _plays_atls(given: Sequence[str]) -> bool:
    """Does any role fall to the project's own peer, which must be built?"""
    others = 0
    for role in ("client", "server", "device", "verifier"):
        for index, argument in enumerate(given[:-1]):
            others += argument == f"--{role}" and given[index + 1] != "atls"
    return others < 4


def run(given: Sequence[str]) -> int:
    """Builds what has changed and plays the scenarios."""
    if "--help" in given or "-h" in given:
        return int(pytest.main(["-p", "atls_harness.plugin", "--help"]))
    arguments = pytest_arguments(given)
    if "--list" not in given and _plays_atls(given):
        build_programs(build_directory(given))
    os.environ["ATLS_COMMAND"] = shlex.join(["./atls", "run", *given])
    signal.signal(signal.SIGTERM, _interrupt)
    return exit_code(pytest.main(arguments))


def exit_code(status: int) -> int:
    """What pytest says, as all programs of the project say it: wrong usage is 2, and so is a choice
    of cases that leaves none."""
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        print("atls: no case is left by this choice; ./atls run --list prints all", file=sys.stderr)
    if status in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR):
        return 2
    return int(status)


def _interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM ends a run as control-C does: processes stopped, keys of the run removed."""
    raise KeyboardInterrupt


def decode(given: Sequence[str]) -> int:
    """Hands over to the decoder."""
    build = default_build()
    build_programs(build)
    peer = load_peers([PEERS])["atls"]
    missing = peer.missing("decode", build)
    if missing:
        raise HarnessError(missing)
    argv = peer.command("decode", build)
    sys.stdout.flush()
    os.execv(argv[0], [*argv, *given])


COMMANDS = {
    "run": run,
    "test": checks.main,
    "decode": decode,
    "setup": setup.main,
    "clauses": coverage.main,
    "report": report.main,
    "device": device.main,
    "verifiers": verifiers.main,
    "bench": bench.main,
}


def main(argv: Sequence[str]) -> int:
    """One command; errors are for people, without a trace."""
    if not argv or argv[0] not in COMMANDS:
        print(f"atls: expected one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        code = COMMANDS[argv[0]](argv[1:])
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read it has seen enough; the interpreter is not to complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as problem:
        print(f"atls: {problem}", file=sys.stderr)
        return 2
    except HarnessError as problem:
        print(f"atls: {problem}", file=sys.stderr)
        return 1
