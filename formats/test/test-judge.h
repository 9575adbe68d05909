/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier for tests of formats, which notes all that a format asks of it, in its order: "token
 * PAT; then; attest ik". It endorses the device of test-source.h and whatever that measured.
 */
#ifndef ATLS_FORMATS_TEST_TEST_JUDGE_H
#define ATLS_FORMATS_TEST_TEST_JUDGE_H

#include "formats/test/test-source.h"

struct test_judge {
    struct atls_judge lent;
    const struct test_source *source;
    bool unknown;   /* nobody endorses the device */
    int match_ends; /* what a comparison with reference values returns */
    char noted[1024];
    char said[512]; /* to people, why it was condemned */
};

void test_judge_init(struct test_judge *judge, const struct test_source *source,
                     struct atls_bytes nonce);

#endif
