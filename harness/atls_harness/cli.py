# SPDX-License-Identifier: Apache-2.0
"""The command line behind ./atls. The launcher has installed packages.

What a command needs is imported when it is called, so that help is there without any of it.
"""

from __future__ import annotations

import importlib
import os
import shlex
import signal
import sys
from typing import Any, Callable, NoReturn, Sequence

from . import smoke, usage
from .errors import Ended, HarnessError, UsageError
from .nearest import meant
from .paths import PEERS, ROOT, default_build

# Workers of pytest for each processor: cases mostly wait for processes, verifiers and time-outs.
WORKERS = 3
# What a shell says of a command that a person ended.
INTERRUPTED = 130


def run(given: Sequence[str]) -> int:
    """Builds what has changed and plays the scenarios."""
    import pytest

    from .build import build_programs, jobs
    from .choices import settle
    from .pytest_options import Options
    from .run import check_writable
    from .setup import renew
    from .shown_by import elsewhere

    known = Options()
    own, paths = known.split(given)
    options = known.parse(own)
    if options.smoke:
        paths = [*smoke.paths(), *paths]
    choices = settle(options)
    selected = choices.chooser.select(paths)
    if options.scheduler:
        from .scheduler import play

        return play(given, options, choices, selected)
    for words in elsewhere(choices.chooser.clauses, choices.build):
        print(words, file=sys.stderr)
    if not (options.list or options.collectonly):
        check_writable(options.out)
        choices.check_helpers()
        if choices.plays_atls:
            build_programs(choices.build)
        renew(choices.others, choices.build)
    if options.numprocesses is None:
        workers = WORKERS * jobs()
        if selected.items is not None:
            workers = min(workers, selected.items)
        own += ["-n", str(workers if workers > 1 else 0)]
    os.environ["ATLS_COMMAND"] = shlex.join(["./atls", "run", *given])
    fixed = [
        "-p",
        "atls_harness.plugin",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    fixed += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Options() has imported plugins
    fixed += ["--no-header", *([] if options.verbose > 0 else ["-q"])]
    counted = _Collected()
    status = pytest.main([*fixed, *own, *selected.arguments], plugins=[counted])
    return exit_code(status, counted.items)


class _Collected:
    """How many items pytest collected: it says 5 where there is none, and so do we (gather.py)
    where there are, and none was played."""

    items = 0

    def pytest_sessionfinish(self, session: Any) -> None:
        self.items = session.testscollected


def exit_code(status: int, collected: int = 0) -> int:
    """What pytest says, as all programs of the project say it: wrong usage is 2, and so is a choice
    of cases that leaves none. 5: there are cases, and none of them was played."""
    from pytest import ExitCode

    if status == ExitCode.NO_TESTS_COLLECTED and collected:
        return int(status)
    if status == ExitCode.NO_TESTS_COLLECTED:
        print("./atls run: no case is left by this choice; --list prints all", file=sys.stderr)
    if status in (ExitCode.NO_TESTS_COLLECTED, ExitCode.USAGE_ERROR):
        return usage.USAGE
    return INTERRUPTED if status == ExitCode.INTERRUPTED else int(status)


def decode(given: Sequence[str]) -> int:
    """Hands over to the decoder."""
    from .build import build_programs
    from .peer import load_peers

    build = default_build()
    build_programs(build)
    peer = load_peers([PEERS])["atls"]
    missing = peer.missing("decode", build)
    if missing:
        raise HarnessError(missing)
    argv = peer.command("decode", build)
    sys.stdout.flush()
    os.execv(argv[0], [*argv, *given])


def _main_of(module: str) -> Callable[[Sequence[str]], int]:
    def command(given: Sequence[str]) -> int:
        code: int = importlib.import_module(module, __package__).main(given)
        return code

    return command


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "decode": decode,
    "attacks": _main_of(".attacks"),
    "probe": _main_of(".probe"),
    "lab": _main_of(".lab"),
    "learn": _main_of(".learn"),
    "test": _main_of(".checks"),
    "clauses": _main_of(".coverage"),
    "report": _main_of(".report"),
    "merge": _main_of(".merge"),
    "verifiers": _main_of(".verifiers"),
    "device": _main_of(".firmware.main"),
    "setup": _main_of(".setup"),
    "bench": _main_of(".bench.main"),
}


def _told_to_end(_signal: int, _frame: object) -> NoReturn:
    raise Ended


def main(argv: Sequence[str]) -> int:
    """One command; errors are for people, without a trace."""
    name = argv[0] if argv else ""
    if name in ("-h", "--help", "help"):
        print(usage.overview())
        return 0
    if name not in COMMANDS:
        said = f"no command {name!r}{meant(name, COMMANDS)}" if name else "which command?"
        print(f"./atls: {said}\n./atls --help lists the commands", file=sys.stderr)
        return usage.USAGE
    if "-h" in argv or "--help" in argv:
        usage.PARSERS[name]().print_help()
        return 0
    signal.signal(signal.SIGTERM, _told_to_end)
    try:
        code = COMMANDS[name](argv[1:])
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read it has seen enough; the interpreter is not to complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as ended:
        how = "told to end" if isinstance(ended, Ended) else "ended by control-C"
        return _refuse(name, f"{how}; nothing of it is left running", INTERRUPTED)
    except UsageError as problem:
        return _refuse(name, str(problem), usage.USAGE)
    except HarnessError as problem:
        return _refuse(name, str(problem), 1)
    except ModuleNotFoundError as problem:
        if str(problem.name).startswith(__package__):
            raise
        return _refuse(name, f"Python's {problem.name} is not there; ./atls setup installs it", 1)
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        return _refuse(name, f"{where}{problem.strerror or problem}", 1)


def _refuse(name: str, words: str, code: int) -> int:
    print(f"./atls {name}: {words}", file=sys.stderr)
    return code
