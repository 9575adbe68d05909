# SPDX-License-Identifier: Apache-2.0
"""The benchmark: its arithmetic, its refusals, and a small real run of every section. No time is
asserted anywhere."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from atls_harness import dask, usage
from atls_harness.bench import callgrind, compare, goals, machine, network, page, plan, program
from atls_harness.bench import curves, main, published, sections, tables
from atls_harness.bench.main import _plan as planned
from atls_harness.bench.main import measure
from atls_harness.bench.histogram import Histogram, bucket, ratio_interval
from atls_harness.build import programs
from atls_harness.document import first_problem
from atls_harness.errors import InfrastructureError, Unsupported, UsageError
from atls_harness.paths import BENCHMARK_SCHEMA, ROOT
from atls_harness.plugin import RUN

NANOSECONDS = strategies.integers(min_value=0, max_value=10**12)


@given(NANOSECONDS)
def test_a_bucket_is_at_most_a_hundredth_off(value: int) -> None:
    assert bucket(value) <= value
    assert value - bucket(value) <= value / 128


@given(strategies.lists(NANOSECONDS, min_size=1), strategies.lists(NANOSECONDS, min_size=1))
def test_merging_is_as_if_it_had_been_one(one: list[int], other: list[int]) -> None:
    merged = Histogram(one)
    merged.merge(Histogram(other))
    assert merged.to_json() == Histogram(one + other).to_json()
    assert Histogram.from_json(json.loads(json.dumps(merged.to_json()))).to_json() == (
        merged.to_json()
    )


@given(strategies.lists(NANOSECONDS, min_size=1))
def test_percentiles_are_those_of_the_sorted_list(values: list[int]) -> None:
    whole = Histogram(values)
    for fraction in (0.0, 0.5, 0.95, 0.99, 1.0):
        exact = sorted(values)[max(1, round(fraction * len(values))) - 1]
        assert abs(whole.percentile(fraction) - exact) <= exact / 64 + 1
    assert whole.percentile(1.0) == max(values)


def test_an_interval_holds_its_ratio_and_tells_a_difference() -> None:
    rng = random.Random(7)
    slow = Histogram(round(rng.gauss(2_000_000, 20_000)) for _ in range(400))
    fast = Histogram(round(rng.gauss(1_000_000, 10_000)) for _ in range(400))
    value, low, high = ratio_interval(slow, [(1.0, fast)], rng)
    assert low <= value <= high
    assert 1.9 < low and high < 2.1
    value, low, high = ratio_interval(fast, [(1.0, fast)], rng)
    assert low <= 1.0 <= high
    # What is put in and taken away again neither counts nor widens the interval.
    below, both = [(1.0, fast)], [(7.0, slow), (2.0, fast), (-7.0, slow), (-1.0, fast)]
    one, other = (ratio_interval(slow, parts, random.Random(1)) for parts in (below, both))
    assert one == other


CALLGRIND = """\
version: 1
events: Ir
positions: line

ob=(1) /build/tls/bench/atls-bench
fl=(1) /src/tls/engine/session.c
fn=(1) step
10 100
cob=(2) /usr/lib/libgnutls.so.30
cfi=(2) ???
cfn=(2) gnutls_handshake
calls=3 0
11 5000
cob=(3) /usr/lib/libjansson.so.4
cfi=(2)
cfn=(3) json_loadb
calls=1 0
12 700
cfi=(3) /src/rats/cose/cose.c
cfn=(4) verify
calls=1 0
13 900

fl=(3)
fn=(4)
20 50
cob=(4) /usr/lib/libhogweed.so.6
cfi=(2)
cfn=(5) nettle_ecdsa_verify
calls=1 0
21 850

ob=(2)
fl=(2)
fn=(2)
0 4000
cob=(4)
cfn=(5)
calls=2 0
0 1000

ob=(4)
fl=(2)
fn=(5)
0 1850

ob=(3)
fl=(2)
fn=(3)
0 660
cob=(1)
cfi=(5) /src/rats/json/json.c
cfn=(7) take
calls=4 0
0 40

ob=(1)
fl=(5)
fn=(7)
0 40

fl=(4) /src/tls/bench/probes.c
fn=(6) probe
0 30
"""


def test_instructions_are_charged_to_whose_they_are(tmp_path: Path) -> None:
    path = tmp_path / "callgrind.out"
    path.write_text(CALLGRIND, encoding="utf-8")
    functions = callgrind.read(path)
    charged = callgrind.charge(functions.values())
    # json_loadb's 660 are step()'s, for it called it; what that calls back is no part of them.
    assert charged == {"tls": 760, "rats": 90, "gnutls": 4000, "crypto": 1850, "measuring": 30}
    assert callgrind.heaviest(functions.values(), 1) == [(800, "tls", "step")]


def test_every_mode_of_the_plans_has_a_baseline() -> None:
    for one in (plan.QUICK, plan.FULL):
        for mode in one.modes:
            assert plan.baseline_of(mode) in one.baselines
            assert plan.yardstick_of(mode) in one.yardsticks
    assert plan.baseline_of("ta-07/passport/server") == "plain/server"
    assert plan.baseline_of("ta-07/passport/both/p384") == "plain/mutual/p384"
    assert plan.yardstick_of("ta-07/passport/both/p384") == "openssl/mutual/p384"
    assert plan.yardstick_of("plain/server") == "openssl/server"


@pytest.fixture(name="build", scope="module")
def built(request: pytest.FixtureRequest) -> Path:
    """Where atls-bench has been built."""
    build: Path = request.config.stash[RUN].build
    if not Path(program.bench(build)).exists():
        pytest.skip("atls-bench has not been built")
    return build


@pytest.fixture(name="result", scope="module")
def measured(build: Path) -> dict[str, Any]:
    """A very small run of the sections that need nothing but the programs."""
    small = plan.Plan(
        **{
            **vars(plan.QUICK),
            "modes": ["ta-07/background-check/client", "seat-06/passport/server"],
            "samples": 4,
            "device_samples": 2,
            "qemu_samples": 1,
            "appraisals": 20,
            "at_once": (1, 3),
            "connections": 4,
            "devices": 3,
        }
    )
    return {
        "version": 2,
        "root_of_trust": "simulated",
        "command": "./atls bench",
        "started": "2026-01-01T00:00:00+00:00",
        "atls": "1.2.3",
        "revision": "0",
        "full": False,
        "seconds": 1.0,
        "machine": machine.describe(),
        "not_measured": {},
        "pair": sections.pair(build, small),
        "crypto": sections.crypto(build, small),
        "devices": sections.devices(build, small),
        "verifier": sections.verifier(build, small),
        "load": sections.load(build, small),
        "fleet": sections.fleet(build, small),
        "published": published.figures(),
    }


def test_a_real_run_is_as_the_schema_has_it(result: dict[str, Any], tmp_path: Path) -> None:
    result["goals"] = goals.judge(result)
    first, second = result["verifier"]
    assert first["signatures_ns_each"] > second["signatures_ns_each"] > 0
    assert first_problem(result, BENCHMARK_SCHEMA) is None
    text = tables.render(result, 140, False)
    for word in ("ta-07/background-check/client", "plain/mutual", "verify-p256", "onboarded"):
        assert word in text
    page.write(result, tmp_path)
    html = (tmp_path / "benchmark.html").read_text(encoding="utf-8")
    assert html.count("<svg") == 3
    assert "http://" not in html.replace("http://www.w3.org/", "").replace(
        "http://purl.org/", ""
    ).replace("http://creativecommons.org/", "")


def test_sizes_are_measured_in_turn_and_counted(build: Path) -> None:
    """Of each kind two small sizes; what must not depend on size hardly does, by instructions."""
    counted = ("references", "devices", "components")
    small = {kind.name: (10, 40) if kind.name in counted else (41, 80) for kind in curves.SIZED}
    changed = {"curve_samples": 2, "curve_sizes": small, "curve_instructions": 40}
    found = curves.sized(build, plan.Plan(**{**vars(plan.QUICK), **changed}))
    by_name = {one["name"]: one for one in found}
    assert set(by_name) == {*small, "evidence"}
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not there; ./atls setup bench installs it")
    for name in counted:
        few, many = (point["instructions"] for point in by_name[name]["points"])
        assert many < few * (1.02 if name in ("references", "devices") else 4), name
    first, last = by_name["evidence"]["points"]
    assert last["size"] > first["size"] + 30 * 32  # each component has a digest


def test_phases_add_up_and_operations_are_counted(result: dict[str, Any]) -> None:
    rows = {row["mode"]: row for row in result["pair"]["modes"]}
    for row in rows.values():
        assert row["phases_of_whole"] == pytest.approx(1.0, abs=0.02)
        if row["mode"].startswith(plan.YARDSTICK):
            assert not row["operations"]  # by another library
            continue
        assert row["operations"]["x25519"] == 4  # two key pairs, two shared secrets
    plain, attested = rows["plain/mutual"], rows["ta-07/background-check/client"]
    assert plain["operations"]["sign-p256"] == 2
    assert plain["operations"]["verify-p256"] == 4
    # KAT and PAT and the result are signed; the verifier verifies two, the relying party two.
    assert attested["operations"]["sign-p256"] - plain["operations"]["sign-p256"] == 3
    assert attested["phases_ns"]["evidence"] > 0 and attested["phases_ns"]["verifier"] > 0
    assert plain["phases_ns"]["evidence"] == 0 and plain["credential_bytes"] == 0
    assert attested["credential_bytes"] > 500
    assert all(row["failed"] == 0 for row in result["load"])


@pytest.mark.parametrize(
    "mode, baseline, yardstick",
    (
        ("plain/server", "", "openssl/server"),
        ("openssl/mutual", "", "openssl/mutual"),
        ("plain/mutual/p384", "", ""),  # nothing attested asks for OpenSSL's with such keys
        ("ta-07/passport/client/p384", "plain/mutual/p384", "openssl/mutual/p384"),
        ("ta-07/passport/server/p384", "plain/server/p384", "openssl/server/p384"),
    ),
)
def test_a_mode_that_is_asked_for_has_what_it_is_held_against(
    build: Path, mode: str, baseline: str, yardstick: str
) -> None:
    asked = usage.bench().parse_args(["--samples", "1", "--mode", mode])
    rows = {row["mode"]: row for row in sections.pair(build, planned(asked))["modes"]}
    row = rows[mode]
    assert row.get("baseline", "") == baseline and (not baseline or baseline in rows)
    assert ("ratio_to_floor" in row) == bool(baseline)
    if not sections.without_openssl(build, plan.QUICK):
        assert ("ratio_to_openssl" in row) == bool(yardstick) == (yardstick in rows)


def test_openssl_is_a_yardstick_of_the_same_run(result: dict[str, Any], build: Path) -> None:
    if reason := sections.without_openssl(build, plan.QUICK):
        pytest.skip(reason)
    rows = {row["mode"]: row for row in result["pair"]["modes"]}
    assert result["pair"]["openssl"].startswith("OpenSSL 3.")
    for side, mode in (("mutual", "ta-07/background-check/client"), ("server", "plain/server")):
        one, other = rows[f"openssl/{side}"], rows[f"plain/{side}"]
        # The same messages: leaves without their anchor, a line each way, close_notify.
        for end in ("client", "server"):
            assert abs(one["bytes"][end] - other["bytes"][end]) < 200, (side, end)
        assert one["flights"] == other["flights"]
        assert rows[mode]["ratio_to_openssl"]["value"] > 0
    text = tables.render(result, 220, False)
    assert "÷ OpenSSL" in text and result["pair"]["openssl"] in text


def test_crypto_libraries_stand_side_by_side(result: dict[str, Any], build: Path) -> None:
    """GnuTLS is the first, and every figure says whose it is and what the programs have."""
    found = result["crypto"]
    names = [one["library"] for one in found["libraries"]]
    assert names[0] == "GnuTLS" and found["built_with"] == result["pair"]["built_with"] in names
    absent = sections.without_crypto(found, build)
    assert not set(absent) & set(names) and set(absent) | set(names) >= {"OpenSSL", "AWS-LC"}
    assert "./atls setup --peer aws-lc" in absent.get("AWS-LC", "./atls setup --peer aws-lc")
    for one in found["libraries"]:
        assert set(one["operations_ns"]) == {
            *("sign-p256", "verify-p256", "sign-p384", "verify-p384", "x25519")
        }
    text = " ".join(tables.render(result, 400, False).split())
    assert "÷ best crypto" in text and "Best crypto of this machine" in text
    assert f"built with: {found['built_with']}" in text


LYING = """
#include <stddef.h>
#include <string.h>
const char *atls_contender_version(void) { return "1"; }
int atls_contender_sign(size_t n, void *k, void *d, size_t s, void *r) { return !!memset(r, 1, n); }
int atls_contender_verify(size_t n, void *p, void *d, size_t s, void *r) { return 1; }
"""
X25519 = "int atls_contender_x25519(void *s, void *p, void *r) { return 1; }\n"


@pytest.mark.parametrize(
    "source, code, words",
    [
        ("", 77, "has no function atls_contender_version"),
        (LYING, 77, "has no function atls_contender_x25519"),
        (LYING + X25519, 1, "signature"),  # GnuTLS verifies none of its signatures
        (None, 77, "No such file"),
    ],
    ids=["empty", "lacks-one", "lies", "not-there"],
)
def test_a_library_is_measured_that_gnutls_agrees_with(
    build: Path, tmp_path: Path, source: str | None, code: int, words: str
) -> None:
    library = tmp_path / "other.so"
    if source is not None:
        argv = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
        subprocess.run(argv, input=source, text=True, check=True)
    argv = [program.bench(build), "crypto", "--samples", "1", "--library", str(library)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == code and words in done.stderr, (done.returncode, done.stderr)


def test_fast_crypto_is_a_mode_of_its_own(build: Path) -> None:
    if not (build / "tls" / "fast" / "libatls-fast-crypto.so").exists():
        pytest.skip("built without OpenSSL")
    changed = {"modes": ["ta-07/passport/client"], "samples": 2, "fast": True}
    small = plan.Plan(**{**vars(plan.QUICK), **changed})
    rows = {row["mode"]: row for row in sections.pair(build, small)["modes"]}
    assert {f"{name}/fast" for name in (*small.baselines, *small.modes)} < set(rows)
    for name, row in rows.items():
        assert ("ratio_to_without" in row) == name.endswith("/fast")
        if name.endswith("/fast"):  # the same connection
            assert row["operations"] == rows[name.removesuffix("/fast")]["operations"]
            assert row["flights"] == rows[name.removesuffix("/fast")]["flights"]


def test_fast_crypto_is_built_with_the_programs(build: Path) -> None:
    """./atls bench builds what it runs, and no more: what a program preloads is among that."""
    raw = program.run(build, ["crypto", "--samples", "1", "--warm-up", "0"])
    with_openssl = "OpenSSL" in {one["library"] for one in raw["libraries"]}
    assert ("tls/fast/libatls-fast-crypto.so" in programs(build)) == with_openssl


def test_fast_crypto_that_is_not_loaded_is_told(build: Path, tmp_path: Path) -> None:
    """A program that lies elsewhere finds no library to load, and measures nothing."""
    alone = tmp_path / "bench" / "atls-bench"
    alone.parent.mkdir()
    shutil.copy(program.bench(build), alone)
    argv = [str(alone), "pair", "--samples", "1", "--mode", "plain/mutual/fast"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 77 and not done.stdout
    assert "libatls-fast-crypto.so is not there" in done.stderr


def test_the_best_crypto_is_the_least_median_and_never_dearer_than_the_floor() -> None:
    floor = {"sign-p256": Histogram([50]), "verify-p256": Histogram([150])}
    libraries = {
        "GnuTLS": {"sign-p256": Histogram([60]), "verify-p256": Histogram([160])},
        "OpenSSL": {"sign-p256": Histogram([30]), "verify-p256": Histogram([200])},
    }
    best = sections._best(floor, libraries)
    assert {name: one[0] for name, one in best.items()} == {
        "sign-p256": "OpenSSL",
        "verify-p256": "GnuTLS, key ready",
    }
    # a plain handshake of 1,000 and a verification; two signatures in all, cheaper by 20 each
    row = {"operations": {"sign-p256": 2, "verify-p256": 3}}
    parts = [(1.0, Histogram([1000])), (1.0, floor["verify-p256"])]
    cheaper = sections._best_parts(row, parts, floor, best)
    assert sum(weight * one.percentile(0.5) for weight, one in cheaper) == 1150 - 40


def test_what_others_published_is_told_apart(result: dict[str, Any]) -> None:
    text = " ".join(tables.render(result, 400, False).split())
    mine, title, theirs = text.partition("Published by others, not measured here")
    assert title and result["published"]
    for one in result["published"]:
        assert one["what"] not in mine and one["what"] in theirs and one["source"] in theirs


def test_without_openssl_the_others_are_measured_and_the_reason_is_told(
    build: Path, tmp_path: Path
) -> None:
    """As built where its headers are missing: what openssl-none.c says, this program says."""
    path = tmp_path / "tls" / "bench" / "atls-bench"
    path.parent.mkdir(parents=True)
    path.write_text(
        "#!/bin/sh\n"
        'case "$*" in *openssl*) echo "built without OpenSSL" >&2; exit 77;; esac\n'
        f'exec {shlex.quote(program.bench(build))} "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    small = plan.Plan(**{**vars(plan.QUICK), "modes": [], "samples": 1})
    made = measure(tmp_path, small, ["pair"], 2, "")
    assert "built without OpenSSL" in made["not_measured"]["pair, OpenSSL"]
    assert "openssl" not in made["pair"]
    assert [row["mode"] for row in made["pair"]["modes"]] == ["plain/server", "plain/mutual"]


def test_a_section_that_fails_does_not_take_the_others_with_it(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise InfrastructureError("no such machine")

    monkeypatch.setattr(sections, "verifier", fails)
    monkeypatch.setattr(main, "build_programs", lambda build: None)
    argv = ["--only", "verifier", "--only", "crypto", "--samples", "2", "--build", str(build)]
    assert main.main([*argv, "--out", str(tmp_path)]) == 1
    assert "FAILED verifier: no such machine" in capsys.readouterr().err
    kept = json.loads((tmp_path / "latest-bench" / "benchmark.json").read_text(encoding="utf-8"))
    assert kept["not_measured"]["verifier"] == "failed: no such machine"
    assert kept["crypto"]["libraries"] and "verifier" not in kept


def test_a_comparison_with_another_machine_is_refused(result: dict[str, Any]) -> None:
    assert all(
        row["low"] <= 1.0 <= row["high"] for row in compare.compare(result, result)
    ), "a run is no different from itself"
    other = {**result, "machine": {**result["machine"], "id": "another"}}
    with pytest.raises(UsageError, match="different machines"):
        compare.compare(result, other)


def test_instruction_counts_are_held_to_five_per_cent() -> None:
    own = {"rats": 900, "tls": 100}
    was = {"machine": {"compiler": "a"}, "instructions": {"m": {"total": 10000, "own": own}}}
    near = {"machine": {"compiler": "a"}, "instructions": {"m": {"total": 10400, "own": own}}}
    assert compare.instructions(near, was) == ([], "")
    far = {
        "machine": {"compiler": "a"},
        "instructions": {"m": {"total": 10400, "own": {"rats": 1000, "tls": 100}}},
    }
    problems, reason = compare.instructions(far, was)
    assert reason == "" and len(problems) == 1 and "+10.0%" in problems[0]
    assert compare.instructions({"machine": {}, "instructions": {}}, was)[1] != ""
    gone = {"machine": {"compiler": "a"}, "instructions": {}}
    assert "not measured" in compare.instructions(gone, was)[0][0]


REFUSED = (
    ("plain/nobody", 2, "plain/server or plain/mutual"),
    ("ta-99/passport/client", 77, "no profile"),
    ("ta-03/passport/client", 77, "no passport"),
    ("ta-07/telepathy/client", 2, "background-check or passport"),
    ("ta-07/passport/nobody", 2, "client, server or both"),
    ("ta-07/passport/client/swift", 2, "no option of a mode"),
    ("ta-07/passport/client/components=10001", 2, "components"),
    ("plain/server/psa", 2, "no option of a mode"),
    ("openssl/nobody", 2, "openssl/server or openssl/mutual"),
    ("openssl", 2, "openssl/server or openssl/mutual"),
    ("openssl/server/cert", 2, "no option of a mode"),
    ("openssl/mutual/fast", 2, "no option of a mode"),
    ("plain/server/cached", 2, "no option of a mode"),
    ("plain/server/ahead", 2, "no option of a mode"),
    ("plain/server/known", 2, "no option of a mode"),
    ("ta-07/passport/client/cached", 2, "no option of a mode"),
    ("ta-07/passport/client/ahead", 2, "no option of a mode"),
    ("seat-06/background-check/client/ahead", 2, "no option of a mode"),  # answers a binder
    ("a" * 200, 2, "longer than"),
)


@pytest.mark.parametrize("mode, code, words", REFUSED)
def test_a_mode_that_makes_no_sense_is_refused(
    build: Path, mode: str, code: int, words: str
) -> None:
    argv = [program.bench(build), "pair", "--mode", mode]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == code
    assert words in done.stderr and not done.stdout


def test_help_tells_every_option_of_a_mode(build: Path) -> None:
    argv = [program.bench(build), "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    told = {word.strip(",.;") for word in done.stdout.split() if word.startswith("/")}
    planned_for = [*plan.FULL.modes, *plan.FULL.network_modes]
    options = {word.partition("=")[0] for mode in planned_for for word in mode.split("/")[3:]}
    assert {f"/{word}" for word in (*options, "fast", "known")} <= {
        word.partition("=")[0] for word in told
    }


@pytest.mark.parametrize("option", ("fast", "cached"))
@pytest.mark.parametrize("command", ("load", "fleet"))
def test_what_only_pair_does_is_refused_elsewhere(build: Path, command: str, option: str) -> None:
    argv = [program.bench(build), command, "--mode", f"ta-07/background-check/client/{option}"]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 77 and not done.stdout
    assert f'only atls-bench pair has "{option}"' in done.stderr


def test_a_refused_connection_ends_the_measurement(build: Path, tmp_path: Path) -> None:
    with program.verifier(build, tmp_path, [7]) as (url, _):  # knows none of the devices
        with pytest.raises(InfrastructureError, match="unknown-attestation-key"):
            program.run(
                build,
                ["pair", "--samples", "1", "--verifier", url]
                + ["--mode", "ta-07/background-check/client"],
            )


def test_all_modes_of_the_full_plan_work(build: Path) -> None:
    names = [*plan.FULL.baselines, *plan.FULL.modes]
    argv = ["pair", "--samples", "1", "--warm-up", "0"]
    raw = program.run(build, [*argv, *(word for name in names for word in ("--mode", name))])
    assert [row["mode"] for row in raw["modes"]] == names
    sizes = {row["mode"]: row["credential_bytes"] for row in raw["modes"]}
    for wanted, components in plan.SIZES.items():
        mode = f"seat-06/background-check/client/components={components}"
        assert sizes[mode] == pytest.approx(wanted, rel=0.15)


def test_distance_is_a_number_of_round_trips(build: Path) -> None:
    reason = network.available()
    if reason:
        pytest.skip(f"unsupported: {reason}")
    small = plan.Plan(**{**vars(plan.QUICK), "network_connections": 2, "delays_ms": ()})
    found = network.measure(build, small, ["plain/server", "ta-07/background-check/client"])
    assert len(found["rows"]) == 4
    assert not any(row["wall_ns"]["failed"] for row in found["rows"])
    assert (
        subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.count(
            f"atls-{os.getpid()}"
        )
        == 0
    )


# A root that is an ordinary directory, with what ip and Python need mounted in it; unshare(1) takes
# all of it away again.
INTO_A_FOLDER = """
cd "$1"; mkdir usr proc sys dev run tmp tree
for link in bin lib lib64 sbin; do [ ! -L /$link ] || cp -P /$link .; done
for place in usr proc sys dev; do mount --rbind /$place $place; done
mount --bind "$2" tree
exec chroot . /usr/bin/env PYTHONPATH=/tree PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c \
    'from atls_harness.bench import network; print(network.available())'
"""


def test_a_root_that_is_no_mount_point_is_told_as_unsupported(tmp_path: Path) -> None:
    reason = network.available()
    if reason:
        pytest.skip(f"unsupported: {reason}")
    if sys.executable != "/usr/bin/python3" or shutil.which("chroot") is None:
        pytest.skip("unsupported: another root needs Debian's own Python, and chroot")
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", INTO_A_FOLDER, "-"]
    done = subprocess.run(
        [*command, str(tmp_path), str(ROOT / "harness")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no program can be started in a network namespace: "), done.stdout


def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, build: Path) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(dask.importlib, "import_module", absent)
    with pytest.raises(Unsupported, match="setup bench"):
        sections.shards(build, plan.QUICK, "", 2)


def test_comparing_with_no_such_file_is_wrong_usage() -> None:
    done = subprocess.run(
        ["./atls", "bench", "--compare", "no-such-file"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2 and "no-such-file" in done.stderr
