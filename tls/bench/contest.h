/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of all contenders, kept as JSON. */
#ifndef ATLS_TLS_BENCH_CONTEST_H
#define ATLS_TLS_BENCH_CONTEST_H

#include <jansson.h>
#include <stdbool.h>

struct bench_contest;
/* SLOW: those too that are slow. LIBRARY: one more, or NULL. -ENOMEM, and what
 * bench_contender_load() says. */
int bench_contest_new(bool slow, const char *library, struct bench_contest **contestp);
void bench_contest_free(struct bench_contest *contest);
/* One round of each, in turn. */
int bench_contest_round(struct bench_contest *contest, bool keep);
/* [{"library": ..., "version": ..., "operations_ns": {NAME: [...]}}]: the first is GnuTLS. */
json_t *bench_contest_figures(const struct bench_contest *contest);

#endif
