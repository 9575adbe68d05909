# SPDX-License-Identifier: Apache-2.0
"""How much the seeds of fuzz targets run, as llvm-cov tells it."""

from __future__ import annotations

from pathlib import Path

from atls_harness.fuzz_coverage import GOALS, Goal, read, table

SOURCE = """\
int reader(void)
{
    if (!copy)
        return atls_fail(-ENOMEM, NULL, "no memory");
    return 0;
}

int writer(void)
{
    return 1;
}
"""
LCOV = """\
SF:{root}/build/../rats/a.c
FN:1,reader
FN:8,a.c:writer
FNDA:3,reader
FNDA:0,a.c:writer
DA:1,3
DA:3,3
DA:4,0
DA:5,0
DA:8,0
DA:10,0
end_of_record
SF:/usr/include/other.h
FN:1,other
FNDA:0,other
DA:1,0
end_of_record
"""


def test_lines_of_functions_that_were_entered(tmp_path: Path) -> None:
    (tmp_path / "rats").mkdir()
    (tmp_path / "build").mkdir()
    (tmp_path / "rats" / "a.c").write_text(SOURCE, "utf-8")
    (file,) = read(LCOV.format(root=tmp_path).splitlines(), tmp_path)
    assert (file.name, file.strange) == ("rats/a.c", ["writer"])
    # Line 4 tells of a lack of memory, 8 and 10 are of a function that nothing entered.
    assert (sorted(file.entered), sorted(file.run)) == ([1, 3, 5], [1, 3])
    (row,) = table([file], [Goal("rats", ("rats/*",), 0.5)])
    assert (row["lines"], row["run"], row["share"]) == (3, 2, 0.6667)
    assert row["files"][0]["not_run"] == [5] and row["files"][0]["not_entered"] == ["writer"]


def test_what_counts() -> None:
    rats, tls = GOALS[:2]
    assert rats.has("rats/cmw/cmw.c") and not rats.has("rats/cmw/cmw-write.c")
    assert not rats.has("rats/cmw/fuzz-cmw.c") and not rats.has("rats/cmw/test-cmw.c")
    assert tls.has("roles/verifier-document.c") and not tls.has("roles/http.c")
    assert (rats.share, tls.share) == (0.95, 0.90)
