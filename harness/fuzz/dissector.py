# SPDX-License-Identifier: Apache-2.0
"""The Wireshark dissector, by tshark, on captures of damaged messages: it may show whatever it
likes, but no error of Lua, and tshark has to end by itself.

It takes libFuzzer's arguments, as the other targets do, and is none: nothing tells it what a change
brought about inside of tshark. The seeds stand where a CMW does, and each round of messages follows
from its number alone. A finding is a capture with one connection, made again by
tshark -X lua_script:tls/wireshark/attested-tls.lua -r FILE -V.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Sequence

from atls_harness.paths import ROOT

sys.path.insert(0, str(ROOT / "harness" / "tests"))

import sealed  # noqa: E402
from dissected import SEEDS, damaged_connection, stumbles  # noqa: E402
from sealed import Connection  # noqa: E402

AT_ONCE = 60  # connections: a tshark needs most of its time to begin
LARGEST = 4096  # bytes of a seed
PASSES = (("-V", "-Y", "tls"), ("-2", "-T", "pdml", "-Y", "atls"))  # the second as Wireshark shows
FOUND = 77  # as libFuzzer ends


def arguments() -> argparse.Namespace:
    """Those of libFuzzer that mean something here; the others are passed over."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-max_total_time", type=float, default=10)
    parser.add_argument("-runs", type=int, default=0, help="connections; 0: no end")
    parser.add_argument("-seed", type=int, default=9261)
    parser.add_argument("-artifact_prefix", default="./")
    parser.add_argument("corpus", nargs="*", type=Path)
    words = [part for word in sys.argv[1:] for part in word.split("=", 1)]
    known, _ = parser.parse_known_args(words)
    return known


def seeds_of(folders: Sequence[Path]) -> list[bytes]:
    """What stands for a CMW, in an order that is the same each time."""
    files = sorted(path for folder in folders for path in folder.glob("*") if path.is_file())
    read = [path.read_bytes() for path in files if path.suffix != ".pcapng"]
    return [*SEEDS, *(data for data in read if 0 < len(data) <= LARGEST)]


def connections(seeds: Sequence[bytes], seed: int, number: int) -> list[Connection]:
    """The connections of a round."""
    dice = random.Random(seed * 1_000_003 + number)
    return [damaged_connection(dice.choice(seeds), dice) for _ in range(AT_ONCE)]


def tell(made: Sequence[Connection], words: str, given: argparse.Namespace, name: str) -> None:
    """The first of MADE that makes it stumble by itself, else all of them, as a capture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.pcapng"
        alone = [one for one in made if any(stumbles([one], path, *how) for how in PASSES)]
    kept = sealed.write(Path(f"{given.artifact_prefix}{name}.pcapng"), alone[:1] or made)
    print(f"the dissector stumbled: {words}\n{kept}", file=sys.stderr)


def main() -> int:
    """Rounds until the time is up, or something was found."""
    given = arguments()
    seeds = seeds_of([path for path in given.corpus if path.is_dir()])
    end = time.monotonic() + given.max_total_time
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in itertools.count():
            if time.monotonic() > end or 0 < given.runs <= done:
                break
            made = connections(seeds, given.seed, number)
            how = PASSES[number % len(PASSES)]
            words = stumbles(made, Path(folder) / "round.pcapng", *how)
            done += len(made)
            if words:
                tell(made, words, given, f"dissector-{given.seed}-{number}")
                return FOUND
    print(f"stat::number_of_executed_units: {done}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
