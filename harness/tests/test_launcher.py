# SPDX-License-Identifier: Apache-2.0
"""The launcher: what it says before it installs anything, and what it refuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from atls_harness import usage
from atls_harness.paths import ROOT

LAUNCHER = ROOT / "atls"
PACKAGES = ROOT / "harness" / "packages.txt"


def launch(
    *arguments: str, path: str = "/usr/bin:/bin", given: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(LAUNCHER), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": path},
    )


@pytest.mark.parametrize(
    "arguments, code, stream, words",
    [
        (["--help"], 0, "stdout", "usage: ./atls COMMAND"),
        ([], 2, "stderr", "usage: ./atls COMMAND"),
        (["fly"], 2, "stderr", "atls: no command 'fly'; ./atls --help lists them"),
        (["runn"], 2, "stderr", "no command 'runn'; did you mean 'run'? ./atls --help lists them"),
        (["tset"], 2, "stderr", "did you mean 'test'?"),
        (["verfiers"], 2, "stderr", "did you mean 'verifiers'?"),
        (["--hlep"], 2, "stderr", "did you mean '--help'?"),
        (["test", "--list"], 0, "stdout", "scenarios-sanitized"),
        (["test", "--only", "nothing"], 2, "stderr", "no stage 'nothing'"),
        (["run", "--list", "-k", "("], 2, "stderr", "-k '('"),
        (["run", "--list", "--seed", "x"], 2, "stderr", "--seed: expected a number or random"),
        (["run", "--list", "--repeat", "0"], 2, "stderr", "--repeat: expected a number from 1"),
        (["run", "--list", "--client", "none"], 2, "stderr", "no peer 'none'"),
        (["run", "--list", "--nonsense"], 2, "stderr", "./atls run: no option --nonsense"),
        (["run", "--list", "-k", "nothing_matches"], 2, "stderr", "cases has"),
        (["run", "scenarios/none.yaml"], 2, "stderr", "no such scenario or folder"),
    ],
)
def test_commands(arguments: list[str], code: int, stream: str, words: str) -> None:
    done = launch(*arguments)
    assert done.returncode == code, done.stderr
    assert words in getattr(done, stream)


def test_help_lists_every_option_of_run() -> None:
    shown = launch("--help").stdout
    for option in usage.RUN:
        assert re.search(rf"(?<![\w-]){re.escape(option.names[0])}(?![\w-])", shown), option.names


def fake_tools(
    folder: Path, installed: list[str], unknown: tuple[str, ...] = (), removes: str = ""
) -> str:
    """A path on which dpkg-query knows some packages, and apt-get writes down what it hears."""
    known = " ".join(f"-e {name}" for name in (*unknown, "nothing"))
    removed = f"Remv {removes} [1]\\n" if removes else ""
    tools = {
        "dpkg-query": "printf 'installed %s\\n' " + (" ".join(installed) or "nothing"),
        "apt-cache": "shift; printf '%s\\n' \"$@\" | grep -vx " + known + " | sed 's/$/:\\n"
        "  Installed: (none)\\n  Candidate: 1/'",
        "apt-get": f"""case "$*" in
            *--print-uris*) echo "'https://example.com/a' a.deb 1500000 SHA256:0" ;;
            -s*) printf 'Inst one (1)\\nInst two (1)\\n{removed}' ;;
            *) echo "$@" >> {folder}/apt.log ;;
            esac""",
        "sudo": f'echo "sudo $1" >> {folder}/apt.log; exec "$@"',
    }
    for name, body in tools.items():
        tool = folder / name
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


SEPARATORS = re.compile("[|/]")


def packages(*purposes: str) -> list[str]:
    rows = [line.split() for line in PACKAGES.read_text().splitlines()]
    return [SEPARATORS.split(row[1])[0] for row in rows if row and row[0] in purposes]


RUN = ("python", "run")


def test_no_install_refuses_and_says_what_is_missing_and_why(tmp_path: Path) -> None:
    path = fake_tools(tmp_path, [name for name in packages(*RUN) if name != "libcbor-dev"])
    done = launch("run", "--no-install", path=path)
    assert done.returncode == 1
    assert "libcbor-dev                CBOR decoding" in done.stderr
    assert "apt-get install --no-install-recommends libcbor-dev" in done.stderr
    assert "libgnutls28-dev" not in done.stderr
    assert not (tmp_path / "apt.log").exists()


def test_it_says_why_and_how_much_and_installs_only_what_is_missing(tmp_path: Path) -> None:
    there = [n for n in packages(*RUN) if n not in ("python3-rich", "python3-yaml")]
    done = launch("run", "--list", "-q", path=fake_tools(tmp_path, there))
    log = (tmp_path / "apt.log").read_text()
    wanted = "install -y -q --no-install-recommends --no-remove python3-yaml python3-rich"
    assert log.splitlines() == [wanted]
    assert "for ./atls run, which are not installed" in done.stderr
    assert "reads scenarios" in done.stderr
    assert "2 packages, 1.5 MB to download" in done.stderr
    assert done.returncode == 0, done.stderr
    assert "flipped-firmware.yaml::client-passport-firmware" in done.stdout


def test_a_plan_that_removes_a_package_is_refused(tmp_path: Path) -> None:
    there = [name for name in packages(*RUN) if name != "meson"]
    path = fake_tools(tmp_path, there, removes="libcurl4-openssl-dev")
    done = launch("run", path=path)
    assert done.returncode == 1
    assert "refused, for apt-get would remove libcurl4-openssl-dev" in done.stderr
    assert not (tmp_path / "apt.log").exists()


def test_any_of_the_alternatives_counts(tmp_path: Path) -> None:
    names = [n for n in packages(*RUN) if n != "libcurl4-gnutls-dev"] + ["libcurl4-openssl-dev"]
    done = launch("run", "--no-install", "--list", "-q", path=fake_tools(tmp_path, names))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "row, installed, unknown, wanted",
    [
        ("a|b", "", (), "a"),  # the first, where the release has both
        ("a|b", "", ("a",), "b"),  # the one that the release has
        ("a|b", "b", (), ""),  # any that is installed will do
        ("a/b", "b", ("a",), ""),  # the first that the release has is installed
        ("a/b", "b", (), "a"),  # another than the release's own will not do
        ("a|b", "", ("a", "b"), None),  # neither: told, with the container
    ],
)
def test_alternatives_are_taken_by_what_the_release_has(
    tmp_path: Path, row: str, installed: str, unknown: tuple[str, ...], wanted: str | None
) -> None:
    path = fake_tools(tmp_path, [installed or "nothing"], unknown)
    done = launch("need", "a test", path=path, given=f"peer {row} - for a test\n")
    log = tmp_path / "apt.log"
    said = log.read_text().splitlines() if log.exists() else []
    if wanted is None:
        assert done.returncode == 1
        assert "no package list of this system has a or b" in done.stderr
        assert "podman build" in done.stderr and said == ["update -q"]
    else:
        assert done.returncode == 0, done.stderr
        assert [line.split()[-1] for line in said] == ([wanted] if wanted else [])


def test_test_needs_more_than_run(tmp_path: Path) -> None:
    path = fake_tools(tmp_path, packages(*RUN))
    done = launch("test", "--no-install", "--only", "licence", path=path)
    assert done.returncode == 1
    missing = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")]
    needed = [
        name for one in ("test", "tpm", "parsec", "learn", "bench", "lab") for name in packages(one)
    ]
    assert missing == list(dict.fromkeys(needed))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["test", "--list"], *([c, "--help"] for c in ("run", "test", "setup", "bench"))],
    ids=" ".join,
)
def test_help_and_lists_of_stages_install_nothing(tmp_path: Path, arguments: list[str]) -> None:
    done = launch(*arguments, path=fake_tools(tmp_path, []))
    assert done.returncode == 0, done.stderr
    assert done.stdout and not (tmp_path / "apt.log").exists()


@pytest.mark.parametrize(
    "arguments",
    [["run", "--list"], ["clauses"], ["report"], ["verifiers"], ["bench", "--plan", "none.yaml"]],
    ids=" ".join,
)
def test_what_builds_nothing_needs_no_compiler(tmp_path: Path, arguments: list[str]) -> None:
    done = launch(*arguments, "--no-install", path=fake_tools(tmp_path, packages("python")))
    assert "not installed" not in done.stderr


ELSEWHERE = "bash env dirname readlink sed tr awk grep cat id git".split()


def elsewhere(folder: Path, *tools: str) -> str:
    """A path of a system that is no Debian: no dpkg, no apt, no sudo; of the rest only TOOLS."""
    for name in (*ELSEWHERE, *tools):
        found = shutil.which(name, path="/usr/bin:/bin")
        assert found, name
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["test"], ["decode"], ["device"], ["bench"], ["setup"], ["setup", "--peer", "go"]],
    ids=" ".join,
)
def test_elsewhere_two_sentences_say_what_is_missing_and_what_to_do(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = launch(*arguments, path=elsewhere(tmp_path, "python3"))
    assert done.returncode == 1
    what, do = done.stderr.splitlines()
    assert "gcc (compiles the programs), meson (configures the build)" in what
    assert "no dpkg-query and apt-get and apt-cache" in what
    assert do.startswith("Run it in a container: podman build") and "docker" in do
    assert "harness/packages.txt" in do


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "--list", "-k", "flipped"], "flipped-firmware.yaml::client-passport-firmware"),
        (["clauses", "R-TA-37"], "R-TA-37"),
        (["--help"], "usage: ./atls COMMAND"),
        (["run", "--help"], "usage:"),
        (["test", "--list"], "scenarios-sanitized"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_elsewhere_what_builds_nothing_works_with_python_alone(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = launch(*arguments, path=elsewhere(tmp_path, "python3"))
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


@pytest.mark.parametrize("arguments", [["run"], ["run", "--list"], ["clauses"], ["run", "--help"]])
def test_elsewhere_without_python_it_says_so(tmp_path: Path, arguments: list[str]) -> None:
    done = launch(*arguments, path=elsewhere(tmp_path))
    assert done.returncode == 1
    assert "python3" in done.stderr and "podman build" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_neither_root_nor_sudo_is_told_with_the_command(tmp_path: Path) -> None:
    path = fake_tools(tmp_path, [name for name in packages(*RUN) if name != "meson"])
    (tmp_path / "sudo").unlink()
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    if shutil.which("sudo", path="/usr/bin:/bin"):
        links = tmp_path / "bin"
        links.mkdir()
        path = f"{tmp_path}:{elsewhere(links, 'python3')}"
    done = launch("run", path=path)
    assert done.returncode == 1
    assert "as root: apt-get install --no-install-recommends meson" in done.stderr
    assert not (tmp_path / "apt.log").exists()


def test_the_launcher_is_shell_of_any_bash() -> None:
    """macOS has bash 3.2: nothing that came later (bash's CHANGES, 4.0 to 4.4)."""
    later = r"declare -[Ag]|local -n|mapfile|readarray|\$\{\w+(,,|\^\^|@)|\|&|&>>|;;&|coproc"
    later += r"|readlink -f|\[\[ -v "
    assert not re.findall(later, LAUNCHER.read_text())


def test_results_that_cannot_be_written_are_told_before_a_key_is_made(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    argv = ["/usr/bin/python3", "-m", "pytest", "-p", "atls_harness.plugin", "-q", "scenarios"]
    done = subprocess.run(
        [*argv, "--out", str(blocked / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness"), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 4
    assert "cannot write results to" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.glob("atls-*")), "no keys of a run that never was"


@pytest.mark.parametrize(
    "words, also",
    [
        (["run", "--root", "parsec"], ("tpm", "parsec")),
        (["run", "--root=tpm"], ("tpm",)),
        (["probe", "--root", "tpm", "127.0.0.1:1"], ("tpm",)),
        (["setup", "--peer", "parsec"], ("tpm", "parsec")),
        (["setup", "lab", "--root=tpm"], ("lab", "tpm")),
        (["setup", "learn"], ("learn",)),
        (["setup", "--root=parsec"], ("tpm", "parsec")),
        (["run", "-k", "parsec"], ()),
        (["setup", "--peer", "rustls"], ()),
    ],
)
def test_a_root_of_trust_brings_its_packages_where_it_is_asked_for(
    tmp_path: Path, words: list[str], also: tuple[str, ...]
) -> None:
    path = fake_tools(tmp_path, [name for name in packages(*RUN) if name != "meson"])
    done = launch(*words, "--no-install", path=path)
    missing = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")]
    assert sorted(missing) == sorted({"meson", *packages(*also)})
