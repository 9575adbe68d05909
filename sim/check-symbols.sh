#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The device's core must build for a bare processor: holds the archive to the few functions of the C
# library that it may use (no memory from a heap, no files, no threads).
set -eu
undefined=$(nm -u "$1" | awk '$1 == "U" { print $2 }' | sort -u)
defined=$(nm --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u)
bad=
for symbol in $undefined; do
    case $symbol in
    atls_* | memcpy | memmove | memset | memcmp | strlen) ;;
    __asan_* | __ubsan_* | __tsan_* | __sanitizer_* | __gcov_* | __llvm_* | __stack_chk_fail) ;;
    __memcpy_chk | __memset_chk | _GLOBAL_OFFSET_TABLE_) ;;
    *) echo "$defined" | grep -qx "$symbol" || bad="$bad $symbol" ;;
    esac
done
if [ -n "$bad" ]; then
    echo "the device's core needs what a bare processor has not:$bad" >&2
    exit 1
fi
