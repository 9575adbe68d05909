/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public-key operations of several crypto libraries, each through the project's adapter over it:
 * the key comes as numbers and a digest goes in, as everything beyond TLS signs and verifies. What
 * the same costs inside of GnuTLS, with a key that is ready, is the floor (floor.h).
 */
#ifndef ATLS_TLS_BENCH_CONTENDERS_H
#define ATLS_TLS_BENCH_CONTENDERS_H

#include "rats/crypto/crypto.h"
#include "tls/bench/meter.h"

/* What is measured of each. */
#define BENCH_CONTENDED 5
extern const enum bench_op bench_contended[BENCH_CONTENDED];

struct bench_contender {
    const struct atls_crypto *crypto;
    /* Scalar times point. */
    bool (*x25519)(const uint8_t scalar[32], const uint8_t point[32], uint8_t productp[32]);
    const char *(*version)(void);
    bool slow; /* made for size, not for speed: only atls-bench crypto measures it */
};
extern const struct bench_contender bench_contenders[]; /* the last one's CRYPTO is NULL */

/* One more, of a shared library that is no part of the build: it has the functions that
 * harness/peers/aws-lc/src/lib.rs describes. It signs and verifies for GnuTLS, and GnuTLS for it,
 * before it is measured. It stays loaded; one at most. ATLS_E_UNSUPPORTED: it cannot be loaded, or
 * lacks a function; ATLS_E_SIGNATURE, -EIO: the two do not agree; -ENOMEM. */
int bench_contender_load(const char *path, const struct bench_contender **contenderp);

/* One round of CONTENDER: each of these, in nanoseconds, when the caches know it. The signature is
 * verified, and the product is compared with GnuTLS'. */
int bench_contender_round(const struct bench_contender *contender, uint64_t ns[BENCH_OPS]);

#endif
