# SPDX-License-Identifier: Apache-2.0
"""Whatever a party does to whoever reads it: its case is in the results, with a reason, and so are
all the others. The deeds are those of fake/hostile.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator
from xml.etree import ElementTree

import pytest

from atls_harness.paths import ROOT
from conftest import FAKE, OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Latest = Callable[[], dict[str, Any]]

# fault, outcome, a part of the reason
TABLE = [
    ("all-bytes", "pass", ""),
    ("artifact-directory", "fail", "sent.cmw: expected a file, found a directory"),
    ("artifact-pipe", "fail", "sent.cmw: expected a file, found a pipe"),
    ("bom", "fail", ":2: not JSON: Unexpected UTF-8 BOM"),  # RFC 8259 section 8.1
    ("conn-list", "fail", "event 'connection': conn: [1] is not of type 'integer'"),
    ("deep-a-little", "fail", ":2: not an event: it nests deeper than 32"),
    ("deep-closed", "fail", ":2: not an event: it nests deeper than 32"),
    ("deep-list", "fail", ":2: not an event: it nests deeper than 32"),
    ("deep-object", "fail", ":2: not an event: it nests deeper than 32"),
    ("deleted", "fail", "no handshake event"),
    ("directory", "fail", "client.events.jsonl: expected a file, found a directory"),
    ("early-77", "unsupported", "client: fake-client: unsupported"),
    ("empty-line", "fail", ":2: not JSON"),
    ("event-object", "fail", "unknown event {'a': []}"),
    ("exit-44", "fail", "client crashed: exit code 44"),
    ("half-line", "fail", ":2: not JSON: Extra data"),
    ("half-surrogate", "fail", "stands alone [RFC 7493 section 2.1]"),
    ("infinity", "fail", "Infinity is no number [RFC 8259 section 6]"),
    ("integer-of-5000", "fail", "is beyond 2^53 - 1 [RFC 7493 section 2.2]"),
    ("integer-over-2-53", "fail", "is beyond 2^53 - 1 [RFC 7493 section 2.2]"),
    ("key-link", "fail", "client.events.jsonl: expected a file, found a symbolic link"),
    ("late-77", "fail", "77 (unsupported) after its event `connection`"),
    ("latin-1", "fail", ":2: not UTF-8: byte 69 of the line is 0xfc"),  # RFC 7493 section 2.1
    ("line-of-16-mb", "fail", "the line has 16777216 bytes, expected at most 1048576: 'xxx"),
    ("link", "fail", "client.events.jsonl: expected a file, found a symbolic link"),
    ("many-lines", "fail", ":2: not JSON"),
    ("member-of-2-mb", "fail", "expected at most 1048576"),
    ("member-twice", "fail", "'conn' stands there twice [RFC 7493 section 2.3]"),
    ("member-twice-below", "fail", "'b' stands there twice [RFC 7493 section 2.3]"),
    ("minus-infinity", "fail", "-Infinity is no number [RFC 8259 section 6]"),
    ("much-said", "pass", ""),
    ("nan", "fail", "NaN is no number [RFC 8259 section 6]"),
    ("nan-time", "fail", "NaN is no number [RFC 8259 section 6]"),
    ("no-conn", "fail", "event 'handshake': 'conn' is a required property"),
    ("no-object", "fail", "not an object"),
    ("not-utf8", "fail", ":2: not UTF-8: byte 69 of the line is 0xff"),
    ("nul", "fail", ":2: not JSON"),
    ("nul-in-string", "fail", "Invalid control character"),  # RFC 8259 section 7
    ("orphan", "fail", "left behind in a session of its own: /bin/sleep 61"),
    ("other-who", "fail", "who is 'server', expected 'client'"),
    ("overflow", "fail", "1e999 is beyond all numbers [RFC 7493 section 2.2]"),
    ("pipe", "fail", "client.events.jsonl: expected a file, found a pipe"),
    ("quiet-77", "fail", "77 (unsupported) after the server had its connection"),
    ("real-time-signal", "fail", "client crashed: signal 40"),
    ("session-of-its-own", "fail", "left behind in a session of its own: /bin/sleep 61"),
    ("stderr-deleted", "pass", ""),
    ("stderr-directory", "pass", ""),
    ("stderr-key-link", "pass", ""),
    ("stderr-link", "pass", ""),
    ("stderr-pipe", "pass", ""),
    ("too-much", "fail", "client.events.jsonl: expected at most 32 MiB"),
    ("unknown-event", "fail", "unknown event '\ufffd[31m\ufffd' of a client"),
    ("utf-16", "fail", ":2: not UTF-8: byte 1 of the line is 0xff"),
]


def strict(text: str) -> Any:
    """JSON as another reader has it: Python's own takes NaN."""

    def refuse(name: str) -> Any:
        raise ValueError(f"not JSON: {name}")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run of all of it; `terminal` is what was printed."""
    out = tmp_path_factory.mktemp("hostile")
    command = [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "-q", "-n", "2"]
    command += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "--out", str(out)]
    done = subprocess.run(
        [*command, *FAKE, str(OUTCOMES / "hostile.yaml")],
        cwd=ROOT,
        env=dict(os.environ, COLUMNS="100"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=900,
    )
    assert done.returncode == 1, done.stderr
    (out / "latest" / "terminal").write_bytes(done.stdout)
    yield out / "latest"


def case_of(folder: Path, fault: str) -> dict[str, Any]:
    cases = strict((folder / "results.json").read_text(encoding="utf-8"))["cases"]
    (case,) = [one for one in cases if one["case"] == fault]
    found: dict[str, Any] = case
    return found


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("fault, outcome, reason", TABLE, ids=[row[0] for row in TABLE])
def test_deed(played: Path, fault: str, outcome: str, reason: str) -> None:
    case = case_of(played, fault)
    assert (case["outcome"], reason in case["reason"]) == (outcome, True), case["reason"]
    assert len(case["reason"]) < 1000
    assert (case["bundle"] is not None) == (outcome == "fail")


def test_as_many_results_as_deeds(played: Path) -> None:
    names = [row[0] for row in TABLE]
    cases = strict((played / "results.json").read_text(encoding="utf-8"))["cases"]
    assert sorted(one["case"] for one in cases) == names
    suite = ElementTree.parse(played / "junit.xml").iter("testcase")
    found = [(one.get("classname"), one.get("name")) for one in suite]
    assert sorted(found) == sorted(
        ("harness/tests/outcomes/hostile.yaml", f"hostile[{name}]") for name in names
    )
    summary = (played / "summary.md").read_text(encoding="utf-8")
    for name, outcome, _ in TABLE:
        assert (f"**hostile\\[{name}\\]** (fail)" in summary) == (outcome == "fail")


def test_what_is_written_is_small_and_can_be_seen(played: Path) -> None:
    for name in ("results.json", "junit.xml", "summary.md", "terminal"):
        text = (played / name).read_bytes().decode("utf-8")
        assert len(text) < 2_000_000, name
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text), name


def test_no_key_comes_into_a_bundle(played: Path) -> None:
    files = [path for path in (played / "bundles").rglob("*") if not path.is_dir()]
    assert files and all(path.is_file() and not path.is_symlink() for path in files)
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in files)
    manifest = json.loads(
        (played / case_of(played, "key-link")["bundle"] / "manifest.json").read_text()
    )
    assert "symbolic link" in manifest["left_out"]["client.events.jsonl"]


def test_nothing_runs_on(played: Path) -> None:
    work = re.compile(rb"/atls-[^/\0]+/c[0-9]+-0/")
    left = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        parent = str(played).encode()
        if words == b"/bin/sleep\x0061\0" or (parent in words and work.search(words)):
            left.append(words)
    assert left == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_is_killed_loses_no_case(
    fake: Harness, latest: Latest, tmp_path: Path, workers: str
) -> None:
    names = ("kill-worker", "accepted", "refused", "silent")
    done = fake(*(str(OUTCOMES / f"{name}.yaml") for name in names), "-n", workers)
    assert done.returncode == 1
    cases = {case["id"]: case for case in latest()["cases"]}
    assert len(cases) == 6, done.stdout
    assert cases["kill-worker"]["outcome"] == "error"
    assert "crashed while running" in cases["kill-worker"]["reason"]
    assert cases["accepted[client]"]["outcome"] == "pass"
    assert cases["silent"]["outcome"] == "fail"
    junit = ElementTree.parse(tmp_path / "latest" / "junit.xml")
    assert len(list(junit.iter("testcase"))) == 6
    assert "kill-worker" in (tmp_path / "latest" / "summary.md").read_text()


@pytest.mark.parametrize("fault", ["ready-without-address", "ready-port-0", "ready-port-text"])
def test_a_ready_event_that_is_none(fake: Harness, latest: Latest, fault: str) -> None:
    assert fake(str(OUTCOMES / "ready.yaml"), "-k", fault).returncode == 1
    (case,) = latest()["cases"]
    assert (case["outcome"], "event 'ready'" in case["reason"]) == ("fail", True), case["reason"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_case_that_is_lost_fails_the_run_by_its_name(
    fake: Harness, latest: Latest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    path = f"{OUTCOMES.parent}:{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", path)
    names = [str(OUTCOMES / f"{name}.yaml") for name in ("accepted", "refused")]
    done = fake("-p", "forgetful", "-n", workers, *names)
    assert done.returncode == 1
    assert "1 of 4 cases were lost: refused[server]" in done.stdout
    cases = {case["id"]: case["outcome"] for case in latest()["cases"]}
    assert len(cases) == 4 and cases.pop("refused[server]") == "error"
    assert set(cases.values()) == {"pass"}
    junit = ElementTree.parse(tmp_path / "latest" / "junit.xml")
    assert len(list(junit.iter("testcase"))) == 4
    assert "refused\\[server\\]" in (tmp_path / "latest" / "summary.md").read_text()


def test_who_ends_a_run_has_lost_nothing(fake: Harness, latest: Latest) -> None:
    names = [str(OUTCOMES / f"{name}.yaml") for name in ("crash", "silent", "wrong-alert")]
    done = fake("-x", "-n", "0", *names)
    assert done.returncode == 1
    played = [case for case in latest()["cases"] if case["attempts"]]
    assert len(played) == 1 and "were lost" not in done.stdout


def test_two_scenarios_of_one_name_are_two(fake: Harness, latest: Latest, tmp_path: Path) -> None:
    paths = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        paths.append(tmp_path / place / "x.yaml")
        paths[-1].write_text((OUTCOMES / "silent.yaml").read_text())
    done = fake("-n", "2", *map(str, paths))
    assert done.returncode == 1
    ids = [case["id"] for case in latest()["cases"]]
    assert ids == [f"{tmp_path}/a/x", f"{tmp_path}/b/x"]
    assert len({case["bundle"] for case in latest()["cases"]}) == 2
    junit = ElementTree.parse(tmp_path / "latest" / "junit.xml")
    names = [(one.get("classname"), one.get("name")) for one in junit.iter("testcase")]
    assert sorted(names) == [(str(path), name) for path, name in zip(paths, ids)]
