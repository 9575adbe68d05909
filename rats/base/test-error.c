/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the error convention: what is kept, for whom, and how much of it. */
#include <errno.h>
#include <pthread.h>

#include "rats/test/test-hex.h"

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

/* A peer's bytes are quoted in errors, which go to terminals and into JSON. */
static void test_shows_a_peers_text(void **state)
{
    static const struct {
        const char *name, *text, *shown;
    } rows[] = {
        {"printable ASCII as it is", "a \"b\" ~ \\", "a \"b\" ~ \\"},
        {"escape sequence of a terminal", "\033]0;owned\a", "\\x1b]0;owned\\x07"},
        {"end of line: no second line can be forged", "a\r\nb", "a\\x0d\\x0ab"},
        {"delete", "\x7f", "\\x7f"},
        {"C1 control character, U+009B", "\xc2\x9b", "\\xc2\\x9b"},
        {"right-to-left override, U+202E", "\xe2\x80\xae", "\\xe2\\x80\\xae"},
        {"UTF-8, cut (RFC 3629 section 3)", "\xc3", "\\xc3"},
        {"no UTF-8", "\xff\xfe", "\\xff\\xfe"},
        {"UTF-8", "\xc3\xbc", "\\xc3\\xbc"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        atls_fail(ATLS_E_MALFORMED, rows[i].text, "%s", rows[i].text);
        if (strcmp(atls_error_text(), rows[i].shown) != 0 ||
            strcmp(atls_error_clause(), rows[i].shown) != 0)
            fail_msg("%s: %s [%s]", rows[i].name, atls_error_text(), atls_error_clause());
        /* What was shown once is shown the same again. */
        atls_fail(ATLS_E_MALFORMED, NULL, "%s", atls_error_text());
        assert_string_equal(atls_error_text(), rows[i].shown);
    }
}

/* However a text is cut, what is left is whole characters of printable ASCII. */
static void test_cuts_between_characters(void **state)
{
    char text[1001], shown[64];

    for (size_t ahead = 0; ahead < 8; ahead++) {
        memset(text, '\xc3', sizeof text - 1);
        memset(text, 'a', ahead);
        text[sizeof text - 1] = '\0';
        atls_fail(ATLS_E_MALFORMED, NULL, "%s", text);
        assert_int_equal((strlen(atls_error_text()) - ahead) % 4, 0);
    }
    for (size_t capacity = 1; capacity < 16; capacity++) {
        memset(shown, 'x', sizeof shown);
        atls_printable("a\033b\0c", 5, shown, capacity);
        assert_in_range(strlen(shown), 0, capacity - 1);
        assert_int_equal(shown[capacity], 'x');
        assert_memory_equal(shown, "a\\x1bb\\x00c", strlen(shown));
        assert_true(strlen(shown) == 0 || strlen(shown) == 1 || strlen(shown) == 5 ||
                    strlen(shown) == 6 || strlen(shown) == 10 || strlen(shown) == 11);
    }
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

/* Looking into the same bytes again does not hide what was wrong with them first. */
static void test_is_kept_and_restored(void **state)
{
    struct atls_error first;

    atls_fail(ATLS_E_MALFORMED, "clause 1", "the first\n");
    atls_error_keep(&first);
    atls_fail(ATLS_E_LIMIT, NULL, "another");
    assert_string_equal(first.text, "the first\\x0a");
    atls_error_restore(&first);
    assert_string_equal(atls_error_text(), "the first\\x0a");
    assert_string_equal(atls_error_clause(), "clause 1");
}

static void test_names(void **state)
{
    static const struct {
        int result;
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
        assert_string_equal(atls_error_name(names[i].result), names[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_newest),         cmocka_unit_test(test_may_quote_itself),
        cmocka_unit_test(test_cuts_long_texts),      cmocka_unit_test(test_threads_are_apart),
        cmocka_unit_test(test_is_kept_and_restored), cmocka_unit_test(test_names),
        cmocka_unit_test(test_shows_a_peers_text),   cmocka_unit_test(test_cuts_between_characters),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
