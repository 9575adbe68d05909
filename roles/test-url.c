/* SPDX-License-Identifier: Apache-2.0 */
/* URLs taken apart and resolved: which parts come out, and what is no URL. */
#include "rats/test/test-table.h"

#include "roles/url.h"

static const struct read_row {
    const char *name; /* the URL */
    int outcome;
    const char *scheme, *host, *port;
    bool password, web;
} read_rows[] = {
    {"https://verifier.example", 0, "https", "verifier.example", "443", false, true},
    {"http://verifier.example/path", 0, "http", "verifier.example", "80", false, true},
    {"HTTP://127.0.0.1:8080", 0, "http", "127.0.0.1", "8080", false, true},
    {"https://[::1]:1?a#b", 0, "https", "[::1]", "1", false, true},
    {"https://user@verifier.example", 0, "https", "verifier.example", "443", false, true},
    {"https://user:secret@verifier.example", 0, "https", "verifier.example", "443", true, true},
    {"ftp://verifier.example", 0, "ftp", "verifier.example", "21", false, false},
    {"ftp://user:secret@verifier.example", 0, "ftp", "verifier.example", "21", true, false},
    {"verifier.example", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
    {"http://", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
    {"http://[::1", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
    {"http://verifier.example:65536", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
    {"none://verifier.example", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
    {"file:///etc/hostname", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
    {"", ATLS_E_MALFORMED, NULL, NULL, NULL, false, false},
};

static void test_read(void **state)
{
    const struct read_row *row = *state;
    struct atls_url url = {.scheme = NULL};

    assert_int_equal(atls_url_read(row->name, &url), row->outcome);
    if (row->outcome) {
        assert_null(url.scheme);
        return;
    }
    assert_string_equal(url.scheme, row->scheme);
    assert_string_equal(url.host, row->host);
    assert_string_equal(url.port, row->port);
    assert_int_equal(url.has_password, row->password);
    assert_int_equal(atls_url_is_web(&url), row->web);
    atls_url_clear(&url);
    assert_null(url.scheme);
    assert_null(url.host);
    assert_null(url.port);
    assert_false(url.has_password);
}

#define BASE "https://verifier.example:8443/a/b/c?d#e"

static const struct resolve_row {
    const char *name; /* the location */
    const char *base;
    int outcome;
    const char *url;
} resolve_rows[] = {
    {"session/1", BASE, 0, "https://verifier.example:8443/a/b/session/1"},
    {"../session/1", BASE, 0, "https://verifier.example:8443/a/session/1"},
    {"/session/1", BASE, 0, "https://verifier.example:8443/session/1"},
    {"//other.example/session/1", BASE, 0, "https://other.example/session/1"},
    {"?x", BASE, 0, "https://verifier.example:8443/a/b/c?x"},
    {"session/1#fragment", BASE, 0, "https://verifier.example:8443/a/b/session/1"},
    {"HTTP://other.example/x#fragment", BASE, 0, "http://other.example/x"},
    {"ftp://other.example/x", BASE, 0, "ftp://other.example/x"}, /* the caller judges */
    {"http://[::1/x", BASE, ATLS_E_MALFORMED, NULL},
    {"none://other.example/x", BASE, ATLS_E_MALFORMED, NULL},
    {"/session/1", "http://[::1/x", ATLS_E_MALFORMED, NULL},
    {"http://other.example/x", "none://verifier.example", ATLS_E_MALFORMED, NULL},
};

static void test_resolve(void **state)
{
    const struct resolve_row *row = *state;
    char *url = NULL;

    assert_int_equal(atls_url_resolve(row->base, row->name, &url), row->outcome);
    if (row->outcome)
        assert_null(url);
    else
        assert_string_equal(url, row->url);
    free(url);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_read, read_rows);
    TEST_ADD_ROWS(&list, test_resolve, resolve_rows);
    return test_run("url", &list);
}
