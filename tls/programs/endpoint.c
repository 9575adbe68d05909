/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop over sockets, sessions and the verifier's client. A connection that has ended
 * lingers for a moment: closing a socket with unread bytes in it would destroy the alert that is on
 * its way to the peer. A server that is to end after some connections counts those only that begin
 * as TLS does: whoever else knows its port (a scan, a browser) is sent away, and its peer still has
 * a place.
 */
#include "tls/programs/endpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/engine/session-internal.h"

#define LINGER_SECONDS 1.0
#define RENEW_SECONDS 1.0 /* between two looks at whether the kept result is still good */
#define BACKLOG 1024
#define DESCRIPTORS_MAX 65536
#define FIXED_FDS 2 /* signals and the listening socket */
/* Descriptors that clients do not get: of files that are written, of what libraries open. */
#define SPARE_DESCRIPTORS 8
#define PAUSE_SECONDS 1.0 /* without accepting, where there is no room for another connection */

enum state { PREPARE, KNOCK, CONNECT, TALK, LINGER, GONE }; /* KNOCK: not known who it is */

struct connection {
    enum state state;
    struct atls_session *session; /* NULL in KNOCK */
    int fd;
    enum atls_want want;
    double deadline;
    unsigned slot; /* in the poll array, 0: none */
};

struct endpoint {
    const struct atls_endpoint_options *options;
    struct addrinfo *address;
    int listener, signals;
    struct connection *connections;
    size_t count, capacity;
    struct curl_waitfd *waits;
    struct pollfd *polls; /* the same, where there is no verifier's client to wait with */
    size_t wait_capacity;
    unsigned started, ended, failed;
    double renew_at;
    double accept_at;     /* no room for another connection before */
    unsigned open_before; /* descriptors that were open before the first connection */
    bool stop, scarcity_told;
};

static bool is_client(const struct endpoint *e)
{
    return e->options->party->side == ATLS_CLIENT;
}

static int resolve(struct endpoint *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = is_client(e) ? 0 : AI_PASSIVE};
    int result = getaddrinfo(e->options->host, e->options->port, &hints, &e->address);
    if (result != 0)
        return atls_fail(-EADDRNOTAVAIL, NULL, "%s:%s: %s", e->options->host, e->options->port,
                         gai_strerror(result));
    return 0;
}

static int announce(struct endpoint *e)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV], text[NI_MAXHOST + NI_MAXSERV + 4];
    if (getsockname(e->listener, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return atls_fail(-EIO, NULL, "the address listened on cannot be told");
    snprintf(text, sizeof text, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    atls_event(e->options->party->events, "ready", "{s:s, s:i}", "address", text, "port",
               (int)strtol(port, NULL, 10));
    return 0;
}

static int listen_on(struct endpoint *e)
{
    int one = 1;
    e->listener = socket(e->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->listener < 0 ||
        setsockopt(e->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(e->listener, e->address->ai_addr, e->address->ai_addrlen) != 0 ||
        listen(e->listener, BACKLOG) != 0)
        return atls_fail(-errno, NULL, "cannot listen on %s:%s: %s", e->options->host,
                         e->options->port, strerror(errno));
    return announce(e);
}

/* Signals become readable, so that the loop can end in order. */
static int catch_signals(struct endpoint *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (e->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return atls_fail(-errno, NULL, "signals: %s", strerror(errno));
    return 0;
}

/* Room to wait for one more connection than there are: made here, so that a lack of memory is the
 * end of one connection and not of the loop. */
static bool make_room(struct endpoint *e)
{
    size_t capacity = (e->count + 1) * 2 + FIXED_FDS;
    if (e->count + 1 + FIXED_FDS <= e->wait_capacity)
        return true;
    struct curl_waitfd *waits = realloc(e->waits, capacity * sizeof *waits);
    if (!waits)
        return false;
    e->waits = waits;
    struct pollfd *polls = realloc(e->polls, capacity * sizeof *polls);
    if (!polls)
        return false;
    e->polls = polls;
    e->wait_capacity = capacity;
    return true;
}

/* A place that is only taken with e->count. */
static struct connection *free_place(struct endpoint *e)
{
    if (!make_room(e))
        return NULL;
    if (e->count == e->capacity) {
        size_t capacity = e->capacity == 0 ? 16 : e->capacity * 2;
        struct connection *bigger = realloc(e->connections, capacity * sizeof *bigger);
        if (!bigger)
            return NULL;
        e->connections = bigger;
        e->capacity = capacity;
    }
    struct connection *c = &e->connections[e->count];
    *c = (struct connection){.fd = -1, .want = ATLS_WANT_READ};
    c->deadline = atls_now() + e->options->timeout;
    return c;
}

static struct connection *new_connection(struct endpoint *e)
{
    struct connection *c = free_place(e);
    if (!c || atls_session_new(e->options->party, e->started + 1, &c->session) != 0)
        return NULL;
    e->count++;
    e->started++;
    return c;
}

static void use_socket(struct connection *c, int fd)
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
    c->state = c->fd >= 0 && shutdown(c->fd, SHUT_WR) == 0 ? LINGER : GONE;
    c->deadline = atls_now() + LINGER_SECONDS;
    e->accept_at = 0; /* its descriptor to the verifier is free */
}

static void linger(struct connection *c)
{
    char waste[4096];
    for (;;) {
        ssize_t size = recv(c->fd, waste, sizeof waste, 0);
        if (size > 0)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        c->state = GONE;
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
    c->deadline = atls_now() + e->options->timeout;
    if (fd < 0) {
        atls_session_abort(c->session, "internal", strerror(errno));
        begin_linger(e, c);
        return;
    }
    use_socket(c, fd);
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

static void turn_away(struct connection *c)
{
    fprintf(stderr, "atls-server: a connection without a ClientHello is not counted\n");
    c->state = GONE;
}

static void answer_door(struct endpoint *e, struct connection *c)
{
    uint8_t head[6];
    ssize_t size = recv(c->fd, head, sizeof head, MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || !begins_as_tls(head, (size_t)size)) {
        turn_away(c);
        return;
    }
    if (e->started == e->options->connections ||
        atls_session_new(e->options->party, e->started + 1, &c->session) != 0) {
        c->state = GONE; /* others were first, or there is no memory */
        return;
    }
    e->started++;
    use_socket(c, c->fd);
    c->state = TALK;
    talk(e, c);
}

static void advance(struct endpoint *e, struct connection *c)
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
        linger(c);
        break;
    case GONE:
        break;
    }
}

static void give_up(struct endpoint *e, struct connection *c)
{
    if (c->state == LINGER) {
        c->state = GONE;
        return;
    }
    if (c->state == KNOCK) {
        turn_away(c);
        return;
    }
    atls_session_abort(c->session, "timeout", "the connection took longer than its time");
    begin_linger(e, c);
}

/* Clients wait in the backlog for a while; what there is room for goes on meanwhile. */
static void pause_accepting(struct endpoint *e, const char *why)
{
    e->accept_at = atls_now() + PAUSE_SECONDS;
    if (!e->scarcity_told)
        fprintf(stderr, "server: clients have to wait: %s\n", why);
    e->scarcity_told = true;
}

/* Is there a descriptor for one more client, and for each that is under way one to its verifier? A
 * client that is let in without would be refused for a reason that is none of its doing. */
static bool has_descriptors(const struct endpoint *e)
{
    struct rlimit limit;
    size_t needed = e->open_before + SPARE_DESCRIPTORS + e->count + 1, talking = 1;
    for (size_t i = 0; i < e->count; i++)
        talking += e->connections[i].state != LINGER && e->connections[i].state != GONE;
    needed += e->options->client ? talking : 0;
    return e->count == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || needed <= limit.rlim_cur;
}

static void accept_all(struct endpoint *e)
{
    while (e->options->connections == 0 || e->started < e->options->connections) {
        if (!has_descriptors(e)) {
            pause_accepting(e, "the limit of open files (ulimit -n) leaves none for more");
            return;
        }
        int fd = accept4(e->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(e, strerror(errno));
            return;
        }
        bool counted = e->options->connections > 0;
        struct connection *c = counted ? free_place(e) : new_connection(e);
        if (!c) {
            close(fd);
            if (!e->scarcity_told)
                fprintf(stderr, "server: clients are turned away: %s\n", atls_error_text());
            e->scarcity_told = true;
            continue;
        }
        if (counted) {
            e->count++;
            c->fd = fd;
            c->state = KNOCK;
            answer_door(e, c);
            continue;
        }
        use_socket(c, fd);
        c->state = TALK;
        talk(e, c);
    }
}

static void add_wait(struct endpoint *e, unsigned *countp, int fd, short events)
{
    e->waits[(*countp)++] = (struct curl_waitfd){.fd = fd, .events = events};
}

/* A session that waits for its verifier is not asked about its socket: a peer that is gone would
 * wake the loop for ever. */
static void collect(struct endpoint *e, double now, unsigned *countp, double *wakep)
{
    bool accepting = e->listener >= 0 && now >= e->accept_at &&
                     (e->options->connections == 0 || e->started < e->options->connections);
    add_wait(e, countp, e->signals, CURL_WAIT_POLLIN);
    add_wait(e, countp, accepting ? e->listener : -1, CURL_WAIT_POLLIN);
    if (now < e->accept_at && e->accept_at < *wakep)
        *wakep = e->accept_at;
    for (size_t i = 0; i < e->count; i++) {
        struct connection *c = &e->connections[i];
        c->slot = 0;
        double due = c->state == GONE ? 0 : c->deadline;
        *wakep = due < *wakep ? due : *wakep;
        if (c->want == ATLS_WANT_VERIFIER && c->state != LINGER)
            continue;
        c->slot = *countp;
        add_wait(e, countp, c->fd,
                 c->want == ATLS_WANT_WRITE && c->state != LINGER ? CURL_WAIT_POLLOUT
                                                                  : CURL_WAIT_POLLIN);
    }
}

/* Takes away what is over, and whoever still knocks where all are there that were expected. */
static void sweep(struct endpoint *e)
{
    bool complete = !is_client(e) && e->started == e->options->connections;
    for (size_t i = 0; i < e->count;) {
        struct connection *c = &e->connections[i];
        if (c->state != GONE && !(c->state == KNOCK && complete)) {
            i++;
            continue;
        }
        atls_session_free(c->session);
        if (c->fd >= 0)
            close(c->fd);
        e->accept_at = 0;
        *c = e->connections[--e->count];
    }
}

/* A result for the passport is fetched ahead, and again before it expires. */
static void renew(struct endpoint *e, double now)
{
    struct atls_attester *attester = e->options->party->attester;
    if (!attester || now < e->renew_at || atls_carrier_of_party(e->options->party)->enrolled ||
        session_result_answers(e->options->party) || /* then each connection fetches its own */
        !atls_abilities_have(&e->options->party->as_attester, ATLS_MODEL_PASSPORT))
        return;
    /* While it is under way the verifier's client wakes the loop. A failure is told to whoever
     * needs the result. */
    if (atls_attester_renew(attester) != ATLS_E_AGAIN)
        e->renew_at = now + RENEW_SECONDS;
}

static int wait_alone(struct endpoint *e, unsigned count, int wait_ms)
{
    for (unsigned i = 0; i < count; i++)
        e->polls[i] = (struct pollfd){
            .fd = e->waits[i].fd,
            .events = e->waits[i].events == CURL_WAIT_POLLOUT ? POLLOUT : POLLIN,
        };
    if (poll(e->polls, count, wait_ms) < 0 && errno != EINTR)
        return atls_fail(-errno, NULL, "poll: %s", strerror(errno));
    for (unsigned i = 0; i < count; i++)
        e->waits[i].revents = e->polls[i].revents;
    return 0;
}

static int turn(struct endpoint *e)
{
    double now = atls_now(), wake = now + RENEW_SECONDS;
    unsigned count = 0;
    collect(e, now, &count, &wake);
    int result, wait_ms = wake <= now ? 0 : (int)((wake - now) * 1000) + 1;
    if (e->options->client)
        result = atls_verifier_client_poll(e->options->client, e->waits, count, wait_ms);
    else
        result = wait_alone(e, count, wait_ms);
    if (result != 0)
        return result;
    e->stop = e->stop || e->waits[0].revents != 0;
    now = atls_now();
    size_t before = e->count; /* what is accepted now has had its first step */
    if (e->waits[1].revents != 0)
        accept_all(e);
    for (size_t i = 0; i < before; i++) {
        struct connection *c = &e->connections[i];
        if (c->slot == 0 || e->waits[c->slot].revents != 0)
            advance(e, c);
        if (c->state != GONE && now >= c->deadline)
            give_up(e, c);
    }
    sweep(e);
    renew(e, now);
    return 0;
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count > 0 ? count : 16; /* with "." and "..": a little more than there are */
}

/* As many connections as the system allows, not as the customary soft limit of 1,024 does. */
static void allow_many_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int start(struct endpoint *e)
{
    allow_many_connections();
    if (!make_room(e))
        return atls_fail(-ENOMEM, NULL, "out of memory");
    int result = resolve(e);
    if (result == 0)
        result = catch_signals(e);
    if (result == 0 && !is_client(e))
        result = listen_on(e);
    e->open_before = open_descriptors();
    for (unsigned i = 0; result == 0 && is_client(e) && i < e->options->connections; i++) {
        struct connection *c = new_connection(e);
        if (!c)
            return -ENOMEM;
        prepare(e, c);
    }
    renew(e, atls_now());
    return result;
}

static bool finished(const struct endpoint *e)
{
    unsigned wanted = e->options->connections;
    return e->stop || ((is_client(e) || wanted > 0) && e->ended >= wanted && e->count == 0);
}

/* RESULT is the loop's: 0 where it was told to end. */
static void finish(struct endpoint *e, int result)
{
    char why[512];
    snprintf(why, sizeof why, "%s",
             result == 0 ? "this program was told to end" : atls_error_text());
    for (size_t i = 0; i < e->count; i++) {
        struct connection *c = &e->connections[i];
        if (c->session) {
            atls_session_abort(c->session, result == 0 ? "timeout" : "internal", why);
            atls_session_free(c->session);
        }
        if (c->fd >= 0)
            close(c->fd);
    }
    free(e->connections);
    free(e->waits);
    free(e->polls);
    if (e->listener >= 0)
        close(e->listener);
    if (e->signals >= 0)
        close(e->signals);
    if (e->address)
        freeaddrinfo(e->address);
}

int atls_endpoint_run(const struct atls_endpoint_options *options, bool *completep)
{
    struct endpoint e = {.options = options, .listener = -1, .signals = -1};
    int result = start(&e);
    while (result == 0 && !finished(&e)) {
        result = turn(&e);
    }
    if (result == 0)
        *completep = e.failed == 0 && e.ended >= options->connections;
    finish(&e, result);
    return result;
}
