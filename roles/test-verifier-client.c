/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier client against a verifier that answers well, badly, late, or not at all. */
#include "roles/test-client.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-table.h"

static const struct {
    const char *what;
    struct test_answer answer;
    int code;
    const char *reason;
} evidence_rows[] = {
    {"the result", {0, NULL, NULL, NULL, 0, false}, 0, "ok"},
    {"status failed",
     {200, SESSION_TYPE, NULL, "{\"status\":\"failed\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_REFUSED,
     "verifier-error"},
    {"processing for ever",
     {200, SESSION_TYPE, NULL, "{\"status\":\"processing\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_UNAVAILABLE,
     "verifier-timeout"},
    {"complete without result",
     {200, SESSION_TYPE, NULL, "{\"status\":\"complete\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"result is no text",
     {200, SESSION_TYPE, NULL, "{\"status\":\"complete\",\"result\":{},\"nonce\":\"" NONCE32 "\"}",
      0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"result is empty",
     {200, SESSION_TYPE, NULL,
      "{\"status\":\"complete\",\"result\":\"\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"a result of another type",
     {200, "text/html", NULL,
      "{\"status\":\"complete\",\"result\":\"e30.e30.c2ln\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"another type with a charset",
     {200, "text/html; charset=utf-8", NULL,
      "{\"status\":\"complete\",\"result\":\"e30.e30.c2ln\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"a CWT, which nobody asked for",
     {200, ATLS_MT_EAT_CWT, NULL, "\xd2\x84\x40\xa0\x40\x40", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"a result as JSON with a charset",
     {200, "application/json ; charset=utf-8", NULL,
      "{\"status\":\"complete\",\"result\":\"e30.e30.c2ln\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     0,
     "ok"},
    {"garbage",
     {200, SESSION_TYPE, NULL, "\x01\x02", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"session gone",
     {404, "application/problem+json", NULL, "{\"detail\":\"no session\"}", 0, false},
     ATLS_E_REFUSED,
     "session-expired"},
    {"session gone for good", {410, NULL, NULL, "", 0, false}, ATLS_E_REFUSED, "session-expired"},
    {"unsupported type", {415, NULL, NULL, "", 0, false}, ATLS_E_REFUSED, "verifier-error"},
    {"status 500", {500, NULL, NULL, "", 0, false}, ATLS_E_REFUSED, "verifier-error"},
    {"status 201", {201, NULL, NULL, "", 0, false}, ATLS_E_REFUSED, "verifier-error"},
    {"connection closed",
     {0, NULL, NULL, NULL, 0, true},
     ATLS_E_UNAVAILABLE,
     "verifier-unreachable"},
    {"too late",
     {0, NULL, NULL, NULL, 2 * TIMEOUT_MS, false},
     ATLS_E_UNAVAILABLE,
     "verifier-timeout"},
};

static void test_evidence(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce, jwt;

    for (size_t i = 0; i < sizeof evidence_rows / sizeof *evidence_rows; i++) {
        *test_server_answer(f->server, TEST_POST) = evidence_rows[i].answer;
        *test_server_answer(f->server, TEST_GET) = evidence_rows[i].answer;
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        assert_int_equal(test_await_nonce(f, &nonce), 0);
        assert_int_equal(atls_verifier_session_submit(f->session, ATLS_MT_CMW_CBOR,
                                                      atls_bytes_of_text("evidence")),
                         0);
        int result = test_await_result(f, &jwt);
        const char *reason = atls_verifier_session_reason(f->session);
        if (result != evidence_rows[i].code || strcmp(reason, evidence_rows[i].reason) != 0) {
            fail_msg("%s: expected %s, came %s: %s", evidence_rows[i].what, evidence_rows[i].reason,
                     reason, atls_error_text());
        }
    }
    assert_string_equal(test_server_evidence_type(f->server), ATLS_MT_CMW_CBOR);
    assert_true(atls_bytes_equal(test_server_evidence(f->server), atls_bytes_of_text("evidence")));
}

/* A session whose result comes at the second look. */
static struct atls_bytes result_later(struct test_client *f)
{
    struct atls_bytes nonce, jwt;

    *test_server_answer(f->server, TEST_POST) = (struct test_answer){
        202, SESSION_TYPE, NULL, "{\"status\":\"processing\",\"nonce\":\"" NONCE32 "\"}", 0, false};
    test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
    assert_int_equal(test_await_nonce(f, &nonce), 0);
    assert_int_equal(
        atls_verifier_session_submit(f->session, ATLS_MT_CMW_CBOR, atls_bytes_of_text("x")), 0);
    assert_int_equal(test_await_result(f, &jwt), 0);
    return jwt;
}

static void test_result_later(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes jwt = result_later(f);

    assert_int_equal(test_server_count(f->server, TEST_GET), 1);
    assert_true(memchr(jwt.data, '.', jwt.size) != NULL);
}

/* The bytes that the program has allocated after a session, and after the verifier's key anew. */
static size_t allocated_after_a_session(struct test_client *f)
{
    const char *url = test_server_url(f->server), *reason;
    const json_t *jwk;

    result_later(f);
    atls_verifier_session_free(f->session);
    f->session = NULL;
    atls_verifier_key_renew(f->client, url);
    assert_int_equal(test_await_key(f, url, &jwk, &reason), 0);
    return mallinfo2().uordblks;
}

/* A client that runs for ever keeps nothing of what is over, but for a farewell that is under way.
 * (Under AddressSanitizer, whose memory is not counted, this shows nothing.) */
static void test_keeps_nothing(void **state)
{
    enum { WARM = 3, MORE = 12, OF_EACH = 5000 }; /* an exchange has some 12 kB */
    struct test_client *f = *state;
    size_t before = 0, now = 0;

    for (int i = 0; i < WARM; i++)
        before = allocated_after_a_session(f);
    for (int i = 0; i < MORE; i++)
        now = allocated_after_a_session(f);
    if (now > before + (size_t)MORE * OF_EACH)
        fail_msg("%d sessions keep %zu bytes", MORE, now - before);
}

#define PSA "application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\""
static const struct {
    const char *what, *accept, *type;
    int code;
    const char *sent; /* NULL: TYPE */
} accept_rows[] = {
    {"listed", "[\"application/cmw+cbor\"]", "application/cmw+cbor", 0, NULL},
    {"letter case", "[\"Application/CMW+CBOR\"]", "application/cmw+cbor", 0,
     "Application/CMW+CBOR"},
    {"parameter without quotes", "[\"application/eat-cwt; profile=http://arm.com/psa/2.0.0\"]", PSA,
     0, "application/eat-cwt; profile=http://arm.com/psa/2.0.0"},
    {"without a blank", "[\"application/eat-cwt;profile=\\\"http://arm.com/psa/2.0.0\\\"\"]", PSA,
     0, "application/eat-cwt;profile=\"http://arm.com/psa/2.0.0\""},
    {"the same spelling later in the list",
     "[\"application/eat-cwt;profile=\\\"http://arm.com/psa/2.0.0\\\"\", "
     "\"application/eat-cwt; profile=\\\"http://arm.com/psa/2.0.0\\\"\"]",
     PSA, 0, NULL},
    {"second of two", "[\"a/b\", \"application/cmw+cbor\"]", "application/cmw+cbor", 0, NULL},
    {"empty list says nothing", "[]", "application/cmw+cbor", 0, NULL},
    {"another type", "[\"a/b\"]", "application/cmw+cbor", ATLS_E_UNSUPPORTED, NULL},
    {"another parameter", "[\"application/eat-cwt; profile=x\"]",
     "application/eat-cwt; profile=\"y\"", ATLS_E_UNSUPPORTED, NULL},
    {"a prefix is not the type", "[\"application/cmw\"]", "application/cmw+cbor",
     ATLS_E_UNSUPPORTED, NULL},
    {"a tilde", "[\"application/eat-cwt; profile=~\"]", "application/eat-cwt; profile=\"~\"", 0,
     "application/eat-cwt; profile=~"},
    {"a tab before its parameter",
     "[\"application/eat-cwt;\\tprofile=\\\"http://arm.com/psa/2.0.0\\\"\"]", PSA,
     ATLS_E_UNSUPPORTED, NULL},
    {"a line of its own", "[\"application/cmw+cbor;\\r\\nX: y\"]", "application/cmw+cbor",
     ATLS_E_UNSUPPORTED, NULL},
};

static void test_accept(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce, jwt;

    for (size_t i = 0; i < sizeof accept_rows / sizeof *accept_rows; i++) {
        test_server_accept(f->server, accept_rows[i].accept);
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        assert_int_equal(test_await_nonce(f, &nonce), 0);
        int result =
            atls_verifier_session_submit(f->session, accept_rows[i].type, atls_bytes_of_text("x"));
        if (result != accept_rows[i].code) {
            fail_msg("%s: expected %d, came %d", accept_rows[i].what, accept_rows[i].code, result);
        }
        if (!result) { /* evidence goes once */
            assert_int_equal(atls_verifier_session_submit(f->session, accept_rows[i].type,
                                                          atls_bytes_of_text("x")),
                             -EINVAL);
            assert_int_equal(test_await_result(f, &jwt), 0);
            assert_string_equal(test_server_evidence_type(f->server),
                                accept_rows[i].sent ? accept_rows[i].sent : accept_rows[i].type);
        }
    }
}

/* A verifier may spell its types with blanks, up to 399 characters. */
static void test_type_sizes(void **state)
{
    struct test_client *f = *state;
    const int blanks = 399 - (int)strlen(PSA);
    struct atls_bytes nonce, jwt;

    for (int more = 0; more < 2; more++) {
        char type[420], accept[440];
        snprintf(type, sizeof type, "application/eat-cwt;%*sprofile=\"http://arm.com/psa/2.0.0\"",
                 1 + blanks + more, "");
        snprintf(accept, sizeof accept,
                 "[\"application/eat-cwt;%*sprofile=\\\"http://arm.com/psa/2.0.0\\\"\"]",
                 1 + blanks + more, "");
        test_server_accept(f->server, accept);
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        assert_int_equal(test_await_nonce(f, &nonce), 0);
        assert_int_equal(atls_verifier_session_submit(f->session, PSA, atls_bytes_of_text("x")),
                         more ? ATLS_E_UNSUPPORTED : 0);
        if (!more) {
            assert_int_equal(test_await_result(f, &jwt), 0);
            assert_string_equal(test_server_evidence_type(f->server), type);
        }
    }
}

static const struct {
    const char *what, *type, *body;
    int code;
    unsigned status; /* 0: 200 */
} alone_rows[] = {
    {"a message in CBOR", ATLS_MT_EAT_CWT, "\xd2\x84\x40\xa0\x40\x40", 0, 0},
    {"one that is only accepted", ATLS_MT_EAT_CWT, "\xd2\x84\x40\xa0\x40\x40", ATLS_E_MALFORMED,
     202},
    {"a JWT under the type of a CWT", ATLS_MT_EAT_CWT, "e30.e30.c2ln", ATLS_E_MALFORMED, 0},
    {"nothing", ATLS_MT_EAT_CWT, "", ATLS_E_MALFORMED, 0},
    {"a JWT in a session's place", SESSION_TYPE, "e30.e30.c2ln", ATLS_E_MALFORMED, 0},
    {"a JWT in a session", SESSION_TYPE,
     "{\"status\":\"complete\",\"result\":\"e30.e30.c2ln\",\"nonce\":\"" NONCE32 "\"}", 0, 0},
};

/* A result that comes alone, as a client that prefers a CWT is given it. */
static void test_result_alone(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce, ear;

    atls_verifier_client_prefer(f->client, ATLS_EAR_CWT);
    for (size_t i = 0; i < sizeof alone_rows / sizeof *alone_rows; i++) {
        *test_server_answer(f->server, TEST_POST) =
            (struct test_answer){.status = alone_rows[i].status ? alone_rows[i].status : 200,
                                 .type = alone_rows[i].type,
                                 .body = alone_rows[i].body};
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        assert_int_equal(test_await_nonce(f, &nonce), 0);
        assert_int_equal(
            atls_verifier_session_submit(f->session, ATLS_MT_CMW_CBOR, atls_bytes_of_text("x")), 0);
        int result = test_await_result(f, &ear);
        if (result != alone_rows[i].code)
            fail_msg("%s: expected %s, came %s", alone_rows[i].what,
                     atls_error_name(alone_rows[i].code), atls_error_name(result));
        if (result)
            assert_string_equal(atls_verifier_session_reason(f->session), "verifier-garbage");
    }
}

static void test_unreachable(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce;
    const struct {
        const char *url, *reason;
    } rows[] = {
        {strdup(test_nobody()), "verifier-unreachable"},
        {strdup(test_raw_server("SSH-2.0-none\r\n")), "verifier-garbage"},
        {strdup(test_raw_server("")), "verifier-unreachable"},
        {strdup(test_raw_server("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nshort")),
         "verifier-unreachable"},
        {strdup("ftp://127.0.0.1:1"), "verifier-unreachable"},
        {strdup("file:///etc/hostname"), "verifier-unreachable"},
        {strdup("not a url"), "verifier-unreachable"},
        {strdup("https://127.0.0.1:1"), "verifier-unreachable"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_open_session(f, rows[i].url, 32, NO_NONCE);
        assert_true(test_await_nonce(f, &nonce) > 0);
        assert_string_equal(atls_verifier_session_reason(f->session), rows[i].reason);
        free((void *)(uintptr_t)rows[i].url);
    }
    test_raw_stop();
}

static void test_body_bound(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce;
    size_t size = (1u << 20) + 1;
    char *body = malloc(size + 1);

    memset(body, ' ', size);
    body[size] = '\0';
    memcpy(body, WAITING(NONCE32), strlen(WAITING(NONCE32)));
    struct test_answer *answer = test_server_answer(f->server, TEST_NEW_SESSION);
    *answer = (struct test_answer){201, SESSION_TYPE, "session/1", body, 0, false};
    test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
    assert_int_equal(test_await_nonce(f, &nonce), ATLS_E_MALFORMED);
    assert_string_equal(atls_verifier_session_reason(f->session), "verifier-garbage");
    body[size - 1] = '\0'; /* 1 MiB exactly, blanks behind the object */
    test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
    assert_int_equal(test_await_nonce(f, &nonce), 0);
    free(body);
}

static void test_delete(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce;

    test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
    assert_int_equal(test_await_nonce(f, &nonce), 0);
    atls_verifier_session_free(f->session);
    f->session = NULL;
    atls_verifier_client_free(f->client); /* ends what is in the background */
    assert_int_equal(test_server_count(f->server, TEST_DELETE), 1);
    assert_int_equal(atls_verifier_client_new(TIMEOUT_MS, &f->client), 0);
}

/* What a person can do about an HTTP status. */
static void test_advice(void **state)
{
    static const struct {
        unsigned status;
        const char *advice; /* NULL: none */
    } rows[] = {
        {401, "--verifier-auth FILE"},
        {301, "name the verifier where it is"},
        {308, "name the verifier where it is"},
        {400, NULL},
        {403, NULL},
        {299, NULL},
        {500, NULL},
    };
    struct test_client *f = *state;
    struct atls_bytes nonce;

    for (size_t i = 0; i < COUNT(rows); i++) {
        *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){
            .status = rows[i].status, .body = "{\"title\":\"what it says itself\"}"};
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        assert_int_equal(test_await_nonce(f, &nonce), ATLS_E_REFUSED);
        assert_non_null(strstr(atls_error_text(), ": what it says itself"));
        assert_int_equal(strchr(atls_error_text(), '(') != NULL, rows[i].advice != NULL);
        if (rows[i].advice)
            assert_non_null(strstr(atls_error_text(), rows[i].advice));
    }
}

/* 200 sessions at once with a verifier that takes 300 ms: nobody waits for another's answer. */
static void test_many(void **state)
{
    enum { MANY = 200 };
    struct test_client *f = *state;
    struct atls_verifier_session *sessions[MANY];
    unsigned open = MANY;
    bool submitted[MANY] = {false}, done[MANY] = {false};
    unsigned waiting = 0, most = 0;

    atls_verifier_client_free(f->client);
    assert_int_equal(atls_verifier_client_new(600000, &f->client), 0);
    test_server_answer(f->server, TEST_POST)->delay_ms = 300;
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(atls_verifier_session_open(f->client, test_server_url(f->server), 32,
                                                    NO_NONCE, &sessions[i]),
                         0);
    }
    while (open) {
        for (unsigned i = 0; i < MANY; i++) {
            struct atls_bytes bytes;
            int result = submitted[i] ? 0 : atls_verifier_session_nonce(sessions[i], &bytes);
            assert_true(result == 0 || result == ATLS_E_AGAIN);
            if (!submitted[i] && result == 0) {
                assert_int_equal(atls_verifier_session_submit(sessions[i], ATLS_MT_CMW_CBOR, bytes),
                                 0);
                submitted[i] = true;
                most = ++waiting > most ? waiting : most;
            }
            if (submitted[i] && !done[i]) {
                result = atls_verifier_session_result(sessions[i], &bytes);
                assert_true(result == 0 || result == ATLS_E_AGAIN);
                done[i] = result == 0;
                open -= done[i];
                waiting -= done[i];
            }
        }
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    assert_true(most >= 4); /* one behind the other: one at a time */
    unsigned connections = test_server_connections(f->server);
    if (connections > MANY + 20) { /* kept alive and used again: not two for each */
        fail_msg("%d sessions made %u connections", MANY, connections);
    }
    for (unsigned i = 0; i < MANY; i++) {
        atls_verifier_session_free(sessions[i]);
    }
}

static void test_poll_descriptors(void **state)
{
    struct test_client *f = *state;
    int ends[2];
    double start = atls_now();

    assert_int_equal(pipe(ends), 0);
    struct curl_waitfd extra = {.fd = ends[0], .events = CURL_WAIT_POLLIN, .revents = 99};
    assert_int_equal(atls_verifier_client_poll(f->client, &extra, 1, 50), 0);
    assert_int_equal(extra.revents, 0);
    assert_true(atls_now() - start >= 0.04);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(atls_verifier_client_poll(f->client, &extra, 1, 600000), 0);
    assert_int_equal(extra.revents, CURL_WAIT_POLLIN);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_evidence, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_result_later, test_client_set_up,
                                        test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_keeps_nothing, test_client_set_up,
                                        test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_accept, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_type_sizes, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_result_alone, test_client_set_up,
                                        test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_unreachable, test_client_set_up,
                                        test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_body_bound, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_delete, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_advice, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_many, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_poll_descriptors, test_client_set_up,
                                        test_client_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
