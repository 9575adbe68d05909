/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: many connections in one thread, with the verifier's client in the same loop, so
 * that no connection waits for another one's verifier.
 */
#ifndef ATLS_TLS_PROGRAMS_ENDPOINT_H
#define ATLS_TLS_PROGRAMS_ENDPOINT_H

#include "tls/engine/session.h"

struct atls_endpoint_options {
    const struct atls_party *party;
    struct atls_verifier_client *client; /* NULL: nobody asks a verifier */
    const char *host, *port;             /* to connect to, or to listen on (port 0 picks one) */
    unsigned connections;                /* client: at once; server: until it ends, 0 for ever */
    double timeout;                      /* seconds for one connection */
};

/* Runs to the end: a client's when all connections have ended, a server's after so many or with
 * SIGTERM or SIGINT. *COMPLETEP: whether all that was to happen happened. -errno where the loop
 * could not run (no address, port taken). */
int atls_endpoint_run(const struct atls_endpoint_options *options, bool *completep);

#endif
