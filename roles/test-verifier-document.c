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
} rows[] = {
    {"the same", FIRST, 2, 0},
    {"another nonce", "{\"status\":\"waiting\",\"nonce\":\"BBBBBBBBBBE\"," LIST "}", 2, 0},
    {"in the middle", "{\"status\":\"waiting\"," LIST "," NONCE "}", 2, 0},
    {"in front", "{" LIST ",\"status\":\"waiting\"," NONCE "}", 2, 0},
    {"with blanks around it", "{\"status\":\"waiting\"," NONCE ", " LIST " }", 2, 0},
    {"another list", "{\"status\":\"waiting\"," NONCE ",\"accept\":[\"a/b\"]}", 1, 0},
    {"an empty list", "{\"status\":\"waiting\"," NONCE ",\"accept\":[]}", 0, 0},
    {"no list", "{\"status\":\"waiting\"," NONCE "}", 0, 0},
    {"a list that is no list", "{\"status\":\"waiting\"," NONCE ",\"accept\":1}", 0,
     ATLS_E_MALFORMED},
    {"within another member", "{\"status\":\"waiting\"," NONCE ",\"x\":{\"y\":1," LIST "}}", 0, 0},
    {"within a text",
     "{\"status\":\"waiting\"," NONCE
     ",\"x\":\",\\\"accept\\\":[\\\"a/b\\\",\\\"c/d; x=\\\\\\\"]\\\\\\\"\\\"],\"}",
     0, 0},
    {"twice (RFC 8259 section 4)", "{\"status\":\"waiting\"," NONCE "," LIST "," LIST "}", 0,
     ATLS_E_MALFORMED},
    {"twice, once with an escape in its name",
     "{\"status\":\"waiting\"," NONCE "," LIST ",\"\\u0061ccept\":[]}", 0, ATLS_E_MALFORMED},
    {"no comma behind it", "{\"status\":\"waiting\"," LIST "," NONCE "," LIST "\"x\":1}", 0,
     ATLS_E_MALFORMED},
    {"no comma before it", "{\"status\":\"waiting\"," NONCE " " LIST "}", 0, ATLS_E_MALFORMED},
    {"a comma too many before it", "{\"status\":\"waiting\"," NONCE ",," LIST "}", 0,
     ATLS_E_MALFORMED},
    {"nothing but a comma before it", "{," LIST ",\"status\":\"waiting\"," NONCE "}", 0,
     ATLS_E_MALFORMED},
    {"something behind the object", FIRST "x", 0, ATLS_E_MALFORMED},
    {"no object around it", "\"status\":\"waiting\"," NONCE "," LIST, 0, ATLS_E_MALFORMED},
    {"brackets that close what is not open", "}{\"status\":\"waiting\"," NONCE "," LIST "}", 0,
     ATLS_E_MALFORMED},
};

static void check(const struct row *row, struct atls_accept_memo *memo, const char *after)
{
    struct atls_session_document document;
    int result = atls_session_document_parse(atls_bytes_of_text(row->text), memo, &document);

    if (result != row->result)
        fail_msg("%s, %s: expected %s, came %s: %s", row->what, after, atls_error_name(row->result),
                 atls_error_name(result), atls_error_text());
    if (result)
        return;
    if (json_array_size(document.accept) != row->types)
        fail_msg("%s, %s: expected %zu types, came %zu", row->what, after, row->types,
                 json_array_size(document.accept));
    assert_int_equal(document.nonce_size, 8);
    atls_session_document_clear(&document);
}

static void test_what_is_remembered(void **state)
{
    static const struct row first = {"the first", FIRST, 2, 0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct atls_accept_memo memo = {.text = NULL};

        check(&rows[i], NULL, "without a memo");
        check(&rows[i], &memo, "with an empty memo");
        check(&first, &memo, "after it");
        if (!memo.text)
            fail_msg("%s: nothing was remembered of the first document", rows[i].what);
        for (int twice = 0; twice < 2; twice++)
            check(&rows[i], &memo, "after the first document");
        atls_accept_memo_clear(&memo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_remembered)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
