/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that finds every signature and every Finished good (the hash is zero), so that
 * nothing of a message hides behind one that is wrong; and an identity's signature of one byte.
 */
#ifndef ATLS_TLS_AUTHENTICATOR_TEST_RFC9261_GOOD_H
#define ATLS_TLS_AUTHENTICATOR_TEST_RFC9261_GOOD_H

#include <string.h>

#include "tls/authenticator/rfc9261.h"

static inline int test_no_exporter(void *context, const char *label,
                                   struct atls_bytes context_value, uint8_t *valuep, size_t size)
{
    memset(valuep, 0, size);
    return 0;
}

static inline int test_no_hash(void *context, const struct atls_bytes *parts, size_t count,
                               uint8_t *digestp)
{
    memset(digestp, 0, 2);
    return 0;
}

static inline int test_no_hmac(void *context, struct atls_bytes key, struct atls_bytes data,
                               uint8_t *macp)
{
    memset(macp, 0, 2);
    return 0;
}

static inline int test_all_good(void *context, uint16_t scheme, struct atls_bytes certificate,
                                struct atls_bytes content, struct atls_bytes signature)
{
    return 0;
}

static inline int test_one_byte(void *context, uint16_t scheme, struct atls_bytes content,
                                uint8_t *signaturep, size_t capacity, size_t *sizep)
{
    *signaturep = 0;
    *sizep = 1;
    return 0;
}

static struct atls_ea_connection test_good_connection = {
    .version = 0x0304,
    .hash_size = 2,
    .exporter = test_no_exporter,
    .hash = test_no_hash,
    .hmac = test_no_hmac,
    .verify = test_all_good,
};

#endif
