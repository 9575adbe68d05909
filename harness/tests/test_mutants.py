# SPDX-License-Identifier: Apache-2.0
"""Changes of C lines: what is changed, what is left alone, and what a verdict needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from atls_harness.errors import HarnessError, InputError
from atls_harness.mutants import stage
from atls_harness.mutants.changes import changes, masked
from atls_harness.mutants.judge import Mutant, Verdict, sample
from atls_harness.mutants.reach import statement

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
        (12, "the statement is left out"): "    (void)0;",
        (15, "false for true"): "    return false;",
    }


def test_masked_keeps_every_place() -> None:
    code = masked(SOURCE)
    assert len(code) == len(SOURCE) and code.count("\n") == SOURCE.count("\n")
    assert "never" not in code and "RFC" not in code


def test_a_statement_over_several_lines_is_counted_by_its_first() -> None:
    assert statement(7, frozenset({3, 5})) == 5


def test_a_sample_is_the_same_each_time() -> None:
    mutants = [Mutant("a.c", one) for one in changes(SOURCE)] * 9
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
        "  - {file: rats/cose/cose.c, line: no such line, change: x, reason: because it is so}\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="take the entry out"):
        stage.load(path)


def conclude(folder: Path, *outcomes: str, excused: bool = False) -> str:
    change = changes(SOURCE)[0]
    verdicts = [Verdict(Mutant("a.c", change), outcome) for outcome in outcomes]
    excuse = stage.Excuse("a.c", change.kind, change.source, "for this test")
    plan = stage.Plan(("a.c",), (excuse,) if excused else ())
    return stage._conclude(verdicts, plan, [], folder, lambda text: None)


def test_a_hole_fails(tmp_path: Path) -> None:
    assert "100 noticed" in conclude(tmp_path, *["noticed"] * 100)
    for outcome in ("survived", "not-reached"):
        with pytest.raises(HarnessError, match="1 of 101 changed lines are noticed by no test"):
            conclude(tmp_path, outcome, *["noticed"] * 100)


def test_reasons_are_for_few(tmp_path: Path) -> None:
    said = conclude(tmp_path, "survived", "not-C", *["noticed"] * 99, excused=True)
    assert "100 changes played" in said and "1 survived, 1 of these with a reason" in said
    with pytest.raises(HarnessError, match="expected at most 2% of 10 changes"):
        conclude(tmp_path, "survived", *["noticed"] * 9, excused=True)
