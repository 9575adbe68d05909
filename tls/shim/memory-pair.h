/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sessions of the library that talk to each other in memory, in one thread: what a program
 * proves to itself about its library before it speaks to anybody, and what tests are made of.
 */
#ifndef ATLS_TLS_SHIM_MEMORY_PAIR_H
#define ATLS_TLS_SHIM_MEMORY_PAIR_H

#include "tls/shim/interpose.h"

struct atls_memory_end {           /* all zero but for what the caller sets */
    gnutls_session_t tls;          /* the caller's; GNUTLS_NONBLOCK */
    struct atls_interposed *watch; /* entered around the library's calls, or NULL */
    int result;                    /* of gnutls_handshake(): 0, or fatal */
    struct atls_memory_end *peer;
    uint8_t *data; /* on its way to this end */
    size_t size, at, capacity;
};

/* Joins two ends: sets their transport. */
void atls_memory_pair_join(struct atls_memory_end *client, struct atls_memory_end *server);
/* One call of gnutls_handshake(). False: it has ended, or it waits for its peer. */
bool atls_memory_end_step(struct atls_memory_end *end);
/* Lets both shake hands until both are through, or neither can go on. The results are in them:
 * GNUTLS_E_AGAIN is that of an end that was left waiting. */
void atls_memory_pair_shake(struct atls_memory_end *client, struct atls_memory_end *server);
/* Frees what is on its way; the sessions stay the caller's. */
void atls_memory_pair_clear(struct atls_memory_end *client, struct atls_memory_end *server);

#endif
