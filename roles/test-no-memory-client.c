/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the roles' readers and the HTTP client do without memory: each allocation is refused in turn
 * (rats/test/test-memory.h). What comes from the network must not become a peer's fault or a
 * verifier's because this machine has no memory. Readers read the seeds of the fuzz targets.
 */
#include "rats/test/test-memory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/test/test-table.h"
#include "roles/received.h"
#include "roles/test-server.h"
#include "roles/verifier-document.h"

#define URL "http://127.0.0.1:1"

static char token_file[64];
static bool of_libcurl; /* its allocations may be refused, too */

/* libcurl's memory, of which it does not give every block back where it lacks another one in the
 * middle of an exchange. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);

static void *take(size_t size)
{
    return of_libcurl ? malloc(size) : __real_malloc(size);
}

static void *take_cleared(size_t count, size_t size)
{
    return of_libcurl ? calloc(count, size) : __real_calloc(count, size);
}

static void *take_more(void *block, size_t size)
{
    return of_libcurl ? realloc(block, size) : __real_realloc(block, size);
}

static char *copy(const char *text)
{
    return of_libcurl ? strdup(text) : __real_strdup(text);
}

static void tell_text(struct test_told *told, const char *text)
{
    test_tell(told, ATLS_BYTES(text, strlen(text) + 1));
}

/* What comes from the network, as it is read: the seeds of the fuzz targets. */
static int read_credential(const void *in, struct test_told *told)
{
    static const struct atls_public_key leaf = {.curve = ATLS_P256, .x = {1}};
    const struct atls_bytes *bytes = in;
    int result = 0;

    for (int i = 0; result >= 0 && i < 3; i++) {
        enum atls_model model = i == 2 ? ATLS_MODEL_PASSPORT : ATLS_MODEL_BACKGROUND_CHECK;
        struct atls_received received;
        const char *reason = "ok";

        TEST_FILL(received);
        result = TEST_SCARCE(atls_received_parse_beside(model, i ? &leaf : NULL, i == 2, *bytes,
                                                        &received, &reason));
        if (result) {
            TEST_UNTOUCHED(received);
            if ((result < 0) != (strcmp(reason, "internal") == 0))
                fail_msg("%s is told as %s", atls_error_text(), reason);
            continue;
        }
        TEST_TELL(told, received.key);
        atls_received_clear(&received);
    }
    return result < 0 ? result : 0;
}

static int read_prototype(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_received received;
    const char *reason = "ok";

    TEST_FILL(received);
    int result = TEST_SCARCE(atls_received_parse_format(
        &atls_format_prototype, &atls_format_parsec_tpm, *bytes, &received, &reason));
    if (result) {
        TEST_UNTOUCHED(received);
        if ((result < 0) != (strcmp(reason, "internal") == 0))
            fail_msg("%s is told as %s", atls_error_text(), reason);
        return result;
    }
    TEST_TELL(told, received.key);
    atls_received_clear(&received);
    return 0;
}

/* Twice: the second time with what is remembered of the first, which may be nothing. */
static int read_session(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_accept_memo memo = {.text = NULL};
    int result = 0;

    for (int i = 0; result == 0 && i < 2; i++) {
        struct atls_session_document document;

        TEST_FILL(document);
        result = TEST_SCARCE(atls_session_document_parse(*bytes, &memo, &document));
        if (result) {
            TEST_UNTOUCHED(document);
            continue;
        }
        TEST_TELL(told, document.status);
        test_tell(told, ATLS_BYTES(document.nonce, document.nonce_size));
        test_tell(told, document.result);
        char *accept = document.accept ? json_dumps(document.accept, 0) : strdup("none");
        tell_text(told, accept);
        free(accept);
        atls_session_document_clear(&document);
    }
    atls_accept_memo_clear(&memo);
    return result;
}

static int read_discovery(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    json_t *jwk;

    TEST_FILL(jwk);
    int result = TEST_SCARCE(atls_discovery_document_parse(*bytes, &jwk));
    if (result)
        TEST_UNTOUCHED(jwk);
    else
        json_decref(jwk);
    return result;
}

/* A whole exchange with a server, the CA and the token of atls_http_access_new() included. */
static int exchange(const void *context, struct test_told *told)
{
    const struct atls_http_request request = {.method = "POST",
                                              .url = context,
                                              .accept = "a/b",
                                              .content_type = "c/d",
                                              .body = atls_bytes_of_text("x")};
    struct atls_http_exchange *x = NULL;
    struct atls_http *http = NULL;
    struct atls_http_answer got;
    const char *reason = "ok";

    int result = TEST_SCARCE(atls_http_new(20000, &http));
    if (result)
        return result;
    TEST_FILL(x);
    result = TEST_SCARCE(atls_http_start(http, &request, &x));
    if (result)
        TEST_UNTOUCHED(x);
    else
        while ((result = TEST_SCARCE(atls_http_result(x, &got, &reason))) == ATLS_E_AGAIN)
            if ((result = TEST_SCARCE(atls_http_poll(http, NULL, 0, 1000))) != 0)
                break;
    if (result == 0) {
        TEST_TELL(told, got.status);
        test_tell(told, got.body);
    } else if (result > 0 && strcmp(reason, "verifier-garbage") == 0) {
        fail_msg("a lack of memory is told as the server's: %s", atls_error_text());
    }
    test_memory_begin();
    atls_http_free(http);
    test_memory_end(0);
    return result;
}

static void test_exchange(void **state)
{
    static char page[9000];

    of_libcurl = false;
    int used = snprintf(page, sizeof page, "HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n");

    memset(page + used, 'x', 8000);
    size_t count = test_without_memory("exchange", TEST_MAY_FAIL, exchange, test_raw_server(page));
    print_message("exchange: %zu allocations\n", count);
    of_libcurl = true;
    assert_true(count > 5);
    test_raw_stop();
}

/* The start of one alone: what it lacks is not told as a fault of its address. */
static int start_exchange(const void *url, struct test_told *told)
{
    const struct atls_http_request request = {
        .method = "POST", .url = url, .accept = "a/b", .content_type = "c/d"};
    struct atls_http_exchange *x = NULL;
    struct atls_http *http = NULL;
    struct atls_http_answer got;
    const char *reason = "ok";

    int result = TEST_SCARCE(atls_http_new(20000, &http));
    if (result)
        return result;
    result = TEST_SCARCE(atls_http_start(http, &request, &x));
    if (result == 0)
        result = atls_http_result(x, &got, &reason);
    test_memory_begin();
    atls_http_free(http);
    test_memory_end(0);
    return result == ATLS_E_AGAIN ? 0 : result;
}

static void test_start(void **state)
{
    of_libcurl = false;
    size_t count = test_without_memory("start", TEST_FAILS, start_exchange, URL);
    of_libcurl = true;
    assert_true(count > 5);
}

/* Waits for more descriptors than libcurl has room for without memory. ENDS: of a pipe in which
 * there is a byte, and of an empty one. */
static int wait_for(const void *ends, struct test_told *told)
{
    enum { MANY = 16 };
    const int *fds = ends;
    struct curl_waitfd extra[MANY + 1];
    struct atls_http *http = NULL;

    for (unsigned i = 0; i <= MANY; i++)
        extra[i] =
            (struct curl_waitfd){.fd = fds[i % 2], .events = CURL_WAIT_POLLIN, .revents = 99};
    int result = TEST_SCARCE(atls_http_new(20000, &http));
    if (result)
        return result;
    result = TEST_SCARCE(atls_http_poll(http, extra, MANY, 20000));
    for (unsigned i = 0; result == 0 && i < MANY; i++)
        assert_int_equal(extra[i].revents, i % 2 ? 0 : CURL_WAIT_POLLIN);
    assert_int_equal(extra[MANY].revents, 99);
    test_memory_begin();
    atls_http_free(http);
    test_memory_end(0);
    return result;
}

static void test_many_descriptors(void **state)
{
    int full[2], empty[2];

    assert_int_equal(pipe(full), 0);
    assert_int_equal(pipe(empty), 0);
    assert_int_equal(write(full[1], "x", 1), 1);
    const int ends[] = {full[0], empty[0]};
    assert_true(test_without_memory("descriptors", TEST_MAY_DO, wait_for, ends) > 2);
    for (unsigned i = 0; i < 2; i++) {
        close(full[i]);
        close(empty[i]);
    }
}

/* Is it a verifier's address? A lack of memory is no fault of the address. */
static int check_url(const void *url, struct test_told *told)
{
    return TEST_SCARCE(atls_verifier_url_check(url));
}

static void test_urls(void **state)
{
    static const char *const urls[] = {URL, "https://a:b@verifier.example",
                                       "https://user@host:8443", "ftp://verifier.example"};

    for (size_t i = 0; i < COUNT(urls); i++)
        assert_true(test_without_memory(urls[i], TEST_FAILS, check_url, urls[i]) > 2);
}

/* The access of a client, and what it does with an address: the token goes nowhere else, and is
 * not left out for lack of memory. */
static int use_access(const void *url, struct test_told *told)
{
    struct atls_http_access_options options = {.token_for = "https://verifier.example",
                                               .token_file = token_file};
    struct atls_http_access *access;
    CURL *easy = curl_easy_init();

    assert_non_null(easy);
    TEST_FILL(access);
    int result = TEST_SCARCE(atls_http_access_new(&options, &access));
    if (result) {
        TEST_UNTOUCHED(access);
    } else {
        test_memory_begin();
        bool applied = atls_http_access_apply(access, easy, url);
        test_memory_end(0);
        if (!applied)
            result = atls_fail(-ENOMEM, NULL, "no memory for the access");
        atls_http_access_free(access);
    }
    curl_easy_cleanup(easy);
    return result;
}

static void test_access(void **state)
{
    assert_int_equal(atls_write_file(token_file, atls_bytes_of_text("secret-token\n")), 0);
    assert_int_equal(chmod(token_file, 0600), 0);
    assert_true(test_without_memory("its verifier", TEST_FAILS, use_access,
                                    "https://verifier.example:443/session/1") > 10);
    assert_true(test_without_memory("another", TEST_FAILS, use_access, URL) > 10);
    unlink(token_file);
}

static const struct reader {
    const char *name, *seeds; /* corpus/NAME */
    test_operation read;
    enum test_without how;
    size_t least; /* allocations, over all seeds */
} readers[] = {
    {"credential", "credential", read_credential, TEST_FAILS, 1000},
    {"credential of 2022", "prototype", read_prototype, TEST_FAILS, 500},
    {"session", "session", read_session, TEST_MAY_DO, 200},
    {"discovery", "session", read_discovery, TEST_FAILS, 100},
};

static void test_reader(void **state)
{
    const struct reader *reader = *state;
    test_seeds_without_memory(reader->name,
                              test_seeds_below("ATLS_CORPUS", "corpus", reader->seeds), reader->how,
                              reader->read, reader->least);
}

int main(void)
{
    static struct test_list list;

    /* Before anybody else begins with libcurl, and for as long as the program runs. */
    of_libcurl = true;
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, free, take_more, copy, take_cleared))
        return 1;
    snprintf(token_file, sizeof token_file, "no-memory-%d.token", (int)getpid());
    TEST_ADD_ROWS(&list, test_reader, readers);
    TEST_ADD(&list, test_exchange);
    TEST_ADD(&list, test_start);
    TEST_ADD(&list, test_many_descriptors);
    TEST_ADD(&list, test_urls);
    TEST_ADD(&list, test_access);
    return test_run("verifier client without memory", &list);
}
