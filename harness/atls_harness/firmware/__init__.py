# SPDX-License-Identifier: Apache-2.0
"""The device as firmware, for people and for fault injection: `./atls device`.

board    one device on QEMU, started with flags of atls-device, and what became of its boot
line     the device's request interface, from this side
judge    a verifier that knows the untampered device, and its verdict on evidence
gdb      a debugger at the processor: breakpoints, skipped instructions
faults   campaigns: flipped bits, glitches, cut power, replayed state
times    boot, requests and handshakes, beside the device in a process
main     the command line
"""
