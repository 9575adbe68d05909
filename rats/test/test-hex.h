/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of bytes share: inputs in hexadecimal, and the check of a refusal. */
#ifndef ATLS_RATS_TEST_TEST_HEX_H
#define ATLS_RATS_TEST_TEST_HEX_H

#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/test/test-support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Bytes in an allocation of exactly their size, so that a sanitizer sees every step beyond. Free
 * them with test_vector_free(). */
static inline struct atls_bytes test_hex(const char *hex)
{
    struct atls_bytes bytes;
    uint8_t *data, *exact;
    size_t size;

    if (atls_hex_decode(atls_bytes_of_text(hex), &data, &size))
        fail_msg("not hexadecimal: %s", hex);
    exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, data, size);
    free(data);
    bytes = ATLS_BYTES(exact, size);
    return bytes;
}

/* CODE is what a call returned for the input NAME; an outcome must come with its description. */
static inline void test_verdict(const char *name, int code, int expected)
{
    if (code != expected)
        fail_msg("%s: expected \"%s\", came \"%s\" (%s; %s)", name, atls_error_name(expected),
                 atls_error_name(code), atls_error_text(), atls_error_clause());
    if (code > 0 && !*atls_error_text())
        fail_msg("%s: refused without a word", name);
}

#endif
