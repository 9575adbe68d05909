#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The addresses of the secure image's veneers, as a header for the application. NM ELF OUTPUT
set -eu
"$1" "$2" | sed -n 's/.* __acle_se_\(.*\)/\1/p' | sort | while read -r name; do
    address=$("$1" "$2" | sed -n "s/^\([0-9a-f]*\) T $name\$/\1/p")
    echo "#define VENEER_$(echo "$name" | tr a-z A-Z) (0x${address}u | 1u)"
done > "$3"
