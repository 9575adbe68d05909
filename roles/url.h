/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs, taken apart and resolved by libcurl (RFC 3986). A lack of memory is told apart from a URL
 * that is none: the one is this machine's, the other is whoever's gave the URL.
 */
#ifndef ATLS_ROLES_URL_H
#define ATLS_ROLES_URL_H

#include <stdbool.h>

struct atls_url {               /* free the members with atls_url_clear() */
    char *scheme, *host, *port; /* the default one where none is said; NULL: it has none */
    bool has_password;
};
/* ATLS_E_MALFORMED (the caller says of what): it is none with a scheme that libcurl knows and a
 * host; -ENOMEM. */
int atls_url_read(const char *text, struct atls_url *urlp);
void atls_url_clear(struct atls_url *url);
/* Is it of http or https? */
bool atls_url_is_web(const struct atls_url *url);
/* The URL to which LOCATION, perhaps a relative one, leads from BASE (RFC 3986 section 5.2),
 * without a fragment; allocated. As above. */
int atls_url_resolve(const char *base, const char *location, char **urlp);

#endif
