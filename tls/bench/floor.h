/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: what each operation costs on this machine, alone, through the same libraries. */
#ifndef ATLS_TLS_BENCH_FLOOR_H
#define ATLS_TLS_BENCH_FLOOR_H

#include "tls/bench/meter.h"

/* The operations beyond those that the meter counts. */
enum bench_hash {
    BENCH_SHA256_1K,
    BENCH_SHA256_64K,
    BENCH_SHA384_64K,
    BENCH_AES_64K,
    BENCH_HASHES
};
const char *bench_hash_name(enum bench_hash hash);

struct bench_floor; /* keys and messages */
int bench_floor_new(struct bench_floor **floorp);
void bench_floor_free(struct bench_floor *floor);
/* One round: each operation once. Times of the operations alone go into OP_NS (of a signature and a
 * verification from entering GnuTLS to leaving it; of a key exchange what the meter's probes take),
 * those of hashes into HASH_NS. */
int bench_floor_round(struct bench_floor *floor, uint64_t op_ns[BENCH_OPS],
                      uint64_t hash_ns[BENCH_HASHES]);

#endif
