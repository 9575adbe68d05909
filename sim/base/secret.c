/* SPDX-License-Identifier: Apache-2.0 */
/* Where the device's secrets come from, and how they are forgotten; see secret.h. */
#include "sim/base/secret.h"

#include <string.h>

static void put_u64(uint64_t value, uint8_t out[8])
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static int fill_seeded(void *context, uint8_t *bytes, size_t count)
{
    struct atls_seeded_entropy *seeded = context;
    uint8_t block[32], counter[8];
    struct atls_bytes part = ATLS_BYTES(counter, sizeof counter);
    int result = 0;
    for (size_t done = 0; !result && done < count;) {
        size_t take = count - done < sizeof block ? count - done : sizeof block;
        put_u64(seeded->counter++, counter);
        result = seeded->crypto->hmac(ATLS_BYTES(seeded->key, sizeof seeded->key), &part, 1, block);
        if (!result)
            memcpy(bytes + done, block, take);
        done += take;
    }
    atls_erase(block, sizeof block);
    return result;
}

struct atls_entropy atls_entropy_seeded(struct atls_seeded_entropy *seeded)
{
    return (struct atls_entropy){fill_seeded, seeded};
}

static int fill_from_platform(void *context, uint8_t *bytes, size_t count)
{
    const struct atls_crypto *crypto = context;
    return crypto->random(bytes, count);
}

struct atls_entropy atls_entropy_platform(const struct atls_crypto *crypto)
{
    return (struct atls_entropy){fill_from_platform, (void *)(uintptr_t)crypto};
}

int atls_derive(const struct atls_crypto *crypto, const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                const char *label, uint8_t secretp[32])
{
    struct atls_bytes part = atls_bytes_of_text(label);
    return crypto->hmac(ATLS_BYTES(seed, ATLS_DEVICE_SEED_SIZE), &part, 1, secretp);
}

int atls_make_key_from(const struct atls_crypto *crypto, const struct atls_entropy *entropy,
                       enum atls_curve curve, struct atls_private_key *keyp)
{
    uint8_t seed[32];
    int result = entropy->fill(entropy->context, seed, sizeof seed);
    if (!result)
        result = crypto->make_key(curve, seed, keyp);
    atls_erase(seed, sizeof seed);
    return result;
}

void atls_erase(void *bytes, size_t count)
{
    volatile uint8_t *at = bytes;
    while (count--)
        *at++ = 0;
}
