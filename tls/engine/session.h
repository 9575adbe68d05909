/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: a TLS handshake with attestation as the party's profile has it, then one line of
 * application data each way. It never blocks: whoever drives it calls atls_session_step() when what
 * it waits for may have come. Whatever ends it is told in events, and to the peer by an alert.
 */
#ifndef ATLS_TLS_ENGINE_SESSION_H
#define ATLS_TLS_ENGINE_SESSION_H

#include "tls/engine/party.h"

struct atls_session;

enum atls_want {                    /* what a session waits for */
                 ATLS_WANT_NOTHING, /* it has ended */
                 ATLS_WANT_READ,    /* bytes from the peer */
                 ATLS_WANT_WRITE,   /* room for bytes to the peer */
                 ATLS_WANT_VERIFIER /* a nonce, a verdict or a result: step again after polling the
                                       verifier's client */
};

/* PARTY outlives the session; CONN numbers it in events. -ENOMEM or a failure of the TLS library.
 */
int atls_session_new(const struct atls_party *party, unsigned conn, struct atls_session **sessionp);
void atls_session_free(struct atls_session *session);
/* The session's transport is to be FD, which stays the caller's. */
void atls_session_use_socket(struct atls_session *session, int fd);
/* The stack's connection. */
void *atls_session_connection(struct atls_session *session);
/* Fetches what must be there before the first byte (a client's nonce, its result): until this gives
 * ATLS_WANT_READ no connection is needed. ATLS_WANT_VERIFIER; ATLS_WANT_NOTHING where it failed. */
enum atls_want atls_session_prepare(struct atls_session *session);
/* Goes on as far as it can. */
enum atls_want atls_session_step(struct atls_session *session);
/* Ends it from outside: REASON is a word of harness/peers/README.md. An alert is tried once. */
void atls_session_abort(struct atls_session *session, const char *reason, const char *detail);
/* Whether the whole exchange was made; meaningful once it has ended. */
bool atls_session_complete(const struct atls_session *session);

#endif
