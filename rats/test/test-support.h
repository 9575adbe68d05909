/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of formats share: files of the vectors, which ATLS_VECTORS names. */
#ifndef ATLS_RATS_TEST_TEST_SUPPORT_H
#define ATLS_RATS_TEST_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rats/base/bytes.h"

#define TEST_EXIT_SKIPPED 77 /* what meson counts as skipped */

/* Tests that were skipped in this program. */
static inline unsigned *test_skipped(void)
{
    static unsigned count;

    return &count;
}

/* What main() returns of a group's FAILED tests: a program in which a test was skipped says so. */
static inline int test_done(int failed)
{
    return failed ? failed : *test_skipped() ? TEST_EXIT_SKIPPED : 0;
}

/* The directory that VARIABLE names. Skips the test, with its reason, where it is not set. */
static inline const char *test_directory(const char *variable)
{
    const char *directory = getenv(variable);

    if (!directory || !*directory) {
        print_message("skipped: %s is not set\n", variable);
        ++*test_skipped();
        skip();
    }
    return directory;
}

static inline const char *test_vectors(void)
{
    return test_directory("ATLS_VECTORS");
}

/* A vector whole, zero-terminated behind its size; fails the test where it is not there. */
static inline struct atls_bytes test_vector(const char *name)
{
    static const size_t limit = 1 << 16;
    const char *directory = test_vectors(); /* before anything is allocated: it may skip */
    char path[4096];
    uint8_t *data = calloc(1, limit + 1);
    size_t size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "rb");
    if (!file || !data)
        fail_msg("cannot read %s", path);
    size = fread(data, 1, limit, file);
    fclose(file);
    return ATLS_BYTES(data, size);
}

static inline void test_vector_free(struct atls_bytes vector)
{
    free((void *)vector.data);
}

#endif
