/* SPDX-License-Identifier: Apache-2.0 */
/* The transport between two sessions in memory. */
#include "tls/shim/memory-pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    struct atls_memory_end *from = transport, *to = from->peer;
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
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct atls_memory_end *end = transport;
    if (end->at == end->size) {
        end->at = end->size = 0;
        gnutls_transport_set_errno(end->tls, EAGAIN);
        return -1;
    }
    size = size < end->size - end->at ? size : end->size - end->at;
    memcpy(data, end->data + end->at, size);
    end->at += size;
    return (ssize_t)size;
}

void atls_memory_pair_join(struct atls_memory_end *client, struct atls_memory_end *server)
{
    struct atls_memory_end *ends[] = {client, server};
    for (size_t i = 0; i < 2; i++) {
        ends[i]->peer = ends[1 - i];
        ends[i]->result = GNUTLS_E_AGAIN;
        gnutls_transport_set_ptr(ends[i]->tls, ends[i]);
        gnutls_transport_set_push_function(ends[i]->tls, push);
        gnutls_transport_set_pull_function(ends[i]->tls, pull);
    }
}

bool atls_memory_end_step(struct atls_memory_end *end)
{
    size_t before = end->peer->size;
    if (end->result == 0 || gnutls_error_is_fatal(end->result))
        return false;
    struct atls_interposed *other = atls_interpose_enter(end->watch);
    end->result = gnutls_handshake(end->tls);
    atls_interpose_enter(other);
    if (end->result < 0 && gnutls_error_is_fatal(end->result))
        gnutls_alert_send_appropriate(end->tls, end->result);
    return end->result == 0 || end->peer->size != before || end->at < end->size;
}

void atls_memory_pair_shake(struct atls_memory_end *client, struct atls_memory_end *server)
{
    /* An end that moved nothing has nothing to wait for but the other one. */
    while ((int)atls_memory_end_step(client) | (int)atls_memory_end_step(server))
        ;
}

void atls_memory_pair_clear(struct atls_memory_end *client, struct atls_memory_end *server)
{
    struct atls_memory_end *ends[] = {client, server};
    for (size_t i = 0; i < 2; i++) {
        free(ends[i]->data);
        ends[i]->data = NULL;
        ends[i]->size = ends[i]->at = ends[i]->capacity = 0;
    }
}
