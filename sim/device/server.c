/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that serves a device on a unix socket; see server.h. */
#include "sim/device/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/link.h"
#include "sim/device/owners.h"

#define CONNECTIONS_MAX 256
#define PAUSE_MS 500 /* without accepting, where there is no descriptor for another connection */
#define REQUEST_PAYLOAD_MAX (ATLS_LINK_HEADER_SIZE + ATLS_REQUEST_MAX)
#define ANSWER_FRAME_MAX ATLS_FRAME_ENCODED_MAX(ATLS_LINK_HEADER_SIZE + ATLS_ANSWER_MAX)

struct connection {
    int fd;
    struct atls_link link;
    uint8_t payload[REQUEST_PAYLOAD_MAX + 4];
    bool sending, repeats; /* an answer; the one before it, once more */
    size_t sent;           /* bytes of link.answer that are on the line */
    size_t garbled_at;     /* the byte that is changed on the line, 0: none */
    uint8_t answer[];      /* ANSWER_FRAME_MAX; what is not used is not touched */
};

struct server {
    struct atls_server_device device;
    struct atls_events *events;
    struct atls_server_faults faults;
    uint64_t answers, requests; /* sent so far; answered so far, each once */
    bool exiting, hang_told;
    struct connection *connections[CONNECTIONS_MAX];
    size_t connection_count;
    double accept_at; /* no room for another connection before */
    struct atls_owners owners;
    uint8_t message[ATLS_ANSWER_MAX];
};

static void tell_fault(struct server *server, const char *name, const char *detail)
{
    atls_event(server->events, "fault", "{s:s, s:s}", "name", name, "detail", detail);
}

/* The byte changes where the answer is remembered, and back when it is on the line. */
static void garble(struct connection *c)
{
    if (c->garbled_at)
        c->link.answer[c->garbled_at] ^= 0x55;
}

static void end_answer(struct server *server, struct connection *c)
{
    garble(c);
    c->garbled_at = 0;
    c->sending = false;
    server->answers++;
    if (!c->repeats)
        server->requests++;
    if (server->faults.exit_after >= 0 && server->requests >= (uint64_t)server->faults.exit_after)
        server->exiting = true;
}

/* 0 where the answer went out or the line is full for now, -errno where the client is gone. */
static int continue_answer(struct server *server, struct connection *c)
{
    while (c->sent < c->link.answer_size) {
        ssize_t n =
            send(c->fd, c->link.answer + c->sent, c->link.answer_size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            c->sent += (size_t)n;
    }
    end_answer(server, c);
    return 0;
}

static bool is_turn(const struct server *server, uint64_t every)
{
    return every && (server->answers + 1) % every == 0;
}

static int begin_answer(struct server *server, struct connection *c)
{
    c->sending = true;
    c->sent = 0;
    if (is_turn(server, server->faults.drop_every)) {
        tell_fault(server, "drop-every", "this answer is not sent");
        end_answer(server, c);
        return 0;
    }
    if (is_turn(server, server->faults.garble_every)) {
        tell_fault(server, "garble-every", "one byte of this answer changes on the line");
        c->garbled_at = c->link.answer_size / 2;
        garble(c);
    }
    return continue_answer(server, c);
}

/* Does a fault keep the device from this request? */
static bool is_hindered(struct server *server)
{
    int64_t hang = server->faults.hang_after;
    if (server->faults.exit_after == 0) {
        server->exiting = true;
        return true;
    }
    if (hang < 0 || server->requests < (uint64_t)hang)
        return false;
    if (!server->hang_told)
        tell_fault(server, "hang-after", "from now on nothing is answered");
    server->hang_told = true;
    return true;
}

/* What the device answers, or that the key is another connection's. */
static struct atls_core_reply ask(struct server *server, const struct connection *c,
                                  struct atls_bytes request)
{
    struct atls_sink s = atls_sink_of(server->message, sizeof server->message);
    struct atls_core_reply reply;
    if (atls_owners_check(&server->owners, c, request)) {
        uint8_t operation = request.data[0];
        atls_protocol_put_refusal(&s, operation, ATLS_REFUSED);
        reply = (struct atls_core_reply){
            {0}, atls_operation_name(operation), atls_answer_name(ATLS_REFUSED)};
        (void)atls_sink_done(&s, &reply.message);
        return reply;
    }
    reply = server->device.handle(server->device.context, request, server->message,
                                  sizeof server->message);
    atls_owners_note(&server->owners, c, request, reply.message);
    return reply;
}

/* Keys of a client that is gone are nobody's: they would fill the device for good. */
static void destroy_keys_of(struct server *server, const struct connection *c)
{
    uint32_t handle;
    while (atls_owners_orphan(&server->owners, c, &handle)) {
        uint8_t request[5];
        struct atls_sink s = atls_sink_of(request, sizeof request);
        atls_sink_u8(&s, ATLS_OP_DESTROY_KEY);
        atls_sink_u32(&s, handle);
        (void)server->device.handle(server->device.context, ATLS_BYTES(request, sizeof request),
                                    server->message, sizeof server->message);
    }
}

static int do_request(struct server *server, struct connection *c, struct atls_bytes request)
{
    struct atls_core_reply reply;
    int result;
    if (is_hindered(server))
        return 0;
    reply = ask(server, c, request);
    atls_event(server->events, "request", "{s:s, s:s}", "operation", reply.operation, "outcome",
               reply.outcome);
    result = atls_link_answer(&c->link, reply.message);
    c->repeats = false;
    return result ? result : begin_answer(server, c);
}

static int take_byte(struct server *server, struct connection *c, uint8_t byte)
{
    struct atls_bytes request;
    switch (atls_link_push(&c->link, byte, &request)) {
    case ATLS_LINK_NOTHING:
    case ATLS_LINK_BAD: /* the client will send it again */
        break;
    case ATLS_LINK_DO:
        return do_request(server, c, request);
    case ATLS_LINK_REPEAT:
        if (c->link.answer_size > 0 && !is_hindered(server)) {
            c->repeats = true;
            return begin_answer(server, c);
        }
        break;
    }
    return 0;
}

/* Reads one byte at a time where an answer may follow, so that nothing is read while an answer is
 * still going out: a client that does not read its answers is not heard. */
static int read_requests(struct server *server, struct connection *c)
{
    uint8_t bytes[1024];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_PEEK);
    size_t taken = 0;
    int result = 0;
    if (n == 0)
        return -ECONNRESET;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    while (!result && !c->sending && !server->exiting && taken < (size_t)n)
        result = take_byte(server, c, bytes[taken++]);
    if (!result && recv(c->fd, bytes, taken, 0) != (ssize_t)taken)
        result = -EIO;
    return result;
}

static void accept_connection(struct server *server, int listener)
{
    struct connection *c;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) { /* while there is no descriptor, poll() would call at once again and again */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            server->accept_at = atls_now() + PAUSE_MS / 1000.0;
        return;
    }
    c = malloc(sizeof *c + ANSWER_FRAME_MAX);
    if (!c) {
        close(fd);
        return;
    }
    *c = (struct connection){.fd = fd};
    atls_link_init(&c->link, c->payload, sizeof c->payload, c->answer, ANSWER_FRAME_MAX);
    server->connections[server->connection_count++] = c;
}

static void drop_connection(struct server *server, size_t index)
{
    struct connection *c = server->connections[index];
    destroy_keys_of(server, c);
    close(c->fd);
    free(c);
    server->accept_at = 0;
    server->connections[index] = server->connections[--server->connection_count];
}

static void serve_connection(struct server *server, size_t index, short events)
{
    struct connection *c = server->connections[index];
    int result = 0;
    if (c->sending && events)
        result = continue_answer(server, c);
    else if (events)
        result = read_requests(server, c);
    if (result)
        drop_connection(server, index);
}

/* One turn of the loop: 1 to go on, 0 to end, -errno. */
static int turn(struct server *server, int listener, int stop_fd)
{
    struct pollfd fds[2 + CONNECTIONS_MAX] = {{stop_fd, POLLIN, 0}};
    size_t count = server->connection_count;
    bool pausing = atls_now() < server->accept_at;
    fds[1].fd = count < CONNECTIONS_MAX && !pausing ? listener : -1;
    fds[1].events = POLLIN;
    for (size_t i = 0; i < count; i++) {
        fds[2 + i].fd = server->connections[i]->fd;
        fds[2 + i].events = server->connections[i]->sending ? POLLOUT : POLLIN;
    }
    if (poll(fds, 2 + count, pausing ? PAUSE_MS : -1) < 0)
        return errno == EINTR ? 1 : -errno;
    if (fds[0].revents)
        return 0;
    for (size_t i = count; i-- > 0 && !server->exiting;) /* backwards: dropping moves the last */
        serve_connection(server, i, fds[2 + i].revents);
    if (fds[1].revents && !server->exiting)
        accept_connection(server, listener);
    return server->exiting ? 0 : 1;
}

static struct atls_core_reply handle_by_core(void *context, struct atls_bytes request, uint8_t *out,
                                             size_t capacity)
{
    return atls_core_handle(context, request, out, capacity);
}

struct atls_server_device atls_server_core(struct atls_core *core)
{
    return (struct atls_server_device){handle_by_core, core};
}

int atls_server_run(const struct atls_server_device *device, int listener, int stop_fd,
                    const struct atls_server_faults *faults, struct atls_events *events)
{
    struct server *server = calloc(1, sizeof *server);
    bool exiting;
    int result;
    if (!server)
        return atls_fail(-ENOMEM, NULL, "no memory for a device that is served");
    server->device = *device;
    server->events = events;
    server->faults = *faults;
    while ((result = turn(server, listener, stop_fd)) > 0)
        ;
    exiting = server->exiting;
    if (exiting)
        tell_fault(server, "exit-after", "the device leaves");
    while (server->connection_count > 0)
        drop_connection(server, server->connection_count - 1);
    free(server);
    return result ? result : exiting ? ATLS_E_UNAVAILABLE : 0;
}
