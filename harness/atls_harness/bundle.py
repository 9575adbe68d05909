# SPDX-License-Identifier: Apache-2.0
"""The bundle of a case: everything that a person needs who was not there.

manifest.json says what is in it; repeat.sh plays the case again; the rest are the logs, events, key
logs and artifacts of every party, each credential as bytes and as text, and what was expected.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any, Mapping

from . import RESULT_VERSION, ROOT_OF_TRUST, capture, untrusted
from .errors import ContractError, HarnessError
from .markdown import line, visible
from .paths import ROOT
from .process import to_its_end
from .release import version
from .run import Run
from .scenario import Case
from .untrusted import write_json

DECODE_TIMEOUT = 20.0
KINDS = {
    ".events.jsonl": "events",
    ".stdout": "standard output",
    ".stderr": "standard error",
    ".keylog": "TLS secrets of this run (NSS key log format)",
    ".pcapng": "packets, with the TLS secrets inside (see tls/wireshark/README.md)",
    ".jwk": "public key of a verifier",
    ".txt": "diagnostic text",
}
# Private keys among them: a bundle is shown to others.
LEFT_OUT = ("*.sock", "*.db", "*.db-*", "*.key", "*.permall", "*.sqlite3", "*.sqlite3-*")


# Ids of which no two have the same name.
USUAL = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w.-]+\])?(@[\w.-]+:[\w.-]+)?", re.ASCII)
NAME_MAX = 120
FILES_MAX = 1000  # of a case; who writes more has gone wrong
BYTES_MAX = 16 << 20  # of a file; of a longer one its beginning is kept


def safe_name(text: str) -> str:
    """TEXT as a file's name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_")
    if USUAL.fullmatch(text) and len(plain) <= NAME_MAX:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{plain.lstrip('.')[:NAME_MAX]}-{digest}"


def write(record: Mapping[str, Any], case: Case, run: Run, played: Path, where: Path) -> None:
    """Writes the bundle of a case that was played in the directory PLAYED."""
    if where.exists():
        shutil.rmtree(where)
    left_out = _copy(played, where)
    try:
        lack = capture.add(record, run.work, where)
    except (HarnessError, OSError) as problem:
        lack = f"no packets: {problem}"
    for path in sorted(where.glob("*.artifacts/*")):
        text = _decoded(path, run)
        if text:
            path.with_name(path.name + ".txt").write_text(text, encoding="utf-8")
    script = (
        "#!/bin/sh\n"
        "# SPDX-License-Identifier: Apache-2.0\n"
        f"# Plays {line(case.id)} again, from the project's root: pass it as the first argument.\n"
        f'cd "${{1:-{shlex.quote(str(ROOT))}}}" && {record["repeat"]} --keep\n'
    )
    repeat = where / "repeat.sh"
    repeat.write_text(script, encoding="utf-8")
    repeat.chmod(0o755)
    _json(where / "story.json", {"clauses": list(case.scenario.clauses), **case.story})
    _json(where / "result.json", record)
    _json(where / "expected-observed.json", record["differences"])
    files = {
        str(path.relative_to(where)): _kind(path)
        for path in sorted(where.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "version": RESULT_VERSION,
        "root_of_trust": ROOT_OF_TRUST,
        "atls": version(),
        "case": case.id,
        "outcome": record["outcome"],
        "reason": record["reason"],
        "repeat": record["repeat"],
        "packets": lack or capture.NAME,
        "files": files,
    }
    if left_out:
        manifest["left_out"] = left_out
    _json(where / "manifest.json", manifest)


def _copy(played: Path, where: Path) -> dict[str, str]:
    """Copies what parties wrote, and only files: what else is there, by name, with why not."""
    left_out: dict[str, str] = {}
    count = 0
    where.mkdir(parents=True)
    for folder, below, names in os.walk(played):
        here = Path(folder).relative_to(played)
        for name in sorted(below):
            if (Path(folder) / name).is_symlink():
                left_out[line(str(here / name))] = "a symbolic link"
        (where / here).mkdir(exist_ok=True)
        for name in sorted(names):
            if any(fnmatch.fnmatchcase(name, one) for one in LEFT_OUT):
                continue
            count += 1
            if count > FILES_MAX:
                left_out[line(str(here / name))] = f"more than {FILES_MAX} files"
                return left_out
            try:
                data, whole = untrusted.beginning(Path(folder) / name, BYTES_MAX)
                (where / here / name).write_bytes(data)
                if not whole:
                    left_out[line(str(here / name))] = f"all behind its first {BYTES_MAX} bytes"
            except (ContractError, OSError) as problem:
                left_out[line(str(here / name))] = str(problem)
    return left_out


def _json(path: Path, value: Any) -> None:
    path.write_text(write_json(value, indent=2), encoding="utf-8")


def _kind(path: Path) -> str:
    for end, kind in KINDS.items():
        if path.name.endswith(end):
            return kind
    return "artifact" if path.parent.name.endswith(".artifacts") else "about the case"


def _decoded(path: Path, run: Run) -> str:
    """PATH as diagnostic text, or "" where there is no decoder."""
    peer = run.peer("device")
    if peer.missing("decode", run.build):
        return ""
    try:
        done = to_its_end([*peer.command("decode", run.build), str(path)], "decode", DECODE_TIMEOUT)
    except HarnessError as problem:
        return f"not decoded: {problem}\n"
    return visible(done.stdout + done.stderr)
