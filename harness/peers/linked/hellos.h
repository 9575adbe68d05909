/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hellos, read from what the transport carries: until ServerHello all of TLS is in the open
 * (RFC 8446 section 5.1), so that any library whose transport the adapter brings shows them.
 */
#ifndef ATLS_PEERS_LINKED_HELLOS_H
#define ATLS_PEERS_LINKED_HELLOS_H

#include "tls/engine/stack.h"

struct hello_stream {
    uint8_t *data; /* of handshake messages, the header of a record, or both in part */
    size_t size, capacity;
    uint8_t record[5];
    size_t record_have, record_left;
    bool handshake;
};

struct wire_hellos {
    struct atls_session *s; /* is told of each */
    struct atls_transcript transcript;
    struct hello_stream streams[2]; /* received, sent */
    bool over;                      /* a ServerHello passed, or what is none */
    unsigned clients;               /* ClientHellos that passed */
};

void hellos_init(struct wire_hellos *hellos, struct atls_session *s);
void hellos_clear(struct wire_hellos *hellos);
/* Bytes as they are sent or received. 0, or what session_fail() gave. */
int hellos_feed(struct wire_hellos *hellos, bool sent, struct atls_bytes bytes);
/* The random of the newest ClientHello. ATLS_E_MISSING. */
int hellos_random(const struct wire_hellos *hellos, struct atls_bytes *randomp);

#endif
