#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings BearSSL's source (MIT licence), which the firmware compiles for its processor, to the
# directory DEST: out of Debian's source package, which is pinned by hash and never committed. The
# machine's own lists of packages stay as they are: sources are looked up with a private list.
# ATLS_BEARSSL names a copy of the tarball where no archive can be reached. Ends with 77 and the
# reason where the source cannot be had.
set -eu
version=0.6+dfsg.1
tarball=bearssl_$version.orig.tar.xz
hash=102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004
dest=$1

[ -f "$dest/.complete-$hash" ] && exit 0
unsupported() {
    echo "unsupported: $1" >&2
    exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${ATLS_BEARSSL:-}" ]; then
    cp "$ATLS_BEARSSL" "$work/$tarball" || unsupported "ATLS_BEARSSL: cannot read $ATLS_BEARSSL"
else
    command -v apt-get > /dev/null || unsupported "apt-get is not there to fetch $tarball"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    # The archive that this machine's packages come from, asked for sources.
    apt-get indextargets --format 'deb-src $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sort -u | grep ' main$' > "$work/sources.list"
    set -- -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User= -q
    apt-get "$@" update > "$work/log" 2>&1 || true # one of several archives may be away
    # Debian's own part of it differs between releases (-3, -4); the tarball is the same.
    (cd "$work" && apt-get "$@" source --download-only bearssl >> log 2>&1) ||
        unsupported "Debian's source package of BearSSL cannot be fetched: $(tail -n 1 "$work/log")"
    [ -f "$work/$tarball" ] ||
        unsupported "expected $tarball in this release, came $(cd "$work" && ls bearssl_*.orig.tar.*)"
fi
echo "$hash  $work/$tarball" | sha256sum --check --status ||
    unsupported "$tarball has another hash than the pinned $hash"
rm -rf "$dest"
mkdir -p "$dest"
tar -xJf "$work/$tarball" -C "$dest" --strip-components=1
touch "$dest/.complete-$hash"
