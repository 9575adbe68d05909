/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the OpenSSL file has: its view of the wire through the message callback, from which the
 * binder of the hellos is made, and which the alerts need that OpenSSL has no number for.
 */
#ifndef PEER_OPENSSL_H
#define PEER_OPENSSL_H

#include "library.h"

struct seat;
enum epoch { EPOCH_PLAIN, EPOCH_HANDSHAKE, EPOCH_APPLICATION };

struct library {
    struct blob hellos; /* ClientHello to ServerHello as RFC 8446 section 4.4.1 hashes them */
    bool hellos_done;
    unsigned suite; /* of the ServerHello */
    /* of what is sent from here */
    enum epoch epoch;
    uint64_t sealed;        /* records in this epoch, alerts not counted */
    struct blob secrets[3]; /* traffic secrets by epoch */
    struct seat *seat;
};

/* What a callback returns to OpenSSL: false, but of a client true, and nothing more goes out. */
bool library_refuses(struct connection *c, int result);

/* Extensions of seat-04 and seat-06 (seat.c). */
int seat_context(struct party *party);
int seat_connection(struct connection *c);
void seat_end(struct connection *c);
/* A CertificateRequest came. */
void seat_requested(struct connection *c);
/* Before and behind the verification of the peer's chain. */
int seat_before(struct connection *c);
int seat_judge(struct connection *c);

#endif
