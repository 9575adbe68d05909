/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a server is reached that does not speak to everybody in the clear: over TLS, whose
 * certificates are always verified, names included, and with a bearer token.
 */
#ifndef ATLS_ROLES_HTTP_ACCESS_H
#define ATLS_ROLES_HTTP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "roles/curl.h"

struct atls_http_access;

struct atls_http_access_options {
    const char *ca_file;    /* PEM: who certifies servers; NULL: whom this machine trusts */
    const char *token_file; /* a bearer token (RFC 6750); NULL: none */
    const char *token_for;  /* URL: only its scheme, host and port see the token */
};

/* Reads both files, and names them by the flags --verifier-ca and --verifier-auth. -errno,
 * ATLS_E_LIMIT, ATLS_E_MALFORMED; -EINVAL where the token would go out in the clear. */
int atls_http_access_new(const struct atls_http_access_options *options,
                         struct atls_http_access **accessp);
void atls_http_access_free(struct atls_http_access *access); /* NULL is fine */

/* Is HOST, as it stands in a URL, this machine? */
bool atls_http_is_local(const char *host);
/* Before a transfer from URL; ACCESS may be NULL. False: no memory. */
bool atls_http_access_apply(const struct atls_http_access *access, CURL *easy, const char *url);
/* After one that failed with CODE: writes what is wrong with the server's TLS, and returns the
 * clause. NULL where it was not TLS that failed. */
const char *atls_http_access_failure(CURL *easy, CURLcode code, const char *curl_text, char *text,
                                     size_t size);

#endif
