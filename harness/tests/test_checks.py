# SPDX-License-Identifier: Apache-2.0
"""Stages of ./atls test: which run, what each says; none says ok of what it did not look at."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Callable

import pytest

from atls_harness import checks as stages
from atls_harness import fresh, tools
from atls_harness.errors import BuildError, InfrastructureError, Unsupported
from atls_harness.paths import ROOT
from atls_harness.stage import Checks, Stage, StageFailed, Tally, chosen

NAMES = [stage.name for stage in stages.STAGES]


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    made = Checks(tmp_path, tmp_path / "build", tmp_path / "sanitized", 1)
    made.log = tmp_path / "stage.log"
    made.log.touch()
    return made


def raising(problem: Exception) -> Callable[[Checks], None]:
    def stage(_checks: Checks) -> None:
        raise problem

    return stage


@pytest.mark.parametrize(
    "check, mark, words",
    [
        (lambda checks: None, "ok  ", ""),
        (raising(StageFailed("two files")), "FAIL", "two files"),
        (raising(BuildError("error: x")), "FAIL", "does not build"),
        (raising(FileNotFoundError(2, "No such file", "valgrind")), "FAIL", "valgrind"),
        (raising(Unsupported("no go here")), "--  ", "unsupported: no go here"),
    ],
)
def test_a_stage_says_that_it_begins_and_what_became_of_it(
    checks: Checks,
    capsys: pytest.CaptureFixture[str],
    check: Callable[[Checks], None],
    mark: str,
    words: str,
) -> None:
    tally = Tally()
    tally.run(checks, Stage("one", check, "for a test"))
    begins, ends = capsys.readouterr().out.splitlines()[:2]
    assert begins == "..   one: for a test"
    assert re.fullmatch(rf"{re.escape(mark)} one +[0-9.]+ s.*", ends) and words in ends
    assert [tally.ok, tally.failed, tally.unsupported].count(["one"]) == 1
    assert tally.words().startswith(
        f"{len(tally.ok)} stages ok, {len(tally.failed)} failed, "
        f"{len(tally.unsupported)} unsupported"
    )


def test_what_a_stage_needs_is_run_first_and_ends_it_where_it_failed(
    checks: Checks, capsys: pytest.CaptureFixture[str]
) -> None:
    table = [
        Stage("build", raising(BuildError("x")), "builds"),
        Stage("unit", raising(AssertionError("must not be called")), "tests", ("build",)),
        Stage("other", lambda checks: None, "another"),
        Stage("long", lambda checks: None, "by name", on_demand=True),
    ]
    assert [one.name for one in chosen(table, ["unit"])] == ["build", "unit"]
    assert [one.name for one in chosen(table, [])] == ["build", "unit", "other"]
    assert [one.name for one in chosen(table, ["long"])] == ["long"]
    tally = Tally()
    for stage in chosen(table, ["unit"]):
        tally.run(checks, stage)
    assert tally.failed == ["build", "unit"]
    assert "not run, for build failed" in capsys.readouterr().out


def test_stages_need_what_stands_before_them() -> None:
    for at, stage in enumerate(stages.STAGES):
        assert set(stage.needs) <= set(NAMES[:at]), stage.name


def test_the_readme_lists_the_stages() -> None:
    text = (ROOT / "harness" / "README.md").read_text(encoding="utf-8")
    section = text.partition("## The stages of `./atls test`")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    assert told == [*NAMES, stages.LAST]


def test_nothing_that_was_not_looked_at_is_ok(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="go is not on PATH"):
        stages.go_peers(checks)
    with pytest.raises(Unsupported, match="debootstrap is not there"):
        monkeypatch.setattr(fresh.os, "geteuid", lambda: 0)
        fresh.check(checks)
    monkeypatch.setattr(fresh.os, "geteuid", lambda: 1000)
    with pytest.raises(Unsupported, match="only root"):
        fresh.check(checks)


def test_an_old_go_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "go").write_text("#!/bin/sh\necho go1.19.8\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Unsupported, match="wants go 1.[0-9.]+, there is go1.19.8"):
        stages._old_go("harness/peers/go/go.mod")


def fake(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_no_registry_is_unsupported_with_what_debootstrap_said(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake(tmp_path, "debootstrap", "echo 'E: Failed getting release file'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    with pytest.raises(Unsupported, match="bookworm: E: Failed getting release file"):
        fresh._base(checks, fresh.RELEASES[0], tmp_path)
    assert not (tmp_path / "base.tar").exists()


@pytest.mark.parametrize(
    "totals, good",
    [
        ({"pass": 90, "fail": 0, "unsupported": 0}, True),
        ({"pass": 12, "fail": 78}, False),
        ({"pass": 0, "unsupported": 90}, False),
        ({"pass": 89, "skipped": 1}, False),
        ({"pass": 0}, False),
    ],
)
def test_a_case_that_was_not_played_fails_the_stage(
    checks: Checks, tmp_path: Path, totals: dict[str, int], good: bool
) -> None:
    (tmp_path / "out" / "latest").mkdir(parents=True)
    (tmp_path / "out/latest/results.json").write_text(json.dumps({"totals": totals}))
    if good:
        fresh._played(checks, fresh.RELEASES[0], tmp_path)
    else:
        with pytest.raises(StageFailed, match="did not pass"):
            fresh._played(checks, fresh.RELEASES[0], tmp_path)


def test_what_is_kept_is_of_one_package_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lists = tmp_path / "packages.txt"
    monkeypatch.setattr(fresh, "PACKAGES", lists)
    kept = []
    for text in ("one\n", "one\n", "other\n"):
        lists.write_text(text)
        with fresh._kept(fresh.RELEASES[1]) as folder:
            kept.append(folder)
    assert kept[0] == kept[1] != kept[2]
    assert not kept[0].exists() and kept[2].is_dir()


def test_tools_that_cannot_be_fetched_are_unsupported_and_a_wrong_list_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lists = tmp_path / "tools.txt"
    lists.write_text("atls-no-such-tool==1.0\n")
    monkeypatch.setattr(tools, "LIST", lists)
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(Unsupported, match="cannot be fetched"):
        tools.prepare(tmp_path / "tools")
    lists.write_text("atls no requirement\n")
    with pytest.raises(InfrastructureError, match="tools.txt"):
        tools.prepare(tmp_path / "tools")


def test_tools_are_in_exact_versions() -> None:
    rows = [line for line in tools.LIST.read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", row) for row in rows)
    assert {"black", "clang-format", "clang-tidy", "flake8", "mypy"} <= {
        row.partition("==")[0] for row in rows
    }


@pytest.mark.parametrize(
    "parameters, same", [("[1, 2]", True), ("[os.getpid()]", False), ("{*'abcdefgh'}", False)]
)
def test_what_another_process_collects_otherwise_is_seen(
    tmp_path: Path, parameters: str, same: bool
) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(
        "import os, pytest\n"
        f"@pytest.mark.parametrize('it', {parameters})\n"
        "def test_it(it: object) -> None: ...\n"
    )
    one, other = (stages.collected(str(test), seed=seed) for seed in "12")
    assert len(one) == len(other) > 0
    assert (one == other) == same
