/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of the event loop, from its socket to its end. One that has ended lingers for a
 * moment: closing a socket with unread bytes in it would destroy the alert that is on its way to
 * the peer. A server that is to end after some connections counts those only that begin as TLS
 * does: whoever else knows its port (a scan, a browser) is sent away, and its peer still has a
 * place.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/programs/endpoint-private.h"

#define LINGER_SECONDS 1.0

struct connection *connection_place(struct endpoint *e)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->fd = -1;
    c->want = ATLS_WANT_READ;
    atls_due_move(&c->due, &e->under_way, atls_now() + e->options->timeout);
    return c;
}

static void stop_asking(struct connection *c)
{
    if (!c->asking_at)
        return;
    *c->asking_at = c->next_asking;
    if (c->next_asking)
        c->next_asking->asking_at = c->asking_at;
    c->asking_at = NULL;
}

static void start_asking(struct endpoint *e, struct connection *c)
{
    if (c->asking_at)
        return;
    c->next_asking = e->asking;
    if (e->asking)
        e->asking->asking_at = &c->next_asking;
    c->asking_at = &e->asking;
    e->asking = c;
}

void connection_be_gone(struct endpoint *e, struct connection *c)
{
    e->knocking -= c->state == KNOCK;
    c->state = GONE;
    atls_due_move(&c->due, &e->gone, 0);
}

struct connection *connection_new(struct endpoint *e)
{
    struct connection *c = connection_place(e);
    if (!c)
        return NULL;
    if (atls_session_new(e->options->party, e->started + 1, &c->session) != 0) {
        connection_free(c);
        return NULL;
    }
    e->started++;
    return c;
}

void connection_use_socket(struct connection *c, int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    atls_session_use_socket(c->session, fd);
}

/* The session has ended; what the peer still sends is read and thrown away. */
static void begin_linger(struct endpoint *e, struct connection *c)
{
    e->ended++;
    if (!atls_session_complete(c->session))
        e->failed++;
    if (c->fd >= 0 && shutdown(c->fd, SHUT_WR) == 0) {
        c->state = LINGER;
        atls_due_move(&c->due, &e->lingering, atls_now() + LINGER_SECONDS);
    } else {
        connection_be_gone(e, c);
    }
    e->accept_at = 0; /* its descriptor to the verifier is free */
}

static void linger(struct endpoint *e, struct connection *c)
{
    char waste[4096];
    for (;;) {
        ssize_t size = recv(c->fd, waste, sizeof waste, 0);
        if (size > 0)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        connection_be_gone(e, c);
        return;
    }
}

static void talk(struct endpoint *e, struct connection *c)
{
    c->want = atls_session_step(c->session);
    if (c->want == ATLS_WANT_NOTHING)
        begin_linger(e, c);
}

static void begin_connect(struct endpoint *e, struct connection *c)
{
    int fd = socket(e->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    atls_due_move(&c->due, &e->under_way, atls_now() + e->options->timeout);
    if (fd < 0) {
        atls_session_abort(c->session, "internal", strerror(errno));
        begin_linger(e, c);
        return;
    }
    connection_use_socket(c, fd);
    if (connect(fd, e->address->ai_addr, e->address->ai_addrlen) == 0 || errno == EINPROGRESS) {
        c->state = CONNECT;
        c->want = ATLS_WANT_WRITE;
        return;
    }
    atls_session_abort(c->session, "peer-closed", strerror(errno));
    begin_linger(e, c);
}

static void end_connect(struct endpoint *e, struct connection *c)
{
    int result = 0;
    socklen_t size = sizeof result;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &result, &size) != 0 || result != 0) {
        atls_session_abort(c->session, "peer-closed", strerror(result != 0 ? result : errno));
        begin_linger(e, c);
        return;
    }
    c->state = TALK;
    talk(e, c);
}

static void prepare(struct endpoint *e, struct connection *c)
{
    c->want = atls_session_prepare(c->session);
    if (c->want == ATLS_WANT_NOTHING)
        begin_linger(e, c);
    else if (c->want != ATLS_WANT_VERIFIER)
        begin_connect(e, c);
}

/* Is this how a record with a ClientHello begins, or with the alert of a peer that gives up before
 * it (RFC 8446 sections 5.1 and 4)? As far as it has come: who sends one octet has begun. */
static bool begins_as_tls(const uint8_t *head, size_t size)
{
    enum { ALERT = 21, HANDSHAKE = 22, CLIENT_HELLO = 1 };
    if (size > 1 && head[1] != 3)
        return false;
    return head[0] == ALERT || (head[0] == HANDSHAKE && (size < 6 || head[5] == CLIENT_HELLO));
}

static void turn_away(struct endpoint *e, struct connection *c)
{
    fprintf(stderr, "atls-server: a connection without a ClientHello is not counted\n");
    connection_be_gone(e, c);
}

static void answer_door(struct endpoint *e, struct connection *c)
{
    uint8_t head[6];
    ssize_t size = recv(c->fd, head, sizeof head, MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || !begins_as_tls(head, (size_t)size)) {
        turn_away(e, c);
        return;
    }
    if (e->started == e->options->connections ||
        atls_session_new(e->options->party, e->started + 1, &c->session) != 0) {
        connection_be_gone(e, c); /* others were first, or there is no memory */
        return;
    }
    e->started++;
    e->knocking--;
    connection_use_socket(c, c->fd);
    c->state = TALK;
    talk(e, c);
}

/* Whatever CONNECTION waits for now is what the loop waits for. A session that waits for its
 * verifier goes on whatever its socket does; one that is ready meanwhile is watched no more, since
 * a peer that is gone would wake the loop for ever. */
static void wait_for(struct endpoint *e, struct connection *c)
{
    if (c->state != LINGER && c->state != GONE && c->want == ATLS_WANT_VERIFIER) {
        start_asking(e, c);
        return;
    }
    stop_asking(c);
    if (c->state == GONE)
        return;
    bool writes = c->want == ATLS_WANT_WRITE && c->state != LINGER;
    if (atls_watch(e->set, c->fd, c, writes ? EPOLLOUT : EPOLLIN, &c->watched) == 0)
        return;
    if (c->state == LINGER || !c->session) {
        connection_be_gone(e, c);
        return;
    }
    atls_session_abort(c->session, "internal", atls_error_text());
    begin_linger(e, c);
    connection_be_gone(e, c);
}

void connection_advance(struct endpoint *e, struct connection *c)
{
    switch (c->state) {
    case KNOCK:
        answer_door(e, c);
        break;
    case PREPARE:
        prepare(e, c);
        break;
    case CONNECT:
        end_connect(e, c);
        break;
    case TALK:
        talk(e, c);
        break;
    case LINGER:
        linger(e, c);
        break;
    case GONE:
        break;
    }
    wait_for(e, c);
}

void connection_give_up(struct endpoint *e, struct connection *c)
{
    if (c->state == LINGER) {
        connection_be_gone(e, c);
        return;
    }
    if (c->state == KNOCK) {
        turn_away(e, c);
        return;
    }
    atls_session_abort(c->session, "timeout", "the connection took longer than its time");
    begin_linger(e, c);
    wait_for(e, c);
}

void connection_free(struct connection *c)
{
    stop_asking(c);
    atls_due_move(&c->due, NULL, 0);
    atls_session_free(c->session);
    if (c->fd >= 0)
        close(c->fd); /* which takes it out of the set, too */
    free(c);
}
