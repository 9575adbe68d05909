#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is made of atls_harness/data/contract.yaml.

from-contract.py header FILE     the C header of its names; the build calls it
from-contract.py tables          are the tables in the READMEs as they should be? exit 1 where not
from-contract.py tables --write writes them
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from atls_harness.contract import contract  # noqa: E402
from atls_harness.contract_header import header  # noqa: E402
from atls_harness.contract_tables import outdated, renew  # noqa: E402
from atls_harness.errors import HarnessError  # noqa: E402


def main(given: list[str]) -> int:
    """One of them."""
    match given:
        case ["header", path]:
            Path(path).write_text(header(contract()), encoding="utf-8")
        case ["tables"]:
            found = outdated(contract())
            print("\n".join(found) or "all tables are as contract.yaml has them")
            return 1 if found else 0
        case ["tables", "--write"]:
            for path in renew(contract()):
                print(f"{path}: written")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except HarnessError as problem:
        sys.exit(str(problem))
