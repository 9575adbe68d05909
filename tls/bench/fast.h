/* SPDX-License-Identifier: Apache-2.0 */
/* GnuTLS with the ECDSA of OpenSSL's libcrypto (tls/fast/fast.h), for the modes that ask for it. */
#ifndef ATLS_TLS_BENCH_FAST_H
#define ATLS_TLS_BENCH_FAST_H

#include <stdbool.h>

/* The library has to be loaded before libhogweed, so this program is started once more, with
 * ARGV and LD_PRELOAD: does not return then. 0: it is loaded, and switched off. ATLS_E_UNSUPPORTED:
 * it was not built, or was not loaded although it was asked for. */
int bench_fast_load(char **argv);
/* Before and behind a connection: with it where ON. -EIO: one with it did not come by it, or one
 * without it did. A no-op where the library is not loaded and ON is false. */
void bench_fast_begin(bool on);
int bench_fast_end(bool on);

#endif
