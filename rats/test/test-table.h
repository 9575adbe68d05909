/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of cases as cmocka tests, one test a row, named for the row: a failure names the clause,
 * and a filter can pick one case. Also bytes written as hexadecimal text with blanks.
 */
#ifndef ATLS_RATS_TEST_TEST_TABLE_H
#define ATLS_RATS_TEST_TEST_TABLE_H

#include "rats/test/test-hex.h"
#include "rats/test/test-publish.h"

struct test_list {
    struct CMUnitTest tests[400];
    size_t count;
};

/* Rows begin with their name. */
static inline int test_note_row(void **state)
{
    if (&test_row_name)
        test_row_name = *state ? *(const char *const *)*state : NULL;
    return 0;
}

static inline void test_add(struct test_list *list, const char *name, CMUnitTestFunction function,
                            const void *row)
{
    if (list->count == COUNT(list->tests)) {
        fprintf(stderr, "more tests than a test_list holds\n");
        exit(2);
    }
    list->tests[list->count++] = (struct CMUnitTest){.name = name,
                                                     .test_func = function,
                                                     .setup_func = test_note_row,
                                                     .initial_state = (void *)row};
}

#define TEST_ADD(list, function) test_add(list, #function, function, NULL)
/* Every row of an array whose rows begin with their name. */
#define TEST_ADD_ROWS(list, function, rows)                                                        \
    for (size_t row_ = 0; row_ < COUNT(rows); row_++)                                              \
    test_add(list, (rows)[row_].name, function, &(rows)[row_])

static inline int test_run(const char *group, const struct test_list *list)
{
    return test_done(_cmocka_run_group_tests(group, list->tests, list->count, NULL, NULL));
}

/* test_hex() of text in which blanks and line ends are skipped. Free with test_vector_free(). */
static inline struct atls_bytes test_bytes(const char *text)
{
    char *packed = calloc(1, strlen(text) + 1);
    struct atls_bytes bytes;
    size_t used = 0;

    assert_non_null(packed);
    for (; *text; text++)
        if (!strchr(" \n", *text))
            packed[used++] = *text;
    bytes = test_hex(packed);
    free(packed);
    return bytes;
}

/* The outcome and, where a clause is given, that the error names it. */
static inline void test_outcome(int came, int expected, const char *clause)
{
    if (came != expected)
        fail_msg("expected %s, came %s (%s: %s)", atls_error_name(expected), atls_error_name(came),
                 atls_error_clause(), atls_error_text());
    if (clause && strcmp(atls_error_clause(), clause) != 0)
        fail_msg("expected the clause \"%s\", came \"%s\" (%s)", clause, atls_error_clause(),
                 atls_error_text());
    if (expected != 0)
        assert_true(atls_error_text()[0] != '\0');
}

static inline void test_same_bytes(struct atls_bytes came, struct atls_bytes expected)
{
    char *text;

    if (atls_bytes_equal(came, expected))
        return;
    text = atls_hex_encode(came);
    print_error("came     %s\n", text ? text : "?");
    free(text);
    text = atls_hex_encode(expected);
    print_error("expected %s\n", text ? text : "?");
    free(text);
    fail_msg("%zu bytes differ from the %zu bytes expected", came.size, expected.size);
}

#endif
