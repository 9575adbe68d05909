# SPDX-License-Identifier: Apache-2.0
"""The rows of data/contract.yaml as a C header: program/contract.h in a build directory.

Each list is a macro that calls ROW for every row, so that a table in C is one line, and its row is
in contract.yaml alone.
"""

from __future__ import annotations

import json
import re
from typing import Iterable, Sequence

from .contract import Contract

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made of harness/atls_harness/data/contract.yaml by harness/from-contract.py: not to be edited. */
#ifndef ATLS_CONTRACT_H
#define ATLS_CONTRACT_H

/* Some texts for an array within a row. */
#define ATLS_CONTRACT_LIST(...) {__VA_ARGS__}
"""


CARRIERS = {
    "certificate": "ATLS_IN_PLACE_OF_CERTIFICATE",
    "entry": "ATLS_IN_ENTRY",
    "leaf": "ATLS_IN_CERTIFICATE",
    "authenticator": "ATLS_IN_AUTHENTICATOR",
}


def identifier(name: str) -> str:
    """As a C identifier: ta-07 is ta_07, remoteAttestation remote_attestation."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).replace("-", "_").lower()


def text(words: str) -> str:
    """As a string of C; what is code in Markdown is plain there."""
    return json.dumps(words.replace("`", ""))


def listed(words: Iterable[str]) -> str:
    """For an array of strings."""
    return f"ATLS_CONTRACT_LIST({', '.join(map(text, words))})"


def macro(name: str, what: str, rows: Iterable[Sequence[str]]) -> str:
    """ATLS_CONTRACT_NAME(ROW), which is ROW(...) for each row."""
    calls = "".join(f" \\\n    ROW({', '.join(row)})" for row in rows)
    return f"/* {what} */\n#define ATLS_CONTRACT_{name}(ROW){calls}\n"


def header(known: Contract) -> str:
    """The whole file."""
    points = known.code_points.values()
    coded = {point.name for point in points}
    parts = [
        HEAD,
        macro(
            "PROFILES",
            "id, name, carrier, has it results",
            (
                [
                    identifier(one.name),
                    text(one.name),
                    CARRIERS[one.carrier],
                    str(one.results).lower(),
                ]
                for one in known.profiles.values()
            ),
        ),
        f'#define ATLS_CONTRACT_PROFILE_NAMES {text(", ".join(known.profiles))}\n',
        f"#define ATLS_CONTRACT_PROFILES_MAX {len(known.profiles)}\n",
        macro(
            "VARIANTS",
            "member of struct atls_variants, name, question, what, readings, profiles",
            (
                [
                    identifier(one.name),
                    *map(text, (one.name, one.question, one.what)),
                    listed(one.readings),
                    listed(known.profiles_of(one.name)),
                ]
                for one in known.variants.values()
            ),
        ),
        macro(
            "TOLD",
            "variant, reading, question, letter, is it a binder's, what a diagnosis says",
            (
                [
                    text(one.name),
                    text(reading),
                    text(one.question),
                    text(one.letters[place] if one.letters else ""),
                    str(one.binder).lower(),
                    text(told),
                ]
                for one in known.variants.values()
                for place, (reading, told) in enumerate(zip(one.readings, one.told))
            ),
        ),
        f"#define ATLS_CONTRACT_READINGS_MAX "
        f"{max(len(one.readings) for one in known.variants.values())}\n",
        macro(
            "FAULTS",
            "name, kind of value, who carries it out, where",
            (
                [
                    text(one.name),
                    "NO_VALUE" if one.value == "none" else identifier(one.value).upper(),
                    identifier(one.by).upper(),
                    identifier(one.where).upper(),
                ]
                for one in known.faults.values()
            ),
        ),
        macro("REASONS", "name", ([text(name)] for name in known.reasons)),
        macro(
            "ALERTS",
            "number, name, of RFC 8446 section 6",
            ([str(code), text(name)] for name, code in known.alerts.items() if name not in coded),
        ),
        macro(
            "CODE_POINTS",
            "id, name, kind, number",
            (
                [
                    identifier(one.name).upper(),
                    text(one.name),
                    identifier(one.kind).upper(),
                    f"0x{one.value:X}",
                ]
                for one in points
            ),
        ),
        macro(
            "EVIDENCE_FORMATS",
            "id, name, what, media types",
            (
                [identifier(name), text(name), text(row["what"]), listed(row["media-types"])]
                for name, row in known.evidence_formats.items()
            ),
        ),
        f'#define ATLS_CONTRACT_EVIDENCE_FORMAT_NAMES {text("|".join(known.evidence_formats))}\n',
        macro(
            "ROOTS",
            "id, name, what, evidence formats (NULL behind the last)",
            (
                [
                    identifier(name),
                    text(name),
                    text(row["what"]),
                    f"ATLS_CONTRACT_LIST({', '.join(map(text, row['evidence-formats']))}, NULL)",
                ]
                for name, row in known.roots.items()
            ),
        ),
        f'#define ATLS_CONTRACT_ROOT_NAMES {text(", ".join(known.roots))}\n',
        "#endif\n",
    ]
    return "\n".join(parts)
