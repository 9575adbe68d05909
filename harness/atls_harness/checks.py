# SPDX-License-Identifier: Apache-2.0
"""`./atls test`: everything that CI checks, in stages, each with a log and a time.

Stages go one after the other and use all processors themselves. A stage that fails does not stop
the others. The scenarios on the plain build and the harness' own tests come last, in one pytest, so
that the output ends with its summary line.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import difflib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Sequence

from . import dialect, fresh, fuzz_coverage, fuzzing, http_api, rooms, tools, usage, vectors
from .build import compile_all, configure, has_library, jobs, meson
from .errors import InfrastructureError, Unsupported
from .mutants import stage as mutant_stage
from .mutants.stage import Draw
from .nearest import meant
from .paths import FIRMWARE, PARSEC, PEERS, ROOT, SCENARIOS, default_build
from .stage import Checks, Stage, StageFailed, Tally, chosen

SUFFIXES = (".c", ".h", ".py", ".yaml", ".yml", ".toml", ".cfg", ".sh", ".build", ".options", ".md")
HARNESS_TESTS = ROOT / "harness" / "tests"
PYTEST = ("-p", "atls_harness.plugin", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"))
SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_LINES = 5
DEFINES_FAIL = "rats/base/error.c"  # the one file that harness/analyzer.h does not suit
VALGRIND = (
    "valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite "
    "--child-silent-after-fork=yes"
)
# Tests whose subject is another process, which valgrind does not look into; and those whose time is
# an exhaustive walk (every truncation, every byte) that the sanitizers have gone through already.
NOT_UNDER_VALGRIND = (
    "decode/diag",
    "sim/core",
    "sim/images",
    "sim/server",
    "sim/slots",
    "sim/program",
    "roles/attester",
    "roles/interop",
    "roles/new-session",
    "roles/no-memory",
    "roles/relying-party",
    "roles/verifier-client",
    "tls/session-no-memory",
)
# The sanitizer build is clang's, with the fuzzers: a second compiler's warnings come with it.
SANITIZED = ("-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzzers=true")


def tracked(*endings: str) -> list[str]:
    """The files of the project (what git has or would have) with some endings."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return sorted(
        {name for name in listed if name.endswith(endings or "") and (ROOT / name).is_file()}
    )


def check_licence(checks: Checks) -> None:
    """Every source says its licence near its top."""
    bad = []
    for name in tracked():
        path = ROOT / name
        if path.is_symlink() or not (name.endswith(SUFFIXES) or _is_script(path)):
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            head = [file.readline() for _ in range(SPDX_LINES)]
        if not any(SPDX in line for line in head):
            bad.append(f"{name}: no {SPDX!r} in its first {SPDX_LINES} lines")
    checks.say("\n".join(bad))
    if bad:
        raise StageFailed(f"{len(bad)} files")


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def pinned(checks: Checks) -> Path:
    """The folder of the formatters and checkers of harness/tools.txt."""
    return tools.prepare(checks.plain.parent / f"{checks.plain.name}-tools")


def check_format(checks: Checks) -> None:
    """clang-format and black would change nothing, and C is of STYLE.md's dialect."""
    strange = dialect.offences(tracked(".c", ".h"), dialect.HELD)
    if strange:
        checks.say("\n".join(map(str, strange)))
        raise StageFailed(f"{len(strange)} lines are not as STYLE.md has them")
    place = pinned(checks)
    checks.call([f"{place}/clang-format", "--dry-run", "--Werror", *tracked(".c", ".h")])
    checks.call([f"{place}/black", "--check", "--quiet", *tracked(".py")])


def check_rooms(checks: Checks) -> None:
    """No room of the C code includes one that data/rooms.yaml does not allow; each has a README."""
    said, looked = rooms.check(tracked(".c", ".h"))
    if said:
        checks.say("\n".join(said))
        raise StageFailed(f"{len(said)} in {looked}")
    checks.tell(looked)


def check_python(checks: Checks) -> None:
    """flake8, mypy, and whether each process collects the same tests."""
    place = pinned(checks)
    checks.call([f"{place}/flake8", *tracked(".py")])
    cache = str(checks.plain.parent / ".mypy_cache")
    checks.call([f"{place}/mypy", "--strict", "--cache-dir", cache, "harness/atls_harness"])
    one, other = (collected(str(HARNESS_TESTS), str(SCENARIOS), seed=seed) for seed in "12")
    if one != other:
        checks.say("\n".join(difflib.unified_diff(one, other, lineterm="", n=0)))
        raise StageFailed("two processes collect other tests, so that pytest's workers play none")


def collected(*paths: str, seed: str) -> list[str]:
    """What pytest says that it collects below some paths, in its order."""
    command = [sys.executable, "-m", "pytest", *PYTEST, "-q", "--collect-only", *paths]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise StageFailed(f"nothing was collected: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [line for line in done.stdout.splitlines() if "::" in line]


def build_plain(checks: Checks) -> None:
    """gcc, warnings are errors."""
    configure(checks.plain)
    compile_all(checks.plain)


def build_sanitized(checks: Checks) -> None:
    """clang, warnings are errors, with AddressSanitizer, UndefinedBehaviorSanitizer and fuzzers."""
    configure(checks.sanitized, SANITIZED, "clang")
    compile_all(checks.sanitized)


def meson_test(checks: Checks, build: Path, *options: str, rebuild: bool = False) -> None:
    """The unit tests of a build; where REBUILD is asked for, what they need is compiled first."""
    environment = {
        "ASAN_OPTIONS": "detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    command = [
        *meson(),
        "test",
        "-C",
        str(build),
        *([] if rebuild else ["--no-rebuild"]),
        "--print-errorlogs",
        f"--num-processes={jobs()}",
        *options,
    ]
    checks.call(command, environment)


def unit_plain(checks: Checks) -> None:
    """Unit tests, gcc."""
    meson_test(checks, checks.plain)


def unit_openssl(checks: Checks) -> None:
    """Unit tests of what signs and verifies, over the crypto adapter that is not the default."""
    if not has_library("libcrypto"):
        raise Unsupported("the headers of OpenSSL (libssl-dev) are not there")
    build = checks.plain.parent / f"{checks.plain.name}-openssl"
    configure(build, ("-Dcrypto=openssl",))
    suites = [f"--suite={name}" for name in ("rats", "formats", "sim", "verifier")]
    meson_test(checks, build, *suites, rebuild=True)


def unit_sanitized(checks: Checks) -> None:
    """Unit tests under the sanitizers."""
    meson_test(checks, checks.sanitized, "--timeout-multiplier=4")


def unit_valgrind(checks: Checks) -> None:
    """Unit tests under valgrind: those that are C programs, not scripts that start programs."""
    build_plain(checks)
    listed = subprocess.run(
        [*meson(), "introspect", "--tests", str(checks.plain)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    inside = f"{checks.plain}/"
    names = [
        test["name"]
        for test in json.loads(listed.stdout)
        if test["cmd"][0].startswith(inside) and test["name"] not in NOT_UNDER_VALGRIND
    ]
    if not names:
        raise StageFailed("no unit tests were built")
    options = [f"--wrap={VALGRIND}", "--timeout-multiplier=20", "--logbase=valgrind"]
    meson_test(checks, checks.plain, *options, *names)


ASKED_FOR = tuple(
    f"harness/peers/{name}/" for name in ("boringssl", "linked", "nss", "openssl", "wolfssl")
)

BARE = "sim/firmware/"  # Arm's assembler and gcc's flags: gcc's warnings must do


def tidy(checks: Checks) -> None:
    """clang-tidy over every C file, on all processors; the slow analyzer not over tests. Adapters
    that meson builds where they are asked for are looked at where they were: without that their
    libraries' headers need not be there."""
    listed = json.loads((checks.sanitized / "compile_commands.json").read_text(encoding="utf-8"))
    built = {os.path.realpath(os.path.join(one["directory"], one["file"])) for one in listed}
    sources = [
        name
        for name in tracked(".c")
        if not name.startswith((*ASKED_FOR, BARE)) or os.path.realpath(ROOT / name) in built
    ]

    place = pinned(checks)
    # The compiler's own headers (stddef.h and the like): PyPI's clang-tidy comes without any.
    ask = ["clang", "-print-resource-dir"]
    told = subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True)
    headers = f"--extra-arg=-resource-dir={told.stdout.strip()}"

    def one(name: str) -> tuple[str, int, str]:
        argv = [f"{place}/clang-tidy", "--quiet", "-p", str(checks.sanitized), headers]
        if Path(name).name.startswith(("test-", "fuzz-")):
            argv.append("--checks=-clang-analyzer-*")
        elif name != DEFINES_FAIL:
            argv += ["--extra-arg=-include", f"--extra-arg={ROOT / 'harness' / 'analyzer.h'}"]
        done = subprocess.run(
            [*argv, name], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return name, done.returncode, done.stdout + done.stderr

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(jobs()) as pool:
        for name, code, text in pool.map(one, sources):
            if code != 0:
                bad += 1
                checks.say(f"{name}:\n{text}")
    if bad:
        raise StageFailed(f"{bad} of {len(sources)} files")


def mutants(checks: Checks) -> None:
    """Lines of C changed one at a time: is there a unit test that notices?"""
    folder = checks.plain.parent / f"{checks.plain.name}-mutants"
    out = checks.logs / "mutants.json"
    checks.tell(mutant_stage.run(tracked(), folder, out, jobs(), checks.say, checks.mutants))


def published_vectors(checks: Checks) -> None:
    """results/vectors is what the unit tests say."""
    checks.tell(f"{vectors.check(checks.plain, checks.logs)} vectors")


def pytest_command(checks: Checks, build: Path, name: str, *paths: str) -> list[str]:
    """pytest with the plugin, on a build."""
    return [
        sys.executable,
        "-m",
        "pytest",
        *PYTEST,
        *("-q", "--no-header", "-n", str(jobs()), "--all-supported"),
        *("--build", str(build), "--out", str(checks.logs / name)),
        *paths,
    ]


def scenarios_sanitized(checks: Checks) -> None:
    """The whole scenario suite with every party under the sanitizers."""
    checks.call(
        pytest_command(checks, checks.sanitized, "sanitized", str(SCENARIOS), str(PEERS)),
        {"ATLS_COMMAND": "./atls test", "ATLS_FAILED_STAGES": ""},
    )


def _atls(checks: Checks, *words: str) -> None:
    """A command of ./atls, without the launcher, which installs and builds."""
    environment = {"PYTHONPATH": str(ROOT / "harness")}
    checks.call([sys.executable, "-m", "atls_harness", *words], environment)


def instructions(checks: Checks) -> None:
    """Instructions of a connection are within 5 % of what was recorded with these tools."""
    argv = ["bench", "--only", "instructions"]
    argv += ["--instructions-of", str(ROOT / "harness" / "ci" / "instructions.json")]
    argv += ["--build", str(checks.plain), "--out", str(checks.logs / "bench")]
    _atls(checks, *argv)
    for line in checks.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if "not compared" in line:
            raise Unsupported(line)


def firmware(checks: Checks) -> None:
    """The device as firmware on QEMU: it boots, attests itself in both models, is tampered with.
    Unsupported where BearSSL's source cannot be had."""
    from .peer import load_peers
    from .setup import set_up

    done = set_up(load_peers([PEERS])["qemu"], checks.plain)
    checks.say(f"{done.peer}: {done.how} {done.words}\n")
    if not done.good:
        if done.how == "lacks" or "unsupported:" in done.words:
            raise Unsupported(done.words.partition("unsupported: ")[2] or done.words)
        raise StageFailed(f"the firmware cannot be built: {done.words}")
    handshakes = [str(SCENARIOS / "handshakes" / "passport.yaml")]
    handshakes.append(str(SCENARIOS / "refused-evidence" / "flipped-firmware.yaml"))
    command = pytest_command(checks, checks.plain, "firmware", *handshakes, str(FIRMWARE))
    checks.call([*command, "--device", "qemu"], {"ATLS_COMMAND": "./atls test"})


def parsec(checks: Checks) -> None:
    """Devices with their keys in a real Parsec. Unsupported where that was not set up: it takes ten
    minutes to build."""
    from . import parsec as service
    from .peer import load_peers

    service.command(load_peers([PEERS]), checks.plain)
    command = pytest_command(checks, checks.plain, "parsec", str(PARSEC))
    checks.call(command, {"ATLS_COMMAND": "./atls test"})


def peers(checks: Checks) -> None:
    """Foreign stacks, set up here, against the project's own: harness/ci/required.yaml."""
    from . import ci

    required = ci.required_cells()
    there, failed, lacking = [], [], []
    for done in ci.prepare(checks.plain, ci.stacks(required)):
        checks.say(f"{done.peer}: {done.how} {done.words}")
        if done.good:
            there.append(done.peer)
        elif done.how == "lacks":
            lacking.append(done.peer)
            print(f"       {done.peer} is not played here: {done.words}", flush=True)
        else:
            failed.append(done.peer)
    playable = ci.playable(required, there)
    if playable:
        more = ci.arguments(playable, checks.logs)
        command = pytest_command(checks, checks.plain, "peers", *more)
        command.remove("--all-supported")  # what a stack does not declare is not asked of it
        checks.call(command, {"ATLS_COMMAND": "./atls test", "ATLS_FAILED_STAGES": ""})
    if failed:
        raise StageFailed(f"not set up: {', '.join(failed)}")
    if not there:
        raise Unsupported(f"none of the stacks is there: {', '.join(lacking)}")


def go_peers(checks: Checks) -> None:
    """What is written in Go: formatter, vet, own tests; and the verifier of it, in the scenarios
    of verifiers. Unsupported where there is no Go, or too old a one."""
    from .peer import load_peers
    from .setup import set_up

    if shutil.which("go") is None:
        raise Unsupported("go is not on PATH, and Debian 12 and 13 have too old a one")
    changed = subprocess.run(
        ["gofmt", "-l", *tracked(".go")], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    if changed:
        raise StageFailed(f"gofmt would change {' '.join(changed.split())}")
    for module in tracked("go.mod"):
        folder = str(ROOT / Path(module).parent)
        _old_go(module)
        checks.call(["go", "vet", "-C", folder, "./..."])
        checks.call(["go", "test", "-C", folder, "./..."])
    done = set_up(load_peers([PEERS])["veraison-libs"], checks.plain)
    checks.say(f"{done.peer}: {done.how} {done.words}\n")
    if done.good:
        stories = str(SCENARIOS / "verifiers")
        command = pytest_command(checks, checks.plain, "verifiers", stories)
        command += ["-k", "not expired"]  # its results have no lifetime: it is unsupported
        checks.call([*command, "--verifier", done.peer], {"ATLS_COMMAND": "./atls test"})
    elif done.how == "lacks":
        raise Unsupported(f"the rest is checked; {done.peer}: {done.words}")
    else:
        raise StageFailed(f"{done.peer} cannot be set up: {done.words}")


def _old_go(module: str) -> None:
    """Unsupported where Go is older than a module wants and would have to fetch a newer one."""
    from .setup import numbers, satisfies

    text = (ROOT / module).read_text(encoding="utf-8")
    wanted = next((line.split()[1] for line in text.splitlines() if line.startswith("go ")), "1")
    told = subprocess.run(["go", "env", "GOVERSION"], cwd="/", capture_output=True, text=True)
    if not satisfies(numbers(told.stdout), f">={wanted}"):
        raise Unsupported(f"{module} wants go {wanted}, there is {told.stdout.strip()}")


def attacks(checks: Checks) -> None:
    """Every attack of the catalogue comes out as it is known, and every honest run completes."""
    _atls(checks, "attacks", "run", "--build", str(checks.plain), "--out", str(checks.logs))


def learn(checks: Checks) -> None:
    """The project's own server has the state machine that each profile asks for."""
    from .learn.servers import prepared

    prepared(checks.plain)
    own = ["--server", "atls", "--build", str(checks.plain), "--out", str(checks.logs)]
    _atls(checks, "learn", *own)


STAGES: tuple[Stage, ...] = (
    Stage("licence", check_licence, "every source says its licence"),
    Stage("format", check_format, "clang-format and black would change nothing"),
    Stage("rooms", check_rooms, "which room of the C code may include which"),
    Stage("python", check_python, "flake8, mypy --strict, and one order of tests"),
    Stage("build-gcc", build_plain, "gcc, warnings are errors"),
    Stage("unit", unit_plain, "unit tests", ("build-gcc",)),
    Stage("unit-openssl", unit_openssl, "unit tests with OpenSSL as the crypto adapter"),
    Stage("build-clang-sanitized", build_sanitized, "clang with sanitizers and fuzzers"),
    Stage("unit-sanitized", unit_sanitized, "unit tests under them", ("build-clang-sanitized",)),
    Stage("tidy", tidy, "clang-tidy over every C file", ("build-clang-sanitized",)),
    Stage("instructions", instructions, "instructions of a connection", ("build-gcc",)),
    Stage("valgrind", unit_valgrind, "unit tests under valgrind", ("build-gcc",)),
    Stage("fuzz", fuzzing.fuzz, "each fuzz target for a few seconds", ("build-clang-sanitized",)),
    Stage("fuzz-python", fuzzing.fuzz_python, "readers beside other libraries", ("build-gcc",)),
    Stage("fuzz-coverage", fuzz_coverage.check, "lines that the seeds run", on_demand=True),
    Stage(
        "http-api",
        http_api.check,
        "the verifier's answers are as its description says",
        ("build-clang-sanitized",),
    ),
    Stage("vectors", published_vectors, "results/vectors is what unit tests say", ("build-gcc",)),
    Stage("mutants", mutants, "a changed line is noticed (an hour or more)", on_demand=True),
    Stage(
        "scenarios-sanitized",
        scenarios_sanitized,
        "all scenarios under the sanitizers",
        ("build-clang-sanitized",),
    ),
    Stage("attacks", attacks, "each attack comes out as it is known", ("build-gcc",)),
    Stage("learn", learn, "the server's state machine is the expected one", ("build-gcc",)),
    Stage("firmware", firmware, "the device as firmware on QEMU", ("build-gcc",)),
    Stage("parsec", parsec, "keys in a real Parsec, where that is set up", ("build-gcc",)),
    Stage("peers", peers, "other people's stacks against this one", ("build-gcc",)),
    Stage("go-peers", go_peers, "what is written in Go, and its verifier", ("build-gcc",)),
    Stage("fresh", fresh.check, "fresh Debian 12 and 13, as a new user (two to ten minutes)"),
)
LAST = "scenarios"


def coverage(checks: Checks) -> int:
    """A coverage build, its unit tests and the scenarios, and gcovr's report."""
    build = checks.plain.parent / "build-coverage"
    checks.log = checks.logs / "coverage.log"
    configure(build, ("-Db_coverage=true", "-Dbuildtype=debug"))
    compile_all(build)
    meson_test(checks, build)
    checks.call(pytest_command(checks, build, "coverage", str(SCENARIOS)))
    report = checks.logs / "coverage.html"
    gcovr = ["gcovr", "--root", str(ROOT), "--object-directory", str(build)]
    gcovr += ["--exclude", r".*/(test|fuzz)-[^/]*\.c", "--gcov-ignore-parse-errors"]
    text = checks.logs / "coverage.txt"
    checks.call([*gcovr, "--html-details", str(report), "--txt", str(text), str(build)])
    print(text.read_text(encoding="utf-8"))
    print(f"report: {report}")
    return 0


def _listed() -> str:
    """The stages and what each is for."""
    rows = [(one.name, one.what + (" (only by name)" * one.on_demand)) for one in STAGES]
    rows.append((LAST, "the harness' own tests, and all scenarios"))
    return "\n".join(f"{name:<24} {what}" for name, what in rows)


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = usage.test()
    options = parser.parse_args(argv)
    names = [stage.name for stage in STAGES] + [LAST]
    if options.list:
        print(_listed())
        return 0
    only = options.only or []
    unknown = [name for name in only if name not in names]
    if unknown:
        parser.error(f"no stage {unknown[0]!r}{meant(unknown[0], names)}")
    logs = ROOT / "out" / datetime.datetime.now().strftime("test-%Y%m%d-%H%M%S")
    try:
        logs.mkdir(parents=True)
    except OSError as problem:
        words = f"logs cannot be written to {logs} ({problem.strerror}): a checkout that can be"
        raise InfrastructureError(f"{words} written is needed, as by git clone") from problem
    plain = (options.build or default_build()).resolve()
    checks = Checks(
        logs,
        plain,
        plain.parent / f"{plain.name}-sanitized",
        options.fuzz_seconds,
        Draw(options.mutants, options.mutants_seed, tuple(options.mutants_of or ())),
    )
    if options.coverage:
        return coverage(checks)
    last = not only or LAST in only
    tally = Tally()
    began = time.monotonic()
    # What the scenarios run on is built first, too.
    for stage in chosen(STAGES, [*only, "build-gcc"] if only and last else only):
        tally.run(checks, stage)
    print(f"{tally.words()}; {time.monotonic() - began:.0f} s; logs: {logs}", flush=True)
    failed = bool(tally.failed)
    if last:
        environment = {
            **os.environ,
            "ATLS_COMMAND": "./atls test",
            "ATLS_FAILED_STAGES": ", ".join(tally.failed),
        }
        places = map(str, (HARNESS_TESTS, SCENARIOS, PEERS))
        command = pytest_command(checks, plain, LAST, *places)
        done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
        failed = failed or done.returncode != 0
    sys.stdout.flush()
    return 1 if failed else 0
