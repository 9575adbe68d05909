/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier stub in the benchmark's own process: its API is called, no HTTP is spoken. Only this
 * object knows both rooms. */
#ifndef ATLS_TLS_BENCH_LOCAL_VERIFIER_H
#define ATLS_TLS_BENCH_LOCAL_VERIFIER_H

#include "roles/verifier-client.h"

struct bench_verifier;
/* A verifier with an empty store and a key of its own. -errno. */
int bench_verifier_new(struct bench_verifier **verifierp);
void bench_verifier_free(struct bench_verifier *verifier);
/* From now on it answers CLIENT's exchanges, whatever their URL. */
void bench_verifier_serve(struct bench_verifier *verifier, struct atls_verifier_client *client);
/* From now on it remembers platform tokens. Once at most. -ENOMEM. */
int bench_verifier_remember(struct bench_verifier *verifier);
/* A CoRIM of the device "inproc:SEED[:COMPONENTS]", allocated. As atls_simulated_endorse(). */
int bench_endorsements(uint64_t seed, unsigned components, uint8_t **corimp, size_t *sizep);
/* Endorses the device "inproc:SEED[:COMPONENTS]". As atls_simulated_endorse() and the store. */
int bench_verifier_endorse(struct bench_verifier *verifier, uint64_t seed, unsigned components);

/* It as an API, without a client. */
const struct atls_api *bench_verifier_api(const struct bench_verifier *verifier);
/* From now on it keeps so many sessions, and none of those that it had. -ENOMEM. */
int bench_verifier_limit(struct bench_verifier *verifier, size_t sessions);

#endif
