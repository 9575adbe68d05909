/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client and server of one mode in this process, in one thread, with memory between them: what a
 * handshake costs in processor time, without the noise of sockets and of the scheduler.
 */
#ifndef ATLS_TLS_BENCH_PAIR_H
#define ATLS_TLS_BENCH_PAIR_H

#include "tls/bench/meter.h"
#include "tls/bench/side.h"

struct bench_sample {
    uint64_t wall_ns, cpu_ns;
    uint64_t bytes[2]; /* sent, by side */
    unsigned flights;  /* how often the other side took over sending */
    struct bench_meter meter;
};

struct bench_pair;
int bench_pair_new(struct bench_world *world, const struct bench_mode *mode,
                   struct bench_pair **pairp);
void bench_pair_free(struct bench_pair *pair);
/* One connection: handshake, attestation, a line each way, end. ATLS_E_REFUSED with the reason
 * where it was not completed. */
int bench_pair_connect(struct bench_pair *pair, struct bench_sample *samplep);
/* Bytes of the newest credential of the attester (the server's, where both are); 0: none. */
size_t bench_pair_credential_size(const struct bench_pair *pair);

#endif
