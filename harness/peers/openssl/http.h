/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request and its answer. By libcurl; where another OpenSSL in the process would be in the
 * way, by sockets. */
#ifndef PEER_HTTP_H
#define PEER_HTTP_H

#include "base.h"

#define HTTP_BODY_MAX (1u << 20)

struct request {
    const char *method, *url, *accept, *content_type; /* content_type NULL: no body */
    struct bytes body;
    unsigned timeout_ms;
};
struct answer { /* answer_clear() */
    long status;
    char *content_type, *location; /* or NULL */
    struct blob body;
    bool too_large;
};

void answer_clear(struct answer *answer);

/* Once for the program. */
void http_start(void);
void http_stop(void);
/* verifier-unreachable, -timeout, -garbage */
int http_ask(const struct request *request, struct answer *answer, struct why *why);
/* What LOCATION is, seen from BASE (RFC 9110 section 10.2.2); the caller's, NULL: no http URL. */
char *http_resolve(const char *base, const char *location);

#endif
