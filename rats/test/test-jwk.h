/* SPDX-License-Identifier: Apache-2.0 */
/* A private key as the JWK that results are signed with (RFC 7518 section 6.2.2). */
#ifndef ATLS_RATS_TEST_TEST_JWK_H
#define ATLS_RATS_TEST_TEST_JWK_H

#include <stdlib.h>

#include "rats/base/encoding.h"
#include "rats/json/jws.h"

/* The caller's; NULL where memory ran out. */
static inline json_t *test_private_jwk(const struct atls_private_key *key)
{
    struct atls_bytes scalar = {key->d, atls_curve_size(key->public_key.curve)};
    json_t *jwk = atls_jwk_of_public_key(&key->public_key);
    char *d = atls_base64_encode(ATLS_BASE64URL, scalar);

    if (json_object_set_new(jwk, "d", json_string(d)) != 0) { /* or one of them is NULL */
        json_decref(jwk);
        jwk = NULL;
    }
    free(d);
    return jwk;
}

#endif
