/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform attestation service: holds the platform attestation key (PAK) and says, under it,
 * what booted on this device (RFC 9783). It knows nothing of identity keys: the key attestation
 * service is one of its callers, and hands it a hash.
 */
#ifndef ATLS_SIM_ATTEST_PLATFORM_H
#define ATLS_SIM_ATTEST_PLATFORM_H

#include "rats/tokens/psa.h"
#include "sim/base/secret.h"
#include "sim/boot/record.h"

#define ATLS_BOOT_SEED_SIZE 32
/* Caller identity in the token (RFC 9783 section 4.1.2): negative from the non-secure side,
 * positive for a service of the secure side. */
#define ATLS_CLIENT_NON_SECURE (-1)
#define ATLS_CLIENT_KEY_ATTESTATION 1

struct atls_platform_config {
    const struct atls_crypto *crypto;
    uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE];
    uint16_t lifecycle;                    /* enum atls_psa_lifecycle */
    enum atls_psa_profile profile;         /* ATLS_PSA_ARM_2 or ATLS_PSA_RFC9783 */
    const struct atls_boot_record *record; /* locked; outlives the service */
    struct atls_psa_component *components; /* storage for record->count components */
    uint8_t *claims; /* storage for one claims set; its components stay there, at the end */
    size_t claims_capacity;
    struct atls_cwt_times times; /* of every token; a PSA token usually has none */
};

struct atls_platform {
    struct atls_platform_config config;
    uint8_t instance_id[ATLS_PSA_INSTANCE_ID_SIZE];
    uint8_t boot_seed[ATLS_BOOT_SEED_SIZE];
    struct atls_private_key pak;
    struct atls_bytes components; /* encoded: what booted does not change any more */
};

/* Derives the PAK (P-256) and instance id from the device's seed and takes a boot seed from
 * ENTROPY. ATLS_E_REFUSED where the boot record is not locked: what may still grow is no evidence.
 * ATLS_E_LIMIT where the record's components do not fit into the claims. -errno of the crypto;
 * -EINVAL for components that no token may have. */
int atls_platform_start(struct atls_platform *platform, const struct atls_platform_config *config,
                        const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                        const struct atls_entropy *entropy);
/* Writes a PSA token (COSE_Sign1, tag 18, ES256 under the PAK) over NONCE for CLIENT_ID as the next
 * item of W; what did not fit is seen when W is done. ATLS_E_REFUSED for a nonce that is not 32, 48
 * or 64 bytes (RFC 9783 section 4.1.1). */
int atls_platform_token(struct atls_platform *platform, int32_t client_id, struct atls_bytes nonce,
                        struct atls_cbor_writer *w);
/* The same with a key that the platform then vouches for: the values of cnf and of key-attributes
 * (at most ATLS_KEY_BINDING_ATTRIBUTES_MAX bytes with its label). For callers of the secure side
 * alone. */
int atls_platform_token_with(struct atls_platform *platform, int32_t client_id,
                             struct atls_bytes nonce, struct atls_bytes cnf,
                             struct atls_bytes attributes, struct atls_cbor_writer *w);
/* Forgets the PAK. */
void atls_platform_stop(struct atls_platform *platform);

#endif
