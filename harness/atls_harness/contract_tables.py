# SPDX-License-Identifier: Apache-2.0
"""Tables of the READMEs that are made of data/contract.yaml: what stands between the lines
<!-- contract: NAME --> and <!-- /contract -->.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping, Sequence

from .contract import Contract, Fault
from .errors import HarnessError
from .nearest import meant
from .paths import PEERS, ROOT, shown
from .profiles import ordered

FILES = (ROOT / "README.md", PEERS / "README.md")
BLOCK = re.compile(r"(<!-- contract: ([a-z-]+) -->\n)(.*?)(<!-- /contract -->)", re.DOTALL)
RENEW = "python3 harness/from-contract.py tables --write"
ROOT_FIELDS = ("evidence-formats", "curves", "without")
VALUES = {
    "none": "",
    "nonce": "=HEX",
    "number": "=N",
    "message": "=HEX",
    "layer": "[=cmw|cose|claims]",
    "extension": "=NAME:HEX",
}
PLACES = {
    "anywhere": "",
    "entries": ", beside X.509",
    "authenticators": ", with authenticators",
}


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return _row(head) + "|---" * len(head) + "|\n" + "".join(map(_row, rows))


def _profiles(known: Contract) -> str:
    head = ("profile", "document", "how attestation rides")
    chosen = (known.profiles[name] for name in ordered(known.profiles))
    return _table(head, ((f"`{one.name}`", one.document, one.title) for one in chosen))


def _rides(known: Contract) -> str:
    head = ("profile", "credential", "challenge", "results")
    rows = (
        (f"`{one.name}`", one.credential, one.challenge, "yes" if one.results else "no")
        for one in known.profiles.values()
    )
    return _table(head, rows)


def _profiles_of(known: Contract, variant: str) -> str:
    names = known.profiles_of(variant)
    rest = [name for name in known.profiles if name not in names]
    return f"all but {', '.join(rest)}" if len(rest) < len(names) // 2 else ", ".join(names)


def _variants(known: Contract) -> str:
    head = ("variant", "readings", "of", "what")
    rows = (
        (
            f"`{one.name}`",
            ", ".join(f"`{reading}`" for reading in one.readings),
            _profiles_of(known, one.name),
            f"{one.question}: {one.what}",
        )
        for one in known.variants.values()
    )
    return _table(head, rows)


def _flags(known: Contract) -> str:
    rows = (
        (f"`--{one.name}{' ' if one.value else ''}{one.value}`", one.of, one.what)
        for one in known.flags.values()
    )
    return _table(("flag", "of", "meaning"), rows)


def _by(one: Fault) -> str:
    return one.by.replace("-", " ") + PLACES[one.where]


def _faults(known: Contract) -> str:
    rows = (
        (f"`{one.name}{VALUES[one.value]}`", _by(one), one.what) for one in known.faults.values()
    )
    return _table(("fault", "carried out by", "what is done"), rows)


def _reasons(known: Contract) -> str:
    rows = ((f"`{name}`", what) for name, what in known.reasons.items())
    return _table(("reason", "who says it when"), rows)


def _roots(known: Contract) -> str:
    head = ("root", "what", "evidence formats", "identity keys", "without")
    rows = (
        (f"`{name}`", row["what"], *(", ".join(row[field]) for field in ROOT_FIELDS))
        for name, row in known.roots.items()
    )
    return _table(head, rows)


def _code_points(known: Contract) -> str:
    rows = (
        (f"`{one.name}`", one.kind.replace("-", " "), f"{one.value} (0x{one.value:X})")
        for one in known.code_points.values()
    )
    return _table(("name", "kind", "number"), rows)


TABLES: Mapping[str, Callable[[Contract], str]] = {
    "profiles": _profiles,
    "credentials": _rides,
    "variants": _variants,
    "flags": _flags,
    "faults": _faults,
    "reasons": _reasons,
    "roots": _roots,
    "code-points": _code_points,
}


def _renewed(path: Path, known: Contract) -> Iterator[tuple[str, str, str]]:
    """Of each table in a file: its name, as it is, and as it should be."""
    for _, name, body, _ in BLOCK.findall(path.read_text(encoding="utf-8")):
        if name not in TABLES:
            raise HarnessError(f"{shown(path)}: there is no table {name!r}{meant(name, TABLES)}")
        yield name, body, TABLES[name](known)


def outdated(known: Contract, files: Iterable[Path] = FILES) -> list[str]:
    """Where a table is not what it should be: the file, the first line that is missing or wrong."""
    found = []
    for path in files:
        for name, body, wanted in _renewed(path, known):
            there, due = body.splitlines(), wanted.splitlines()
            missing = [line for line in due if line not in there]
            extra = [line for line in there if line not in due]
            if body != wanted:
                first = missing[0] if missing else extra[0] if extra else "the order of the rows"
                how = "is missing" if missing else "has no row" if extra else "is another"
                found.append(f"{shown(path)}: table {name}: {first} {how}; {RENEW}")
    return found


def renew(known: Contract, files: Iterable[Path] = FILES) -> list[str]:
    """Writes the tables; returns the files that have changed."""
    changed = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        for name, body, wanted in _renewed(path, known):
            begin = f"<!-- contract: {name} -->\n"
            text = text.replace(begin + body, begin + wanted)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            changed.append(shown(path))
    return changed
