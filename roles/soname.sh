#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the name (SONAME) under which a program that is linked with NAME of pkg-config asks the
# loader for that library: a probe is linked, and read. pkg-config itself does not tell it: what
# -lcurl means depends on which of Debian's flavours of libcurl is installed.
# usage: soname.sh NAME COMPILER...
set -eu
name=$1
shift
flags=$(pkg-config --libs "$name")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# $flags are several words.
# shellcheck disable=SC2086
"$@" -shared -o "$work/probe.so" -Wl,--no-as-needed -x c /dev/null -x none $flags
found=$(objdump -p "$work/probe.so" | sed -n "s/^ *NEEDED  *\($name.*\)/\1/p")
if [ -z "$found" ]; then
    echo "$name: expected a shared library behind '$flags', came none (is there only a static one?)" >&2
    exit 1
fi
echo "$found"
