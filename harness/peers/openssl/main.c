/* SPDX-License-Identifier: Apache-2.0 */
/* The client and the server program: PEER_SIDE says which. A thread a connection. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "events.h"
#include "http.h"
#include "library.h"
#include "transport.h"

static struct {
    pthread_mutex_t lock;
    unsigned complete;
} count = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct blob threads; /* pthread_t, where their number is limited */

struct job {
    const struct party *party;
    unsigned number;
    int fd; /* of a client -1: to be connected */
    const struct addrinfo *address;
};

static int connect_to(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    fprintf(stderr, "cannot connect: %s\n", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The server is not there: told like any other end. */
static void tell_unconnected(const struct job *job)
{
    event("connection", json_pack("{s:i}", "conn", (int)job->number));
    event("handshake",
          json_pack("{s:i, s:s, s:s, s:s, s:n}", "conn", (int)job->number, "outcome", "failed",
                    "reason", "peer-closed", "detail", "the server cannot be reached", "alert"));
    event("closed", json_pack("{s:i, s:s}", "conn", (int)job->number, "outcome", "failed"));
}

static void *run(void *context)
{
    struct job *job = context;
    int one = 1;
    bool complete = false;
    if (job->fd < 0)
        job->fd = connect_to(job->address);
    if (job->fd >= 0) {
        setsockopt(job->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        complete = connection_run(job->party, job->number, job->fd);
        close(job->fd);
    } else {
        tell_unconnected(job);
    }
    free(job);
    pthread_mutex_lock(&count.lock);
    count.complete += complete;
    pthread_mutex_unlock(&count.lock);
    return NULL;
}

static void start(const struct party *party, unsigned number, int fd,
                  const struct addrinfo *address)
{
    struct job *job = allocate(sizeof *job);
    pthread_t thread;
    *job = (struct job){party, number, fd, address};
    if (pthread_create(&thread, NULL, run, job) != 0)
        run(job); /* no threads left: one after the other */
    else if (party->connections == 0)
        pthread_detach(thread);
    else
        put(&threads, BYTES(&thread, sizeof thread));
}

/* All connections have ended. True: NUMBER were complete. */
static bool await(unsigned number)
{
    pthread_t thread;
    for (size_t at = 0; at < threads.size; at += sizeof thread) {
        memcpy(&thread, threads.data + at, sizeof thread);
        pthread_join(thread, NULL);
    }
    blob_clear(&threads);
    return count.complete == number;
}

static int announce(int listener)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV], text[NI_MAXHOST + NI_MAXSERV + 4];
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    snprintf(text, sizeof text, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    event("ready", json_pack("{s:s, s:i}", "address", text, "port", (int)strtol(port, NULL, 10)));
    return 0;
}

static bool serve(const struct party *party, const struct addrinfo *address)
{
    int one = 1, listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned started = 0;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener, address->ai_addr, address->ai_addrlen) != 0 || listen(listener, 128) != 0 ||
        announce(listener)) {
        fprintf(stderr, "cannot listen: %s\n", strerror(errno));
        if (listener >= 0)
            close(listener);
        return false;
    }
    while (party->connections == 0 || started < party->connections) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            start(party, ++started, fd, NULL);
        else if (errno == EMFILE || errno == ENFILE)
            usleep(10000);
        else if (errno != EINTR && errno != ECONNABORTED)
            break;
    }
    close(listener);
    return await(started);
}

static bool connect_all(const struct party *party, const struct addrinfo *address)
{
    for (unsigned i = 1; i <= party->connections; i++)
        start(party, i, -1, address);
    return await(party->connections);
}

int main(int argc, char **argv)
{
    struct party party;
    struct addrinfo *address, hints = {.ai_socktype = SOCK_STREAM};
    pid_t parent = getppid();
    signal(SIGPIPE, SIG_IGN);
    /* A parent that went before the kernel was asked is not waited for either. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        return EXIT_REFUSED;
    party_parse(PEER_SIDE, argc, argv, &party);
    if (events_open(party.side == CLIENT ? "client" : "server", party.events))
        return EXIT_USAGE;
    int found = getaddrinfo(party.host, party.port, &hints, &address);
    if (found != 0) {
        fprintf(stderr, "%s: %s\n", party.host, gai_strerror(found));
        return EXIT_REFUSED;
    }
    http_start();
    bool complete = false;
    if (transport_start() == 0 && party_start(&party) == 0)
        complete = party.side == CLIENT ? connect_all(&party, address) : serve(&party, address);
    freeaddrinfo(address);
    party_stop(&party);
    transport_stop();
    http_stop();
    return complete ? EXIT_DONE : EXIT_REFUSED;
}
