/* SPDX-License-Identifier: Apache-2.0 */
/* CoRIM (draft-ietf-rats-corim) with the PSA profile: reference values and trust anchors. */
#ifndef ATLS_RATS_CORIM_H
#define ATLS_RATS_CORIM_H

#include "rats/crypto.h"

#define ATLS_CORIM_PSA_PROFILE "tag:arm.com,2025:psa#1.0.0"
#define ATLS_MT_CORIM "application/rim+cbor; profile=\"" ATLS_CORIM_PSA_PROFILE "\""

enum atls_corim_dialect {
    ATLS_CORIM_MAIN,    /* profile as tag 32 (URI): Veraison main of 2026-08 */
    ATLS_CORIM_V0_2608, /* profile as untagged text: Veraison v0.0.2608 */
};

struct atls_reference_value { /* one measured component that is allowed */
    uint8_t implementation_id[32];
    char *name;    /* "BL", NULL where absent */
    char *version; /* NULL where absent */
    uint8_t digest[64];
    size_t digest_size;
    enum atls_hash digest_hash;
    uint8_t signer_id[64]; /* cryptokeys (13) */
    size_t signer_id_size; /* 32, 48 or 64: the profile demands a signer id */
};
struct atls_trust_anchor {
    uint8_t implementation_id[32];
    uint8_t instance_id[33];
    struct atls_public_key key;
};
struct atls_corim { /* free the members with atls_corim_clear() */
    enum atls_corim_dialect dialect;
    char *id;
    char *entity; /* who made it and, for the simulator, that its root is simulated; or NULL */
    struct atls_reference_value *reference_values;
    size_t reference_value_count;
    struct atls_trust_anchor *trust_anchors;
    size_t trust_anchor_count;
};
void atls_corim_clear(struct atls_corim *corim);
/* Unsigned CoRIM (tag 501), preferred encodings only, as Veraison writes it. Whatever could narrow
 * an endorsement and is not understood (validity, conditions, other measured values) is refused,
 * not skipped. A measurement with several digests gives as many reference values. ATLS_E_MALFORMED,
 * ATLS_E_UNSUPPORTED (another profile; what is not understood), ATLS_E_MISSING (id, tags, class,
 * instance, signer id, digests), ATLS_E_LIMIT. -ENOMEM. */
int atls_corim_parse(struct atls_bytes in, struct atls_corim *corimp);
/* *OUTP is allocated. Groups reference values by implementation id. Deterministic. -EINVAL for what
 * the profile forbids, -ENOMEM. */
int atls_corim_write(const struct atls_corim *corim, uint8_t **outp, size_t *sizep);

#endif
