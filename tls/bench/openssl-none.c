/* SPDX-License-Identifier: Apache-2.0 */
/* Where the headers of OpenSSL were not found: its modes say so. */
#include "tls/bench/openssl.h"

#include "rats/base/error.h"

int bench_openssl_new(const struct bench_ca *ca, const struct bench_mode *mode,
                      struct bench_openssl **opensslp)
{
    (void)ca;
    (void)opensslp;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "%s: built without OpenSSL: its headers (libssl-dev) were not found",
                     mode->name);
}

void bench_openssl_free(struct bench_openssl *openssl)
{
    (void)openssl;
}

int bench_openssl_connect(struct bench_openssl *openssl, struct bench_wire *wire)
{
    (void)openssl;
    (void)wire;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "built without OpenSSL");
}

const char *bench_openssl_version(void)
{
    return NULL;
}
