/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys for tests: another one for each number, and the same ones in every run. */
#ifndef ATLS_RATS_TEST_TEST_KEY_H
#define ATLS_RATS_TEST_TEST_KEY_H

#include "rats/crypto/crypto.h"
#include "rats/test/test-support.h"

static inline struct atls_private_key test_private_key(enum atls_curve curve, uint8_t number)
{
    struct atls_private_key key;
    uint8_t seed[32] = {number};

    assert_int_equal(atls_crypto_hosted.make_key(curve, seed, &key), 0);
    return key;
}

#endif
