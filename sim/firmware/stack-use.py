#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the firmware's images need: flash, RAM, and at most how much stack, from the compiler's own
call graphs (-fcallgraph-info=su). Fails where an image could need more stack than it has, recurses,
has a frame of unknown size, calls through a pointer that nothing here tells the ends of, or has a
heap. Usage: stack-use.py BUILD NM SIZE STACK OUTPUT STAGE=ELF...

Calls through pointers are resolved by CALLEES; who calls where is easily read in the sources.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \(([a-z,]+)\)')
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
INDIRECT = "__indirect_call"
C_LIBRARY = 64  # bytes granted to a function of the C library; memcpy() and its like have no frame
EXCEPTION = 104  # bytes that the processor saves at most when a fault interrupts
HEAP = {"malloc", "_malloc_r", "_sbrk", "_sbrk_r", "free", "_free_r", "calloc", "realloc"}

HASH = (
    r"br_sha2(56|24)_(init|update|out)|br_sha224_(init|update|out)|sha2big\.c:.*|br_sha(384|512)_.*"
)
CURVE = r"ec_(p256_m31|prime_i31)\.c:api_.*"
# a caller's title, and what it may reach through a pointer
CALLEES = {
    r"crypto-bearssl\.c:hash": HASH,
    r"crypto-bearssl\.c:(complete_key|check_point|verify)": CURVE,
    r"atls_key_make": r"crypto-bearssl\.c:complete_key|atls_bearssl_random",
    r"br_ecdsa_i31_sign_raw|br_ecdsa_i31_vrfy_raw": rf"{CURVE}|{HASH}",
    r"br_hmac_.*|hmac\.c:.*": HASH,
    r"crypto\.c:sign_locally": r"crypto-bearssl\.c:sign",
    r"keys\.c:write_token": r"core\.c:token_for_keys",
    r"media-types\.c:take_while": r"media-types\.c:is_(token|name)_character",
    r"secret\.c:fill_from_platform": r"atls_bearssl_random",
    r"secret\.c:fill_seeded|atls_derive|atls_key_candidate": r"crypto-bearssl\.c:hmac",
    r"boot\.c:trace": r"-",  # the firmware gives no such function
    # of another root of trust, which the firmware has none of
    r"atls_keys_look_up": r"-",
    r"core\.c:(makes|look_up_key|op_(attest_as|create_key|destroy_key|sign))": r"-",
    r"slots\.c:.*": r"crypto-bearssl\.c:(hash|verify)",
    r"atls_boot_measure|atls_kat_linkage.*|atls_prototype_.*": r"crypto-bearssl\.c:hash",
    r"atls_ueid_of_key": r"crypto-bearssl\.c:hash",
    r"atls_core_handle": r"core\.c:op_.*",
    r"atls_cose_sign1_digest": r"crypto-bearssl\.c:hash",
    r"atls_cose_sign1_write_as": r"crypto\.c:sign_locally",
    r"atls_keys_sign": r"crypto-bearssl\.c:sign",
    r"atls_make_key_from": r"crypto-bearssl\.c:make_key|secret\.c:fill_seeded",
    r"atls_platform_start": r"crypto-bearssl\.c:make_key|secret\.c:fill_seeded",
    r"atls_trailer_write": r"crypto-bearssl\.c:(hash|sign)",
    # The application runs on a stack of its own, and calls back through the veneers; a call into
    # the secure world takes nothing of the application's stack.
    r"secure:stage_main": r"secure_request|secure_log",
    r"[a-z-]+:(stage_main|stage_put|line_serve)|.*\.c:(ask|answer)": r"-",
}


class Graph:
    """Frames and calls of one image."""

    def __init__(self, stage: str, files: list[Path]) -> None:
        self.stage = stage
        self.frames: dict[str, int] = {}
        self.calls: dict[str, set[str]] = {}
        self.problems: list[str] = []
        self.depths: dict[str, int] = {}
        for path in files:
            self._read(path)

    def _read(self, path: Path) -> None:
        for text in path.read_text().splitlines():
            if node := NODE.match(text):
                self.frames[node.group(1)] = int(node.group(2))
                if "dynamic" in node.group(3) and "bounded" not in node.group(3):
                    self.problems.append(f"{node.group(1)} has a frame of unknown size")
            elif edge := EDGE.match(text):
                self.calls.setdefault(edge.group(1), set()).add(edge.group(2))

    def _through_pointers(self, caller: str) -> list[str]:
        names = (caller, caller.rpartition("/")[2], f"{self.stage}:{caller}")
        for pattern, callees in CALLEES.items():
            if any(re.fullmatch(pattern, name) for name in names):
                wanted = re.compile(callees)
                return [n for n in self.frames if wanted.fullmatch(n.rpartition("/")[2])]
        self.problems.append(f"nothing tells where {caller} calls to through a pointer")
        return []

    def depth(self, function: str, above: tuple[str, ...] = ()) -> int:
        """Most bytes of stack below and with FUNCTION."""
        if function in above:
            self.problems.append(f"recursion: {' > '.join((*above, function))}")
            return 0
        if function not in self.depths:
            most = 0
            for callee in self.calls.get(function, ()):
                ends = self._through_pointers(function) if callee == INDIRECT else [callee]
                for end in ends:
                    most = max(most, self.depth(end, (*above, function)))
            self.depths[function] = self.frames.get(function, C_LIBRARY) + most
        return self.depths[function]


def say(output: Path, text: str) -> None:
    """A line of the table, for people and for the file."""
    print(text)
    with output.open("a") as file:
        file.write(text + "\n")


def main(build: Path, nm: str, size: str, stack: int, output: Path, stages: list[str]) -> int:
    """The table; 1 where something is wrong."""
    shared = [path for path in build.rglob("*.ci") if ".a.p" in str(path)]
    wrong = False
    output.write_text("")
    say(output, f"{'image':16} {'flash':>8} {'RAM':>8} {'worst stack':>12} of {stack} bytes")
    for one in stages:
        stage, _, elf = one.partition("=")
        own = list((build / "sim" / "firmware" / f"{stage}.elf.p").rglob("*.ci"))
        graph = Graph(stage, [*shared, *own])
        worst = graph.depth("stage_reset") + EXCEPTION
        told = subprocess.run([size, elf], check=True, capture_output=True, text=True).stdout
        text, data, bss = (int(field) for field in told.splitlines()[1].split()[:3])
        say(output, f"{stage:16} {text + data:8} {data + bss:8} {worst:12}")
        symbols = subprocess.run([nm, elf], check=True, capture_output=True, text=True).stdout
        heap = HEAP & {line.split()[-1] for line in symbols.splitlines()}
        problems = sorted(set(graph.problems))
        problems += [f"a heap: {', '.join(sorted(heap))}"] if heap else []
        problems += [f"{worst} bytes of stack, {stack} are there"] if worst > stack else []
        for problem in problems:
            print(f"{stage}: {problem}", file=sys.stderr)
        wrong = wrong or bool(problems)
    if wrong:
        output.unlink()
    return int(wrong)


if __name__ == "__main__":
    build_, nm_, size_, stack_, output_ = sys.argv[1:6]
    sys.exit(main(Path(build_), nm_, size_, int(stack_), Path(output_), sys.argv[6:]))
