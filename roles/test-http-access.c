/* SPDX-License-Identifier: Apache-2.0 */
/* The token and the CAs of an HTTP client: what is refused, and who gets to see the token. */
#include "roles/test-server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"

static char file[64]; /* of the token, or of CAs */

static void write_secret(const char *text)
{
    assert_int_equal(atls_write_file(file, atls_bytes_of_text(text)), 0);
    assert_int_equal(chmod(file, 0600), 0);
}

static const struct {
    const char *token_for; /* NULL: nobody */
    int outcome;
    const char *clause;
} token_rows[] = {
    {NULL, -EINVAL, ""},
    {"verifier.example", -EINVAL, "RFC 9110 section 4.2"},
    {"", -EINVAL, "RFC 9110 section 4.2"},
    {"http://verifier.example", -EINVAL, "RFC 6750 section 5.3"},
    {"http://127.0.0.1.example", -EINVAL, "RFC 6750 section 5.3"},
    {"http://126.0.0.1", -EINVAL, "RFC 6750 section 5.3"},
    {"http://128.0.0.1", -EINVAL, "RFC 6750 section 5.3"},
    {"http://[::2]", -EINVAL, "RFC 6750 section 5.3"},
    {"https://verifier.example", 0, ""},
    {"HTTPS://Verifier.Example:8443/path", 0, ""},
    {"http://127.0.0.1:8080", 0, ""},
    {"http://127.255.0.9:8080", 0, ""},
    {"http://localhost", 0, ""},
    {"http://LocalHost", 0, ""},
    {"http://[::1]:8080", 0, ""},
};

/* A token goes over TLS, or stays on this machine. */
static void test_token(void **state)
{
    write_secret("secret-token\n");
    for (size_t i = 0; i < sizeof token_rows / sizeof *token_rows; i++) {
        const struct atls_http_access_options options = {.token_file = file,
                                                         .token_for = token_rows[i].token_for};
        struct atls_http_access *access = NULL;
        atls_fail(0, "", "no failure");
        int result = atls_http_access_new(&options, &access);
        if (result != token_rows[i].outcome ||
            strcmp(atls_error_clause(), token_rows[i].clause) != 0)
            fail_msg("%s: expected %s (%s), came %s (%s): %s",
                     options.token_for ? options.token_for : "nobody",
                     atls_error_name(token_rows[i].outcome), token_rows[i].clause,
                     atls_error_name(result), atls_error_clause(), atls_error_text());
        assert_int_equal(access != NULL, result == 0);
        atls_http_access_free(access);
    }
}

static void test_ca_files(void **state)
{
    static const struct {
        const char *text; /* NULL: there is no file */
        int outcome;
    } rows[] = {
        {NULL, -ENOENT},
        {"", ATLS_E_MALFORMED},
        {"no certificate", ATLS_E_MALFORMED},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ATLS_E_MALFORMED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct atls_http_access_options options = {.ca_file = file};
        struct atls_http_access *access = NULL;
        unlink(file);
        if (rows[i].text)
            write_secret(rows[i].text);
        assert_int_equal(atls_http_access_new(&options, &access), rows[i].outcome);
        assert_null(access);
        assert_non_null(strstr(atls_error_text(), file));
    }
}

/* A ClientHello that offers TLS from 1.2 on, and nothing before (RFC 8446 section 4.2.1). */
static void test_versions(void **state)
{
    struct atls_http_exchange *exchange;
    struct atls_http_answer answer;
    struct atls_http *http;
    const char *reason;
    char url[64];
    int result;

    snprintf(url, sizeof url, "https%s", test_raw_server("") + strlen("http"));
    const struct atls_http_request request = {.method = "GET", .url = url};
    assert_int_equal(atls_http_new(20000, &http), 0);
    assert_int_equal(atls_http_start(http, &request, &exchange), 0);
    while ((result = atls_http_result(exchange, &answer, &reason)) == ATLS_E_AGAIN)
        assert_int_equal(atls_http_poll(http, NULL, 0, 1000), 0);
    assert_int_equal(result, ATLS_E_UNAVAILABLE);
    struct atls_bytes hello = test_raw_bytes();
    static const uint8_t versions[] = {0x00, 0x2b, 0x00, 0x05, 0x04, 0x03, 0x04, 0x03, 0x03};
    assert_non_null(memmem(hello.data, hello.size, versions, sizeof versions));
    atls_http_free(http);
    test_raw_stop();
}

static const char *ask(struct atls_http_access *access, const char *url)
{
    const struct atls_http_request request = {.method = "GET", .url = url, .accept = "a/b"};
    struct atls_http_exchange *exchange;
    struct atls_http_answer answer;
    struct atls_http *http;
    const char *reason;
    int result;

    assert_int_equal(atls_http_new(20000, &http), 0);
    atls_http_use_access(http, access);
    assert_int_equal(atls_http_start(http, &request, &exchange), 0);
    while ((result = atls_http_result(exchange, &answer, &reason)) == ATLS_E_AGAIN)
        assert_int_equal(atls_http_poll(http, NULL, 0, 1000), 0);
    assert_int_equal(result, 0);
    assert_int_equal(answer.status, 204);
    atls_http_free(http);
    return test_raw_request();
}

/* One scheme, host and port see the token, and nobody else. */
static void test_who_sees_the_token(void **state)
{
    char servers[2][64];
    unsigned ports[2];

    write_secret("secret-token\n");
    for (unsigned i = 0; i < 2; i++) {
        snprintf(servers[i], sizeof servers[i], "%s",
                 test_raw_server("HTTP/1.1 204 No Content\r\n\r\n"));
        ports[i] = (unsigned)strtoul(strrchr(servers[i], ':') + 1, NULL, 10);
    }
    const struct {
        const char *host, *asked;
        unsigned port;
        bool seen;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", ports[0], true},  {"127.0.0.1", "127.0.0.1", ports[1], false},
        {"127.0.0.1", "localhost", ports[0], false}, {"LOCALHOST", "localhost", ports[0], true},
        {"localhost", "LOCALHOST", ports[0], true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char token_for[80], url[96];
        const struct atls_http_access_options options = {.token_file = file,
                                                         .token_for = token_for};
        struct atls_http_access *access = NULL;
        snprintf(token_for, sizeof token_for, "http://%s:%u", rows[i].host, ports[0]);
        snprintf(url, sizeof url, "http://%s:%u/path", rows[i].asked, rows[i].port);
        assert_int_equal(atls_http_access_new(&options, &access), 0);
        const char *request = ask(access, url);
        if ((strstr(request, "Authorization: Bearer secret-token\r\n") != NULL) != rows[i].seen)
            fail_msg("a token for %s, asked %s: %s", token_for, url, request);
    }
    test_raw_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_ca_files),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_who_sees_the_token),
    };

    snprintf(file, sizeof file, "http-access-%d.txt", (int)getpid());
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    return failures;
}
