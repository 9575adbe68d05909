/* SPDX-License-Identifier: Apache-2.0 */
/* The transport functions of both ends. */
#include "tls/bench/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bench_wire_count(struct bench_wire *wire, int side, uint64_t size)
{
    wire->end[side].sent += size;
    if (wire->sender != side) {
        wire->sender = side;
        wire->flights++;
    }
}

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    struct bench_wire_end *from = transport;
    struct bench_wire *wire = from->wire;
    int side = (int)(from - wire->end);
    struct bench_wire_end *to = &wire->end[1 - side];
    if (size > to->capacity - to->size) {
        size_t capacity = (to->size + size) * 2;
        uint8_t *grown = realloc(to->data, capacity);
        if (!grown) {
            gnutls_transport_set_errno(from->tls, ENOMEM);
            return -1;
        }
        to->data = grown;
        to->capacity = capacity;
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
    bench_wire_count(wire, side, size);
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct bench_wire_end *end = transport;
    if (end->at == end->size) {
        end->at = end->size = 0;
        if (end->closed)
            return 0;
        gnutls_transport_set_errno(end->tls, EAGAIN);
        return -1;
    }
    size = size < end->size - end->at ? size : end->size - end->at;
    memcpy(data, end->data + end->at, size);
    end->at += size;
    return (ssize_t)size;
}

void bench_wire_restart(struct bench_wire *wire)
{
    wire->sender = -1;
    wire->flights = 0;
    for (size_t i = 0; i < 2; i++) {
        struct bench_wire_end *end = &wire->end[i];
        end->wire = wire;
        end->tls = NULL;
        end->size = end->at = 0;
        end->sent = 0;
        end->closed = false;
    }
}

void bench_wire_join(struct bench_wire *wire, gnutls_session_t client, gnutls_session_t server)
{
    gnutls_session_t sessions[] = {[ATLS_CLIENT] = client, [ATLS_SERVER] = server};
    bench_wire_restart(wire);
    for (size_t i = 0; i < 2; i++) {
        struct bench_wire_end *end = &wire->end[i];
        end->tls = sessions[i];
        gnutls_transport_set_ptr(end->tls, end);
        gnutls_transport_set_push_function(end->tls, push);
        gnutls_transport_set_pull_function(end->tls, pull);
    }
}

void bench_wire_clear(struct bench_wire *wire)
{
    for (size_t i = 0; i < 2; i++)
        free(wire->end[i].data);
    memset(wire, 0, sizeof *wire);
}
