/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's root of trust, where it is another than the PSA services of this room: a TPM, or
 * Arm CCA. It measures nothing itself (the boot does) and knows no connections; it makes evidence
 * of its own kinds, and where it keeps the identity keys itself, everything that is done with them.
 */
#ifndef ATLS_SIM_ATTEST_ROOT_H
#define ATLS_SIM_ATTEST_ROOT_H

#include "rats/base/bytes.h"
#include "rats/crypto/crypto.h"

struct atls_cbor_writer;

/* An identity key that evidence is to be about. */
struct atls_root_key {
    uint32_t handle; /* 0: none */
    struct atls_public_key public_key;
};

struct atls_root_ops {
    const char *name; /* "tpm": as in --root */
    /* As the functions of keys.h; all NULL: the key attestation service keeps the keys. */
    int (*create)(void *context, enum atls_curve curve, uint32_t *handlep,
                  struct atls_public_key *keyp);
    int (*look_up)(void *context, uint32_t handle, struct atls_public_key *keyp);
    int (*destroy)(void *context, uint32_t handle);
    int (*sign)(void *context, uint32_t handle, struct atls_bytes digest,
                uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep);
    /* Does it make evidence of this kind (the name of an evidence format)? Both this and attest
     * NULL: it keeps keys only, and the PSA services make the evidence, about its keys as well. */
    bool (*makes)(const char *kind);
    /* Evidence of such a kind over CHALLENGE, written to W. ATLS_E_REFUSED: a challenge or key that
     * this kind cannot be about; what does not fit is seen when W is done. */
    int (*attest)(void *context, const char *kind, const struct atls_root_key *key,
                  struct atls_bytes challenge, struct atls_cbor_writer *w);
    /* Why it makes none of a kind that somebody might expect of it, or NULL. NULL: no such kind. */
    const char *(*lack)(const char *kind);
};

struct atls_root {
    const struct atls_root_ops *ops; /* NULL: the PSA services */
    void *context;
    /* Of the answer to info; NULL: those of the PSA services. */
    const uint8_t *instance_id;
    const struct atls_public_key *attestation_key;
};

#endif
