/* SPDX-License-Identifier: Apache-2.0 */
/* A new session of the verifier client: what an answer must be, and which nonce it may bring. */
#include "roles/test-client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-table.h"
#include "roles/http.h"

static const struct {
    const char *what;
    struct test_answer answer;
    int code;
    const char *reason;
} new_session_rows[] = {
    {"unpadded base64url", {201, SESSION_TYPE, "session/1", WAITING(NONCE32), 0, false}, 0, "ok"},
    {"padded base64", {201, SESSION_TYPE, "session/1", WAITING(NONCE32 "="), 0, false}, 0, "ok"},
    {"base64url alphabet",
     {201, SESSION_TYPE, "session/1", WAITING("_-__________________________________________8"), 0,
      false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"base64 alphabet",
     {201, SESSION_TYPE, "session/1", WAITING("/+/////////////////////////////////////////8="), 0,
      false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"expiry is a number (RFC 3339 is text)",
     {201, SESSION_TYPE, "session/1",
      "{\"status\":\"waiting\",\"accept\":[\"a/b\"],\"expiry\":1,\"nonce\":\"" NONCE32 "\"}", 0,
      false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"base64url alphabet, 32 bytes",
     {201, SESSION_TYPE, "session/1", WAITING("__________________________________________8"), 0,
      false},
     0,
     "ok"},
    {"base64 alphabet, 32 bytes",
     {201, SESSION_TYPE, "session/1", WAITING("//////////////////////////////////////////8="), 0,
      false},
     0,
     "ok"},
    {"plain JSON with a charset",
     {201, "application/json; charset=utf-8", "session/1", WAITING(NONCE32), 0, false},
     0,
     "ok"},
    {"no content type", {201, NULL, "session/1", WAITING(NONCE32), 0, false}, 0, "ok"},
    {"accept is null",
     {201, NULL, "session/1", "{\"status\":\"waiting\",\"accept\":null,\"nonce\":\"" NONCE32 "\"}",
      0, false},
     0,
     "ok"},
    {"unknown members",
     {201, NULL, "session/1",
      "{\"status\":\"waiting\",\"x\":{\"y\":[1]},\"nonce\":\"" NONCE32 "\"}", 0, false},
     0,
     "ok"},
    {"HTML",
     {201, "text/html", "session/1", "<html></html>", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"right body, wrong type",
     {201, "text/plain", "session/1", WAITING(NONCE32), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"no Location",
     {201, SESSION_TYPE, NULL, WAITING(NONCE32), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"Location to a file",
     {201, SESSION_TYPE, "file:///etc/passwd", WAITING(NONCE32), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"Location to gopher",
     {201, SESSION_TYPE, "gopher://127.0.0.1/1", WAITING(NONCE32), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"empty body",
     {201, SESSION_TYPE, "session/1", "", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"not JSON",
     {201, SESSION_TYPE, "session/1", "{\"status\"", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"trailing text",
     {201, SESSION_TYPE, "session/1", WAITING(NONCE32) "x", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"an array",
     {201, SESSION_TYPE, "session/1", "[]", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"duplicate member",
     {201, SESSION_TYPE, "session/1",
      "{\"status\":\"waiting\",\"nonce\":\"" NONCE32 "\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"no nonce",
     {201, SESSION_TYPE, "session/1", "{\"status\":\"waiting\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"nonce is a number",
     {201, SESSION_TYPE, "session/1", "{\"status\":\"waiting\",\"nonce\":1}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"nonce is not base64",
     {201, SESSION_TYPE, "session/1", WAITING("!!!!!!!!!!!!"), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"nonce of 7 bytes",
     {201, SESSION_TYPE, "session/1", WAITING("AAECAwQFBg=="), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"nonce of another size than asked",
     {201, SESSION_TYPE, "session/1", WAITING("AAECAwQFBgc="), 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"unknown status",
     {201, SESSION_TYPE, "session/1", "{\"status\":\"fine\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"no status",
     {201, SESSION_TYPE, "session/1", "{\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"accept is a text",
     {201, SESSION_TYPE, "session/1",
      "{\"status\":\"waiting\",\"accept\":\"x\",\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"accept holds a number",
     {201, SESSION_TYPE, "session/1",
      "{\"status\":\"waiting\",\"accept\":[1],\"nonce\":\"" NONCE32 "\"}", 0, false},
     ATLS_E_MALFORMED,
     "verifier-garbage"},
    {"status 200 instead of 201",
     {200, SESSION_TYPE, "session/1", WAITING(NONCE32), 0, false},
     ATLS_E_REFUSED,
     "verifier-error"},
    {"a redirect is not followed",
     {302, SESSION_TYPE, "/.well-known/veraison/verification", "", 0, false},
     ATLS_E_REFUSED,
     "verifier-error"},
    {"status 400",
     {400, "application/problem+json", NULL, "{\"title\":\"Bad Request\"}", 0, false},
     ATLS_E_REFUSED,
     "verifier-error"},
    {"status 500", {500, NULL, NULL, "", 0, false}, ATLS_E_REFUSED, "verifier-error"},
    {"status 503", {503, NULL, NULL, "", 0, false}, ATLS_E_REFUSED, "verifier-error"},
    {"connection closed",
     {0, NULL, NULL, NULL, 0, true},
     ATLS_E_UNAVAILABLE,
     "verifier-unreachable"},
    {"too late",
     {0, NULL, NULL, NULL, 2 * TIMEOUT_MS, false},
     ATLS_E_UNAVAILABLE,
     "verifier-timeout"},
};

static void test_new_session(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce;

    for (size_t i = 0; i < sizeof new_session_rows / sizeof *new_session_rows; i++) {
        *test_server_answer(f->server, TEST_NEW_SESSION) = new_session_rows[i].answer;
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        int result = test_await_nonce(f, &nonce);
        const char *reason = atls_verifier_session_reason(f->session);
        if (result != new_session_rows[i].code || strcmp(reason, new_session_rows[i].reason) != 0) {
            fail_msg("%s: expected %s, came %s: %s", new_session_rows[i].what,
                     new_session_rows[i].reason, reason, atls_error_text());
        }
        if (result) { /* whoever asks again hears the same */
            char text[400], clause[96];
            snprintf(text, sizeof text, "%s", atls_error_text());
            snprintf(clause, sizeof clause, "%s", atls_error_clause());
            assert_true(result == ATLS_E_UNAVAILABLE || clause[0]);
            test_forget();
            assert_int_equal(atls_verifier_session_nonce(f->session, &nonce), result);
            assert_string_equal(atls_error_text(), text);
            assert_string_equal(atls_error_clause(), clause);
        } else {
            assert_int_equal(nonce.size, 32);
        }
    }
}

static void test_locations(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce, jwt;
    char absolute[128];
    const char *prefixes[] = {"session/",       "./session/",
                              "../v1/session/", "/challenge-response/v1/session/",
                              "/other/place/",  absolute};

    snprintf(absolute, sizeof absolute, "%s/challenge-response/v1/session/",
             test_server_url(f->server));
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        test_server_location(f->server, prefixes[i]);
        test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
        assert_int_equal(test_await_nonce(f, &nonce), 0);
        assert_int_equal(
            atls_verifier_session_submit(f->session, ATLS_MT_CMW_CBOR, atls_bytes_of_text("x")), 0);
        assert_int_equal(test_await_result(f, &jwt), 0);
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), sizeof prefixes / sizeof *prefixes);
}

/* RFC 9110 section 15.3.2: where it is was not said. */
static void test_no_location(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce;

    *test_server_answer(f->server, TEST_NEW_SESSION) =
        (struct test_answer){.status = 201, .type = SESSION_TYPE, .body = WAITING(NONCE32)};
    test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
    test_outcome(test_await_nonce(f, &nonce), ATLS_E_MALFORMED, "RFC 9110 section 15.3.2");
    assert_non_null(strstr(atls_error_text(), test_server_url(f->server)));
    assert_non_null(strstr(atls_error_text(), ": status 201 without Location"));
}

static void answer_elsewhere(void *context, const struct atls_http_request *request,
                             struct atls_http_reply *replyp)
{
    *replyp = (struct atls_http_reply){.status = 201,
                                       .location = strdup(context),
                                       .body = (uint8_t *)strdup(WAITING(NONCE32)),
                                       .size = strlen(WAITING(NONCE32))};
}

/* A session may be elsewhere (RFC 9110 section 10.2.2), but not without the TLS of its verifier. */
static void test_schemes(void **state)
{
    static const struct {
        const char *url, *location;
        int outcome;
    } rows[] = {
        {"https://verifier.example", "https://other.example/session/1", 0},
        {"https://verifier.example", "http://verifier.example/session/1", ATLS_E_MALFORMED},
        {"HTTPS://verifier.example", "http://verifier.example/session/1", ATLS_E_MALFORMED},
        {"https://verifier.example", "file:///etc/passwd", ATLS_E_MALFORMED},
        {"http://verifier.example", "https://other.example/session/1", 0},
        {"http://verifier.example", "http://other.example/session/1", 0},
        {"http://verifier.example", "ftp://verifier.example/session/1", ATLS_E_MALFORMED},
    };
    struct test_client *f = *state;
    struct atls_bytes nonce;

    for (size_t i = 0; i < COUNT(rows); i++) {
        atls_verifier_client_answer_locally(f->client, answer_elsewhere,
                                            (void *)(uintptr_t)rows[i].location);
        test_open_session(f, rows[i].url, 32, NO_NONCE);
        test_outcome(test_await_nonce(f, &nonce), rows[i].outcome,
                     rows[i].outcome ? "RFC 9110 section 10.2.2" : NULL);
    }
}

/* How long a session lives is counted from the Date of its verifier, by whose clock it ends. */
static void test_lifetime(void **state)
{
    struct test_client *f = *state;
    struct atls_bytes nonce;
    const char *url = test_raw_server(
        "HTTP/1.1 201 Created\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nLocation: session/1\r\n\r\n"
        "{\"status\":\"waiting\",\"expiry\":\"1994-11-15T08:22:31Z\",\"nonce\":\"" NONCE32 "\"}");

    test_open_session(f, url, 32, NO_NONCE);
    assert_int_equal(test_await_nonce(f, &nonce), 0);
    assert_int_equal(atls_verifier_session_lifetime(f->session), 600);
    atls_verifier_session_free(f->session);
    f->session = NULL;
    test_raw_stop();
}

/* Nothing is asked for a session that was given up before it could be asked for. */
static void test_given_up(void **state)
{
    struct test_client *f = *state;

    test_open_session(f, test_server_url(f->server), 32, NO_NONCE);
    atls_verifier_session_free(f->session);
    f->session = NULL;
    for (int i = 0; i < 5; i++)
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 20), 0);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 0);
}

static void test_given_nonce(void **state)
{
    struct test_client *f = *state;
    uint8_t wanted[64];
    struct atls_bytes nonce;

    memset(wanted, 0xfb, sizeof wanted); /* "-" and "_" in base64url */
    for (size_t size = 8; size <= 64; size += 7) {
        test_open_session(f, test_server_url(f->server), 0, ATLS_BYTES(wanted, size));
        assert_int_equal(test_await_nonce(f, &nonce), 0);
        assert_true(atls_bytes_equal(nonce, ATLS_BYTES(wanted, size)));
    }
    *test_server_answer(f->server, TEST_NEW_SESSION) =
        (struct test_answer){201, NULL, "session/1", WAITING(NONCE32), 0, false};
    test_open_session(f, test_server_url(f->server), 0, ATLS_BYTES(wanted, 32));
    assert_int_equal(test_await_nonce(f, &nonce), ATLS_E_MALFORMED); /* another one of that size */
    static const size_t bad[] = {0, 1, 7, 65, 255};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct atls_verifier_session *none = NULL;
        assert_int_equal(
            atls_verifier_session_open(f->client, "http://127.0.0.1:1", bad[i], NO_NONCE, &none),
            -EINVAL);
        assert_null(none);
    }
}

/* RFC 9711 section 4.1: of whatever length a nonce is asked for, nobody is asked for another. */
static void test_nonce_bounds(void **state)
{
    static const uint8_t given[65] = {1};
    static const size_t sizes[] = {1, 7, 8, 64, 65};
    struct atls_verifier_client *client;

    assert_int_equal(atls_verifier_client_new(1000, &client), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int own = 0; own < 2; own++) {
            struct atls_verifier_session *session = NULL;
            size_t size = sizes[i];
            int result = atls_verifier_session_open(client, "http://127.0.0.1:1", own ? 32 : size,
                                                    ATLS_BYTES(given, own ? size : 0), &session);

            assert_int_equal(result, size < 8 || size > 64 ? -EINVAL : 0);
            if (result)
                assert_string_equal(atls_error_clause(), "RFC 9711 section 4.1");
            atls_verifier_session_free(session);
        }
    atls_verifier_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonce_bounds),
        cmocka_unit_test_setup_teardown(test_new_session, test_client_set_up,
                                        test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_locations, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_no_location, test_client_set_up,
                                        test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_schemes, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_lifetime, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_given_up, test_client_set_up, test_client_tear_down),
        cmocka_unit_test_setup_teardown(test_given_nonce, test_client_set_up,
                                        test_client_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
