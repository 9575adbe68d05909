/* SPDX-License-Identifier: Apache-2.0 */
/* Two parties, made as the programs make theirs, and connections between them. */
#include "tls/bench/pair.h"

#include <errno.h>
#include <stdlib.h>

#include "rats/base/error.h"
#include "tls/bench/fast.h"
#include "tls/bench/openssl.h"
#include "tls/bench/plain.h"

struct bench_pair {
    struct bench_world *world;
    struct bench_mode mode;
    struct bench_side side[2];
    struct bench_plain *plain; /* instead of the sides, without attestation; or */
    struct bench_openssl *openssl;
    struct bench_wire wire;
    unsigned connections;
    size_t credential_size;
};

int bench_pair_new(struct bench_world *world, const struct bench_mode *mode,
                   struct bench_pair **pairp)
{
    struct bench_pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        return atls_fail(-ENOMEM, NULL, "no memory for a pair");
    pair->world = world;
    pair->mode = *mode;
    int result = mode->profile   ? 0
                 : mode->openssl ? bench_openssl_new(&world->ca, mode, &pair->openssl)
                                 : bench_plain_new(&world->ca, mode, &pair->plain);
    for (size_t i = 0; mode->profile && result == 0 && i < 2; i++)
        result = bench_side_start(world, mode, (enum atls_side)i, i + 1, &pair->side[i]);
    if (result == 0)
        *pairp = pair;
    else
        bench_pair_free(pair);
    return result;
}

void bench_pair_free(struct bench_pair *pair)
{
    if (!pair)
        return;
    bench_plain_free(pair->plain);
    bench_openssl_free(pair->openssl);
    if (pair->mode.profile)
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

int bench_pair_connect(struct bench_pair *pair, struct bench_sample *samplep)
{
    bench_fast_begin(pair->mode.fast);
    uint64_t cpu = bench_cpu_ns(), wall = bench_now_ns();
    bench_meter_start();
    int result = pair->openssl ? bench_openssl_connect(pair->openssl, &pair->wire)
                 : pair->plain ? bench_plain_connect(pair->plain, &pair->wire)
                               : bench_sides_connect(&pair->side[ATLS_CLIENT],
                                                     &pair->side[ATLS_SERVER], ++pair->connections,
                                                     &pair->wire, &pair->credential_size);
    bench_meter_stop(&samplep->meter);
    samplep->wall_ns = bench_now_ns() - wall;
    samplep->cpu_ns = bench_cpu_ns() - cpu;
    samplep->flights = pair->wire.flights;
    for (size_t i = 0; i < 2; i++)
        samplep->bytes[i] = pair->wire.end[i].sent;
    int counted = bench_fast_end(pair->mode.fast);
    return result ? result : counted;
}
