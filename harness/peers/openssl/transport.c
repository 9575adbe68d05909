/* SPDX-License-Identifier: Apache-2.0 */
/* The BIO, and the record boundaries that it sees. */
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <openssl/bio.h>

#define RECORD_HEADER 5
#define ALERT_SEALED 19 /* level, description, content type, and a tag of 16 bytes */

enum { ALERT = 21, APPLICATION_DATA = 23 };

/* False: the connection's time is over. */
static bool await(struct connection *c, short what)
{
    for (;;) {
        struct pollfd wait = {.fd = c->fd, .events = what};
        double left = c->deadline - now_seconds();
        int ready = left > 0 ? poll(&wait, 1, (int)(left * 1000) + 1) : 0;
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR) {
            refuse(&c->why, "timeout", NULL, "the connection took longer than its time");
            return false;
        }
    }
}

int transport_send(struct connection *c, struct bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = send(c->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            bytes = BYTES(bytes.data + sent, bytes.size - (size_t)sent);
        else if ((sent < 0 && errno != EAGAIN && errno != EINTR) || !await(c, POLLOUT))
            return -1;
    }
    return 0;
}

/* No handshake message is so short that its sealed record could be taken for an alert. */
static bool is_alert(const uint8_t *record, size_t body)
{
    return record[0] == ALERT || (record[0] == APPLICATION_DATA && body == ALERT_SEALED);
}

static int send_records(struct connection *c)
{
    struct blob *out = &c->records;
    while (out->size >= RECORD_HEADER) {
        size_t body = (size_t)out->data[3] << 8 | out->data[4];
        if (out->size < RECORD_HEADER + body)
            return 0;
        bool drop = c->mute || (c->own_alerts && c->why.reason && is_alert(out->data, body));
        if (!drop && transport_send(c, BYTES(out->data, RECORD_HEADER + body)))
            return -1;
        blob_drop(out, RECORD_HEADER + body);
    }
    return 0;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    struct connection *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    put(&c->records, BYTES(data, (size_t)size));
    return send_records(c) ? -1 : size;
}

static int bio_read(BIO *bio, char *data, int size)
{
    struct connection *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    for (;;) {
        if (!c->impatient && !await(c, POLLIN))
            return -1;
        ssize_t came = recv(c->fd, data, (size_t)size, MSG_DONTWAIT);
        if (came >= 0)
            return (int)came;
        if (c->impatient && errno == EAGAIN) {
            BIO_set_retry_read(bio);
            return -1;
        }
        if (errno != EAGAIN && errno != EINTR)
            return -1;
    }
}

static long bio_ctrl(BIO *bio, int command, long number, void *data)
{
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *method;

int transport_start(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket with a deadline");
    return method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
                   BIO_meth_set_ctrl(method, bio_ctrl) && BIO_meth_set_create(method, bio_create)
               ? 0
               : -1;
}

void transport_stop(void)
{
    BIO_meth_free(method);
}

int transport_begin(struct connection *c)
{
    BIO *bio = BIO_new(method);
    if (!bio)
        return -1;
    BIO_set_data(bio, c);
    SSL_set_bio(c->ssl, bio, bio);
    return 0;
}
