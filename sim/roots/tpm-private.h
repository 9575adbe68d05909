/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the root of trust tpm share: the TPM behind its TCTI, and what is kept of it.
 */
#ifndef ATLS_SIM_ROOTS_TPM_PRIVATE_H
#define ATLS_SIM_ROOTS_TPM_PRIVATE_H

#include <tss2/tss2_esys.h>

#include "rats/tokens/tpm.h"
#include "sim/roots/kind.h"
#include "sim/roots/tpm-log.h"

#define ATLS_TPM_KEYS_MAX                                                                          \
    512 /* identity keys that exist at a time; their contexts are kept here                        \
         */
#define ATLS_TPM_PUBLIC_MAX sizeof(TPMT_PUBLIC)

struct tpm_key { /* an identity key */
    uint32_t handle;
    TPMS_CONTEXT *context; /* where it is between two requests */
    struct atls_public_key public_key;
    uint8_t area[ATLS_TPM_PUBLIC_MAX]; /* TPMT_PUBLIC */
    size_t area_size;
};

struct tpm {
    const struct atls_crypto *crypto;
    char *where; /* TCTI */
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    char lost[256]; /* why it is of no use any more, or "" */
    TPMS_CONTEXT *ak, *parent;
    struct atls_public_key ak_key;
    uint8_t kid[ATLS_TPM_KID_SIZE];
    uint8_t class_id[ATLS_TPM_CLASS_ID_SIZE];
    uint32_t resets, restarts; /* when the device booted */
    struct tpm_key *keys[ATLS_TPM_KEYS_MAX];
    size_t key_count;
    uint32_t last_handle;
    struct atls_tpm_log log;      /* of what booted, */
    struct atls_tpm_log pristine; /* and of what would have without tampering */
};

/* tpm-objects.c. Each call leaves no object in the TPM, which has room for three. */

/* The error of RC, which WHAT came to: ATLS_E_UNAVAILABLE (no TPM answers, or it was reset: LOST is
 * then set), ATLS_E_REFUSED (it said no). */
int tpm_fails(struct tpm *tpm, TSS2_RC rc, const char *what);
/* Connects, and sees that it was started. */
int tpm_connect(struct tpm *tpm);
/* The AK and the parent of identity keys, each a primary key: the same one comes of a TPM's seed.
 */
int tpm_make_primaries(struct tpm *tpm);
int tpm_make_key(struct tpm *tpm, struct tpm_key *keyp);
/* ATLS_E_UNAVAILABLE where the TPM is lost. */
int tpm_load(struct tpm *tpm, const TPMS_CONTEXT *context, ESYS_TR *objectp);
void tpm_flush(struct tpm *tpm, ESYS_TR object);
int tpm_sign_with(struct tpm *tpm, const struct tpm_key *key, const uint8_t digest[32],
                  uint8_t signaturep[64]);
/* TPM2_Certify of KEY, and TPM2_Quote of the boot's PCRs, by the AK: TPMS_ATTEST and
 * TPMT_SIGNATURE. */
#define TPM_SIGNATURE_MAX sizeof(TPMT_SIGNATURE)
struct tpm_attestation {
    uint8_t info[sizeof(TPMS_ATTEST)], signature[TPM_SIGNATURE_MAX];
    size_t info_size, signature_size;
};
int tpm_certify(struct tpm *tpm, const struct tpm_key *key, struct atls_bytes challenge,
                struct tpm_attestation *attestationp);
int tpm_quote(struct tpm *tpm, struct atls_bytes qualifying, struct tpm_attestation *attestationp);

/* tpm-boot.c */
/* Extends the PCRs with what the log says, having seen that nothing was extended before. */
int tpm_measure(struct tpm *tpm);
/* Notes how often the TPM has been reset and restarted. */
int tpm_note_clock(struct tpm *tpm);

/* tpm-endorse.c: as that of kind.h */
int tpm_endorse(const struct atls_root *root, enum atls_corim_dialect dialect,
                enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep);

#endif
