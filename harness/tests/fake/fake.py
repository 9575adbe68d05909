# SPDX-License-Identifier: Apache-2.0
"""The fake peer: one script plays each program of the contract, without any TLS.

Client and server exchange JSON lines over TCP. The attester says which fault it carries out, the
relying party refuses what it is told, and faults of another kind break the contract in one way
each, so that the tests can see whether the harness notices.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import hostile

BEGAN = time.monotonic()
NONCE = "11" * 32
KEY = "22" * 91
FAULTS = {
    "pat-signature",
    "accepted-anyway",
    "crash",
    "bad-event",
    "silent",
    "wrong-alert",
    "left-behind",
    "sometimes",
    "says-77",
    "hangs",
    "gives-up",
    "crash-late",
    "other-reason",
} | hostile.FAULTS
ALERTS = {"attestation_failed": 226, "handshake_failure": 40}


def parse(program, argv):
    parser = argparse.ArgumentParser(prog=f"fake-{program}")
    parser.add_argument("--version", action="version", version=f"fake-{program} 1")
    for name in (
        "profile events keylog artifacts attester relying-party policy device second-device "
        "serialization curve verifier verifier-id trust-verifier cert key ca connect listen "
        "max-connections seed output endorsements public-key identity lifecycle components "
        "ear-dialect nonce-dialect timeout verifier-timeout"
    ).split():
        parser.add_argument(f"--{name}")
    for name in ("fault", "tamper"):
        parser.add_argument(f"--{name}", action="append", default=[])
    return parser.parse_args(argv)


def main():
    program, argv = sys.argv[1], sys.argv[2:]
    options = parse(program, argv)
    unknown = [fault for fault in options.fault if fault not in FAULTS]
    bad = options.profile not in (None, "ta-07") or options.serialization not in (None, "cbor")
    models = (None, "none", "background-check")
    models_asked = {options.attester, options.relying_party}
    if (
        unknown
        or bad
        or not models_asked <= set(models)
        or {"says-77", "early-77"} & {*options.fault}
    ):
        print(f"fake-{program}: unsupported", file=sys.stderr)
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    events = open(options.events or os.devnull, "a", encoding="utf-8")

    def say(event, **fields):
        line = {"t": time.monotonic() - BEGAN, "who": program, "event": event, **fields}
        events.write(json.dumps(line) + "\n")
        events.flush()

    return {
        "provision": provision,
        "device": device,
        "verifier": verifier,
        "client": client,
        "server": server,
    }[program](options, say)


def provision(options, say):
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(f"seed {options.seed}\n")
    return 0


def device(options, say):
    component = {"type": "FW", "version": "1.0", "value": "ab" * 32, "signer": "cd" * 32}
    say("boot", components=[component], lifecycle="secured")
    say("ready", address=options.listen)
    while True:
        signal.pause()


def verifier(options, say):
    say("session", session="1", nonce=NONCE)
    say("ready", address="127.0.0.1:1", port=1)
    while True:
        signal.pause()


def misbehave(options, say):
    hostile.act(options)
    if "crash" in options.fault:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hangs" in options.fault:
        time.sleep(3600)
    if "bad-event" in options.fault:
        say("handshake", conn=1, outcome="perhaps", reason="because")
    if "left-behind" in options.fault:
        subprocess.Popen(["/bin/sleep", "60"])


def sometimes(options):
    """Fails every second time, counted in a file beside the CA of the run."""
    path = os.path.join(os.path.dirname(options.ca), "sometimes")
    with open(path, "a+", encoding="utf-8") as file:
        file.write("x")
        return file.tell() % 2 == 0


def credential(options, say, direction):
    data = b"evidence"
    say(
        "credential",
        conn=1,
        direction=direction,
        bytes=len(data),
        form="collection",
        serialization="cbor",
        sha256=hashlib.sha256(data).hexdigest(),
        **hostile.artifact(options),
    )


def finish(options, say, peer, side, own_faults, peer_faults):
    """What both sides do once each knows the other's faults; returns the exit code."""
    misbehave(options, say)
    if "gives-up" in options.fault:
        say("handshake", conn=1, outcome="failed", reason="internal", alert=None)
        return 1
    attests = options.attester not in (None, "none")
    relies = options.relying_party not in (None, "none")
    say("challenge", conn=1, direction="sent" if relies else "received", nonce=NONCE)
    credential(options, say, "sent" if attests else "received")
    faults = own_faults + peer_faults
    refused = "pat-signature" in faults and "accepted-anyway" not in faults
    if "sometimes" in own_faults and sometimes(options):
        refused = True
    if "silent" in options.fault:
        return 0
    if refused:
        name = "handshake_failure" if "wrong-alert" in options.fault else "attestation_failed"
        direction = "sent" if relies else "received"
        reason = "pat-signature-invalid" if relies else "peer-alert"
        if relies:
            mismatch = {"component": "FW", "expected": ["ef" * 32], "measured": "ab" * 32}
            fields = {"tier": "contraindicated", "accepted": False, "reason": reason}
            if "other-reason" in options.fault:
                reason = "malformed-cmw"
            else:
                say("verdict", conn=1, **fields, mismatches=[mismatch])
            if "crash-late" in options.fault:
                os.kill(os.getpid(), signal.SIGSEGV)
        alert = {"direction": direction, "code": ALERTS[name], "name": name}
        say("handshake", conn=1, outcome="failed", reason=reason, alert=alert)
        say("closed", conn=1, outcome="failed")
        return 1
    if relies:
        say("verdict", conn=1, tier="affirming", accepted=True, reason="ok")
    model = "background-check"
    say(
        "handshake",
        conn=1,
        outcome="complete",
        reason="ok",
        alert=None,
        hrr=False,
        seconds=0.1,
        self_attested=model if attests else "none",
        peer_attested=model if relies else "none",
        **{"signed_with" if attests else "verified_with": KEY},
    )
    for direction in ("sent", "received"):
        say("application-data", conn=1, direction=direction, text="hello")
    say("closed", conn=1, outcome="complete")
    return 0


def exchange(stream, faults):
    stream.write(json.dumps(faults) + "\n")
    stream.flush()
    return json.loads(stream.readline() or "[]")


def client(options, say):
    host, port = options.connect.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as peer:
        if "quiet-77" in options.fault:
            return 77
        say("connection", conn=1)
        theirs = exchange(peer.makefile("rw"), options.fault)
        return finish(options, say, peer, "client", options.fault, theirs)


def server(options, say):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ready = {"address": f"127.0.0.1:{port}", "port": port}
        for fault in options.fault:
            hostile.READY.get(fault, lambda fields: None)(ready)
        say("ready", **ready)
        peer, _ = listener.accept()
        with peer:
            say("connection", conn=1)
            theirs = exchange(peer.makefile("rw"), options.fault)
            return finish(options, say, peer, "server", options.fault, theirs)


if __name__ == "__main__":
    sys.exit(main())
