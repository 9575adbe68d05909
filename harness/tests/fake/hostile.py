# SPDX-License-Identifier: Apache-2.0
"""What the fake peer can do to whoever reads what it writes; each by the name of a fault."""

import json
import os
import signal
import subprocess
import sys

EVENT = {"t": 1, "who": "client", "event": "connection", "conn": 1}


def line(**fields):
    return json.dumps({**EVENT, **fields}).encode() + b"\n"


def written(text):
    """An event with one more member, written as TEXT."""
    return json.dumps(EVENT).encode()[:-1] + b", " + text + b"}\n"


DEEP = 100_000
# Appended to the events, as they are.
LINES = {
    "not-utf8": line()[:-2] + b', "x_a": "\xff\xfe"}\n',
    "latin-1": written('"x_a": "\u00fc"'.encode("latin-1")),
    "utf-16": json.dumps(EVENT).encode("utf-16") + b"\n",
    "deep-list": b"[" * DEEP + b"\n",
    "deep-object": b'{"a":' * DEEP + b"\n",
    "deep-closed": written(b'"x_a": ' + b"[" * DEEP + b"]" * DEEP),
    "deep-a-little": written(b'"x_a": ' + b"[" * 40 + b"]" * 40),
    "nan": written(b'"x_a": NaN'),
    "infinity": written(b'"x_a": Infinity'),
    "minus-infinity": written(b'"x_a": [{"b": -Infinity}]'),
    "nan-time": b'{"t": NaN, "who": "client", "event": "connection", "conn": 1}\n',
    "overflow": written(b'"x_a": 1e999'),
    "integer-of-5000": written(b'"x_a": ' + b"9" * 5000),
    "integer-over-2-53": written(b'"x_a": 9007199254740992'),
    "member-twice": written(b'"conn": 2'),
    "member-twice-below": written(b'"x_a": {"b": 1, "b": 1}'),
    "nul": b"\0\n",
    "nul-in-string": written(b'"x_a": "\0"'),
    "bom": b"\xef\xbb\xbf" + line(),
    "half-surrogate": written(b'"x_a": "\\ud800"'),
    "no-object": b'"connection"\n',
    "empty-line": b"\n",
    "half-line": json.dumps(EVENT).encode(),
    "line-of-16-mb": b"x" * (16 << 20) + b"\n",
    "member-of-2-mb": written(b'"x_a": "' + b"y" * (2 << 20) + b'"'),
    "many-lines": b"x\n" * 300_000,
    "too-much": line(x_a="z" * 500_000) * 70,
    "no-conn": line(event="handshake", outcome="failed", reason="ok").replace(b', "conn": 1', b""),
    "conn-list": written(b'"x_b": 1').replace(b'"conn": 1', b'"conn": [1]'),
    "event-object": written(b'"x_b": 1').replace(b'"connection"', b'{"a": []}'),
    "unknown-event": written(b'"x_b": 1').replace(b'"connection"', b'"\\u001b[31m\\u202e"'),
    "other-who": line(who="server"),
}


def to_directory(path):
    os.unlink(path)
    os.mkdir(path)


def to_pipe(path):
    os.unlink(path)
    os.mkfifo(path)


def to_link(path):
    os.unlink(path)
    os.symlink("/etc/passwd", path)


def to_key(path):
    os.unlink(path)
    os.symlink(os.path.join(os.path.dirname(os.path.dirname(path)), "ca.key"), path)


# What becomes of the events, and by "stderr-..." of the log of standard error.
PLACES = {
    "deleted": os.unlink,
    "directory": to_directory,
    "pipe": to_pipe,
    "link": to_link,
    "key-link": to_key,
}
SLEEP = ["/bin/sleep", "61"]


def leave(**how):
    subprocess.Popen(SLEEP, stdin=subprocess.DEVNULL, **how)


def leave_deep():
    """A grandchild in a session of its own, with nothing in its environment, its parent gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(SLEEP[0], SLEEP, {})
        os._exit(0)
    os.wait()


def say_all_bytes():
    for stream in (sys.stdout, sys.stderr):
        stream.buffer.write(bytes(range(256)) + b"\x9b31m\xe2\x80\xae" + b"\xcc\x81" * 50 + b"\n")
        stream.flush()


DEEDS = {
    "session-of-its-own": lambda: leave(start_new_session=True),
    "orphan": leave_deep,
    "all-bytes": say_all_bytes,
    "much-said": lambda: sys.stderr.write("a line of it\n" * 500_000),
    "kill-worker": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "late-77": lambda: os._exit(77),
    "exit-44": lambda: os._exit(44),
    "real-time-signal": lambda: os.kill(os.getpid(), 40),
}
BEFORE = ("quiet-77", "early-77")  # before or without the event `connection`
READY = {
    "ready-without-address": lambda fields: fields.pop("address"),
    "ready-port-0": lambda fields: fields.update(port=0),
    "ready-port-text": lambda fields: fields.update(port="\x1b[2J"),
}
FAULTS = {
    *LINES,
    *PLACES,
    *(f"stderr-{name}" for name in PLACES),
    *DEEDS,
    *BEFORE,
    *READY,
    "artifact-pipe",
    "artifact-directory",
}


def act(options):
    """Carries out the faults that OPTIONS name."""
    for fault in options.fault:
        if fault in LINES:
            with open(options.events, "ab") as file:
                file.write(LINES[fault])
        elif fault in PLACES:
            PLACES[fault](options.events)
        elif fault.startswith("stderr-"):
            path = options.events.replace(".events.jsonl", ".stderr")
            PLACES[fault.removeprefix("stderr-")](path)
        elif fault in DEEDS:
            DEEDS[fault]()


def artifact(options):
    """The file that the event `credential` names, where a fault puts something else there."""
    for kind, make in (("artifact-pipe", os.mkfifo), ("artifact-directory", os.mkdir)):
        if kind in options.fault:
            make(os.path.join(options.artifacts, "sent.cmw"))
            return {"file": "sent.cmw"}
    return {}
