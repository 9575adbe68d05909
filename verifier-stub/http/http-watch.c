/* SPDX-License-Identifier: Apache-2.0 */
/* A list of connections and a thread that shuts those that are late; see http-watch.h. */
#include "verifier-stub/http/http-watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "rats/base/error.h"

struct guest { /* a connection */
    struct guest *previous, *next;
    int fd;
    time_t since; /* of the request, or of the answer before it */
    bool answering;
};

struct atls_http_watch {
    pthread_mutex_t lock;
    pthread_cond_t stop;
    pthread_t thread;
    unsigned seconds;
    int listener;
    bool stopping;
    bool kept_waiting; /* at the last sweep somebody waited to be accepted */
    unsigned entered;  /* since then */
    struct guest *first;
};

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* The descriptor is not closed here: libmicrohttpd sees the end of the connection, and does it. */
static void sweep(struct atls_http_watch *watch)
{
    time_t today = now();

    for (struct guest *guest = watch->first; guest; guest = guest->next) {
        if (!guest->answering && today - guest->since > (time_t)watch->seconds)
            shutdown(guest->fd, SHUT_RDWR);
    }
}

/* Does anybody wait to be accepted? Linux counts them here for a socket that listens. */
static bool somebody_waits(const struct atls_http_watch *watch)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    return getsockopt(watch->listener, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_unacked > 0;
}

/* libmicrohttpd that found no descriptor for a connection accepts no other until one of its own has
 * ended, and with clients that keep theirs that is never. So the one that has been idle longest
 * ends, where somebody has waited from one sweep to the next and nobody came in. */
static void make_room(struct atls_http_watch *watch)
{
    bool waits = somebody_waits(watch);
    struct guest *longest = NULL;

    if (waits && watch->kept_waiting && watch->entered == 0) {
        for (struct guest *guest = watch->first; guest; guest = guest->next) {
            if (!guest->answering && (!longest || guest->since < longest->since))
                longest = guest;
        }
    }
    if (longest)
        shutdown(longest->fd, SHUT_RDWR);
    watch->kept_waiting = waits;
    watch->entered = 0;
}

static void *run(void *context)
{
    struct atls_http_watch *watch = context;

    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&watch->stop, &watch->lock, &until);
        sweep(watch);
        make_room(watch);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

int atls_http_watch_start(unsigned seconds, int listener, struct atls_http_watch **watchp)
{
    struct atls_http_watch *watch = calloc(1, sizeof *watch);
    pthread_condattr_t attributes;
    int result;

    if (!watch)
        return atls_fail(-ENOMEM, NULL, "no memory for a watch of connections");
    watch->seconds = seconds;
    watch->listener = listener;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->stop, &attributes);
    pthread_condattr_destroy(&attributes);
    result = pthread_create(&watch->thread, NULL, run, watch);
    if (result) {
        pthread_cond_destroy(&watch->stop);
        pthread_mutex_destroy(&watch->lock);
        free(watch);
        return atls_fail(-result, NULL, "a watch of connections: %s", strerror(result));
    }
    *watchp = watch;
    return 0;
}

void atls_http_watch_stop(struct atls_http_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->stop);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
}

void atls_http_watch_free(struct atls_http_watch *watch)
{
    pthread_cond_destroy(&watch->stop);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

static void enter(struct atls_http_watch *watch, struct MHD_Connection *connection, void **guestp)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct guest *guest = info ? calloc(1, sizeof *guest) : NULL;

    *guestp = guest;
    if (!guest) /* then its idle time alone bounds it */
        return;
    guest->fd = info->connect_fd;
    guest->since = now();
    pthread_mutex_lock(&watch->lock);
    guest->next = watch->first;
    if (guest->next)
        guest->next->previous = guest;
    watch->first = guest;
    watch->entered++;
    pthread_mutex_unlock(&watch->lock);
}

static void leave(struct atls_http_watch *watch, void **guestp)
{
    struct guest *guest = *guestp;

    if (!guest)
        return;
    pthread_mutex_lock(&watch->lock);
    if (guest->next)
        guest->next->previous = guest->previous;
    if (guest->previous)
        guest->previous->next = guest->next;
    else
        watch->first = guest->next;
    pthread_mutex_unlock(&watch->lock);
    free(guest);
    *guestp = NULL;
}

void atls_http_watch_connection(void *context, struct MHD_Connection *connection, void **guestp,
                                enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        enter(context, connection, guestp);
    else
        leave(context, guestp);
}

void atls_http_watch_note(struct atls_http_watch *watch, struct MHD_Connection *connection,
                          bool answering)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct guest *guest = info ? info->socket_context : NULL;

    if (!guest)
        return;
    pthread_mutex_lock(&watch->lock);
    guest->since = now();
    guest->answering = answering;
    pthread_mutex_unlock(&watch->lock);
}
