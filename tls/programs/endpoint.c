/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop over sockets, sessions and the verifier's client. */
#include "tls/programs/endpoint-private.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/engine/session-internal.h"

#define RENEW_SECONDS 1.0 /* between two looks at whether the kept result is still good */
#define BACKLOG 1024
#define DESCRIPTORS_MAX 65536
#define EVENTS_MAX 256 /* of a turn; what is more comes in the next one */
/* Descriptors that clients do not get: of files that are written, of what libraries open. */
#define SPARE_DESCRIPTORS 8
#define PAUSE_SECONDS 1.0 /* without accepting, where there is no room for another connection */

static int resolve(struct endpoint *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = endpoint_is_client(e) ? 0 : AI_PASSIVE};
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
    return atls_watch(e->set, e->signals, &e->signals, EPOLLIN, &e->signals_watched);
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
    size_t count = endpoint_connections(e);
    size_t needed = e->open_before + SPARE_DESCRIPTORS + count + 1;
    needed += e->options->client ? e->under_way.count + 1 : 0;
    return count == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || needed <= limit.rlim_cur;
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
        struct connection *c = counted ? connection_place(e) : connection_new(e);
        if (!c) {
            close(fd);
            if (!e->scarcity_told)
                fprintf(stderr, "server: clients are turned away: %s\n", atls_error_text());
            e->scarcity_told = true;
            continue;
        }
        if (counted) {
            c->fd = fd;
            c->state = KNOCK;
            e->knocking++;
        } else {
            connection_use_socket(c, fd);
            c->state = TALK;
        }
        connection_advance(e, c);
    }
}

/* Takes away what is over, and whoever still knocks where all are there that were expected. */
static void sweep(struct endpoint *e)
{
    bool complete = !endpoint_is_client(e) && e->started == e->options->connections;
    struct atls_due *due = complete && e->knocking > 0 ? e->under_way.first : NULL, *next;
    for (; due; due = next) {
        struct connection *c = (struct connection *)due;
        next = due->next;
        if (c->state == KNOCK)
            connection_be_gone(e, c);
    }
    while ((due = e->gone.first)) {
        connection_free((struct connection *)due);
        e->accept_at = 0;
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

/* When the loop has to go on, whatever happens. */
static double next_due(const struct endpoint *e, double now)
{
    double wake = now + RENEW_SECONDS;
    if (e->gone.count > 0)
        return now;
    if (e->under_way.count > 0 && e->under_way.first->at < wake)
        wake = e->under_way.first->at;
    if (e->lingering.count > 0 && e->lingering.first->at < wake)
        wake = e->lingering.first->at;
    return now < e->accept_at && e->accept_at < wake ? e->accept_at : wake;
}

/* The verifier's client waits for its own descriptors and for the set. */
static int wait_for_events(struct endpoint *e, struct epoll_event *events, int wait_ms, int *countp)
{
    struct curl_waitfd set = {.fd = e->set, .events = CURL_WAIT_POLLIN};
    int result = 0;
    if (e->options->client)
        result = atls_verifier_client_poll(e->options->client, &set, 1, wait_ms);
    if (result != 0)
        return result;
    *countp = epoll_wait(e->set, events, EVENTS_MAX, e->options->client ? 0 : wait_ms);
    if (*countp < 0 && errno != EINTR)
        return atls_fail(-errno, NULL, "epoll: %s", strerror(errno));
    return 0;
}

static void take_event(struct endpoint *e, void *whose)
{
    if (whose == &e->signals) {
        e->stop = true;
    } else if (whose == &e->listener) {
        accept_all(e);
    } else {
        struct connection *c = whose;
        if (c->asking_at) /* it goes on whatever its socket does */
            atls_watch(e->set, c->fd, c, 0, &c->watched);
        else
            connection_advance(e, c);
    }
}

static void give_up_late(struct endpoint *e, struct atls_due_queue *queue)
{
    double now = atls_now();
    while (queue->first && now >= queue->first->at)
        connection_give_up(e, (struct connection *)queue->first);
}

static int watch_listener(struct endpoint *e, double now)
{
    bool accepting = now >= e->accept_at &&
                     (e->options->connections == 0 || e->started < e->options->connections);
    if (e->listener < 0)
        return 0;
    return atls_watch(e->set, e->listener, &e->listener, accepting ? EPOLLIN : 0,
                      &e->listener_watched);
}

static int turn(struct endpoint *e)
{
    struct epoll_event events[EVENTS_MAX];
    double now = atls_now(), wake = next_due(e, now);
    int count = 0, wait_ms = wake <= now ? 0 : (int)((wake - now) * 1000) + 1;
    int result = watch_listener(e, now);
    if (result == 0)
        result = wait_for_events(e, events, wait_ms, &count);
    if (result != 0)
        return result;
    for (struct connection *c = e->asking, *next; c; c = next) {
        next = c->next_asking; /* the others stay where they are */
        connection_advance(e, c);
    }
    for (int i = 0; i < count; i++)
        take_event(e, events[i].data.ptr);
    give_up_late(e, &e->under_way);
    give_up_late(e, &e->lingering);
    sweep(e);
    renew(e, atls_now());
    if (e->options->party->relying_party) /* behind the steps of all connections */
        atls_relying_party_refill(e->options->party->relying_party);
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
    if ((e->set = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return atls_fail(-errno, NULL, "epoll: %s", strerror(errno));
    int result = resolve(e);
    if (result == 0)
        result = catch_signals(e);
    if (result == 0 && !endpoint_is_client(e))
        result = listen_on(e);
    e->open_before = open_descriptors();
    for (unsigned i = 0; result == 0 && endpoint_is_client(e) && i < e->options->connections; i++) {
        struct connection *c = connection_new(e);
        if (!c)
            return -ENOMEM;
        connection_advance(e, c);
    }
    renew(e, atls_now());
    return result;
}

static bool finished(const struct endpoint *e)
{
    unsigned wanted = e->options->connections;
    return e->stop || ((endpoint_is_client(e) || wanted > 0) && e->ended >= wanted &&
                       endpoint_connections(e) == 0);
}

static void free_all(struct atls_due_queue *queue, int result, const char *why)
{
    while (queue->first) {
        struct connection *c = (struct connection *)queue->first;
        if (c->session)
            atls_session_abort(c->session, result == 0 ? "timeout" : "internal", why);
        connection_free(c);
    }
}

/* RESULT is the loop's: 0 where it was told to end. */
static void finish(struct endpoint *e, int result)
{
    char why[512];
    snprintf(why, sizeof why, "%s",
             result == 0 ? "this program was told to end" : atls_error_text());
    free_all(&e->under_way, result, why);
    free_all(&e->lingering, result, why);
    free_all(&e->gone, result, why);
    if (e->listener >= 0)
        close(e->listener);
    if (e->signals >= 0)
        close(e->signals);
    if (e->set >= 0)
        close(e->set);
    if (e->address)
        freeaddrinfo(e->address);
}

int atls_endpoint_run(const struct atls_endpoint_options *options, bool *completep)
{
    struct endpoint e = {.options = options, .listener = -1, .signals = -1, .set = -1};
    int result = start(&e);
    while (result == 0 && !finished(&e)) {
        result = turn(&e);
    }
    if (result == 0)
        *completep = e.failed == 0 && e.ended >= options->connections;
    finish(&e, result);
    return result;
}
