/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of the device: the randomness they come from, and how they are forgotten. Randomness is
 * behind a table of its own, because a device with a seed must make the same keys every time.
 */
#ifndef ATLS_SIM_BASE_SECRET_H
#define ATLS_SIM_BASE_SECRET_H

#include "rats/crypto/crypto.h"

#define ATLS_DEVICE_SEED_SIZE 32

struct atls_entropy {
    int (*fill)(void *context, uint8_t *bytes, size_t count); /* 0 or -errno */
    void *context;
};

/* Entropy that is a function of a key alone: HMAC-SHA-256 over a counter. */
struct atls_seeded_entropy {
    const struct atls_crypto *crypto;
    uint8_t key[32];
    uint64_t counter;
};
struct atls_entropy atls_entropy_seeded(struct atls_seeded_entropy *seeded);
/* The platform's own randomness (crypto->random). */
struct atls_entropy atls_entropy_platform(const struct atls_crypto *crypto);

/* HMAC-SHA-256(seed, label): one secret for each purpose, from one device seed. */
int atls_derive(const struct atls_crypto *crypto, const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                const char *label, uint8_t secretp[32]);
/* A key pair from 32 bytes of entropy. */
int atls_make_key_from(const struct atls_crypto *crypto, const struct atls_entropy *entropy,
                       enum atls_curve curve, struct atls_private_key *keyp);
/* Overwrites with zero bytes in a way no compiler removes. */
void atls_erase(void *bytes, size_t count);

#endif
