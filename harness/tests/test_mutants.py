# SPDX-License-Identifier: Apache-2.0
"""Changes of C lines: what is changed, what is left alone, and what a verdict needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Collection, Sequence, cast

import pytest

from atls_harness.checks import tracked
from atls_harness.errors import HarnessError, InputError
from atls_harness.mutants import judge, stage
from atls_harness.mutants.bench import Bench
from atls_harness.mutants.changes import changes, functions, masked
from atls_harness.mutants.judge import Mutant, Verdict, sample
from atls_harness.mutants.ledger import Ledger
from atls_harness.mutants.reach import Reach, identity, statement
from atls_harness.mutants.schemata import not_c, variable, with_changes
from atls_harness.mutants.workshop import Workshop
from atls_harness.paths import ROOT
from atls_harness.unit_tests import UnitTest, play

SOURCE = """\
/* if (never) changed; */
static int check(const struct thing *thing, size_t size)
{
    if (size < LEAST && thing->open)
        return atls_fail(ATLS_E_LIMIT, "RFC 1 section 1", "if (size < %zu)", size);
    thing->count += 1;
    note(thing);
    free(thing->text);
    pthread_mutex_lock(&thing->lock);
    if (thing->count < LEAST)
        thing_free(thing);
    if (thing->map) {
        json_decref(thing->map);
        close(thing->file);
    }
    if (!made) {
        json_decref(json);
        return atls_fail(-ENOMEM, NULL, "no memory");
    }
    if (!copy)
        return atls_fail(-ENOMEM, NULL, "no memory");
    text = malloc(size);
    if (!text)
        return NULL;
    return true;
}
"""


def test_changes() -> None:
    found = {
        (one.line, one.kind): one.apply(SOURCE).splitlines()[one.line - 1]
        for one in changes(SOURCE)
    }
    assert found == {
        (4, "the condition never holds"): "    if (0 && (size < LEAST && thing->open))",
        (4, "<= for <"): "    if (size <= LEAST && thing->open)",
        (4, "|| for &&"): "    if (size < LEAST || thing->open)",
        (5, "the failure is returned as success"): "        return 0 * "
        'atls_fail(ATLS_E_LIMIT, "RFC 1 section 1", "if (size < %zu)", size);',
        (6, "the statement is left out"): "    (void)0;",
        (7, "the statement is left out"): "    (void)0;",
        (22, "the statement is left out"): "    (void)0;",
        (25, "false for true"): "    return false;",
    }


@pytest.mark.parametrize(
    "guarded",
    [
        "        count_down(text);",
        "        free(text);\n    else\n        keep(text);",
        "    {\n        free(text);\n        text = NULL;\n    }",
        "        while (more)\n            free(more);",
    ],
)
def test_a_condition_that_guards_more_than_a_release(guarded: str) -> None:
    found = changes(f"int f(char *text)\n{{\n    if (text)\n{guarded}\n}}\n")
    assert (3, "the condition never holds") in {(one.line, one.kind) for one in found}


TWICE = """\
static const char *const names[] = {
    "a",
};

static void first(struct thing *thing,
                  size_t size)
{
    if (result == 0)
        note(thing);
    if (result == 0)
        note(thing);
}

int second(void)
{
    if (result == 0)
        note(NULL);
    return a < b && c < d;
}
"""


def test_a_change_names_its_one_place() -> None:
    places = [(one.function, one.source, one.kind, one.which) for one in changes(TWICE)]
    assert len(set(places)) == len(places) == 6
    assert ("first", "if (result == 0)", "the condition never holds", 2) in places
    assert ("second", "if (result == 0)", "the condition never holds", 1) in places
    assert ("second", "return a < b && c < d;", "<= for <", 2) in places
    assert [one.name for one in functions(masked(TWICE))] == ["first", "second"]


def test_a_change_is_known_again_where_its_function_moved() -> None:
    before = {one.key for one in changes(TWICE) if one.function == "second"}
    moved = TWICE[: TWICE.index("static void")] + "int third(void);\n\n"
    moved += TWICE[TWICE.index("int second") :]
    assert {one.key for one in changes(moved)} == before and len(before) == 4
    altered = {one.key for one in changes(moved.replace("note(", "tell("))}
    assert not altered & before


def test_masked_keeps_every_place() -> None:
    code = masked(SOURCE)
    assert len(code) == len(SOURCE) and code.count("\n") == SOURCE.count("\n")
    assert "never" not in code and "RFC" not in code


def test_a_statement_over_several_lines_is_counted_by_its_first() -> None:
    assert statement(7, frozenset({3, 5})) == 5


def test_a_sample_is_the_same_each_time() -> None:
    mutants = [Mutant("a.c", one, 1) for one in changes(SOURCE)] * 9
    assert sample(mutants, 5, 1) == sample(mutants, 5, 1)
    assert len(sample(mutants, 5, 2)) == 5
    assert sample(mutants, 0, 1) == mutants


def test_the_plan_is_about_lines_that_are_there() -> None:
    plan = stage.load()
    assert len(plan.files(["rats/cose/cose.c", "rats/cose/test-cose.c", "README.md"])) == 1


def test_an_excuse_for_a_line_that_is_gone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mutants.yaml"
    path.write_text(
        "files: [rats/cose/cose.c]\nequivalent:\n"
        "  - {file: rats/cose/cose.c, function: f, line: no such line, change: x, "
        "reason: because it is so}\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="take the entry out"):
        stage.load(path)


def test_an_excuse_for_one_of_several_places_says_which(tmp_path: Path) -> None:
    path = tmp_path / "mutants.yaml"
    several = next(
        mutant
        for mutant in judge.mutants_of(ROOT, stage.load().files(tracked()))
        if mutant.change.which == 2
    )
    entry = {
        "file": several.file,
        "function": several.change.function,
        "line": several.change.source,
        "change": several.change.kind,
        "reason": "because it is so",
    }
    path.write_text(json.dumps({"files": ["a.c"], "equivalent": [entry]}), "utf-8")
    with pytest.raises(InputError, match="which: N says which"):
        stage.load(path)
    path.write_text(json.dumps({"files": ["a.c"], "equivalent": [{**entry, "which": 2}]}), "utf-8")
    assert stage.load(path).excused(several)


def conclude(folder: Path, *outcomes: str, excused: bool = False) -> str:
    change = changes(SOURCE)[0]
    verdicts = [Verdict(Mutant("a/a.c", change, 1), outcome) for outcome in outcomes]
    excuse = stage.Excuse("a/a.c", change.function, change.kind, change.source, 0, "for this test")
    plan = stage.Plan(("a/a.c",), (excuse,) if excused else ())
    return stage._conclude(verdicts, plan, folder / "mutants.json", lambda text: None)


def test_a_hole_fails(tmp_path: Path) -> None:
    said = conclude(tmp_path, *["noticed"] * 100)
    assert said.startswith("100 changes tried, 0 survived (0.0 %), 0 excused")
    told = json.loads((tmp_path / "mutants.json").read_text("utf-8"))
    assert told[0]["file"] == "a/a.c" and told[0]["line"] == 4 and told[0]["outcome"] == "noticed"
    for outcome in ("survived", "not-reached"):
        with pytest.raises(HarnessError, match="1 of 101 changed lines are noticed by no test"):
            conclude(tmp_path, outcome, *["noticed"] * 100)


def test_reasons_are_for_few(tmp_path: Path) -> None:
    said = conclude(tmp_path, "survived", "not-C", *["noticed"] * 99, excused=True)
    assert said.startswith("100 changes tried, 1 survived (1.0 %), 1 excused")
    with pytest.raises(HarnessError, match="expected at most 2% of 10 changes"):
        conclude(tmp_path, "survived", *["noticed"] * 9, excused=True)


def test_what_was_found_adds_up(tmp_path: Path) -> None:
    mutants = [Mutant("a.c", one, at) for at, one in enumerate(changes(TWICE), 1)]
    plan = stage.Plan(("a.c",), ())
    ledger = Ledger(tmp_path / "verdicts.jsonl")
    for mutant in mutants:
        ledger.add(Verdict(mutant, "survived"))
    ledger.add(Verdict(mutants[0], "noticed", "a test"))
    again = Ledger(tmp_path / "verdicts.jsonl")
    known = again.of(mutants)
    assert [one.outcome for one in known] == ["noticed", *["survived"] * (len(mutants) - 1)]
    # A new draw: what was noticed is not played again, what survived is.
    assert stage._to_play(mutants[:2], mutants, again, plan) == mutants[1:]
    last = mutants[-1].change
    excuse = stage.Excuse("a.c", last.function, last.kind, last.source, last.which, "for this test")
    assert stage._to_play([], mutants, again, stage.Plan(("a.c",), (excuse,))) == mutants[1:-1]


SAME = """\
static int copy(struct thing *thing, struct bytes in)
{
    if (in.size > 0)
        memcpy(thing->text, in.data, in.size);
    if (in.size > 0)
        note(thing);
    if (in.size > 1)
        memcpy(thing->text, in.data, in.size);
    free(thing->other);
    thing->other = NULL;
    thing->text = NULL;
    note(thing);
    if (crypto->random(thing->key, 32) != 0)
        return 1;
    result = crypto->random(thing->key, 32);
    note("%.*s", (int)(in.size < 64 ? in.size : 64), in.data);
    last = {a.end > b.end ? a.end : b.end};
    last = in.size < 64 ? in.size : 65;
    if (hash_init(thing) < 0)
        return fail_fatal("hash", thing);
    if (HMAC_Init(thing) < 0)
        return atls_openssl_fail("HMAC");
    reason = code < 0 ? "internal" : "refused";
    reason = code < 0
                 ? atls_failure_keep(code, "internal")
                 : atls_failure_keep(code, "refused");
    if (atls_now() < thing->end || thing->end <= atls_now())
        return 0;
    if (!thing->folder && !atls_events_heard(thing->events))
        return 0;
    return 0;
}
"""


def test_what_no_test_can_notice_is_left_out() -> None:
    made = {(one.line, one.kind) for one in changes(SAME)}
    more, never, out = ">= for >", "the condition never holds", "the statement is left out"
    assert {line for line, kind in made if kind == more} == {5, 7}
    assert {line for line, kind in made if kind == never} == {3, 5, 7, 27}
    assert {line for line, kind in made if kind == out} == {11, 15, 16, 18, 23, 24}
    assert {line for line, kind in made if kind == "<= for <"} == {18}


def unit_test(text: str) -> UnitTest:
    return UnitTest("a/test", (sys.executable, "-c", text), {}, "/", ())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import time; time.sleep(60)", id="waits"),
        pytest.param("while True: pass", id="spins"),
        pytest.param("import os, time; os.fork() and os.wait(); time.sleep(60)", id="child waits"),
    ],
)
def test_a_test_that_hangs_ends_soon(text: str) -> None:
    began = time.monotonic()
    assert not play(unit_test(text), 0.5)
    assert time.monotonic() - began < 50  # the machine may be busy


def test_a_test_that_only_needs_the_machine_is_not_ended() -> None:
    # Half a second of work in ten processes that share two processors takes longer than its limit.
    work = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"
    assert play(unit_test(work.format(0.6)), 1.5)


def test_what_a_test_is_made_of(tmp_path: Path) -> None:
    shop = Workshop.__new__(Workshop)
    shop.source, shop.build = tmp_path / "src", tmp_path / "build"
    for name in ("src/tls/test-a.py", "src/tls/beside.py", "src/tls/corpus/1", "build/tls/test-a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, "utf-8")
    command = (
        "/usr/bin/python3",
        str(shop.source / "tls/test-a.py"),
        str(shop.source / "tls/corpus"),
    )
    test = UnitTest("tls/a", command, {}, "/", ("tls/test-a",))
    seen = {identity(shop, test)}
    for name in ("src/tls/beside.py", "src/tls/corpus/1", "build/tls/test-a"):
        (tmp_path / name).write_text("another", "utf-8")
        seen.add(identity(shop, test))
    (tmp_path / "src/tls/unrelated.txt").write_text("another", "utf-8")
    seen.add(identity(shop, test))
    assert len(seen) == 4


def test_a_ninja_that_was_left_behind_is_waited_for(tmp_path: Path) -> None:
    shop = Workshop.__new__(Workshop)
    shop.source, shop.build = tmp_path, tmp_path / "build"
    shop.build.mkdir()
    (shop.build / "build.ninja").write_text(
        "rule slow\n  command = sleep 2 && echo done > $out\nbuild out: slow\nbuild other: phony\n",
        "utf-8",
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom pathlib import Path\n"
        "from atls_harness.mutants.workshop import Workshop\n"
        "shop = Workshop.__new__(Workshop)\nshop.build = Path(sys.argv[2])\n"
        "print('begun', flush=True)\nshop.compile(['out'])\n"
    )
    where = str(ROOT / "harness")
    party = subprocess.Popen(
        [sys.executable, "-c", code, where, str(shop.build)], stdout=subprocess.PIPE
    )
    assert party.stdout and party.stdout.readline() == b"begun\n"
    time.sleep(0.5)  # ninja has begun, or begins when nobody is left: either way it is waited for
    party.kill()
    party.wait()
    assert shop.compile(["other"])
    assert (shop.build / "out").exists()


CLAMP = """\
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int sum(int count, ...)
{
    int total = 0;
    va_list numbers;
    va_start(numbers, count);
    for (int i = 0; i < count; i++)
        total += va_arg(numbers, int);
    va_end(numbers);
    return total;
}

static void show(int value, const char *text)
{
    if (value > 9)
        value = 9;
    printf("%d%s", value, text);
}

int main(int argc, char **argv)
{
    int *last;
    last = &argc;
    show(sum(2, atoi(argv[1]), 1), "");
    return *last - 2;
}
"""


def test_one_build_holds_every_change(tmp_path: Path) -> None:
    file = "a-room/clamp.c"
    kinds = {number: (one.source, one.kind) for number, one in enumerate(changes(CLAMP), 1)}

    def build(left_out: Collection[int]) -> str:
        path = tmp_path / "clamp.c"
        path.write_text(with_changes(file, CLAMP, left_out), "utf-8")
        argv = ["cc", "-w", "-fsanitize=bounds", "-o", str(tmp_path / "clamp"), str(path)]
        return subprocess.run(argv, stderr=subprocess.PIPE, text=True).stderr

    def says(argument: str, *numbers: int) -> tuple[str, int]:
        more = {variable(file): " ".join(map(str, numbers))}
        argv = [str(tmp_path / "clamp"), argument]
        done = subprocess.run(argv, env={**os.environ, **more}, capture_output=True, text=True)
        return done.stdout, done.returncode

    def number(source: str, kind: str) -> int:
        return next(at for at, told in kinds.items() if told == (source, kind))

    assert not build(())
    assert says("4") == ("5", 0) and says("44") == ("9", 0)
    out = "the statement is left out"
    assert says("4", number("total += va_arg(numbers, int);", out)) == ("0", 0)
    assert says("44", number("if (value > 9)", "the condition never holds")) == ("45", 0)
    assert says("9", number("if (value > 9)", ">= for >")) == ("9", 0)
    both = number("total += va_arg(numbers, int);", out), number("last = &argc;", out)
    assert says("4", *both)[1] != 0
    assert says("4", number('printf("%d%s", value, text);', out)) == ("", 0)
    assert says("4", number("last = &argc;", out))[1] != 0
    shown = number('show(sum(2, atoi(argv[1]), 1), "");', out)
    assert says("4", shown) == ("", 0)
    build([shown])
    assert says("4", shown) == ("5", 0)


def test_a_change_that_is_no_c_is_told_by_its_number() -> None:
    said = (
        "../src/a/a.c:3:1: error: not one of a change\n"
        "a/a.c@17:5:20: error: expected ‘;’ before ‘)’ token\n"
        "a/a.c@17:6:1: error: of the same\n"
        "a/a.c@18:5:20: warning: nothing\n"
    )
    assert not_c(said) == {("a/a.c", 17): "error: expected ‘;’ before ‘)’ token"}


class Fake:
    """A bench where each test NOTICES the changes of some numbers."""

    def __init__(self, notices: dict[str, set[int]]) -> None:
        self.wrong = {("a.c", 1): "error: no C"}
        self.notices = notices
        self.runs: list[tuple[str, int]] = []

    def has(self, test: str) -> bool:
        return test in self.notices

    def passes(self, test: str, chosen: Sequence[tuple[str, int]]) -> bool:
        self.runs.append((test, len(chosen)))
        assert len({file for file, _ in chosen}) == len(chosen)  # all are of one function
        return not self.notices[test] & {number for _, number in chosen}


def test_what_quick_tests_leave_is_played_with_slow_ones_many_at_once() -> None:
    lines = {name: frozenset(range(100)) for name in ("a.c", "b.c", "c.c", "d.c")}
    reach = [
        Reach(*one, lines, lines) for one in (("quick", 0.1), ("preloads", 0.2), ("slow", 9.0))
    ]
    mutants = [
        Mutant(file, change, number)
        for file in sorted(lines)
        for number, change in enumerate(changes(SOURCE)[:5], 1)
    ] + [Mutant("e.c", changes(SOURCE)[0], 1)]
    fake = Fake({"quick": {2, 3}, "preloads": set(), "slow": {4}})
    sanitized = Fake({"quick": {2, 3, 5}})  # what preloads a library is of no such build
    told: list[Verdict] = []
    judge.Judge(cast(Bench, fake), cast(Bench, sanitized), reach, 1, told.append).all(mutants)
    last = {(one.mutant.file, one.mutant.number): (one.outcome, one.by) for one in told}
    assert len(told) == len(last) == len(mutants)  # none is said to survive before its last test
    assert last["a.c", 1] == ("not-C", "error: no C")
    assert last["e.c", 1] == ("not-reached", "")
    for file in ("b.c", "c.c", "d.c"):
        assert last[file, 1] == ("survived", "")
    for file in lines:
        assert [last[file, at] for at in (2, 3)] == [("noticed", "quick")] * 2
        assert last[file, 4] == ("noticed", "slow")
        assert last[file, 5] == ("noticed", "quick")
    # Groups have one change of a file each. What is noticed is found by halves.
    slow = [count for test, count in fake.runs if test == "slow"]
    assert [count for count in slow if count > 2] == [4, 4, 3]
    # What nothing noticed is played with the sanitizers, and with quick tests only.
    assert {test for test, _ in sanitized.runs} == {"quick"}
    assert [count for _, count in sanitized.runs if count > 2] == [4, 3]
