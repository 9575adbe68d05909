/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: TLS 1.3 with X.509 on the library alone, without a line of this project. */
#ifndef ATLS_TLS_BENCH_PLAIN_H
#define ATLS_TLS_BENCH_PLAIN_H

#include "tls/bench/mode.h"
#include "tls/bench/pki.h"
#include "tls/bench/wire.h"

struct bench_plain;
int bench_plain_new(const struct bench_ca *ca, const struct bench_mode *mode,
                    struct bench_plain **plainp);
void bench_plain_free(struct bench_plain *plain); /* NULL is fine */
/* As bench_pair_connect(): handshake, a line each way, close_notify from either side. */
int bench_plain_connect(struct bench_plain *plain, struct bench_wire *wire);

#endif
