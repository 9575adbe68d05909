# SPDX-License-Identifier: Apache-2.0
"""The command line: help that is there before anything is installed and lists every option, and
typing errors that are told in a sentence, at once, with what may have been meant."""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness import build, cli, usage
from atls_harness.errors import BuildError, Ended, HarnessError, UsageError
from atls_harness.nearest import meant, nearest
from atls_harness.paths import PACKAGE, ROOT
from atls_harness.pytest_options import Options

STORY = "scenarios/refused-evidence/flipped-firmware.yaml"


def atls(
    *arguments: str, python: tuple[str, ...] = (sys.executable,), **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*python, "-m", "atls_harness", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness"), **environment},
    )


@pytest.mark.parametrize("command", ["", *usage.PARSERS])
def test_help_needs_nothing_but_python(command: str) -> None:
    # -S: no site-packages, and so none of what the launcher installs.
    done = atls(*filter(None, [command]), "--help", python=(sys.executable, "-S"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: ./atls {command or 'COMMAND'}")
    assert "pytest" not in done.stdout.splitlines()[0]
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_every_command_has_help() -> None:
    assert set(cli.COMMANDS) == set(usage.PARSERS)


@pytest.mark.parametrize("command", usage.PARSERS)
def test_help_lists_every_option(command: str) -> None:
    parser = usage.PARSERS[command]()
    shown = parser.format_help()
    for action in parser._actions:
        assert action.help and action.help != argparse.SUPPRESS
        for name in action.option_strings or [action.metavar or action.dest]:
            assert re.search(rf"(?<![\w-]){re.escape(str(name))}(?![\w-])", shown), name


def test_no_command_has_a_parser_of_its_own() -> None:
    # Else its options would not be in what is tested here.
    for path in PACKAGE.rglob("*.py"):
        if path.name != "gateway.py":  # that is a program of the peer contract
            assert "ArgumentParser(" not in path.read_text(encoding="utf-8"), path


def test_options_of_run_are_those_that_pytest_takes() -> None:
    known = Options()
    for one in (*usage.RUN, *usage.PYTEST):
        for name in one.names:
            assert name in known._known, name
            takes = "action" not in one.settings or one.settings["action"] == "append"
            assert known.takes_value(name) == takes, name
    plugin = (PACKAGE / "plugin.py").read_text(encoding="utf-8")
    assert plugin.count("addoption(") == 2, "an option that is not in usage.RUN has no help"


def test_options_with_values_are_no_paths() -> None:
    given = ["--tb", "short", "-k", "a or b", "x.yaml", "-n4", "--durations=3", "-o", "a=b", "y::z"]
    options, paths = Options().split(given)
    assert paths == ["x.yaml", "y::z"]
    assert options == [one for one in given if one not in paths]


def test_help_of_decode_is_that_of_the_program(real: object) -> None:
    program = getattr(real, "command")("device", "decode")
    said = subprocess.run([*program, "--help"], capture_output=True, text=True).stdout
    known = set(re.findall(r"--[a-z-]+", said)) - {"--usage"}
    assert known <= set(usage.decode().options())


@pytest.mark.parametrize(
    "word, known, words",
    [
        ("runn", ["run", "report"], "; did you mean run?"),
        ("RUN", ["run", "report"], "; did you mean run?"),
        ("zzz", ["run", "report"], "; there are: run, report"),
        ("zzz", [str(number) for number in range(100)], ""),
        ("", ["run"], "; there are: run"),
        ("run", [], ""),
    ],
)
def test_the_nearest(word: str, known: list[str], words: str) -> None:
    assert meant(word, known) == words
    assert nearest(word, known) == ([] if "did you" not in words else ["run"])


TYPED = [
    (["runn"], "no command 'runn'; did you mean run?"),
    ([], "which command?"),
    (["run", "--frobnicate"], "./atls run: no option --frobnicate"),
    (["run", "--ambiguitys"], "no option --ambiguitys; did you mean --ambiguities?"),
    (["run", "--basline=x"], "no option --basline; did you mean --baseline?"),
    (["run", "-k", "fliped"], "cases has 'fliped' in its name; did you mean 'flipped'?"),
    (["run", "-k", "x509-cwm or ta07x"], "has 'x509-cwm' in its name; did you mean 'x509-cmw'?"),
    (["run", "-k", "flipped and not firmware and json"], "though each word is in some name"),
    (["run", "-k", "a and"], "-k 'a and':"),
    (["run", STORY.replace("flipped", "fliped")], f"did you mean '{STORY}'?"),
    (["run", "fliped-firmware"], "did you mean 'flipped-firmware'?"),
    (["run", f"{STORY}::client-pasport-firmware"], "did you mean client-passport-firmware?"),
    (
        ["run", "flipped-firmware[client-pasport-firmware]"],
        "did you mean client-passport-firmware?",
    ),
    (["run", "--client", "opensll"], "--client: no peer 'opensll'; did you mean openssl?"),
    (["run", "--verifier", "veraison"], "did you mean veraison-libs?"),
    (["run", "--peers", "atls,opensll"], "no peer 'opensll'; did you mean openssl?"),
    (["run", "--pair", "atls"], "--pair: expected CLIENT:SERVER, came 'atls'"),
    (["run", "--pair", "atls:ns"], "no peer 'ns'; did you mean nss?"),
    (["run", "--repeat", "0"], "--repeat: expected a number from 1"),
    (["run", "--repeat", "x"], "argument --repeat: invalid int value: 'x'"),
    (["run", "--seed", "x"], "--seed: expected a number or random"),
    (["test", "--only", "unitt"], "no stage 'unitt'; did you mean unit?"),
    (["test", "--onlyy", "unit"], "no option --onlyy; did you mean --only?"),
    (["clauses", "R-TA-377"], "no requirement 'R-TA-377'; did you mean R-TA-37?"),
    (["clauses", "r-ta-37"], "did you mean R-TA-37?"),
    (["clauses", "nothing"], "families of them are"),
    (["clauses", "--lst"], "no option --lst; did you mean --list?"),
    (["report", "a", "b"], "'b' is one word too many"),
    (["report", "--ouput", "x"], "did you mean --output?"),
    (["verifiers", "a"], "the following arguments are required: second"),
    (["device", "flp"], "no command 'flp'; did you mean flip?"),
    (["device", "flip", "--image", "FWW"], "no image 'FWW'; did you mean FW?"),
    (["device", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
    (["setup", "tset"], "did you mean test?"),
    (["setup", "--peer", "opensll"], "--peer: no peer 'opensll'; did you mean openssl?"),
    (["bench", "--only", "pairr"], "no section 'pairr'; did you mean pair?"),
    (["bench", "--compare", "/nowhere"], "--compare /nowhere"),
]


@pytest.mark.parametrize(
    "arguments, words", TYPED, ids=[" ".join(one[0]) or "none" for one in TYPED]
)
def test_typing_errors_are_told_in_a_sentence(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    done = atls(*arguments, ATLS_BUILD=str(tmp_path / "build"))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 2, "one sentence, and where to read more"
    assert done.stdout == ""
    assert not (tmp_path / "build").exists(), "nothing was built for it"


def test_a_choice_of_none_leaves_no_folder(tmp_path: Path) -> None:
    done = atls("run", "--out", str(tmp_path / "out"), "-k", "fliped")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "problem, code, words",
    [
        (KeyboardInterrupt(), 130, "./atls clauses: ended by control-C"),
        (Ended(), 130, "./atls clauses: told to end"),
        (OSError(28, "No space left on device", "/x/y"), 1, "/x/y: No space left on device"),
        (OSError(30, "Read-only file system"), 1, "./atls clauses: Read-only file system"),
        (HarnessError("what it is"), 1, "./atls clauses: what it is"),
        (UsageError("what it is"), 2, "./atls clauses: what it is"),
        (ModuleNotFoundError("x", name="rich"), 1, "Python's rich is not there; ./atls setup"),
    ],
)
def test_whatever_ends_a_command_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: BaseException,
    code: int,
    words: str,
) -> None:
    def end(given: object) -> int:
        raise problem

    monkeypatch.setitem(cli.COMMANDS, "clauses", end)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert cli.main(["clauses"]) == code
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1


def test_one_build_at_a_time(tmp_path: Path) -> None:
    wait = "from pathlib import Path; from atls_harness.build import alone; import sys\n"
    wait += "with alone(Path(sys.argv[1])): print('alone', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", wait, str(tmp_path / "build")]
    settings: dict[str, Any] = {
        "cwd": ROOT,
        "env": {**os.environ, "PYTHONPATH": str(ROOT / "harness")},
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    with subprocess.Popen(command, **settings) as first:
        assert first.stdout and first.stdout.readline() == "alone\n"
        with subprocess.Popen(command, **settings) as second:
            assert second.stderr and "another atls builds in" in second.stderr.readline()
            first.communicate()
            assert second.stdout and second.stdout.readline() == "alone\n"
            second.communicate()


@pytest.mark.parametrize("call", [build.configure, build.compile_all, build.build_programs])
def test_whatever_builds_waits_for_another_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Path], None]
) -> None:
    """Stages of ./atls test build in the directory that ./atls run builds in."""
    monkeypatch.setattr(build, "programs", lambda _: [])
    held = []

    def run(argv: object, environment: object = None) -> None:
        other = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        held.append(argv)

    monkeypatch.setattr(build, "_run", run)
    call(tmp_path)
    assert held
    with build.alone(tmp_path), build.alone(tmp_path / "." / ""):  # who has it does not wait
        call(tmp_path)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # and it is free again
    os.close(other)


@pytest.mark.parametrize("call", [build.configure, build.compile_all, build.build_programs])
def test_a_place_that_cannot_be_built_in_is_told(
    tmp_path: Path, call: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="--build DIR or .ATLS_BUILD names another place"):
        call(tmp_path / "file" / "build")
    assert capsys.readouterr().err == "", "nothing was begun"


def test_help_of_pytest_with_the_plugin() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--device=PEER" in done.stdout


def test_a_device_that_is_not_set_up_is_told_with_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = atls("run", "--device", "qemu", "--out", str(out), ATLS_BUILD=str(tmp_path / "build"))
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    assert "--device qemu" in done.stderr and "./atls setup --peer qemu" in done.stderr


READ_ONLY = """
mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; cd "$1"; shift
exec "$@"
"""
BUILD_ELSEWHERE = "--build DIR or $ATLS_BUILD names another place to build in"


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["run", "-k", "flipped"], 1, "--out DIR is another place"),
        (["run", "-k", "flipped", "--out", "OUT"], 1, BUILD_ELSEWHERE),
        (["run", "-k", "flipped", "--build", "OUT"], 1, "--out DIR is another place"),
        (["decode", "x"], 1, BUILD_ELSEWHERE),
        (["setup"], 1, BUILD_ELSEWHERE),
        (["bench", "--only", "pair"], 1, BUILD_ELSEWHERE),
        (["test", "--only", "licence"], 1, "a checkout that can be written is needed"),
        (["run", "--list", "-k", "flipped-firmware"], 0, "client-passport-firmware"),
        (["clauses", "R-TA-37"], 0, "R-TA-37"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_read_only_checkout(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", READ_ONLY, "-"]
    try:
        subprocess.run([*alone, str(tmp_path), "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("unsupported: a read-only mount needs root, and a mount namespace")
    given = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]
    done = atls(*given, python=(*alone, str(ROOT), sys.executable), ATLS_BUILD="")
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr
    assert code == 0 or (done.stdout == "" and len(done.stderr.splitlines()) == 1)
