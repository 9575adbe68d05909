/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the event loop share: endpoint.c, which waits, and connection.c, which goes on.
 */
#ifndef ATLS_TLS_PROGRAMS_ENDPOINT_PRIVATE_H
#define ATLS_TLS_PROGRAMS_ENDPOINT_PRIVATE_H

#include <netdb.h>

#include "tls/programs/endpoint.h"
#include "tls/programs/waits.h"

enum state { PREPARE, KNOCK, CONNECT, TALK, LINGER, GONE }; /* KNOCK: not known who it is */

struct connection {
    struct atls_due due; /* its deadline; first, so that a queue's entry is its connection */
    enum state state;
    struct atls_session *session; /* NULL in KNOCK */
    int fd;
    uint32_t watched; /* the events that its descriptor is watched for */
    enum atls_want want;
    struct connection *next_asking, **asking_at; /* among those whose verifier is asked */
};

struct endpoint {
    const struct atls_endpoint_options *options;
    struct addrinfo *address;
    int listener, signals, set; /* SET: of what is watched */
    uint32_t listener_watched, signals_watched;
    struct atls_due_queue under_way, lingering, gone; /* each connection is in one of them */
    struct connection *asking;
    size_t knocking;
    unsigned started, ended, failed;
    double renew_at;
    double accept_at;     /* no room for another connection before */
    unsigned open_before; /* descriptors that were open before the first connection */
    bool stop, scarcity_told;
};

static inline bool endpoint_is_client(const struct endpoint *e)
{
    return e->options->party->side == ATLS_CLIENT;
}

static inline size_t endpoint_connections(const struct endpoint *e)
{
    return e->under_way.count + e->lingering.count + e->gone.count;
}

/* A place for a connection, without a session; NULL: no memory. */
struct connection *connection_place(struct endpoint *e);
/* The same with a session; NULL: no memory, or what atls_session_new() has said. */
struct connection *connection_new(struct endpoint *e);
void connection_use_socket(struct connection *c, int fd);
/* It goes on as far as it can, and is waited for where it waits. */
void connection_advance(struct endpoint *e, struct connection *c);
/* Its deadline has passed. */
void connection_give_up(struct endpoint *e, struct connection *c);
/* It is over, and is freed at the end of the turn. */
void connection_be_gone(struct endpoint *e, struct connection *c);
void connection_free(struct connection *c);

#endif
