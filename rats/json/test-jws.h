/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for tests of what is signed as a JWS: private ones, made by libjose, and their public part.
 */
#ifndef ATLS_RATS_JSON_TEST_JWS_H
#define ATLS_RATS_JSON_TEST_JWS_H

#include <jose/jose.h>

#include "rats/json/jws.h"
#include "rats/test/test-support.h"

static inline json_t *test_jwk(const char *alg)
{
    json_t *jwk = json_pack("{s:s}", "alg", alg);

    assert_true(jose_jwk_gen(NULL, jwk));
    return jwk;
}

static inline json_t *test_jwk_public(const json_t *jwk)
{
    struct atls_public_key key;

    assert_int_equal(atls_jwk_to_public_key(jwk, &key), 0);
    return atls_jwk_of_public_key(&key);
}

#endif
