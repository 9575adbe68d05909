/* SPDX-License-Identifier: Apache-2.0 */
/* The program: makes a peer of its command line, and threads for its connections. */
#include "harness/peers/linked/peer.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/peers/linked/credential.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "tls/gnutls/device-key.h"

#define DEVICE_TIMEOUT_MS 2000
#define BACKLOG 128
#define LINGER_MS 1000
#define SLICE_MS 100 /* between two looks at whether the program was told to end */

struct worker {
    pthread_t thread;
    struct peer *peer;
    struct worker *next;
    unsigned number;
    int fd;
    atomic_bool over;
    bool complete;
};

struct crowd { /* the threads; of the main thread only */
    struct worker *workers;
    unsigned started, ended, failed;
};

static bool listed(const char *const *names, const char *name)
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Exit code 77 for what this stack cannot do, before anything is opened. */
static void check_support(const struct peer *peer)
{
    const struct atls_options *o = &peer->options;
    const char *lacks = peer->stack->lacks(o);
    for (size_t i = 0; lacks == NULL && i < o->faults.count; i++)
        if (!listed(peer->stack->faults, o->faults.fault[i].name))
            lacks = o->faults.fault[i].name;
    if (lacks == NULL)
        return;
    fprintf(stderr, "%s: not supported: %s\n", program_invocation_short_name, lacks);
    exit(ATLS_EXIT_UNSUPPORTED);
}

static void describe(struct peer *peer)
{
    const struct atls_options *o = &peer->options;
    peer->own_verifier = atls_bytes_of_text(o->verifier_id);
    for (size_t i = 0; i < o->trusted_count; i++)
        peer->trusted_ids[i] = atls_bytes_of_text(o->trusted[i].id);
    peer->as_attester = (struct atls_abilities){.model_count = o->attester_count,
                                                .types = o->types,
                                                .type_count = o->type_count,
                                                .verifiers = &peer->own_verifier,
                                                .verifier_count = o->verifier_id != NULL};
    memcpy(peer->as_attester.model, o->attester, sizeof o->attester);
    peer->as_relying_party = (struct atls_abilities){.model_count = o->relying_party_count,
                                                     .types = o->types,
                                                     .type_count = o->type_count,
                                                     .verifiers = peer->trusted_ids,
                                                     .verifier_count = o->trusted_count};
    memcpy(peer->as_relying_party.model, o->relying_party, sizeof o->relying_party);
}

static int start_attester(struct peer *peer)
{
    const struct atls_options *o = &peer->options;
    struct atls_attester_options attester = {.device = o->device,
                                             .second_device = o->second_device,
                                             .device_timeout_ms = DEVICE_TIMEOUT_MS,
                                             .curve = o->curve,
                                             .serialization = o->serialization,
                                             .evidence_format = o->evidence_format,
                                             .cmw_form = o->cmw_form,
                                             .key = peer->leaf,
                                             .verifier_url = o->verifier,
                                             .clock_offset = o->clock_offset,
                                             .result_max_age = o->result_max_age,
                                             .faults = &o->faults,
                                             .artifacts = o->artifacts};
    if (peer->device_key != NULL)
        attester.key_handle = atls_device_key_handle(peer->device_key);
    else
        attester.key_outside = true;
    return atls_attester_new(&attester, peer->client, peer->events, &peer->attester);
}

static int start_relying_party(struct peer *peer)
{
    const struct atls_options *o = &peer->options;
    const struct connection any = {.peer = peer};
    struct atls_relying_party_options relying_party = {.verifier_url = o->verifier,
                                                       .trusted = o->trusted,
                                                       .trusted_count = o->trusted_count,
                                                       .accept_tier = o->accept_tier,
                                                       .nonce_size = o->nonce_size,
                                                       .result_max_age = o->result_max_age,
                                                       .clock_offset = o->clock_offset,
                                                       .result_answers =
                                                           connection_result_answers(&any),
                                                       .binder_clause = o->profile->binder_clause,
                                                       .artifacts = o->artifacts};
    return atls_relying_party_new(&relying_party, peer->client, peer->events, &peer->relying_party);
}

static int start(struct peer *peer)
{
    const struct atls_options *o = &peer->options;
    describe(peer);
    int result =
        atls_events_open(o->events, o->side == ATLS_CLIENT ? "client" : "server", &peer->events);
    if (result == 0)
        atls_events_in_words(peer->events, stderr);
    if (result == 0 && o->artifacts != NULL && access(o->artifacts, W_OK | X_OK) != 0)
        result = atls_fail(-errno, NULL, "--artifacts %s: %s", o->artifacts, strerror(errno));
    if (result == 0 && o->keylog != NULL)
        result = atls_keylog_open(o->keylog, &peer->keylog);
    if (result == 0)
        result = atls_verifier_client_new(o->verifier_timeout_ms, &peer->client);
    if (result == 0)
        result = credential_load(peer, DEVICE_TIMEOUT_MS);
    if (result == 0 && o->attester_count > 0 && o->device != NULL)
        result = start_attester(peer);
    if (result == 0 && o->relying_party_count > 0)
        result = start_relying_party(peer);
    return result == 0 ? peer->stack->start(peer) : result;
}

/* -errno where the events or the key log are not whole. */
static int stop(struct peer *peer)
{
    if (peer->stack->stop != NULL)
        peer->stack->stop(peer);
    atls_attester_free(peer->attester);
    atls_relying_party_free(peer->relying_party);
    credential_unload(peer);
    atls_verifier_client_free(peer->client);
    int keylog = atls_keylog_close(peer->keylog);
    int events = atls_events_close(peer->events);
    atls_options_clear(&peer->options);
    return events != 0 ? events : keylog;
}

void peer_keylog(struct peer *peer, const char *label, struct atls_bytes random,
                 struct atls_bytes secret)
{
    atls_keylog_add(peer->keylog, label, random, secret);
}

static int resolve(const struct atls_options *o, struct addrinfo **addressp)
{
    bool client = o->side == ATLS_CLIENT;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = client ? 0 : AI_PASSIVE};
    int result = getaddrinfo(o->host, o->port, &hints, addressp);
    return result == 0 ? 0
                       : atls_fail(-EADDRNOTAVAIL, NULL, "%s:%s: %s", o->host, o->port,
                                   gai_strerror(result));
}

static void tune(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int connected(const struct connection *c, int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    double left = c->deadline - atls_now();
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, left > 0 ? (int)(left * 1000) : 0) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

int peer_connect(struct connection *c)
{
    struct addrinfo *address;
    int error = 0;
    if (resolve(&c->peer->options, &address) != 0)
        return -1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        error = errno;
    else if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
        error = errno == EINPROGRESS ? connected(c, fd) : errno;
    freeaddrinfo(address);
    if (error == 0) {
        tune(fd);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    atls_fail(-error, NULL, "%s", strerror(error));
    return -1;
}

/* True once EVENTS are there; false at the deadline. */
static bool wait_for(const struct connection *c, short events)
{
    struct pollfd ready = {.fd = c->fd, .events = events};
    while (!connection_expired(c)) {
        double left = c->deadline - atls_now();
        int ms = left * 1000 < SLICE_MS ? (int)(left * 1000) + 1 : SLICE_MS;
        if (poll(&ready, 1, ms) > 0)
            return true;
    }
    return false;
}

int peer_receive(struct connection *c, void *buffer, size_t capacity, size_t *sizep)
{
    while (c->failure.reason == NULL) {
        ssize_t size = recv(c->fd, buffer, capacity, 0);
        if (size >= 0) {
            *sizep = (size_t)size;
            return hellos_feed(c, false, ATLS_BYTES(buffer, (size_t)size)) == 0 ? 0 : EIO;
        }
        if (errno != EAGAIN && errno != EINTR)
            return errno;
        if (!wait_for(c, POLLIN))
            connection_fail(c, "timeout", -1, "", "the connection took longer than its time");
    }
    return EIO;
}

int peer_send(struct connection *c, struct atls_bytes bytes)
{
    if (hellos_feed(c, true, bytes) != 0)
        return EIO;
    while (bytes.size > 0) {
        ssize_t size = send(c->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (size >= 0)
            bytes = ATLS_BYTES(bytes.data + size, bytes.size - (size_t)size);
        else if (errno != EAGAIN && errno != EINTR)
            return errno;
        else if (!wait_for(c, POLLOUT))
            return ETIMEDOUT;
    }
    return 0;
}

void peer_disconnect(struct connection *c)
{
    char waste[4096];
    double end = atls_now() + LINGER_MS / 1000.0;
    struct pollfd ready = {.fd = c->fd, .events = POLLIN};
    if (c->fd < 0)
        return;
    shutdown(c->fd, SHUT_WR);
    while (atls_now() < end && !atomic_load(&c->peer->ending) && poll(&ready, 1, LINGER_MS) > 0) {
        ssize_t size = recv(c->fd, waste, sizeof waste, 0);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
            break;
    }
    close(c->fd);
    c->fd = -1;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    worker->complete = connection_run(worker->peer, worker->number, worker->fd);
    atomic_store(&worker->over, true);
    return NULL;
}

static int begin(struct peer *peer, struct crowd *crowd, int fd)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return atls_fail(-ENOMEM, NULL, "no memory for a connection");
    worker->peer = peer;
    worker->number = ++crowd->started;
    worker->fd = fd;
    int error = pthread_create(&worker->thread, NULL, work, worker);
    if (error != 0) {
        free(worker);
        return atls_fail(-error, NULL, "no thread for a connection: %s", strerror(error));
    }
    worker->next = crowd->workers;
    crowd->workers = worker;
    return 0;
}

/* Joins the threads that have ended, or (ALL) waits for each. */
static void gather(struct crowd *crowd, bool all)
{
    for (struct worker **at = &crowd->workers; *at != NULL;) {
        struct worker *worker = *at;
        if (!all && !atomic_load(&worker->over)) {
            at = &worker->next;
            continue;
        }
        pthread_join(worker->thread, NULL);
        crowd->ended++;
        crowd->failed += !worker->complete;
        *at = worker->next;
        free(worker);
    }
}

static int catch_signals(int *fdp)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
        (*fdp = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return atls_fail(-errno, NULL, "signals: %s", strerror(errno));
    return 0;
}

static int listen_on(struct peer *peer, int *fdp)
{
    const struct atls_options *o = &peer->options;
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    struct addrinfo *wanted;
    socklen_t size = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV], text[NI_MAXHOST + NI_MAXSERV + 4];
    int one = 1, result = resolve(o, &wanted);
    if (result != 0)
        return result;
    int fd = socket(wanted->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, wanted->ai_addr, wanted->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        result = atls_fail(errno != 0 ? -errno : -EIO, NULL, "cannot listen on %s:%s: %s", o->host,
                           o->port, strerror(errno));
    freeaddrinfo(wanted);
    if (result != 0) {
        if (fd >= 0)
            close(fd);
        return result;
    }
    snprintf(text, sizeof text, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    atls_event(peer->events, "ready", "{s:s, s:i}", "address", text, "port",
               (int)strtol(port, NULL, 10));
    *fdp = fd;
    return 0;
}

static bool wants_more(const struct peer *peer, const struct crowd *crowd)
{
    return peer->options.connections == 0 || crowd->started < peer->options.connections;
}

static int run(struct peer *peer, struct crowd *crowd)
{
    struct pollfd fds[2] = {{.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    int result = catch_signals(&fds[0].fd), listener = -1;
    bool client = peer->options.side == ATLS_CLIENT;
    if (result == 0 && !client)
        result = listen_on(peer, &listener);
    while (result == 0 && client && wants_more(peer, crowd))
        result = begin(peer, crowd, -1);
    while (result == 0 && (wants_more(peer, crowd) || crowd->workers != NULL)) {
        fds[1].fd = wants_more(peer, crowd) ? listener : -1;
        int ready = poll(fds, 2, crowd->workers != NULL ? 20 : 1000);
        if (ready > 0 && fds[0].revents != 0)
            break;
        int fd = ready > 0 && fds[1].revents != 0
                     ? accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
                     : -1;
        if (fd >= 0) {
            tune(fd);
            result = begin(peer, crowd, fd);
        }
        gather(crowd, false);
    }
    if (crowd->workers != NULL)
        atomic_store(&peer->ending, true);
    gather(crowd, true);
    if (listener >= 0)
        close(listener);
    if (fds[0].fd >= 0)
        close(fds[0].fd);
    return result;
}

static int play(const struct peer_stack *stack, enum atls_side side, int argc, char **argv)
{
    static char version[160];
    struct peer peer = {
        .stack = stack, .key_lock = PTHREAD_MUTEX_INITIALIZER, .rats = PTHREAD_MUTEX_INITIALIZER};
    struct crowd crowd = {.workers = NULL};
    char library[128];
    atls_program_start(stack->program, side == ATLS_SERVER);
    stack->version(library, sizeof library);
    snprintf(version, sizeof version, "%s 1 (%s)", stack->program, library);
    argp_program_version = version;
    atls_options_parse(side, argc, argv, &peer.options);
    check_support(&peer);
    int result = start(&peer);
    if (result == 0)
        result = run(&peer, &crowd);
    if (result != 0)
        fprintf(stderr, "%s: %s\n", stack->program, atls_error_text());
    bool complete = result == 0 && crowd.failed == 0 && crowd.ended >= peer.options.connections;
    complete = stop(&peer) == 0 && complete;
    return result == ATLS_E_UNSUPPORTED ? ATLS_EXIT_UNSUPPORTED
           : complete                   ? ATLS_EXIT_DONE
                                        : ATLS_EXIT_REFUSED;
}

int peer_program(const struct peer_stack *stack, int argc, char **argv)
{
    bool client = argc > 1 && strcmp(argv[1], "client") == 0;
    bool asks = argc == 2 && argv[1][0] == '-'; /* --version, --help: of either side */
    if (asks)
        return play(stack, ATLS_CLIENT, argc, argv);
    if (!client && (argc < 2 || strcmp(argv[1], "server") != 0)) {
        fprintf(stderr, "usage: %s client|server FLAGS...\n", stack->program);
        return ATLS_EXIT_USAGE;
    }
    argv[1] = argv[0];
    return play(stack, client ? ATLS_CLIENT : ATLS_SERVER, argc - 1, argv + 1);
}
