/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many HTTP exchanges in one thread, over libcurl's multi interface: the layer beneath the verifier
 * client. It knows requests and answers and the ways in which a server can fail to give one,
 * nothing of what is asked. There are no callbacks: whoever wants an answer asks for it after each
 * poll.
 */
#ifndef ATLS_ROLES_HTTP_H
#define ATLS_ROLES_HTTP_H

#include "rats/base/bytes.h"
#include "roles/http-access.h"

#define ATLS_HTTP_BODY_MAX (1u << 20) /* bytes of an answer's body */

struct atls_http;
struct atls_http_exchange;

struct atls_http_request {
    const char *method;       /* "GET", "POST", "DELETE" */
    const char *url;          /* http or https */
    const char *accept;       /* media type wanted, NULL where none */
    const char *content_type; /* NULL where there is no body */
    struct atls_bytes body;   /* copied */
    unsigned delay_ms;        /* it starts that much later */
};

struct atls_http_answer { /* borrowed from the exchange */
    long status;
    const char *content_type; /* "" where absent */
    const char *location;     /* NULL where absent */
    const char *url;          /* of the request: base of a relative Location */
    struct atls_bytes body;
};

/* Does what the first atls_http_new() of a program would do, so that a later one, in this process
 * or in a fork of it, need not. -ENOMEM. */
int atls_http_warm(void);
/* TIMEOUT_MS bounds each exchange from its start. -ENOMEM. */
int atls_http_new(unsigned timeout_ms, struct atls_http **httpp);
struct atls_http_reply { /* as an answer; texts and body are allocated */
    long status;
    char *content_type, *location; /* NULL where absent */
    uint8_t *body;
    size_t size;
};
typedef void atls_http_responder(void *context, const struct atls_http_request *request,
                                 struct atls_http_reply *replyp);
/* From now on RESPONDER answers instead of a server, before atls_http_start() returns: for a
 * verifier that is part of the program, as a benchmark's may be. */
void atls_http_answer_locally(struct atls_http *http, atls_http_responder *responder,
                              void *context);
/* From now on exchanges use ACCESS, which is taken over; without, the machine's CAs and no token.
 */
void atls_http_use_access(struct atls_http *http, struct atls_http_access *access);
/* Exchanges in the background get half a second to end; all others are dropped. */
void atls_http_free(struct atls_http *http);
/* As atls_verifier_client_poll(). Returns at once where an exchange has ended since the last time.
 */
int atls_http_poll(struct atls_http *http, struct curl_waitfd *extra, unsigned count,
                   int timeout_ms);

/* Starts an exchange; a URL that cannot be asked is a failure of the exchange, not of this call.
 * -ENOMEM. */
int atls_http_start(struct atls_http *http, const struct atls_http_request *request,
                    struct atls_http_exchange **exchangep);
/* 0 and the answer, whatever its status; ATLS_E_AGAIN; ATLS_E_UNAVAILABLE with the reason
 * verifier-unreachable (with nobody there, or nobody whom TLS trusts) or verifier-timeout;
 * ATLS_E_MALFORMED with verifier-garbage where what came is not HTTP or is too large. */
int atls_http_result(const struct atls_http_exchange *exchange, struct atls_http_answer *answerp,
                     const char **reasonp);
/* Its field Date, when the server made the answer (RFC 9110 section 6.6.1): borrowed, or NULL. */
const char *atls_http_date(const struct atls_http_exchange *exchange);
void atls_http_drop(struct atls_http_exchange *exchange);       /* NULL is fine */
void atls_http_background(struct atls_http_exchange *exchange); /* it ends and frees itself */

#endif
