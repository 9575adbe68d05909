/* SPDX-License-Identifier: Apache-2.0 */
/* Something that can be large, and one thing that is then done again and again. */
#ifndef ATLS_TLS_BENCH_SIZES_H
#define ATLS_TLS_BENCH_SIZES_H

#include <stddef.h>

#include "verifier-stub/http/api.h"

struct bench_sized; /* one of these at one size */
struct bench_size_kind {
    const char *name, *what; /* "references", what grows, for people */
    size_t most;
    int (*open)(struct bench_sized *sized);
    int (*run)(struct bench_sized *sized); /* what is measured */
};
extern const struct bench_size_kind bench_size_kinds[];
extern const size_t bench_size_kind_count;

/* -EINVAL: no such kind, or too large; -errno. */
int bench_sized_open(const char *kind, size_t size, struct bench_sized **sizedp);
int bench_sized_run(struct bench_sized *sized);
/* Bytes of what is appraised. */
size_t bench_sized_evidence(const struct bench_sized *sized);
void bench_sized_close(struct bench_sized *sized); /* NULL is fine */

#endif
