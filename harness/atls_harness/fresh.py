# SPDX-License-Identifier: Apache-2.0
"""The stage `fresh` of ./atls test: does it work on a machine that nobody prepared?

For each release a minimal Debian system with git and no more, in a folder below the build
directory; the project cloned into it; and in it, as its user would, `./atls run --smoke`,
where the launcher installs everything. What debootstrap made and the packages that were downloaded
are kept for the next time, by release and package list; the system itself never is. It runs in
namespaces of its own for mounts and processes: nothing stays mounted, and nothing runs on.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from . import smoke
from .errors import Unsupported
from .paths import ROOT
from .stage import Checks, StageFailed

PACKAGES = ROOT / "harness" / "packages.txt"
LIMIT = 1800
INCLUDED = "git,ca-certificates"
# Another revision than HEAD, to find out when something broke.
REVISION = "ATLS_FRESH_REVISION"
OPTION_SINCE = "harness/atls_harness/data/smoke.txt"
# The system is the root of a mount namespace, as that of a machine is: pivot_root, no chroot.
ENTER = r"""
set -eu
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount --bind "$2" var/cache/apt/archives
mkdir -p .outside
pivot_root . .outside
cd /
umount -l .outside
rmdir .outside
shift 2
exec "$@"
"""
# Of apt's settings those that say how the registry is reached.
REACHED_BY = re.compile(r"^Acquire::(http|https|Check-Valid-Until|Check-Date)\b.*;$")


@dataclass(frozen=True)
class Release:
    """A release of Debian, and what is run in it."""

    number: int
    name: str
    commands: tuple[tuple[str, ...], ...]


SMOKE = ("./atls", "run", "--smoke", "--keep")
RELEASES = (
    Release(12, "bookworm", (SMOKE,)),
    Release(13, "trixie", (SMOKE, ("./atls", "test", "--only", "unit"))),
)


def check(checks: Checks) -> None:
    """The stage."""
    _can_be_had()
    revision = _revision()
    for release in RELEASES:
        with _kept(release) as kept:
            _base(checks, release, kept)
            _in_it(checks, release, kept, revision)


def _can_be_had() -> None:
    """Unsupported, with the reason, where this machine cannot make a system."""
    if os.geteuid() != 0:
        raise Unsupported("only root can make and enter another system; this is another user")
    for tool in ("debootstrap", "unshare", "pivot_root", "git"):
        if shutil.which(tool) is None:
            raise Unsupported(f"{tool} is not there; ./atls setup test installs it")
    probe = ["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "true"]
    done = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unsupported(f"no namespaces can be made here: {done.stderr.strip()}")


def _revision() -> str:
    wanted = os.environ.get(REVISION) or "HEAD"
    argv = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        if os.environ.get(REVISION):
            raise StageFailed(f"{REVISION}: there is no revision {wanted!r}")
        raise Unsupported(f"{ROOT} is no clone of the project that could be cloned again")
    return done.stdout.strip()


@contextlib.contextmanager
def _kept(release: Release) -> Iterator[Path]:
    """What is kept of a release between runs, for one run at a time; older ones are removed."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atls" / "fresh"
    machine = os.uname().machine
    key = hashlib.sha256(PACKAGES.read_bytes() + INCLUDED.encode()).hexdigest()[:12]
    folder = home / f"{release.name}-{machine}-{key}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / f"{release.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for old in home.glob(f"{release.name}-*"):
            if old != folder:
                shutil.rmtree(old)
        (folder / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        yield folder


def _base(checks: Checks, release: Release, kept: Path) -> None:
    """Sees to KEPT/base.tar: the release's minimal system. Unsupported where the registry cannot be
    reached."""
    if (kept / "base.tar").exists():
        return
    checks.tell(f"Debian {release.number}: making a minimal system (about a minute)")
    making = kept / "making"
    shutil.rmtree(making, ignore_errors=True)
    argv = ["debootstrap", "--variant=minbase", f"--include={INCLUDED}", release.name, str(making)]
    try:
        checks.call([*argv, *_mirror()], limit=LIMIT)
    except StageFailed as problem:
        said = checks.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        shutil.rmtree(making, ignore_errors=True)
        raise Unsupported(f"debootstrap cannot make {release.name}: {said[-1]}") from problem
    for package in (making / "var/cache/apt/archives").glob("*.deb"):
        package.replace(kept / "archives" / package.name)
    checks.call(["tar", "-cf", str(kept / "base.new"), "--numeric-owner", "-C", str(making), "."])
    (kept / "base.new").replace(kept / "base.tar")
    shutil.rmtree(making)


def _mirror() -> list[str]:
    """Where this machine's own packages come from, if it is Debian; else debootstrap knows."""
    if shutil.which("apt-get") is None:
        return []
    form = "$(ORIGIN) $(SITE) $(COMPONENT)"
    argv = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    sites = [row[1] for row in rows if len(row) == 3 and (row[0], row[2]) == ("Debian", "main")]
    return [site for site in sites if "security" not in site][:1]


def _reached_by() -> str:
    """This machine's settings of apt that say how the registry is reached."""
    if shutil.which("apt-config") is None:
        return ""
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if REACHED_BY.match(line)]
    return "".join(line + "\n" for line in lines)


def _in_it(checks: Checks, release: Release, kept: Path, revision: str) -> None:
    """The release's commands, in a system unpacked for this run and removed after it."""
    system = checks.plain / "fresh" / release.name
    shutil.rmtree(system, ignore_errors=True)
    system.mkdir(parents=True)
    unpack = ["tar", "-xpf", str(kept / "base.tar"), "--numeric-owner", "-C", str(system)]
    checks.call(unpack)
    (system / "etc/apt/apt.conf.d/90reached-by").write_text(_reached_by(), encoding="utf-8")
    (system / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n", encoding="utf-8")
    for name in ("etc/resolv.conf", "etc/hosts"):
        with contextlib.suppress(OSError):
            shutil.copy(f"/{name}", system / name)
    clone = system / "root" / "atls"
    checks.call(["git", "clone", "--quiet", "--no-checkout", f"file://{ROOT}", str(clone)])
    checks.call(["git", "-C", str(clone), "checkout", "--quiet", "--detach", revision])
    for command in release.commands:
        if "--smoke" in command and not (clone / OPTION_SINCE).exists():
            at = command.index("--smoke")
            command = (*command[:at], *smoke.paths(), *command[at + 1 :])
        _command(checks, release, system, kept / "archives", command)
        if "run" in command:
            _played(checks, release, clone)
            _decodes(checks, release, system, kept / "archives")
    shutil.rmtree(system)


def _command(
    checks: Checks, release: Release, system: Path, archives: Path, command: tuple[str, ...]
) -> None:
    """One command, as root in its home; its environment is a new user's, and the way out."""
    passed = [f"{k}={v}" for k, v in os.environ.items() if k.lower().endswith("_proxy")]
    environment = ["HOME=/root", "LANG=C.UTF-8", "TERM=dumb", *passed]
    environment.append("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    inside = f"cd /root/atls && exec {shlex.join(command)}"
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    argv += ["sh", "-c", ENTER, "enter", str(system), str(archives)]
    argv += ["/usr/bin/env", "-i", *environment, "sh", "-c", inside]
    began = time.monotonic()
    shown = shlex.join([word for word in command if ".yaml" not in word])
    try:
        checks.call(argv, limit=LIMIT)
    except StageFailed as problem:
        raise StageFailed(f"Debian {release.number}: {shown}: {problem}; left in {system}")
    checks.tell(f"Debian {release.number}: {shown}: {time.monotonic() - began:.0f} s")


def _played(checks: Checks, release: Release, clone: Path) -> None:
    """Every case of the run passed: one that was not played is a failure here."""
    path = clone / "out" / "latest" / "results.json"
    totals = json.loads(path.read_text(encoding="utf-8"))["totals"]
    others = {kind: n for kind, n in totals.items() if n and kind != "pass"}
    checks.tell(f"Debian {release.number}: {totals['pass']} cases pass")
    if others or not totals["pass"]:
        raise StageFailed(f"Debian {release.number}: cases that did not pass: {others or 'all'}")


def _decodes(checks: Checks, release: Release, system: Path, archives: Path) -> None:
    """The decoder reads what a case left."""
    out = system / "root" / "atls" / "out"
    found = sorted(out.glob("run-*/bundles/**/*credential.cbor"))
    if not found:
        raise StageFailed(f"Debian {release.number}: no case left a credential below {out}")
    name = str(found[0].relative_to(system / "root/atls"))
    _command(checks, release, system, archives, ("./atls", "decode", name))
