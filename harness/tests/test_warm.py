# SPDX-License-Identifier: Apache-2.0
"""Programs that are started once and play many cases: a case is as it is without, and nothing of
an earlier one is in it; whoever asks in another way than peers/README.md ("Many cases") tells ends
the program."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, Sequence

import pytest

from atls_harness import family, warm
from atls_harness.errors import HarnessError, InfrastructureError
from atls_harness.parties import Play
from atls_harness.paths import PEERS, default_build
from atls_harness.peer import load_peers
from atls_harness.process import DONE, USAGE, Process, to_its_end
from atls_harness.run import Run
from atls_harness.scenario import invented

LONG = 60.0
pytestmark = pytest.mark.timeout(2 * LONG)
PROGRAMS = ("client", "server", "device", "provision", "verifier", "enroll")
ATLS = load_peers([PEERS])["atls"]


def path_of(program: str) -> str:
    return ATLS.command(program, default_build())[0]


def ready(tmp_path: Path, name: str, **how: Any) -> Process:
    """A device, which waits to be asked something."""
    argv = [path_of("device"), "--listen", f"unix:{tmp_path}/{name}.sock", "--seed", "1"]
    argv += ["--events", str(tmp_path / f"{name}.events.jsonl")]
    process = Process(name, "device", argv, tmp_path, True, **how)
    process.ready()
    return process


def stat(pid: int) -> tuple[int, int, int]:
    """Parent, group and session of a process (proc_pid_stat(5))."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    parent, group, session = map(int, text.rpartition(")")[2].split()[1:4])
    return parent, group, session


def descriptors(pid: int) -> list[str]:
    """What a process has open, without the numbers that the kernel gave it."""
    found = []
    for one in sorted(Path(f"/proc/{pid}/fd").iterdir(), key=lambda path: int(path.name)):
        found.append(f"{one.name} {os.readlink(one).partition(':[')[0]}")
    return found


def test_all_that_the_peer_lists_is_tried_here() -> None:
    assert sorted(ATLS.capabilities["serve-cases"]) == sorted(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "arguments", [["--version"], ["--no-such-flag"], ["--events"], ["--help"], [], ["x" * 40000]]
)
def test_a_case_says_and_ends_as_a_program_does(program: str, arguments: list[str]) -> None:
    argv = [*ATLS.command(program, default_build()), *arguments]
    if program == "device" and not arguments:
        argv += ["--seed"]
    if program == "verifier" and not arguments:  # which would begin
        argv += ["--listen"]
    anew, served = (to_its_end(argv, program, LONG, serves=how) for how in (False, True))
    assert (served.returncode, served.stdout, served.stderr) == (
        anew.returncode,
        anew.stdout,
        anew.stderr,
    )


def test_a_case_has_what_a_program_has(tmp_path: Path) -> None:
    seen = []
    for how in (False, True):
        process = ready(tmp_path, f"device-{how:d}", serves=how)
        _, group, session = stat(process.pid)
        assert group == session == process.pid, "it leads a session of its own"
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
        kept = [one for one in status if one.startswith(("Sig", "Shd", "Umask", "Threads"))]
        limits = Path(f"/proc/{process.pid}/limits").read_text(encoding="ascii")
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        open_now = [one.replace(f"device-{how:d}", "device") for one in descriptors(process.pid)]
        where = os.readlink(f"/proc/{process.pid}/cwd")
        pending = [one for one in kept if not one.startswith("SigQ")]
        seen.append((pending, limits, environment, open_now, where))
        process.stop()
        assert process.verdict_on_exit() == ""
        assert process.stdout_path.read_bytes() == b""
    assert seen[0] == seen[1]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGXFSZ])
def test_a_signal_ends_the_case_and_nothing_else(tmp_path: Path, sent: signal.Signals) -> None:
    process, other = ready(tmp_path, "device", serves=True), ready(tmp_path, "other", serves=True)
    os.kill(process.pid, sent)
    assert process.wait(LONG)
    assert process.exit == (DONE if sent == signal.SIGTERM else -sent)
    assert not other.wait(0), "the other case goes on"
    third = ready(tmp_path, "third", serves=True)
    for one in (other, third):
        one.stop()
        assert one.exit == DONE and not one.left_behind()


def test_who_does_not_end_in_time_is_waited_for_again(tmp_path: Path) -> None:
    process = ready(tmp_path, "device", serves=True)
    assert not process.wait(0.01)
    process.kill()
    assert process.exit == -signal.SIGKILL


def test_no_two_cases_have_the_same_random_numbers(real: Run) -> None:
    """Client randoms (in the key log), keys of verifiers, keys that an enrolment makes."""
    story = {
        "profile": "x509-cmw",
        "attester": "server",
        "expect": {"outcome": "complete", "tier": "affirming"},
    }
    randoms, files = [], []
    for _ in range(3):
        folder = Path(tempfile.mkdtemp(prefix="w", dir=real.work))
        with Play(invented("warm", story), real, folder) as player:
            seen = player.play()
        assert not seen.problems and {one.exit for one in seen.parties.values()} == {DONE}
        lines = (folder / "client.keylog").read_text(encoding="ascii").splitlines()
        randoms.append(lines[0].split()[1])
        files += [path.read_bytes() for path in folder.glob("*.jwk")]
        made = folder / "made"
        argv = [path_of("enroll"), "--private-key", f"{made}.key", "--csr", f"{made}.csr"]
        assert to_its_end(argv, "enroll", LONG, serves=True).returncode == DONE
        files.append(Path(f"{made}.csr").read_bytes())
        shutil.rmtree(folder)
    assert len(set(randoms)) == 3
    assert len(files) == 6 and len(set(files)) == 6


# The protocol, asked by hand.


class Asked:
    """A device that serves cases."""

    def __init__(self, kind: int = socket.SOCK_SEQPACKET) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, kind)
        self.socket.settimeout(LONG)
        with theirs:
            self.process = subprocess.Popen(
                [path_of("device"), warm.FLAG, str(theirs.fileno())],
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                text=True,
            )

    def ends(self) -> tuple[int, str]:
        words = self.process.communicate(timeout=LONG)[1]
        self.socket.close()
        return self.process.returncode, words


def test_the_end_of_the_socket_ends_it() -> None:
    asked = Asked()
    asked.socket.close()
    assert asked.ends() == (DONE, "")


ARGV = b"R/bin/device\0--version\0"


@pytest.mark.parametrize(
    "request_, count, words",
    [
        pytest.param(b"X", 0, "expected R with 2 descriptors or W with none, came 0x58", id="kind"),
        pytest.param(b"r" + ARGV[1:], 2, "came 0x72 with 2", id="small"),
        pytest.param(b"\0", 0, "came 0 with 0", id="zero"),
        pytest.param(ARGV, 0, "came 0x52 with 0", id="no-descriptors"),
        pytest.param(ARGV, 1, "came 0x52 with 1", id="one-descriptor"),
        pytest.param(ARGV, 3, "expected at most 2 descriptors", id="three-descriptors"),
        pytest.param(ARGV, 40, "expected at most 2 descriptors", id="many-descriptors"),
        pytest.param(b"W1", 2, "came 0x57 with 2", id="wait-with-descriptors"),
        pytest.param(b"R", 2, "expected arguments that a zero byte ends", id="no-arguments"),
        pytest.param(ARGV[:-1], 2, "expected arguments that a zero byte ends", id="open-end"),
        pytest.param(b"R" + b"a\0" * 1025, 2, "expected at most 1024 arguments", id="arguments"),
        pytest.param(b"R" + b"a" * 70000, 2, "expected a request of at most 65536", id="long"),
        pytest.param(b"W", 0, "W: expected a number, came", id="nobody"),
        pytest.param(b"W0", 0, "W: expected 1 to 2147483647, came 0", id="any-child"),
        pytest.param(b"W-1", 0, "W: expected a number, came", id="negative"),
        pytest.param(b"W1 ", 0, "W: expected a number, came", id="blank"),
        pytest.param(b"W1\0" + b"2", 0, "expected the number of a case behind W", id="zero-inside"),
        pytest.param(b"W99999999999999999999", 0, "W: expected a number", id="too-great"),
        pytest.param(b"W1", 0, "expected the number of a case behind W, came 1", id="no-child"),
    ],
)
def test_what_is_not_asked_as_it_should_be_ends_it(request_: bytes, count: int, words: str) -> None:
    asked = Asked()
    with open(os.devnull, "wb") as file:
        socket.send_fds(asked.socket, [request_], [file.fileno()] * count)
        code, said = asked.ends()
    assert code == USAGE
    assert words in said and len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "given, words",
    [
        ([], "expected a descriptor and nothing behind it"),
        (["3", "--seed"], "expected a descriptor and nothing behind it"),
        (["socket"], "descriptor: expected a number"),
        (["-1"], "descriptor: expected a number"),
        (["0"], "descriptor: expected 3 to"),
        (["999"], "expected one of a pair of unix sockets"),
    ],
)
def test_it_serves_whom_it_was_given_only(given: Sequence[str], words: str) -> None:
    done = to_its_end([path_of("device"), warm.FLAG, *given], "device", LONG)
    assert done.returncode == USAGE and words in done.stderr


def test_a_socket_that_others_could_find_is_refused(tmp_path: Path) -> None:
    def unnamed(kind: int) -> tuple[socket.socket, list[socket.socket]]:
        pair = socket.socketpair(socket.AF_UNIX, kind)
        return pair[0], [pair[1]]

    def named() -> tuple[socket.socket, list[socket.socket]]:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(tmp_path / "named"))
        listener.listen()
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(tmp_path / "named"))
        return client, [listener]

    def accepted() -> tuple[socket.socket, list[socket.socket]]:
        client, (listener,) = named_again()
        return listener.accept()[0], [client, listener]

    def named_again() -> tuple[socket.socket, list[socket.socket]]:
        (tmp_path / "named").unlink(missing_ok=True)
        return named()

    def internet() -> tuple[socket.socket, list[socket.socket]]:
        listener = socket.create_server(("127.0.0.1", 0))
        return socket.create_connection(listener.getsockname()), [listener]

    for make in (
        lambda: unnamed(socket.SOCK_STREAM),
        lambda: unnamed(socket.SOCK_DGRAM),
        named,
        accepted,
        internet,
    ):
        one, others = make()
        done = subprocess.run(
            [path_of("device"), warm.FLAG, str(one.fileno())],
            pass_fds=[one.fileno()],
            capture_output=True,
            text=True,
            timeout=LONG,
        )
        assert done.returncode == USAGE, done
        assert "expected one of a pair of unix sockets" in done.stderr
        for each in (one, *others):
            each.close()


# What the harness does where it is not as it should be.


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def test_a_program_that_does_not_serve_cases_is_named() -> None:
    with pytest.raises(InfrastructureError, match="/bin/false --serve-cases: "):
        with open(os.devnull, "wb") as file:
            warm.start(["/bin/false"], environment(), file.fileno(), file.fileno())


def test_a_program_that_does_not_end_with_its_socket_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 600\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(warm, "STOP_LIMIT", 0.1)
    server = warm.Server(str(program), environment())
    assert server.alive
    server.stop()
    assert not server.alive


def answering(folder: Path, *answers: str) -> str:
    """A program that answers requests so, where "case" is the number of a child that has ended."""
    path = folder / "answering"
    path.write_text(
        "#!/usr/bin/python3\nimport os, socket, sys\n"
        "asked = socket.socket(fileno=int(sys.argv[2]))\n"
        f"for answer in {answers!r}:\n"
        "    if not asked.recv(65536): break\n"
        "    if answer == 'case':\n"
        "        case = os.fork() or os._exit(7)\n"
        "        answer = str(case)\n"
        "    asked.send(answer.encode())\n"
        "asked.recv(1)\n",
        "utf-8",
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("answer", ["1", "0", "own", "9" * 20, "-" + "9" * 20, "", "x"])
def test_what_is_no_case_is_not_taken_for_one(tmp_path: Path, answer: str) -> None:
    if answer == "own":  # not in the parameter: it would be another test in each worker
        answer = str(os.getpid())
    argv = [answering(tmp_path, answer)]
    with pytest.raises(InfrastructureError, match="--serve-cases: expected "):
        to_its_end(argv, "program", LONG, serves=True)


@pytest.mark.parametrize("answer", ["0x", "127", "65536", "-1", "65535", "9" * 20])
def test_how_a_case_ended_is_looked_up_where_the_answer_is_none(
    tmp_path: Path, answer: str
) -> None:
    assert family.become_reaper()
    argv = [answering(tmp_path, "case", answer)]
    assert to_its_end(argv, "program", LONG, serves=True).returncode == 7


@pytest.mark.parametrize("argument", ["a\0b", "x" * warm.REQUEST_MAX])
def test_an_argument_that_cannot_be_told_is_told(tmp_path: Path, argument: str) -> None:
    with pytest.raises(InfrastructureError, match="embedded null byte|expected arguments of"):
        Process("device", "device", [path_of("device"), argument], tmp_path, True, serves=True)
    ready(tmp_path, "another", serves=True).stop()


def test_whoever_was_forked_by_a_server_that_is_gone_has_an_end(tmp_path: Path) -> None:
    assert family.become_reaper()
    process = ready(tmp_path, "device", serves=True)
    parent, _, _ = stat(process.pid)
    assert parent in family._own
    os.kill(parent, signal.SIGKILL)  # and atls-device ends with its parent
    assert process.wait(LONG)
    assert process.exit in (DONE, -signal.SIGTERM)
    ready(tmp_path, "another", serves=True).stop()
    assert parent not in family._own, "its number may come to another process"


def test_another_environment_and_another_program_are_not_taken_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parent(process: Process) -> int:
        found, _, _ = stat(process.pid)
        process.stop()
        return found

    first, again = (parent(ready(tmp_path, name, serves=True)) for name in ("one", "two"))
    assert first == again
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "of another case")
    assert parent(ready(tmp_path, "three", serves=True)) == first
    monkeypatch.setenv("ATLS_TRIED", "1")
    elsewhere = parent(ready(tmp_path, "four", serves=True))
    assert elsewhere != first
    monkeypatch.chdir(tmp_path)
    assert parent(ready(tmp_path, "five", serves=True)) not in (first, elsewhere)


def test_threads_ask_one_after_the_other(tmp_path: Path) -> None:
    problems: list[HarnessError] = []

    def some(number: int) -> None:
        try:
            for index in range(5):
                ready(tmp_path, f"device-{number}-{index}", serves=True).stop()
        except HarnessError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=some, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_nothing_is_left_when_the_harness_is_killed(tmp_path: Path) -> None:
    """The program that serves cases ends with whoever started it, and a case with that."""
    script = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[3])\n"
        "from atls_harness.process import Process\n"
        "where = Path(sys.argv[2])\n"
        "argv = [sys.argv[1], '--listen', f'unix:{where}/d.sock']\n"
        "argv += ['--events', f'{where}/d.events.jsonl']\n"
        "p = Process('d', 'device', argv, where, True, serves=True); p.ready()\n"
        "print(p.pid, flush=True); time.sleep(600)\n"
    )
    root = str(PEERS.parent)
    argv = ["/usr/bin/python3", "-c", script, path_of("device"), str(tmp_path), root]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        device = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
    ended = select.poll()
    ended.register(device, select.POLLIN)
    assert ended.poll(LONG * 1000)
    os.close(device)
