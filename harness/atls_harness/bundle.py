# SPDX-License-Identifier: Apache-2.0
"""The bundle of a case: everything that a person needs who was not there.

manifest.json says what is in it; repeat.sh plays the case again; the rest are the logs, events, key
logs and artifacts of every party, each credential as bytes and as text, and what was expected.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Mapping

from . import RESULT_VERSION, ROOT_OF_TRUST, capture
from .paths import ROOT
from .run import Run
from .scenario import Case

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
LEFT_OUT = ("*.sock", "*.db", "*.db-*", "*.key")


def safe_name(text: str) -> str:
    """TEXT as a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_")


def write(record: Mapping[str, Any], case: Case, run: Run, played: Path, where: Path) -> None:
    """Writes the bundle of a case that was played in the directory PLAYED."""
    if where.exists():
        shutil.rmtree(where)
    shutil.copytree(played, where, ignore=shutil.ignore_patterns(*LEFT_OUT))
    lack = capture.add(record, run.work, where)
    for path in sorted(where.glob("*.artifacts/*")):
        text = _decoded(path, run)
        if text:
            path.with_name(path.name + ".txt").write_text(text, encoding="utf-8")
    script = (
        "#!/bin/sh\n"
        "# SPDX-License-Identifier: Apache-2.0\n"
        f"# Plays {case.id} again, from the project's root: pass it as the first argument.\n"
        f'cd "${{1:-{ROOT}}}" && {record["repeat"]} --keep\n'
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
        "case": case.id,
        "outcome": record["outcome"],
        "reason": record["reason"],
        "repeat": record["repeat"],
        "packets": lack or capture.NAME,
        "files": files,
    }
    _json(where / "manifest.json", manifest)


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n", encoding="utf-8")


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
        done = subprocess.run(
            peer.command("decode", run.build) + [str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DECODE_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"not decoded: {problem}\n"
    return (done.stdout + done.stderr).decode("utf-8", errors="replace")
