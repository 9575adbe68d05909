# SPDX-License-Identifier: Apache-2.0
"""A debugger at the emulated processor, over GDB's remote protocol: what fault injection needs of
it, and no more."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable

from ..errors import ContractError, InfrastructureError

PC = 15
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4} ?)+)\s*\t(.*)$")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")


@dataclass(frozen=True)
class Instruction:
    """One instruction of an image."""

    address: int
    size: int
    text: str
    function: str


def instructions(elf: Path, functions: Iterable[str] = ()) -> list[Instruction]:
    """The instructions of an ELF file, of some functions or of all."""
    done = subprocess.run(
        ["arm-none-eabi-objdump", "-d", str(elf)], capture_output=True, text=True, timeout=60
    )
    if done.returncode != 0:
        raise InfrastructureError(f"{elf}: {done.stderr.strip()}")
    wanted = set(functions)
    found: list[Instruction] = []
    function = ""
    for text in done.stdout.splitlines():
        if head := FUNCTION.match(text):
            function = head.group(2)
        elif (code := INSTRUCTION.match(text)) and (not wanted or function in wanted):
            size = 2 * len(code.group(2).split())
            if not code.group(3).startswith("."):  # literals
                words = " ".join(code.group(3).split())
                found.append(Instruction(int(code.group(1), 16), size, words, function))
    return found


class Debugger:
    """A connection to the processor, which waits before its first instruction."""

    def __init__(self, path: Path, timeout: float = 20.0) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.timeout = timeout
        self.line.settimeout(timeout)
        self.buffer = b""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.line.connect(str(path))
                break
            except OSError as problem:
                if time.monotonic() > deadline:
                    raise ContractError(f"debugger: {problem}") from problem
                time.sleep(0.01)
        # QEMU lets single registers be written only to who has read what registers there are.
        self.command("qXfer:features:read:target.xml:0,fff")

    def close(self) -> None:
        self.line.close()

    def _send(self, text: str) -> None:
        self.line.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def _receive(self) -> str:
        while True:
            packet = re.search(rb"\$([^#]*)#..", self.buffer)
            if packet:
                self.buffer = self.buffer[packet.end() :]
                self.line.sendall(b"+")
                return packet.group(1).decode()
            some = self.line.recv(4096)
            if not some:
                raise ContractError("debugger: the emulator is gone")
            self.buffer += some

    def command(self, text: str) -> str:
        """One command and its answer."""
        self._send(text)
        return self._receive()

    def _run(self, over: Callable[[], bool]) -> bool:
        """Lets the processor run until it stops; False where OVER says that it will not."""
        self._send("c")
        self.line.settimeout(0.1)
        try:
            while True:
                try:
                    return self._receive().startswith("T05")
                except TimeoutError:
                    if over():
                        return False
        finally:
            self.line.settimeout(self.timeout)

    def run_to(self, address: int, over: Callable[[], bool]) -> bool:
        """Runs until the processor is about to execute ADDRESS."""
        self.command(f"Z0,{address:x},2")
        if not self._run(over):
            return False
        self.command(f"z0,{address:x},2")
        return True

    def run_to_write(self, address: int, size: int, over: Callable[[], bool]) -> bool:
        """Runs until something is written there."""
        self.command(f"Z2,{address:x},{size:x}")
        return self._run(over)

    def skip(self, instruction: Instruction) -> None:
        """Goes on behind an instruction without executing it."""
        after = (instruction.address + instruction.size).to_bytes(4, "little").hex()
        if self.command(f"P{PC:x}={after}") != "OK":
            raise ContractError("debugger: the program counter cannot be set")

    def let_go(self) -> None:
        """The processor runs on, alone."""
        self.command("D")
        self.close()
