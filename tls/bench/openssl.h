/* SPDX-License-Identifier: Apache-2.0 */
/* Another yardstick: TLS 1.3 with X.509 by OpenSSL, with the keys, groups and lines of plain.h. */
#ifndef ATLS_TLS_BENCH_OPENSSL_H
#define ATLS_TLS_BENCH_OPENSSL_H

#include "tls/bench/mode.h"
#include "tls/bench/pki.h"
#include "tls/bench/wire.h"

struct bench_openssl;
/* ATLS_E_UNSUPPORTED where this program was built without OpenSSL. */
int bench_openssl_new(const struct bench_ca *ca, const struct bench_mode *mode,
                      struct bench_openssl **opensslp);
void bench_openssl_free(struct bench_openssl *openssl); /* NULL is fine */
/* As bench_plain_connect(). */
int bench_openssl_connect(struct bench_openssl *openssl, struct bench_wire *wire);
/* "OpenSSL 3.0.19 27 Jan 2026", say; NULL where there is none. */
const char *bench_openssl_version(void);

#endif
