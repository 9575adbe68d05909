# SPDX-License-Identifier: Apache-2.0
"""python3 -m atls_harness COMMAND: what the launcher hands over to."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
