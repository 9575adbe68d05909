/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atls-bench load: a server of the project's own event loop in a process of its own, and so many
 * clients at once over loopback, each beginning anew when it has ended. Says how long each
 * connection took, and what processor time either process needed.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/commands.h"
#include "tls/bench/meter.h"
#include "tls/bench/side.h"
#include "tls/engine/session.h"
#include "tls/programs/endpoint.h"

#define AT_ONCE_MAX 16384
#define CONNECTION_SECONDS 600.0
#define STARTED_SECONDS 5.0

struct slot {
    struct atls_session *session; /* NULL: idle */
    int socket;
    bool prepared;
    enum atls_want want;
    uint64_t begin;
    unsigned waits_at; /* in the poll array */
};

struct load {
    const char *mode_name, *verifier, *address_text, *namespace;
    struct atls_http_access_options access; /* to the verifier */
    unsigned count, at_once;
    struct bench_world world;
    struct bench_mode mode;
    struct bench_side sides[2];
    struct sockaddr_in address;
    pid_t server;
    struct slot *slots;
    unsigned started, ended, failed;
    json_t *wall;
};

static const struct argp_option argp_options[] = {
    {"mode", 'm', "MODE", 0, "plain/server, or an attested mode (ta-07/background-check/client)",
     0},
    {"address", 'a', "ADDRESS", 0, "The server's IPv4 address (127.0.0.1)", 0},
    {"server-namespace", 's', "NAME", 0, "Network namespace of the server (see ip-netns)", 0},
    {"verifier", 'v', "URL", 0, "Over HTTP (default: in each process)", 0},
    BENCH_ACCESS_OPTIONS,
    {"count", 'n', "N", 0, "How many connections (1000)", 0},
    {"at-once", 'c', "N", 0, "How many of them at once (10)", 0},
    {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct load *load = state->input;
    uint64_t number = 0;
    if ((key == 'n' || key == 'c') &&
        atls_parse_number(value, key == 'n' ? "--count" : "--at-once", 1,
                          key == 'n' ? 10000000 : AT_ONCE_MAX, &number) != 0)
        argp_error(state, "%s", atls_error_text());
    if (bench_access_parse(key, value, &load->access))
        return 0;
    switch (key) {
    case 'm':
        load->mode_name = value;
        return 0;
    case 'v':
        load->verifier = value;
        return 0;
    case 'a':
        load->address_text = value;
        return 0;
    case 's':
        load->namespace = value;
        return 0;
    case 'n':
        load->count = (unsigned)number;
        return 0;
    case 'c':
        load->at_once = (unsigned)number;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A port that is free now; whoever takes it in between makes the server say so. */
static int choose_port(const char *address, struct sockaddr_in *addressp)
{
    socklen_t size = sizeof *addressp;
    *addressp = (struct sockaddr_in){.sin_family = AF_INET};
    if (inet_pton(AF_INET, address, &addressp->sin_addr) != 1)
        return atls_fail(-EINVAL, NULL, "--address %s: expected an IPv4 address", address);
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = probe >= 0 && bind(probe, (struct sockaddr *)addressp, sizeof *addressp) == 0 &&
                         getsockname(probe, (struct sockaddr *)addressp, &size) == 0
                     ? 0
                     : -errno;
    if (probe >= 0)
        close(probe);
    return result == 0 ? 0 : atls_fail(result, NULL, "no port: %s", strerror(-result));
}

static int enter_namespace(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "/var/run/netns/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int result = file >= 0 && setns(file, CLONE_NEWNET) == 0 ? 0 : -errno;
    if (file >= 0)
        close(file);
    return result == 0 ? 0 : atls_fail(result, NULL, "%s: %s", path, strerror(-result));
}

/* The server's process; READY is written to once its port is chosen. */
static void serve(struct load *load, int ready)
{
    char port[8];
    bool complete = false;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int result = load->namespace ? enter_namespace(load->namespace) : 0;
    if (result == 0)
        result = choose_port(load->address_text, &load->address);
    if (result == 0 && write(ready, &load->address, sizeof load->address) < 0)
        result = -errno;
    close(ready);
    snprintf(port, sizeof port, "%u", ntohs(load->address.sin_port));
    struct atls_endpoint_options options = {.party = &load->sides[ATLS_SERVER].party,
                                            .client = load->world.client,
                                            .host = load->address_text,
                                            .port = port,
                                            .connections = 0,
                                            .timeout = CONNECTION_SECONDS};
    if (result == 0)
        result = atls_endpoint_run(&options, &complete);
    if (result != 0)
        fprintf(stderr, "atls-bench: server: %s\n", atls_error_text());
    _exit(result == 0 ? 0 : 1);
}

static int begin(struct load *load, struct slot *slot)
{
    slot->begin = bench_now_ns();
    slot->socket = -1;
    slot->prepared = false;
    load->started++;
    return atls_session_new(&load->sides[ATLS_CLIENT].party, load->started, &slot->session);
}

/* Whoever comes before the server listens, tries again. */
static int connect_slot(struct load *load, struct slot *slot)
{
    double until = atls_now() + STARTED_SECONDS;
    for (;;) {
        slot->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (slot->socket >= 0 &&
            connect(slot->socket, (struct sockaddr *)&load->address, sizeof load->address) == 0)
            break;
        int code = -errno;
        if (slot->socket >= 0)
            close(slot->socket);
        slot->socket = -1;
        if (code != -ECONNREFUSED || load->ended > 0 || atls_now() > until)
            return atls_fail(code, NULL, "connecting: %s", strerror(-code));
        usleep(1000);
    }
    int one = 1;
    setsockopt(slot->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(slot->socket, F_SETFL, O_NONBLOCK);
    atls_session_use_socket(slot->session, slot->socket);
    return 0;
}

static void end(struct load *load, struct slot *slot)
{
    if (atls_session_complete(slot->session))
        json_array_append_new(load->wall, json_integer((json_int_t)(bench_now_ns() - slot->begin)));
    else
        load->failed++;
    atls_session_free(slot->session);
    close(slot->socket);
    slot->session = NULL;
    load->ended++;
}

static int step(struct load *load, struct slot *slot)
{
    int result = 0;
    if (!slot->prepared) {
        slot->want = atls_session_prepare(slot->session);
        if (slot->want == ATLS_WANT_VERIFIER)
            return 0;
        slot->prepared = true;
        if (slot->want == ATLS_WANT_READ)
            result = connect_slot(load, slot);
    }
    if (result == 0 && slot->want != ATLS_WANT_NOTHING)
        slot->want = atls_session_step(slot->session);
    if (result == 0 && slot->want == ATLS_WANT_NOTHING)
        end(load, slot);
    return result;
}

static int wait_all(struct load *load, struct curl_waitfd *waits)
{
    unsigned count = 0;
    for (unsigned i = 0; i < load->at_once; i++) {
        struct slot *slot = &load->slots[i];
        slot->waits_at = count;
        if (!slot->session || slot->socket < 0 || slot->want == ATLS_WANT_VERIFIER)
            continue;
        waits[count++] = (struct curl_waitfd){
            .fd = slot->socket,
            .events = slot->want == ATLS_WANT_WRITE ? CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN};
    }
    return atls_verifier_client_poll(load->world.client, waits, count,
                                     (int)(CONNECTION_SECONDS * 1000));
}

/* Waits until somebody can go on, then lets all who can. */
static int turn(struct load *load, struct curl_waitfd *waits)
{
    struct atls_relying_party *relying_party = load->sides[ATLS_CLIENT].party.relying_party;
    int result = wait_all(load, waits);
    for (unsigned i = 0; result == 0 && i < load->at_once; i++) {
        struct slot *slot = &load->slots[i];
        if (!slot->session)
            continue;
        bool waits_for_peer = slot->socket >= 0 && slot->want != ATLS_WANT_VERIFIER;
        if (!waits_for_peer || waits[slot->waits_at].revents != 0)
            result = step(load, slot);
    }
    if (relying_party)
        atls_relying_party_refill(relying_party);
    return result;
}

static int drive(struct load *load)
{
    struct curl_waitfd *waits = calloc(load->at_once, sizeof *waits);
    if (!waits)
        return atls_fail(-ENOMEM, NULL, "no memory");
    int result = 0;
    while (result == 0 && load->ended < load->count) {
        for (unsigned i = 0; result == 0 && i < load->at_once; i++) {
            struct slot *slot = &load->slots[i];
            /* One that fails at once makes room for the next. */
            while (result == 0 && !slot->session && load->started < load->count) {
                result = begin(load, slot);
                if (result == 0)
                    result = step(load, slot);
            }
        }
        if (result == 0 && load->ended < load->count)
            result = turn(load, waits);
    }
    free(waits);
    return result;
}

static int stop_server(struct load *load, struct rusage *usagep)
{
    int status;
    kill(load->server, SIGTERM);
    if (wait4(load->server, &status, 0, usagep) != load->server)
        return atls_fail(-errno, NULL, "the server's process: %s", strerror(errno));
    return 0;
}

static int64_t cpu_ns_of(const struct rusage *usage)
{
    return ((int64_t)usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

static int run(struct load *load)
{
    struct rusage usage;
    int pipes[2];
    if (pipe(pipes) != 0 || (load->server = fork()) < 0)
        return atls_fail(-errno, NULL, "a process for the server: %s", strerror(errno));
    if (load->server == 0)
        serve(load, pipes[1]);
    close(pipes[1]);
    ssize_t came = read(pipes[0], &load->address, sizeof load->address);
    close(pipes[0]);
    if (came != (ssize_t)sizeof load->address)
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, "the server did not start");
    int result;
    uint64_t begin = bench_now_ns(), cpu = bench_cpu_ns();
    result = drive(load);
    uint64_t wall = bench_now_ns() - begin, client = bench_cpu_ns() - cpu;
    int stopped = stop_server(load, &usage);
    if (result != 0 || stopped != 0)
        return result != 0 ? result : stopped;
    return bench_print(json_pack("{s:s, s:i, s:i, s:i, s:O, s:I, s:I, s:I, s:I}", "mode",
                                 load->mode_name, "connections", (int)load->count, "at_once",
                                 (int)load->at_once, "failed", (int)load->failed, "wall_ns",
                                 load->wall, "total_wall_ns", (json_int_t)wall, "client_cpu_ns",
                                 (json_int_t)client, "server_cpu_ns", (json_int_t)cpu_ns_of(&usage),
                                 "server_peak_rss_bytes", (json_int_t)usage.ru_maxrss * 1024));
}

/* All descriptors that may be had: each connection needs one at either end, for a while. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int bench_load_main(int argc, char **argv)
{
    static const struct argp argp = {argp_options, parse, NULL, "Clients at once over loopback.",
                                     NULL,         NULL,  NULL};
    static struct load load = {.mode_name = "ta-07/background-check/client",
                               .address_text = "127.0.0.1",
                               .count = 1000,
                               .at_once = 10};
    argp_parse(&argp, argc, argv, 0, NULL, &load);
    raise_limit();
    int result = bench_mode_parse_common(load.mode_name, &load.mode);
    if (result == 0 && !load.mode.profile && (load.mode.mutual || load.mode.openssl))
        result = atls_fail(-EINVAL, NULL, "--mode %s: expected plain/server or an attested mode",
                           load.mode_name);
    if (!load.mode.profile) /* the same endpoint, in no role: nothing is negotiated */
        load.mode.profile = &atls_profile_ta_07;
    if (result == 0)
        result = bench_world_open(load.verifier, &load.access, &load.world);
    if (result != 0)
        return result;
    load.wall = json_array();
    load.slots = calloc(load.at_once, sizeof *load.slots);
    for (size_t i = 0; result == 0 && i < 2; i++)
        result =
            bench_side_start(&load.world, &load.mode, (enum atls_side)i, i + 1, &load.sides[i]);
    if (result == 0)
        result = load.slots ? run(&load) : atls_fail(-ENOMEM, NULL, "no memory");
    for (unsigned i = 0; load.slots && i < load.at_once; i++)
        atls_session_free(load.slots[i].session);
    for (size_t i = 0; i < 2; i++)
        bench_side_stop(&load.sides[i]);
    free(load.slots);
    json_decref(load.wall);
    bench_world_close(&load.world);
    return result;
}
