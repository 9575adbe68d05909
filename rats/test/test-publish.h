/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests as test vectors for others: where ATLS_PUBLISH names a file, each message that a test
 * shows to a parser is written to its end, a JSON object a line, with what the parser said. The
 * linker puts the functions of test-publish.c before the parsers (--wrap), so no test knows of it.
 * `harness/atls_harness/vectors.py` makes results/vectors of the lines.
 */
#ifndef ATLS_RATS_TEST_TEST_PUBLISH_H
#define ATLS_RATS_TEST_TEST_PUBLISH_H

#include <jansson.h>

#include "rats/base/bytes.h"

#define TEST_PUBLISH_MAX 4096 /* bytes: larger messages are about limits, and are not published */

/* The row that is being played, for its vectors: what a reader is told that they are about. Not
 * there in a program that publishes nothing. */
extern const char *test_row_name __attribute__((weak));

/* INPUT was read as FORMAT with OPTIONS (stolen; NULL: none), and RESULT came. */
void test_publish(const char *format, struct atls_bytes input, json_t *options, int result);

#endif
