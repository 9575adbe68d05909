/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange: what is sent, what is made of the answer, and whose failure it is. */
#include "roles/test-server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "roles/http.h"

#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"

static int set_up(void **state)
{
    struct atls_http *http;

    assert_int_equal(atls_http_new(20000, &http), 0);
    *state = http;
    return 0;
}

static int tear_down(void **state)
{
    atls_http_free(*state);
    test_raw_stop();
    return 0;
}

static struct atls_http_exchange *start(struct atls_http *http, const char *url, unsigned delay_ms)
{
    const struct atls_http_request request = {.method = "GET", .url = url, .delay_ms = delay_ms};
    struct atls_http_exchange *exchange;

    assert_int_equal(atls_http_start(http, &request, &exchange), 0);
    return exchange;
}

static int await(struct atls_http *http, struct atls_http_exchange *exchange,
                 struct atls_http_answer *answerp, const char **reasonp)
{
    int result;

    while ((result = atls_http_result(exchange, answerp, reasonp)) == ATLS_E_AGAIN)
        assert_int_equal(atls_http_poll(http, NULL, 0, 1000), 0);
    return result;
}

static void expect_answer(struct atls_http *http, struct atls_http_exchange *exchange)
{
    struct atls_http_answer answer;
    const char *reason;

    assert_int_equal(await(http, exchange, &answer, &reason), 0);
    assert_int_equal(answer.status, 204);
}

static void expect_failure(struct atls_http *http, struct atls_http_exchange *exchange, int outcome,
                           const char *reason, const char *text)
{
    struct atls_http_answer answer;
    const char *came = NULL;

    assert_int_equal(await(http, exchange, &answer, &came), outcome);
    assert_string_equal(came, reason);
    if (!strstr(atls_error_text(), text))
        fail_msg("expected \"%s\" in \"%s\"", text, atls_error_text());
}

static const struct {
    const char *method, *accept, *content_type, *body;
    size_t size;
    const char *has[4], *has_not[3]; /* up to the first NULL */
} request_rows[] = {
    {"GET",
     "a/b",
     NULL,
     "",
     0,
     {"GET /path?q HTTP/1.1\r\n", "\r\nAccept: a/b\r\n",
      "\r\nUser-Agent: atls/" ATLS_VERSION "\r\n"},
     {"Content-Type:", "Content-Length:", "Authorization:"}},
    {"GET", NULL, NULL, "", 0, {"GET /path?q HTTP/1.1\r\n"}, {"Accept:"}},
    {"POST",
     "a/b",
     "c/d",
     "text",
     4,
     {"POST /path?q HTTP/1.1\r\n", "\r\nContent-Type: c/d\r\n", "\r\nContent-Length: 4\r\n",
      "\r\n\r\ntext"},
     {"Expect:"}},
    {"POST", "a/b", "c/d", "\0ext", 4, {"\r\nContent-Length: 4\r\n"}, {"Expect:"}},
    {"POST", "a/b", NULL, "", 0, {"\r\nContent-Length: 0\r\n"}, {"Content-Type:"}},
    {"DELETE", NULL, NULL, "", 0, {"DELETE /path?q HTTP/1.1\r\n"}, {"Content-Type:"}},
};

static void test_requests(void **state)
{
    const char *base = test_raw_server(NO_CONTENT);
    char url[96];

    snprintf(url, sizeof url, "%s/path?q", base);
    for (size_t i = 0; i < sizeof request_rows / sizeof *request_rows; i++) {
        const struct atls_http_request request = {
            .method = request_rows[i].method,
            .url = url,
            .accept = request_rows[i].accept,
            .content_type = request_rows[i].content_type,
            .body = ATLS_BYTES(request_rows[i].body, request_rows[i].size)};
        struct atls_http_exchange *exchange;
        assert_int_equal(atls_http_start(*state, &request, &exchange), 0);
        expect_answer(*state, exchange);
        const char *came = test_raw_request();
        for (size_t j = 0; j < 4 && request_rows[i].has[j]; j++)
            if (!strstr(came, request_rows[i].has[j]))
                fail_msg("expected \"%s\" in %s", request_rows[i].has[j], came);
        for (size_t j = 0; j < 3 && request_rows[i].has_not[j]; j++)
            if (strstr(came, request_rows[i].has_not[j]))
                fail_msg("expected no \"%s\" in %s", request_rows[i].has_not[j], came);
    }
}

/* A proxy of the environment is for the world outside. */
static void test_proxy(void **state)
{
    char proxy[64], local[64];

    snprintf(proxy, sizeof proxy, "%s", test_raw_server(NO_CONTENT));
    snprintf(local, sizeof local, "%s", test_raw_server(NO_CONTENT));
    unsetenv("no_proxy");
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    expect_answer(*state, start(*state, "http://verifier.example/path", 0));
    assert_non_null(strstr(test_raw_request(), "GET http://verifier.example/path HTTP/1.1\r\n"));
    expect_answer(*state, start(*state, local, 0));
    assert_non_null(strstr(test_raw_request(), "GET / HTTP/1.1\r\n"));
    unsetenv("http_proxy");
}

#define FIELDS                                                                                     \
    "HTTP/1.1 307 Temporary Redirect\r\nContent-Type: a/b\r\nLocation: /elsewhere\r\n"             \
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 4\r\n\r\ntext"

static void test_answer_fields(void **state)
{
    const char *url = test_raw_server(FIELDS);
    struct atls_http_exchange *exchange = start(*state, url, 0);
    struct atls_http_answer answer;
    const char *reason;

    assert_null(atls_http_date(exchange));
    assert_int_equal(await(*state, exchange, &answer, &reason), 0);
    assert_int_equal(answer.status, 307); /* and it is not followed */
    assert_string_equal(answer.content_type, "a/b");
    assert_string_equal(answer.location, "/elsewhere");
    assert_string_equal(answer.url, url);
    assert_true(atls_bytes_equal(answer.body, atls_bytes_of_text("text")));
    assert_string_equal(atls_http_date(exchange), "Sun, 06 Nov 1994 08:49:37 GMT");

    exchange = start(*state, test_raw_server(NO_CONTENT), 0);
    assert_int_equal(await(*state, exchange, &answer, &reason), 0);
    assert_string_equal(answer.content_type, "");
    assert_null(answer.location);
    assert_int_equal(answer.body.size, 0);
    assert_null(atls_http_date(exchange));
}

/* Bodies of the sizes about those at which more room is taken, and about the most that is. */
static void test_bodies(void **state)
{
    static const size_t sizes[] = {1,    4095,   4096,    4097,
                                   8192, 100000, 1 << 20, ATLS_HTTP_BODY_MAX + 1};
    static char page[ATLS_HTTP_BODY_MAX + 100];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct atls_http_answer answer;
        const char *reason;
        int used =
            snprintf(page, sizeof page, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            page[(size_t)used + j] = (char)('a' + j % 23);
        page[(size_t)used + sizes[i]] = '\0';
        struct atls_http_exchange *exchange = start(*state, test_raw_server(page), 0);
        if (sizes[i] > 1 << 20) {
            expect_failure(*state, exchange, ATLS_E_MALFORMED, "verifier-garbage",
                           "the answer is larger than 1 MiB");
        } else {
            assert_int_equal(await(*state, exchange, &answer, &reason), 0);
            assert_true(atls_bytes_equal(answer.body, atls_bytes_of_text(page + used)));
        }
        atls_http_drop(exchange);
    }
}

/* How long the answer is: the one number, however often it is said (RFC 9112 section 6.3). */
static void test_lengths(void **state)
{
    static const struct {
        const char *fields;
        bool taken;
    } rows[] = {
        {"", true}, /* to the end of the connection */
        {"Content-Length: 4\r\n", true},
        {"Content-Length: 004 \t\r\n", true},
        {"Content-Length: 4\r\nContent-Length: 4\r\n", true},
        {"Content-Length: 4,4 ,\t4\r\n", true},
        {"Content-Length: 5\r\nContent-Length: 4\r\n", false},
        {"Content-Length: 3\r\nContent-Length: 4\r\n", false},
        {"Content-Length: 4, 5\r\n", false},
        {"Content-Length: 4,\r\n", false},
        {"Content-Length: 4x\r\n", false},
        {"Content-Length: +4\r\n", false},
        {"Content-Length: -4\r\n", false},
        {"Content-Length: 0x4\r\n", false},
        {"Content-Length: 4 4\r\n", false},
        {"Content-Length: 18446744073709551620\r\n", false}, /* 4 more than 2^64 */
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool chunked = strstr(rows[i].fields, "chunked");
        char page[200];

        snprintf(page, sizeof page, "HTTP/1.1 200 OK\r\n%s\r\n%s", rows[i].fields,
                 chunked ? "4\r\ntext\r\n0\r\n\r\n" : "text");
        struct atls_http_exchange *exchange = start(*state, test_raw_server(page), 0);
        struct atls_http_answer answer;
        const char *reason = "";
        int result = await(*state, exchange, &answer, &reason);

        if (result != (rows[i].taken ? 0 : ATLS_E_MALFORMED))
            fail_msg("%s came %d: %s", rows[i].fields, result, atls_error_text());
        if (rows[i].taken)
            assert_true(atls_bytes_equal(answer.body, atls_bytes_of_text("text")));
        else
            assert_string_equal(reason, "verifier-garbage");
        atls_http_drop(exchange);
    }
}

/* A chunk is as long as it says, in hexadecimal (RFC 9112 section 7.1). */
static void test_chunks(void **state)
{
    static const struct {
        const char *body;
        bool taken;
    } rows[] = {
        {"4\r\ntext\r\n0\r\n\r\n", true},
        {"0004\r\ntext\r\n0\r\n\r\n", true},
        {"4;a=b\r\ntext\r\n0\r\n\r\n", true},
        {"2\r\nte\r\n2\r\nxt\r\n0\r\nTrailer: a\r\n\r\n", true},
        {"x\r\ntext\r\n0\r\n\r\n", false},
        {"-4\r\ntext\r\n0\r\n\r\n", false},
        {"\r\ntext\r\n0\r\n\r\n", false},
        {"10000000000000000004\r\ntext\r\n0\r\n\r\n", false},
        {"4\r\ntextual\r\n0\r\n\r\n", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char page[200];

        snprintf(page, sizeof page, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s",
                 rows[i].body);
        struct atls_http_exchange *exchange = start(*state, test_raw_server(page), 0);
        if (rows[i].taken) {
            struct atls_http_answer answer;
            const char *reason;
            assert_int_equal(await(*state, exchange, &answer, &reason), 0);
            assert_true(atls_bytes_equal(answer.body, atls_bytes_of_text("text")));
        } else {
            expect_failure(*state, exchange, ATLS_E_MALFORMED, "verifier-garbage", "chunk");
            assert_string_equal(atls_error_clause(), "RFC 9112 section 7.1");
        }
        atls_http_drop(exchange);
    }
}

/* What ends while nobody waits is told at once to whoever comes to wait. */
static void test_news(void **state)
{
    static const char *const pages[] = {NO_CONTENT, "SSH-2.0-none\r\n"};

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct atls_http_exchange *exchange = start(*state, test_raw_server(pages[i]), 0);
        struct atls_http_answer answer;
        const char *reason;
        double begun = atls_now();

        assert_int_equal(atls_http_poll(*state, NULL, 0, 0), 0);
        usleep(100000);
        while (atls_http_result(exchange, &answer, &reason) == ATLS_E_AGAIN)
            assert_int_equal(atls_http_poll(*state, NULL, 0, 20000), 0);
        assert_true(atls_now() - begun < 10);
    }
}

static void test_failures(void **state)
{
    const char *nobody = test_nobody();
    char https[64];

    expect_failure(*state, start(*state, nobody, 0), ATLS_E_UNAVAILABLE, "verifier-unreachable",
                   "127.0.0.1 port "); /* as libcurl says, beyond the name of its code */
    snprintf(https, sizeof https, "https%s", test_raw_server(NO_CONTENT) + strlen("http"));
    expect_failure(*state, start(*state, https, 0), ATLS_E_UNAVAILABLE, "verifier-unreachable",
                   "expected TLS (is it https there, or http?)");
    assert_string_equal(atls_error_clause(), "RFC 9110 section 4.2.2");
    expect_failure(*state, start(*state, test_raw_server("SSH-2.0-none\r\n"), 0), ATLS_E_MALFORMED,
                   "verifier-garbage", "http://127.0.0.1:");
    expect_failure(*state, start(*state, "ftp://127.0.0.1", 0), ATLS_E_UNAVAILABLE,
                   "verifier-unreachable", "ftp://127.0.0.1: not an http or https URL");
    expect_failure(*state, start(*state, "no URL", 0), ATLS_E_UNAVAILABLE, "verifier-unreachable",
                   "no URL: not an http or https URL");
    expect_failure(*state, start(*state, "ftp://127.0.0.1", 20), ATLS_E_UNAVAILABLE,
                   "verifier-unreachable", "ftp://127.0.0.1: not an http or https URL");
}

/* That this machine gives no socket is no failure of the server. */
static void test_no_descriptor(void **state)
{
    struct atls_http_exchange *exchange = start(*state, test_raw_server(NO_CONTENT), 0);
    int next = dup(STDERR_FILENO);
    struct rlimit limit;

    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit low = {.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    expect_failure(*state, exchange, -EMFILE, "internal", strerror(EMFILE));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void answer_locally(void *context, const struct atls_http_request *request,
                           struct atls_http_reply *replyp)
{
    unsigned *count = context;

    assert_string_equal(request->url, "http://verifier.example");
    ++*count;
    *replyp = (struct atls_http_reply){.status = 201, .size = 4, .body = malloc(4)};
    assert_non_null(replyp->body);
    memcpy(replyp->body, "text", 4);
    if (*count > 1) {
        replyp->content_type = strdup("a/b");
        replyp->location = strdup("/elsewhere");
    }
}

static void test_local_answers(void **state)
{
    unsigned count = 0;

    atls_http_answer_locally(*state, answer_locally, &count);
    for (unsigned i = 1; i <= 2; i++) {
        struct atls_http_exchange *exchange = start(*state, "http://verifier.example", 0);
        struct atls_http_answer answer;
        const char *reason;
        double begun = atls_now();

        assert_int_equal(count, i);
        assert_int_equal(atls_http_poll(*state, NULL, 0, 20000), 0); /* at once */
        assert_true(atls_now() - begun < 10);
        assert_int_equal(atls_http_result(exchange, &answer, &reason), 0);
        assert_int_equal(answer.status, 201);
        assert_string_equal(answer.content_type, i > 1 ? "a/b" : "");
        assert_true(i > 1 ? strcmp(answer.location, "/elsewhere") == 0 : !answer.location);
        assert_string_equal(answer.url, "http://verifier.example");
        assert_true(atls_bytes_equal(answer.body, atls_bytes_of_text("text")));
        assert_null(atls_http_date(exchange));
    }
}

/* One that starts later does so by itself, and whoever waits for longer wakes up for it. */
static void test_delays(void **state)
{
    const char *url = test_raw_server(NO_CONTENT);
    struct atls_http_answer answer;
    const char *reason;

    assert_int_equal(atls_http_poll(*state, NULL, 0, 0), 0); /* which waits for nothing */
    double begun = atls_now();
    struct atls_http_exchange *exchange = start(*state, url, 100);
    assert_int_equal(atls_http_poll(*state, NULL, 0, 0), 0);
    assert_int_equal(atls_http_result(exchange, &answer, &reason), ATLS_E_AGAIN);
    assert_int_equal(atls_http_poll(*state, NULL, 0, -1), 0);
    expect_answer(*state, exchange);
    assert_true(atls_now() - begun >= 0.1);
    assert_true(atls_now() - begun < 10);
}

/* Whichever of three is dropped, the others come to their end. */
static void test_drops(void **state)
{
    const char *url = test_raw_server(NO_CONTENT);

    for (unsigned dropped = 0; dropped < 3; dropped++) {
        struct atls_http_exchange *exchanges[3];

        for (unsigned i = 0; i < 3; i++)
            exchanges[i] = start(*state, url, 20);
        atls_http_drop(exchanges[dropped]);
        for (unsigned i = 0; i < 3; i++)
            if (i != dropped)
                expect_answer(*state, exchanges[i]);
        for (unsigned i = 0; i < 3; i++)
            if (i != dropped)
                atls_http_drop(exchanges[i]);
    }
    atls_http_drop(NULL);
}

/* What goes on in the background is waited for a while, and what does not is dropped. */
static void test_background(void **state)
{
    const char *url = test_raw_server(NO_CONTENT);
    struct atls_http_exchange *exchange = start(*state, url, 0);
    struct atls_http *http;
    char last[96];

    expect_answer(*state, exchange);
    atls_http_background(exchange);
    atls_http_background(start(*state, "no URL", 0));
    atls_http_background(NULL);

    bool seen = false;
    snprintf(last, sizeof last, "%s/last", url);
    for (unsigned turn = 0; turn < 10 && !seen; turn++) { /* half a second may be too short */
        assert_int_equal(atls_http_new(20000, &http), 0);
        atls_http_background(start(http, last, 0));
        double begun = atls_now();
        atls_http_free(http);
        assert_true(atls_now() - begun < 10);
        seen = strstr(test_raw_request(), "GET /last HTTP/1.1\r\n");
    }
    assert_true(seen);

    assert_int_equal(atls_http_new(20000, &http), 0);
    snprintf(last, sizeof last, "%s/dropped", url);
    (void)start(http, last, 0);
    atls_http_free(http);
    assert_null(strstr(test_raw_request(), "/dropped"));
    atls_http_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_proxy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_news, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_local_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_background, set_up, tear_down),
    };

    signal(SIGPIPE, SIG_IGN); /* of a server that is cut short */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
