/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier's documents. A session's, with and without what is remembered of the one before: the
 * same is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/test/test-table.h"
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

/* What is wrong with a document is said by its name. */
static void test_what_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } refused[] = {
        {"{\"status\":\"done\"," NONCE "}", "status must be waiting"},
        {"{" NONCE "}", "came none"},
        {"{\"status\":\"waiting\",\"nonce\":1}", "nonce must be a text"},
        {"{\"status\":\"waiting\"}", "nonce must be a text"},
        {"{\"status\":\"waiting\",\"nonce\":\"AAAA\"}", "one of 3 came"},
        {"{\"status\":\"waiting\"," NONCE ",\"accept\":[1]}", "accept must hold texts only"},
        {"{\"status\":\"waiting\"," NONCE ",\"accept\":\"a/b\"}", "accept must be an array"},
        {"{\"status\":\"waiting\"," NONCE ",\"expiry\":1}", "expiry must be a text"},
        {"{\"status\":\"complete\"," NONCE ",\"result\":1}", "a complete session has a result"},
        {"{\"status\":\"complete\"," NONCE ",\"result\":\"\"}", "a complete session has a result"},
        {"{\"status\":\"complete\"," NONCE "}", "a complete session has a result"},
    };

    for (size_t i = 0; i < COUNT(refused); i++) {
        struct atls_session_document document;

        test_outcome(
            atls_session_document_parse(atls_bytes_of_text(refused[i].text), NULL, &document),
            ATLS_E_MALFORMED, "Veraison challenge-response API: session object");
        if (!strstr(atls_error_text(), refused[i].says))
            fail_msg("expected \"%s\", came \"%s\"", refused[i].says, atls_error_text());
    }
}

static void test_expiry(void **state)
{
    struct atls_session_document document;
    const char *text =
        "{\"status\":\"waiting\"," NONCE ",\"expiry\":\"2026-11-30T19:04:00Z\",\"result\":1}";

    test_outcome(atls_session_document_parse(atls_bytes_of_text(text), NULL, &document), 0, NULL);
    assert_string_equal(document.expiry, "2026-11-30T19:04:00Z");
    assert_int_equal(document.result.size, 0); /* it is not complete */
    atls_session_document_clear(&document);
}

/* The key of RFC 7515 appendix A.3.1, whole, and what is none. */
#define KEY                                                                                        \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

static void test_discovery(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *clause;
    } documents[] = {
        {"{\"ear-verification-key\":{" KEY "}}", 0, NULL},
        {"{}", ATLS_E_MISSING, "Veraison discovery API: verification"},
        {"{\"ear-verification-key\":5}", ATLS_E_MALFORMED, "RFC 7517 section 4"},
        {"{\"ear-verification-key\":[]}", ATLS_E_MALFORMED, "RFC 7517 section 4"},
        {"{\"ear-verification-key\":{" KEY ",\"d\":\"AA\"}}", ATLS_E_MALFORMED,
         "RFC 7517 section 9.2"},
        {"{\"ear-verification-key\":{\"kty\":\"EC\"}}", ATLS_E_UNSUPPORTED, "RFC 7518 section 6.2"},
    };

    for (size_t i = 0; i < COUNT(documents); i++) {
        json_t *jwk = NULL;

        test_outcome(atls_discovery_document_parse(atls_bytes_of_text(documents[i].text), &jwk),
                     documents[i].result, documents[i].clause);
        assert_int_equal(jwk != NULL, documents[i].result == 0);
        json_decref(jwk);
    }
}

/* RFC 9457 sections 3.1.3 and 3.1.4; what a verifier says is shown in printable characters. */
static void test_problem(void **state)
{
    static const struct {
        const char *problem, *text;
    } problems[] = {
        {"{\"title\":\"a\",\"detail\":\"b\"}", "a: b"},
        {"{\"title\":\"a\"}", "a"},
        {"{\"detail\":\"b\"}", "b"},
        {"{\"title\":1}", ""},
        {"{}", ""},
        {"<html></html>", ""},
        {"", ""},
        {"{\"title\":\"\\u0001\\u001f ~\\u007f\\u00e9\"}", "?? ~???"},
        {"{\"title\":\"longer than there is room\"}", "longer than the"},
    };

    for (size_t i = 0; i < COUNT(problems); i++) {
        char text[16];

        atls_problem_text(atls_bytes_of_text(problems[i].problem), text, sizeof text);
        assert_string_equal(text, problems[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_remembered),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
