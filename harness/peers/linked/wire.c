/* SPDX-License-Identifier: Apache-2.0 */
/* A socket and a queue. */
#include "harness/peers/linked/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void wire_init(struct wire *wire, struct atls_session *s)
{
    *wire = (struct wire){.s = s, .fd = -1};
    hellos_init(&wire->hellos, s);
}

void wire_clear(struct wire *wire)
{
    hellos_clear(&wire->hellos);
    free(wire->out);
}

ssize_t wire_receive(struct wire *wire, void *buffer, size_t capacity)
{
    ssize_t size = recv(wire->fd, buffer, capacity, 0);
    if (size < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return hellos_feed(&wire->hellos, false, ATLS_BYTES(buffer, (size_t)size)) == 0 ? size : -EIO;
}

int wire_flush(struct wire *wire)
{
    while (wire->out_at < wire->out_size) {
        ssize_t sent =
            send(wire->fd, wire->out + wire->out_at, wire->out_size - wire->out_at, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EINTR ? -EAGAIN : -errno;
        wire->out_at += (size_t)sent;
    }
    wire->out_at = wire->out_size = 0;
    return 0;
}

static int queue(struct wire *wire, struct atls_bytes bytes)
{
    if (bytes.size > wire->out_capacity - wire->out_size) {
        size_t capacity = (wire->out_size + bytes.size) * 2;
        uint8_t *bigger = realloc(wire->out, capacity);
        if (!bigger)
            return -ENOMEM;
        wire->out = bigger;
        wire->out_capacity = capacity;
    }
    memcpy(wire->out + wire->out_size, bytes.data, bytes.size);
    wire->out_size += bytes.size;
    return 0;
}

int wire_send(struct wire *wire, struct atls_bytes bytes)
{
    if (wire->fd < 0)
        return -ENOTCONN;
    if (hellos_feed(&wire->hellos, true, bytes) != 0)
        return -EIO;
    int result = bytes.size > 0 ? queue(wire, bytes) : 0;
    if (result == 0)
        result = wire_flush(wire);
    return result == -EAGAIN ? 0 : result;
}
