# SPDX-License-Identifier: Apache-2.0
"""The verifier beside what Veraison answered when it was recorded: by --as all the same,
words included, and in its own way what decides; but for what recorded/differences.yaml names, with
a reason each. A new difference fails, and so does one that is there no more.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import pytest
import recorded
import yaml
from recorded import Verifier

from atls_harness.process import Process
from atls_harness.run import Run

OWN, MAIN, RELEASE = "own", "veraison-main", "veraison-v0.0.2608"
DIFFERENCES = yaml.safe_load((recorded.FOLDER / "differences.yaml").read_text("utf-8"))
WORDS = ("detail", "problem", "reason", "headers")


@pytest.fixture
def started(real: Run, tmp_path: Path) -> Iterator[Callable[..., Verifier]]:
    """Starts one with the manners of another, and with the device's CoRIM."""
    running: list[Process] = []

    def start(manners: str, *flags: str) -> Verifier:
        name = f"verifier-{len(running)}"
        argv = [*real.command("verifier", "verifier"), "--quiet", *flags]
        argv += ["--events", str(tmp_path / f"{name}.events.jsonl")]
        argv += [] if manners == OWN else ["--as", manners]
        process = Process(name, "verifier", argv, tmp_path, True)
        running.append(process)
        made = Verifier(process.ready()["address"], manners == RELEASE)
        endorsed = recorded.endorsed(made, recorded.corim(dialect=dialect(manners)))
        assert endorsed["status"] == "success"
        return made

    yield start
    for one in running:
        one.stop()


def dialect(manners: str) -> str:
    return "v0.0.2608" if manners == RELEASE else "main"


def short(answer: Mapping[str, Any]) -> str:
    """What decides, without words."""
    made = [value for key, value in answer.items() if key not in WORDS]
    return " ".join("/".join(map(str, one)) if isinstance(one, list) else str(one) for one in made)


def held_to(
    manners: str, kind: str, came: Mapping[str, Any], expected: Mapping[str, Mapping[str, Any]]
) -> None:
    """Fails on what is not as it was recorded, nor as differences.yaml has it."""
    named: dict[str, str] = {}
    for entry in DIFFERENCES[manners].get(kind, []):
        assert entry["because"] and not named.keys() & entry["answers"].keys()
        named.update(entry["answers"])

    def same(label: str) -> bool:
        one, other = came[label], expected[label]
        return bool(short(one) == short(other) if manners == OWN else one == other)

    differing = {label: short(came[label]) for label in came if not same(label)}
    assert differing == {label: answer for label, answer in named.items() if label in came}
    assert named.keys() <= expected.keys()


@pytest.mark.parametrize("manners", [OWN, MAIN, RELEASE])
def test_evidence(manners: str, started: Callable[[str], Verifier]) -> None:
    expected, given = recorded.answers("submissions"), recorded.submissions()
    assert expected.keys() == given.keys() and len(expected) == 149
    verifier = started(manners)
    came = {label: recorded.appraised(verifier, one) for label, one in given.items()}
    held_to(manners, "submissions", came, expected)


@pytest.mark.parametrize("manners", [OWN, MAIN, RELEASE])
def test_requests(manners: str, started: Callable[[str], Verifier]) -> None:
    expected = recorded.answers("requests")
    came = recorded.requested(started(manners), expected, dialect(manners))
    assert expected.keys() == came.keys() and len(expected) == 95
    held_to(manners, "requests", came, expected)


@pytest.mark.parametrize("manners", [OWN, MAIN])
def test_corims(manners: str, started: Callable[[str], Verifier]) -> None:
    expected = recorded.answers("corims")
    verifier, came = started(manners), {}
    for label in expected:
        body = recorded.corim_bytes(label)
        if body is not None:
            came[label] = recorded.endorsed(verifier, body)
    assert len(expected) == 47 and len(came) >= 2
    held_to(manners, "corims", came, expected)


def opened(verifier: Verifier, query: str = "nonceSize=32") -> tuple[str, dict[str, Any]]:
    status, headers, body = verifier.session(query)
    assert status == 201
    return headers["location"], json.loads(body)


def test_a_device_endorsed_twice(started: Callable[[str], Verifier]) -> None:
    """A CoRIM is taken once, and one trust anchor more ends all appraisals of its device."""
    verifier, good = started(MAIN), recorded.submissions()["good"]
    again = recorded.endorsed(verifier, recorded.corim())
    assert again["reason"].endswith("submit endorsements failed: token already in store")
    entity = {5: [{0: "x", 2: [1]}]}
    other = recorded.endorsed(verifier, recorded.corim(more=entity))
    assert other["reason"].endswith('different token with manifest ID "recorded" already in store')
    assert recorded.appraised(verifier, good)["tier"] == "affirming"
    assert recorded.endorsed(verifier, recorded.corim("another"))["status"] == "success"
    came = recorded.appraised(verifier, good)
    assert came == {"status": 500, "detail": "error encountered while processing evidence"}
    where, _ = opened(verifier, f"nonce={recorded.b64(recorded.NONCE)}")
    verifier.submit(where, good.body, good.kind, {})
    _, _, body = verifier.ask("GET", f"/challenge-response/v1/{where}")
    assert json.loads(body)["status"] == "failed"


@pytest.mark.parametrize("begins, ends", [(0, 1), (4102444800, 4102444801)])
def test_endorsements_of_another_time(
    begins: int, ends: int, started: Callable[[str], Verifier]
) -> None:
    """Taken, and of no use: rim-validity (draft-ietf-rats-corim section 4.1.1)."""
    verifier = started(MAIN)
    validity = {
        4: {0: recorded.cbor2.CBORTag(1, begins), 1: recorded.cbor2.CBORTag(1, ends)},
    }
    made = recorded.corim("of another time", more=validity, implementation=b"t" * 32)
    assert recorded.endorsed(verifier, made)["status"] == "success"
    evidence = recorded.token(c2396=b"t" * 32)
    came = recorded.appraised(verifier, recorded.Submission(evidence))
    assert came["problem"] == "no trust anchor for evidence"


@pytest.mark.parametrize("member", [{99: "x"}, {7: [1]}])
def test_members_of_a_corim_that_it_does_not_know(
    member: dict[int, Any], started: Callable[[str], Verifier]
) -> None:
    """Veraison skips them; this verifier's own way is to refuse what it does not understand."""
    made = recorded.corim("unknown member", more=member)
    assert recorded.endorsed(started(MAIN), made)["status"] == "success"
    assert "not handled here" in recorded.endorsed(started(OWN), made)["reason"]


def test_sessions_by_other_names(started: Callable[[str], Verifier]) -> None:
    """google/uuid reads four forms of a UUID; a slash more is led back."""
    verifier = started(MAIN)
    where, session = opened(verifier)
    name = where.split("/")[1]
    assert name[14] == "1", "a UUID of version 1 (RFC 9562 section 5.1)"
    assert len(session["expiry"].split(".")[1]) > 4, "nanoseconds"
    path = "/challenge-response/v1/session/"
    for one in (name, name.upper(), name.replace("-", ""), f"%7B{name}%7D", f"urn:uuid:{name}"):
        assert verifier.ask("GET", path + one)[0] == 200, one
    status, headers, _ = verifier.ask("GET", f"{path}{name}/")
    assert (status, headers["location"]) == (301, path + name)
    assert verifier.ask("GET", f"{path}{name[:-1]}g")[0] == 400
    assert verifier.ask("DELETE", path + name.replace("-", ""))[0] == 204
    assert verifier.ask("GET", path + name)[0] == 404


def test_its_lists(started: Callable[[str], Verifier]) -> None:
    """What it takes: schemes in no order, types of one scheme in theirs, and no CMW."""
    verifier = started(MAIN)
    orders = {tuple(opened(verifier)[1]["accept"]) for _ in range(64)}
    assert len(orders) > 1 and len({frozenset(one) for one in orders}) == 1
    first = orders.pop()
    assert len(first) == 9 and not any("cmw" in one for one in first)
    known = "/.well-known/veraison/"
    for name, count, version in (("verification", 9, "6b88102"), ("provisioning", 14, "6b88102")):
        status, headers, body = verifier.ask("GET", known + name)
        said = json.loads(body)
        assert (status, headers["cache-control"]) == (200, "max-age=60")
        assert headers["expires"].endswith(" UTC")
        assert (len(said["media-types"]), said["version"]) == (count, version)
    _, headers, body = verifier.ask("GET", f"{known}provisioning")
    status, headers, _ = verifier.provision(b"x", "text/plain")
    assert sorted(headers["accept"].split(", ")) == sorted(json.loads(body)["media-types"])


def test_a_scheme_that_is_not_here(started: Callable[[str], Verifier]) -> None:
    """It says so itself: no verdict is made up."""
    verifier = started(MAIN)
    where, _ = opened(verifier)
    status, _, body = verifier.submit(where, b"x", "application/vnd.enacttrust.tpm-evidence", {})
    assert status == 501 and "stands in" in json.loads(body)["detail"]


@pytest.mark.parametrize("manners", [MAIN, RELEASE])
def test_its_result(manners: str, started: Callable[[str], Verifier]) -> None:
    """Without exp, iss and reasons of this project, and never without its developer's warning."""
    verifier, good = started(manners), recorded.submissions()["good"]
    nonce = base64.urlsafe_b64encode(recorded.NONCE).decode("ascii")
    where, session = opened(verifier, f"nonce={nonce if verifier.padded else nonce.rstrip('=')}")
    plain = base64.b64encode(recorded.NONCE).decode("ascii")
    assert session["nonce"] == (plain if manners == RELEASE else nonce.rstrip("="))
    status, headers, body = verifier.submit(where, good.body, good.kind, {})
    assert status == 200 and headers.get("transfer-encoding") == "chunked", "above 2 KiB"
    part = json.loads(body)["result"].split(".")[1]
    result = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert not result.keys() & {"exp", "iss"}
    assert "simulated root of trust" in result["ear.verifier-id"]["developer"]
    assert "ear.veraison.policy-claims" not in result["submods"]["PSA_IOT"]
    assert result["submods"]["PSA_IOT"]["ear.veraison.annotated-evidence"]


def test_each_release_refuses_the_others_corims(started: Callable[[str], Verifier]) -> None:
    for manners, words in ((MAIN, "cannot unmarshal UTF-8 text"), (RELEASE, "cbor.Tag")):
        other = dialect(RELEASE if manners == MAIN else MAIN)
        came = recorded.endorsed(started(manners), recorded.corim("other", other))
        assert words in came["reason"]


@pytest.mark.parametrize("flag", ["--nonce-dialect=base64", "--identity=x", "--result-lifetime=1"])
def test_what_it_says_itself(flag: str, real: Run) -> None:
    argv = [*real.command("verifier", "verifier"), "--as", MAIN, flag]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "does not go with --as" in done.stderr


def test_nobody_it_knows(real: Run) -> None:
    argv = [*real.command("verifier", "verifier"), "--as", "keylime"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 77 and "--as keylime" in done.stderr


@pytest.mark.parametrize("stays", [True, False])
def test_after_its_parent(stays: bool, real: Run, tmp_path: Path) -> None:
    """A start script ends, and its terminal hangs up: it goes along, or stays."""
    events, script = tmp_path / "events.jsonl", tmp_path / "start.sh"
    argv = [*real.command("verifier", "verifier"), *(["--stay"] if stays else [])]
    words = " ".join([*argv, "--events", str(events)])
    script.write_text(f"{words} > {tmp_path / 'log'} 2>&1 &\necho $!\nread end\n")
    shell = subprocess.Popen(
        ["sh", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert shell.stdin and shell.stdout
    pid = int(shell.stdout.readline())
    try:
        while not (events.exists() and "ready" in events.read_text("utf-8")):
            time.sleep(0.05)
        shell.communicate("\n", timeout=60)
        if stays:
            os.kill(pid, signal.SIGHUP)
            address = json.loads(events.read_text("utf-8").splitlines()[0])["address"]
            status, _, _ = Verifier(address).ask("GET", "/.well-known/veraison/verification")
            assert status == 200
        else:
            gone(pid)
    finally:
        end(pid)


def gone(pid: int) -> None:
    """Waits until it is no more."""
    while Path(f"/proc/{pid}/exe").exists():
        time.sleep(0.05)


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
