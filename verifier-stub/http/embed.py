#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A JSON document as an array in C, so that the program needs no file of it when it runs. Broken
JSON, or a member that comes twice, ends the build.
Usage: embed.py DOCUMENT.json OUT.c HEADER NAME: defines NAME[] and NAME_size of HEADER."""

import json
import pathlib
import sys
from typing import Any, Dict, List, Tuple


def members(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """An object whose names are unique (RFC 8259 section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a name comes twice in an object of {[name for name, _ in pairs]}")
    return found


def main(document: str, out: str, header: str, name: str) -> None:
    """Without the spaces of the source."""
    text = pathlib.Path(document).read_text(encoding="utf-8")
    parsed = json.loads(text, object_pairs_hook=members)
    data = json.dumps(parsed, separators=(",", ":"), ensure_ascii=True).encode()
    rows = [", ".join(map(str, data[at : at + 20])) for at in range(0, len(data), 20)]
    body = ",\n    ".join(rows)
    pathlib.Path(out).write_text(
        f"/* SPDX-License-Identifier: Apache-2.0 */\n/* Made from a JSON document. */\n"
        f'#include "{header}"\n\nconst char {name}[] = {{\n    {body}}};\n'
        f"const size_t {name}_size = sizeof {name};\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
