/* SPDX-License-Identifier: Apache-2.0 */
/* A session's document, with and without what is remembered of the one before: the same is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "roles/verifier-document.h"

#define NONCE "\"nonce\":\"AAAAAAAAAAA\""
#define LIST "\"accept\":[\"a/b\",\"c/d; x=\\\"]\\\"\"]"
#define FIRST "{\"status\":\"waiting\"," NONCE "," LIST "}"

static const struct row {
    const char *what, *text;
    size_t types; /* in its list; 0: it has none */
    int result;
    bool remembered; /* after FIRST: its list is not parsed again */
} rows[] = {
    {"the same", FIRST, 2, 0, true},
    {"another nonce", "{\"status\":\"waiting\",\"nonce\":\"BBBBBBBBBBE\"," LIST "}", 2, 0, true},
    {"in the middle", "{\"status\":\"waiting\"," LIST "," NONCE "}", 2, 0, true},
    {"in front", "{" LIST ",\"status\":\"waiting\"," NONCE "}", 2, 0, false},
    {"with blanks around it", "{\"status\":\"waiting\"," NONCE ", " LIST " }", 2, 0, false},
    {"behind texts with brackets",
     "{\"x\":\"a}\",\"y\":\"ab}\",\"z\":\"\\\"}\",\"status\":\"waiting\"," NONCE "," LIST "}", 2, 0,
     true},
    {"behind a text of two characters", "{\"x\":\"}}\",\"status\":\"waiting\"," NONCE "," LIST "}",
     2, 0, true},
    {"a blank behind its name", "{\"status\":\"waiting\"," NONCE ",\"accept\": [\"a/b\"]}", 1, 0,
     false},
    {"and no end", "{\"status\":\"waiting\"," NONCE "," LIST, 0, ATLS_E_MALFORMED, false},
    {"another list", "{\"status\":\"waiting\"," NONCE ",\"accept\":[\"a/b\"]}", 1, 0, false},
    {"an empty list", "{\"status\":\"waiting\"," NONCE ",\"accept\":[]}", 0, 0, false},
    {"no list", "{\"status\":\"waiting\"," NONCE "}", 0, 0, false},
    {"a list that is no list", "{\"status\":\"waiting\"," NONCE ",\"accept\":1}", 0,
     ATLS_E_MALFORMED, false},
    {"within another member", "{\"status\":\"waiting\"," NONCE ",\"x\":{\"y\":1," LIST "}}", 0, 0,
     false},
    {"within a text",
     "{\"status\":\"waiting\"," NONCE
     ",\"x\":\",\\\"accept\\\":[\\\"a/b\\\",\\\"c/d; x=\\\\\\\"]\\\\\\\"\\\"],\"}",
     0, 0, false},
    {"twice (RFC 8259 section 4)", "{\"status\":\"waiting\"," NONCE "," LIST "," LIST "}", 0,
     ATLS_E_MALFORMED, false},
    {"twice, once with an escape in its name",
     "{\"status\":\"waiting\"," NONCE "," LIST ",\"\\u0061ccept\":[]}", 0, ATLS_E_MALFORMED, false},
    {"no comma behind it", "{\"status\":\"waiting\"," LIST "," NONCE "," LIST "\"x\":1}", 0,
     ATLS_E_MALFORMED, false},
    {"no comma before it", "{\"status\":\"waiting\"," NONCE " " LIST "}", 0, ATLS_E_MALFORMED,
     false},
    {"a comma too many before it", "{\"status\":\"waiting\"," NONCE ",," LIST "}", 0,
     ATLS_E_MALFORMED, false},
    {"nothing but a comma before it", "{," LIST ",\"status\":\"waiting\"," NONCE "}", 0,
     ATLS_E_MALFORMED, false},
    {"something behind the object", FIRST "x", 0, ATLS_E_MALFORMED, false},
    {"no object around it", "\"status\":\"waiting\"," NONCE "," LIST, 0, ATLS_E_MALFORMED, false},
    {"brackets that close what is not open", "}{\"status\":\"waiting\"," NONCE "," LIST "}", 0,
     ATLS_E_MALFORMED, false},
};

/* Whether the list is the one that was remembered. */
static bool check(const struct row *row, struct atls_accept_memo *memo, const char *after)
{
    struct atls_session_document document;
    const json_t *kept = memo ? memo->types : NULL;
    size_t size = strlen(row->text);
    uint8_t *text = malloc(size); /* of just this size: sanitizers watch its end */

    assert_non_null(text);
    memcpy(text, row->text, size);
    int result = atls_session_document_parse(ATLS_BYTES(text, size), memo, &document);
    free(text);

    if (result != row->result)
        fail_msg("%s, %s: expected %s, came %s: %s", row->what, after, atls_error_name(row->result),
                 atls_error_name(result), atls_error_text());
    if (result)
        return false;
    bool remembered = kept && document.accept == kept;
    if (json_array_size(document.accept) != row->types)
        fail_msg("%s, %s: expected %zu types, came %zu", row->what, after, row->types,
                 json_array_size(document.accept));
    assert_int_equal(document.nonce_size, 8);
    atls_session_document_clear(&document);
    return remembered;
}

static void test_what_is_remembered(void **state)
{
    static const struct row first = {"the first", FIRST, 2, 0, true};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct atls_accept_memo memo = {.text = NULL};

        (void)check(&rows[i], NULL, "without a memo");
        (void)check(&rows[i], &memo, "with an empty memo");
        if (memo.text)
            assert_memory_equal(memo.text, "\"accept\":[", strlen("\"accept\":["));
        (void)check(&first, &memo, "after it");
        if (!memo.text)
            fail_msg("%s: nothing was remembered of the first document", rows[i].what);
        assert_int_equal(memo.size, strlen(LIST));
        assert_memory_equal(memo.text, LIST, strlen(LIST));
        if (check(&rows[i], &memo, "after the first document") != rows[i].remembered)
            fail_msg("%s: expected a list that is %s again", rows[i].what,
                     rows[i].remembered ? "not parsed" : "parsed");
        (void)check(&rows[i], &memo, "after itself");
        atls_accept_memo_clear(&memo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_remembered)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
