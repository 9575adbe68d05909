# SPDX-License-Identifier: Apache-2.0
"""Waits until a process ends or its folder changes: inotify(7), which Python does not know.

One descriptor serves for as long as this process lives: to close one takes the kernel longer than
most programs take to start. Where the kernel gives none, waiting is looking now and then.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import select
from pathlib import Path
from typing import Iterator

IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x002, 0x080, 0x100
GLANCE = 0.05  # what a change that is not told (a network's file system) costs at most
GLANCE_UNTOLD = 0.005
BUFFER = 1 << 16

_libc = ctypes.CDLL(None)


@functools.lru_cache(maxsize=None)
def _descriptor() -> int:
    return int(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))


os.register_at_fork(after_in_child=_descriptor.cache_clear)  # what one reads, the other misses


class Watch:
    """A folder being watched. Two at once of the same folder may make each other wait GLANCE."""

    def __init__(self, folder: Path) -> None:
        wanted = IN_MODIFY | IN_MOVED_TO | IN_CREATE
        self._watch = int(_libc.inotify_add_watch(_descriptor(), os.fsencode(folder), wanted))

    def wait(self, ended: int, timeout: float) -> None:
        """Returns when the process of the pidfd ENDED ends, when there may be something new in the
        folder since the last time, or after TIMEOUT seconds; soon in any case."""
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        if self._watch < 0:
            poll.poll(1000 * min(timeout, GLANCE_UNTOLD))
            return
        poll.register(_descriptor(), select.POLLIN)
        poll.poll(1000 * min(timeout, GLANCE))
        with contextlib.suppress(BlockingIOError):
            os.read(_descriptor(), BUFFER)

    def close(self) -> None:
        """Ends it."""
        if self._watch >= 0:
            _libc.inotify_rm_watch(_descriptor(), self._watch)


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Watch]:
    """A folder, watched from now on."""
    watch = Watch(folder)
    try:
        yield watch
    finally:
        watch.close()
