/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the simulated device share. */
#ifndef ATLS_SIM_TEST_SUPPORT_H
#define ATLS_SIM_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto.h"

/* Names the case of a table that goes wrong: assert_case(i, r, expected). */
#define assert_case(name, came, expected)                                                          \
    do {                                                                                           \
        int came_ = (came), expected_ = (expected);                                                \
        if (came_ != expected_)                                                                    \
            fail_msg("%s: expected %d, came %d (%s)", (name), expected_, came_,                    \
                     atls_error_text());                                                           \
    } while (0)

#define assert_ok(came) assert_case(#came, (came), 0)

/* Whoever may say no says why. */
#define assert_refused(came, code, words)                                                          \
    do {                                                                                           \
        assert_case(#came, (came), (code));                                                        \
        if (!strstr(atls_error_text(), (words)))                                                   \
            fail_msg("%s: \"%s\" does not say \"%s\"", #came, atls_error_text(), (words));         \
    } while (0)

/* Do SIZE bytes of NEEDLE occur in HAYSTACK? */
static inline bool test_contains(struct atls_bytes haystack, const void *needle, size_t size)
{
    return haystack.size >= size && memmem(haystack.data, haystack.size, needle, size);
}

/* A new directory for a test's files; its name is short enough for a socket in it. */
static inline void test_make_directory(char path[256])
{
    const char *parent = getenv("TMPDIR");
    snprintf(path, 256, "%s/atls-XXXXXX", parent && *parent ? parent : P_tmpdir);
    assert_non_null(mkdtemp(path));
}

#endif
