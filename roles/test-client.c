/* SPDX-License-Identifier: Apache-2.0 */
#include "roles/test-client.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

int test_client_set_up(void **state)
{
    struct test_client *f = calloc(1, sizeof *f);

    f->server = test_server_start();
    assert_int_equal(atls_verifier_client_new(TIMEOUT_MS, &f->client), 0);
    *state = f;
    return 0;
}

int test_client_tear_down(void **state)
{
    struct test_client *f = *state;

    atls_verifier_session_free(f->session);
    atls_verifier_client_free(f->client);
    test_server_stop(f->server);
    free(f);
    return 0;
}

/* A failure says why, and by which clause or for which address: what an earlier one said is no
 * answer. */
#define STALE "the text of an earlier failure"

void test_forget(void)
{
    atls_fail(ATLS_E_MISMATCH, STALE, STALE);
}

int test_says_why(int code)
{
    if (code) {
        assert_string_not_equal(atls_error_text(), "");
        assert_null(strstr(atls_error_text(), STALE));
        assert_string_not_equal(atls_error_clause(), STALE);
    }
    return code;
}

int test_await_nonce(struct test_client *f, struct atls_bytes *noncep)
{
    int result;

    while (test_forget(),
           (result = atls_verifier_session_nonce(f->session, noncep)) == ATLS_E_AGAIN) {
        test_forget();
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    return test_says_why(result);
}

int test_await_result(struct test_client *f, struct atls_bytes *jwtp)
{
    int result;

    while (test_forget(),
           (result = atls_verifier_session_result(f->session, jwtp)) == ATLS_E_AGAIN) {
        test_forget();
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    return test_says_why(result);
}

int test_await_key(struct test_client *f, const char *url, const json_t **jwkp,
                   const char **reasonp)
{
    int result;

    while ((result = atls_verifier_key(f->client, url, jwkp, reasonp)) == ATLS_E_AGAIN) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    return result;
}

void test_open_session(struct test_client *f, const char *url, size_t size, struct atls_bytes nonce)
{
    atls_verifier_session_free(f->session);
    f->session = NULL;
    assert_int_equal(atls_verifier_session_open(f->client, url, size, nonce, &f->session), 0);
}
