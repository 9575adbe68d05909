/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport under a library: a socket that is not waited for. What is sent is kept until there
 * is room for it, so that no library has to know how to wait for that; and the hellos are seen.
 */
#ifndef ATLS_PEERS_LINKED_WIRE_H
#define ATLS_PEERS_LINKED_WIRE_H

#include <sys/types.h>

#include "harness/peers/linked/hellos.h"

struct wire {
    struct atls_session *s;
    int fd; /* the caller's; -1: there is none (any more) */
    struct wire_hellos hellos;
    uint8_t *out; /* what is behind AT is still to be sent */
    size_t out_size, out_at, out_capacity;
};

void wire_init(struct wire *wire, struct atls_session *s);
void wire_clear(struct wire *wire);
/* Bytes that came, 0 at the end of the stream, or -errno: -EAGAIN where none are there. */
ssize_t wire_receive(struct wire *wire, void *buffer, size_t capacity);
/* Takes all of BYTES, and sends what there is room for. 0 or -errno, never -EAGAIN. */
int wire_send(struct wire *wire, struct atls_bytes bytes);
/* 0, -EAGAIN while something is left, or -errno. */
int wire_flush(struct wire *wire);

#endif
