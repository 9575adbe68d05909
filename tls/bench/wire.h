/* SPDX-License-Identifier: Apache-2.0 */
/* Memory in place of a connection, with a count of what passes. */
#ifndef ATLS_TLS_BENCH_WIRE_H
#define ATLS_TLS_BENCH_WIRE_H

#include <gnutls/gnutls.h>

#include "tls/wire/negotiation.h"

struct bench_wire_end {
    struct bench_wire *wire;
    gnutls_session_t tls;
    uint8_t *data; /* on its way to this end */
    size_t size, at, capacity;
    uint64_t sent;
    bool closed; /* the other end is gone */
};
struct bench_wire {
    struct bench_wire_end end[2];
    int sender; /* whose bytes went out last; -1: nobody's */
    unsigned flights;
};

/* Empties it and joins two sessions of the library. Buffers are kept from connection to connection;
 * all zero at first. */
void bench_wire_join(struct bench_wire *wire, gnutls_session_t client, gnutls_session_t server);
/* Empties it for two ends that count their bytes themselves, by bench_wire_count(). */
void bench_wire_restart(struct bench_wire *wire);
/* SIDE has sent SIZE more bytes. */
void bench_wire_count(struct bench_wire *wire, int side, uint64_t size);
void bench_wire_clear(struct bench_wire *wire);

#endif
