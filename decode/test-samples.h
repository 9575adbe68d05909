/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of every kind, made from a seed: what tests print and decode, and what seeds fuzzers.
 * Some have one thing wrong, and are named for it.
 */
#ifndef ATLS_DECODE_TEST_SAMPLES_H
#define ATLS_DECODE_TEST_SAMPLES_H

#include "rats/base/bytes.h"

struct test_sample {
    const char *name; /* also the name of its file */
    uint8_t *data;    /* zero-terminated behind its size */
    size_t size;
};
struct test_samples {
    struct test_sample sample[40];
    size_t count;
};

/* 0 or what failed, as atls_fail() says; free with test_samples_free() in either case. */
int test_samples_make(struct test_samples *samples);
void test_samples_free(struct test_samples *samples);
/* Empty where there is none. */
struct atls_bytes test_sample(const struct test_samples *samples, const char *name);

#endif
