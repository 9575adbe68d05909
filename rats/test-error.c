/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the error convention: what is kept, for whom, and how much of it. */
#include <errno.h>
#include <pthread.h>

#include "rats/test-hex.h"

static void test_keeps_newest(void **state)
{
    assert_int_equal(atls_fail(ATLS_E_LIMIT, "RFC 1", "first %d", 1), ATLS_E_LIMIT);
    assert_int_equal(atls_fail(-EIO, NULL, "expected %s, came %u", "a", 7u), -EIO);
    assert_string_equal(atls_error_text(), "expected a, came 7");
    assert_string_equal(atls_error_clause(), "");
    atls_fail(ATLS_E_MISSING, "RFC 9052 section 3", "x");
    assert_string_equal(atls_error_clause(), "RFC 9052 section 3");
}

/* A caller that knows a better clause passes the text it found. */
static void test_may_quote_itself(void **state)
{
    atls_fail(ATLS_E_MALFORMED, "clause", "inner");
    atls_fail(ATLS_E_MALFORMED, atls_error_clause(), "outer: %s", atls_error_text());
    assert_string_equal(atls_error_text(), "outer: inner");
    assert_string_equal(atls_error_clause(), "clause");
}

static void test_cuts_long_texts(void **state)
{
    char text[2000];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(atls_fail(ATLS_E_LIMIT, text, "%s", text), ATLS_E_LIMIT);
    assert_in_range(strlen(atls_error_text()), 100, 1000);
    assert_in_range(strlen(atls_error_clause()), 50, 1000);
}

static void *other_thread(void *argument)
{
    bool *was_empty = argument;

    *was_empty = !*atls_error_text() && !*atls_error_clause();
    atls_fail(ATLS_E_LIMIT, "theirs", "theirs");
    return NULL;
}

static void test_threads_are_apart(void **state)
{
    bool was_empty = false;
    pthread_t thread;

    atls_fail(ATLS_E_MALFORMED, "ours", "ours");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &was_empty), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(was_empty);
    assert_string_equal(atls_error_text(), "ours");
}

static void test_names(void **state)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {{0, "success"},
                 {ATLS_E_MALFORMED, "malformed"},
                 {ATLS_E_UNSUPPORTED, "unsupported"},
                 {ATLS_E_LIMIT, "limit"},
                 {ATLS_E_MISSING, "missing"},
                 {ATLS_E_SIGNATURE, "signature"},
                 {ATLS_E_MISMATCH, "mismatch"},
                 {ATLS_E_EXPIRED, "expired"},
                 {ATLS_E_UNTRUSTED, "untrusted"},
                 {ATLS_E_REFUSED, "refused"},
                 {ATLS_E_UNAVAILABLE, "unavailable"},
                 {ATLS_E_AGAIN, "again"},
                 {ATLS_E_AGAIN + 1, "unknown"},
                 {1000000, "unknown"},
                 {-ENOMEM, "Cannot allocate memory"},
                 {-1000000, "unknown"}};

    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(atls_error_name(names[i].code), names[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_newest),    cmocka_unit_test(test_may_quote_itself),
        cmocka_unit_test(test_cuts_long_texts), cmocka_unit_test(test_threads_are_apart),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
