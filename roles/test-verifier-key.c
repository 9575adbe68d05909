/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of verifiers by discovery: how a failure is told, when another one is asked for, and
 * which addresses there are. */
#include "roles/test-client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rats/base/error.h"
#include "rats/test/test-table.h"
#include "roles/verifier-private.h"

static const struct {
    const char *what;
    struct test_answer answer;
    const char *reason;
} key_rows[] = {
    {"no key", {200, NULL, NULL, "{}", 0, false}, "verifier-garbage"},
    {"a symmetric key",
     {200, NULL, NULL, "{\"ear-verification-key\":{\"kty\":\"oct\",\"k\":\"AA\"}}", 0, false},
     "verifier-garbage"},
    {"a private key",
     {200, NULL, NULL,
      "{\"ear-verification-key\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"usWxHK2PmfnHKwXPS54m0kTc"
      "GJ90UiglWiGahtagnv8\",\"y\":\"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4\",\"d\":\"AA\"}}",
      0, false},
     "verifier-garbage"},
    {"not JSON", {200, NULL, NULL, "key", 0, false}, "verifier-garbage"},
    {"a key of another type",
     {200, "text/html", NULL,
      "{\"ear-verification-key\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"usWxHK2PmfnHKwXPS54m0kTc"
      "GJ90UiglWiGahtagnv8\",\"y\":\"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4\"}}",
      0, false},
     "verifier-garbage"},
    {"HTML", {200, "text/html", NULL, "{}", 0, false}, "verifier-garbage"},
    {"status 404", {404, NULL, NULL, "", 0, false}, "verifier-error"},
    {"a redirect", {301, NULL, "/x", "", 0, false}, "verifier-error"},
    {"closed", {0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
    {"late", {0, NULL, NULL, NULL, 2 * TIMEOUT_MS, false}, "verifier-timeout"},
};

static void test_key_failures(void **state)
{
    struct test_client *f = *state;
    const json_t *jwk;
    const char *reason, *base = test_server_url(f->server);

    for (size_t i = 0; i < sizeof key_rows / sizeof *key_rows; i++) {
        char url[128]; /* each row is another verifier to the client */
        snprintf(url, sizeof url, "%s%.*s", base, (int)i, "//////////////////");
        *test_server_answer(f->server, TEST_DISCOVERY) = key_rows[i].answer;
        assert_true(test_await_key(f, url, &jwk, &reason) > 0);
        if (strcmp(reason, key_rows[i].reason) != 0) {
            fail_msg("%s: expected %s, came %s", key_rows[i].what, key_rows[i].reason, reason);
        }
    }
}

static void test_key(void **state)
{
    struct test_client *f = *state;
    const json_t *jwk;
    const char *reason, *url = test_server_url(f->server);
    json_t *expected = test_server_key(f->server, false);

    test_server_answer(f->server, TEST_DISCOVERY)->close = true;
    assert_int_equal(test_await_key(f, url, &jwk, &reason), ATLS_E_UNAVAILABLE);
    unsigned asked = test_server_count(f->server, TEST_DISCOVERY);
    assert_int_equal(atls_verifier_key(f->client, url, &jwk, &reason), ATLS_E_UNAVAILABLE);
    assert_string_equal(reason, "verifier-unreachable");
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), asked); /* it stands a while */
    test_server_answer(f->server, TEST_DISCOVERY)->close = false;
    usleep(1100000);
    assert_int_equal(test_await_key(f, url, &jwk, &reason), 0); /* and is tried anew */
    assert_true(json_equal(jwk, expected));
    asked = test_server_count(f->server, TEST_DISCOVERY);
    assert_int_equal(atls_verifier_key(f->client, url, &jwk, &reason), 0); /* kept */
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), asked);
    /* kept beside that of another verifier, too */
    assert_int_equal(test_await_key(f, test_nobody(), &jwk, &reason), ATLS_E_UNAVAILABLE);
    assert_int_equal(atls_verifier_key(f->client, url, &jwk, &reason), 0);
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), asked);
    json_decref(expected);
}

/* Who asks for a key anew gets the new one, with one request however often it was asked for. */
static void test_key_renewed(void **state)
{
    struct test_client *f = *state;
    const json_t *jwk;
    const char *reason, *url = test_server_url(f->server);

    for (int renewed = 0; renewed < 2; renewed++) {
        json_t *expected = test_server_key(f->server, renewed);

        test_server_publish(f->server, renewed);
        atls_verifier_key_renew(f->client, url);
        atls_verifier_key_renew(f->client, url);
        assert_int_equal(test_await_key(f, url, &jwk, &reason), 0);
        assert_true(json_equal(jwk, expected));
        assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), 1 + renewed);
        json_decref(expected);
    }
}

/* RFC 9110 section 4.2: an address of the web, and no secret in it. */
static void test_addresses(void **state)
{
    static const struct {
        const char *name, *clause; /* NULL: good */
    } rows[] = {
        {"http://127.0.0.1:8080", NULL},
        {"https://verifier.example", NULL},
        {"https://user@verifier.example", NULL},
        {"https://user:secret@verifier.example", "RFC 9110 section 4.2.4"},
        {"ftp://verifier.example", "RFC 9110 section 4.2"},
        {"ftp://user:secret@verifier.example", "RFC 9110 section 4.2"},
        {"not a url", "RFC 9110 section 4.2"},
        {"", "RFC 9110 section 4.2"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        test_outcome(atls_verifier_url_check(rows[i].name), rows[i].clause ? -EINVAL : 0,
                     rows[i].clause);
}

/* An address and a path, in as much room as there is. */
static void test_join(void **state)
{
    static char longest[ATLS_VERIFIER_URL_MAX + 2];
    static const struct {
        const char *url, *path;
        size_t size;
        const char *joined; /* NULL: it is too long */
    } rows[] = {
        {"http://a", "/b", 11, "http://a/b"},
        {"http://a//", "/b", 11, "http://a/b"},
        {"http://a", "/b", 10, NULL},
        {"/", "", 1, ""},
        {"", "", 1, ""},
    };
    char out[ATLS_VERIFIER_URL_MAX + 10];

    for (size_t i = 0; i < COUNT(rows); i++) {
        test_outcome(atls_verifier_join(rows[i].url, rows[i].path, out, rows[i].size),
                     rows[i].joined ? 0 : -EINVAL, NULL);
        if (rows[i].joined)
            assert_string_equal(out, rows[i].joined);
    }
    memset(longest, 'a', ATLS_VERIFIER_URL_MAX);
    test_outcome(atls_verifier_join(longest, "/b", out, sizeof out), 0, NULL);
    longest[ATLS_VERIFIER_URL_MAX] = 'a';
    test_outcome(atls_verifier_join(longest, "/b", out, sizeof out), -EINVAL, NULL);
}

/* That this machine gives no socket is no failure of the verifier: it is asked anew at once. */
static void test_no_descriptor(void **state)
{
    struct test_client *f = *state;
    const json_t *jwk;
    const char *reason, *url = test_server_url(f->server);
    int next = dup(STDERR_FILENO);
    struct rlimit limit;

    assert_true(next >= 0);
    assert_int_equal(atls_verifier_key(f->client, url, &jwk, &reason), ATLS_E_AGAIN);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit low = {.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int result = test_await_key(f, url, &jwk, &reason);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(result, -EMFILE);
    assert_string_equal(reason, "internal");
    assert_int_equal(test_await_key(f, url, &jwk, &reason), 0);
}

/* A verifier of such an address has no key, for a reason of this machine. */
static void test_key_of_long_address(void **state)
{
    static char address[ATLS_VERIFIER_URL_MAX + 2];
    struct test_client *f = *state;
    const json_t *jwk;
    const char *reason = NULL;

    memset(address, 'a', ATLS_VERIFIER_URL_MAX + 1);
    test_outcome(atls_verifier_key(f->client, address, &jwk, &reason), -EINVAL, NULL);
    assert_string_equal(reason, "internal");
}

#define WITH_CLIENT(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, test_client_set_up, test_client_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLIENT(test_key_failures),  WITH_CLIENT(test_key),
        WITH_CLIENT(test_key_renewed),   WITH_CLIENT(test_key_of_long_address),
        WITH_CLIENT(test_no_descriptor), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
