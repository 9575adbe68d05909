/* SPDX-License-Identifier: Apache-2.0 */
/* Two parties, made as the programs make theirs, and connections between them. */
#include "tls/bench/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/error.h"
#include "tls/bench/plain.h"
#include "tls/bench/wire.h"
#include "tls/session-internal.h"

#define STEPS_MAX 100000 /* of a connection: more is a bug, not a slow machine */
#define WAIT_MS 20000

struct bench_pair {
    struct bench_world *world;
    struct bench_mode mode;
    struct bench_side side[2];
    struct bench_plain *plain; /* instead of the sides, without attestation */
    struct bench_wire wire;
    unsigned connections;
    size_t credential_size;
};

int bench_pair_new(struct bench_world *world, const struct bench_mode *mode,
                   struct bench_pair **pairp)
{
    struct bench_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        return atls_fail(-ENOMEM, NULL, "no memory for a pair");
    pair->world = world;
    pair->mode = *mode;
    int result = mode->profile == NULL ? bench_plain_new(&world->ca, mode, &pair->plain) : 0;
    for (size_t i = 0; mode->profile != NULL && result == 0 && i < 2; i++)
        result = bench_side_start(world, mode, (enum atls_side)i, i + 1, &pair->side[i]);
    if (result == 0)
        *pairp = pair;
    else
        bench_pair_free(pair);
    return result;
}

void bench_pair_free(struct bench_pair *pair)
{
    if (pair == NULL)
        return;
    bench_plain_free(pair->plain);
    if (pair->mode.profile != NULL)
        for (size_t i = 0; i < 2; i++)
            bench_side_stop(&pair->side[i]);
    bench_wire_clear(&pair->wire);
    free(pair);
}

size_t bench_pair_credential_size(const struct bench_pair *pair)
{
    return pair->credential_size > 0                     ? pair->credential_size
           : pair->side[ATLS_SERVER].credential_size > 0 ? pair->side[ATLS_SERVER].credential_size
                                                         : pair->side[ATLS_CLIENT].credential_size;
}

static int refused(const struct atls_session *const sessions[2], const struct bench_mode *mode)
{
    static const char *const names[] = {[ATLS_CLIENT] = "client", [ATLS_SERVER] = "server"};
    for (size_t i = 0; i < 2; i++) {
        const struct failure *failure = &sessions[i]->failure;
        if (failure->reason != NULL && strcmp(failure->reason, "peer-alert") != 0)
            return atls_fail(ATLS_E_REFUSED, failure->clause, "%s: the %s says %s: %s", mode->name,
                             names[i], failure->reason, failure->detail);
    }
    return atls_fail(ATLS_E_REFUSED, NULL, "%s: the connection did not come to its end",
                     mode->name);
}

/* A client has fetched what it needs before it speaks. */
static int prepare(struct bench_pair *pair, struct atls_session *client)
{
    int result = 0;
    while (result == 0 && atls_session_prepare(client) == ATLS_WANT_VERIFIER)
        result = atls_verifier_client_poll(pair->world->client, NULL, 0, WAIT_MS);
    return result;
}

static int exchange(struct bench_pair *pair, struct atls_session *const sessions[2])
{
    enum atls_want want[2] = {ATLS_WANT_READ, ATLS_WANT_READ};
    int result = prepare(pair, sessions[ATLS_CLIENT]);
    for (unsigned steps = 0; result == 0 && steps < STEPS_MAX; steps++) {
        for (size_t i = 0; i < 2; i++) {
            if (want[i] == ATLS_WANT_NOTHING)
                continue;
            want[i] = atls_session_step(sessions[i]);
            pair->wire.end[1 - i].closed = want[i] == ATLS_WANT_NOTHING;
        }
        if (want[0] == ATLS_WANT_NOTHING && want[1] == ATLS_WANT_NOTHING)
            return 0;
        if (want[0] == ATLS_WANT_VERIFIER || want[1] == ATLS_WANT_VERIFIER)
            result = atls_verifier_client_poll(pair->world->client, NULL, 0, 1);
    }
    return result != 0 ? result
                       : refused((const struct atls_session *const *)sessions, &pair->mode);
}

static int connect_attested(struct bench_pair *pair)
{
    struct atls_session *sessions[2] = {NULL, NULL};
    int result = 0;
    pair->connections++;
    for (size_t i = 0; result == 0 && i < 2; i++)
        result = atls_session_new(&pair->side[i].party, pair->connections, &sessions[i]);
    if (result == 0) {
        bench_wire_join(&pair->wire, atls_session_tls(sessions[ATLS_CLIENT]),
                        atls_session_tls(sessions[ATLS_SERVER]));
        result = exchange(pair, sessions);
    }
    if (result == 0 && (!atls_session_complete(sessions[0]) || !atls_session_complete(sessions[1])))
        result = refused((const struct atls_session *const *)sessions, &pair->mode);
    for (size_t i = 0; i < 2; i++) {
        if (sessions[i] != NULL && sessions[i]->credential.size > 0)
            pair->credential_size = sessions[i]->credential.size;
        atls_session_free(sessions[i]);
    }
    return result;
}

int bench_pair_connect(struct bench_pair *pair, struct bench_sample *samplep)
{
    uint64_t cpu = bench_cpu_ns(), wall = bench_now_ns();
    bench_meter_start();
    int result = pair->plain != NULL ? bench_plain_connect(pair->plain, &pair->wire)
                                     : connect_attested(pair);
    bench_meter_stop(&samplep->meter);
    samplep->wall_ns = bench_now_ns() - wall;
    samplep->cpu_ns = bench_cpu_ns() - cpu;
    samplep->flights = pair->wire.flights;
    for (size_t i = 0; i < 2; i++)
        samplep->bytes[i] = pair->wire.end[i].sent;
    return result;
}
