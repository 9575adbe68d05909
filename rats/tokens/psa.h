/* SPDX-License-Identifier: Apache-2.0 */
/* PSA attestation token (RFC 9783): the claims set; the signature is COSE_Sign1 (cose.h). */
#ifndef ATLS_RATS_TOKENS_PSA_H
#define ATLS_RATS_TOKENS_PSA_H

#include "rats/cose/cose.h"
#include "rats/cose/cwt.h"

/* A bound of this project, RFC 9783 has none: what fits into a CMW of 1 MiB (ATLS_CMW_MAX_SIZE)
 * with digests of 32 bytes. Room for so many is some 800 kB, to be had by malloc(): what is not
 * used is not touched. */
#define ATLS_PSA_COMPONENTS_MAX 10000
#define ATLS_PSA_IMPLEMENTATION_ID_SIZE 32
#define ATLS_PSA_INSTANCE_ID_SIZE 33 /* UEID: 0x01 and 32 bytes */

enum atls_psa_profile {
    ATLS_PSA_RFC9783, /* tag:psacertified.org,2023:psa#tfm */
    ATLS_PSA_ARM_2,   /* http://arm.com/psa/2.0.0: the same claims; what Veraison takes */
    ATLS_PSA_ARM_1,   /* PSA_IOT_PROFILE_1, keys -75000..: read only */
};
/* RFC 9783 section 5.1.1: "only definite-length string, arrays, and maps are allowed. Given that a
 * PSA Attester is typically found in a constrained device, it MAY NOT emit CBOR preferred
 * serializations ... Therefore, the Verifier MUST be a variation-tolerant CBOR decoder." */
extern const struct atls_cbor_rules atls_psa_rules;
/* The profile claim's text; NULL for no profile. */
const char *atls_psa_profile_name(enum atls_psa_profile profile);

struct atls_psa_component {        /* borrowed; an empty string means absent */
    struct atls_bytes type;        /* 1: text, "BL" */
    struct atls_bytes value;       /* 2: measurement, 32, 48 or 64 bytes */
    struct atls_bytes version;     /* 4: text */
    struct atls_bytes signer_id;   /* 5: 32, 48 or 64 bytes */
    struct atls_bytes description; /* 6: text, the hash algorithm: "sha-256" */
};

/* Security lifecycle, RFC 9783 4.3.1: the state is in the high byte, the low byte is free. */
enum atls_psa_lifecycle {
    ATLS_PSA_UNKNOWN = 0x0000,
    ATLS_PSA_ASSEMBLY_AND_TEST = 0x1000,
    ATLS_PSA_ROT_PROVISIONING = 0x2000,
    ATLS_PSA_SECURED = 0x3000,
    ATLS_PSA_NON_ROT_DEBUG = 0x4000,
    ATLS_PSA_RECOVERABLE_ROT_DEBUG = 0x5000,
    ATLS_PSA_DECOMMISSIONED = 0x6000
};
/* "unknown", "assembly-and-test", "psa-rot-provisioning", "secured", ..., or "invalid". */
const char *atls_psa_lifecycle_name(uint16_t lifecycle);

struct atls_psa_claims {
    enum atls_psa_profile profile;
    struct atls_bytes nonce;             /* 32, 48 or 64 bytes */
    struct atls_bytes instance_id;       /* 33 bytes */
    struct atls_bytes implementation_id; /* 32 bytes */
    int32_t client_id;                   /* NSPE below 0, SPE above; 0 is nobody's */
    uint16_t lifecycle;
    struct atls_bytes boot_seed; /* 8..32 bytes, or empty: bootseed (268); in ARM_2 its
                                  * own claim (2397), in ARM_1 again another */
    struct atls_bytes certification_reference; /* text or empty; ARM_1: its hardware version */
    struct atls_bytes verification_service;    /* text or empty */
    const struct atls_psa_component *components;
    size_t component_count;      /* 0 only in ARM_1: it says "no software measurements" */
    struct atls_cwt_times times; /* not judged where they are read */
    /* To write as well, or empty: values of cnf (8) and of key-attributes (key-binding.h), encoded.
     */
    struct atls_bytes cnf, key_attributes;
    /* To write, instead of components: the array as atls_psa_components_write() wrote it. */
    struct atls_bytes components_encoded;
};

/* Writes the claims map (deterministic; no allocation; for firmware). -EINVAL: lengths or values
 * that RFC 9783 forbids, a component without value or signer id, or ATLS_PSA_ARM_1; then nothing
 * was written. */
int atls_psa_claims_write(struct atls_cbor_writer *w, const struct atls_psa_claims *claims);
/*
 * Parses a COSE payload. COMPONENTS is the caller's storage for at most COUNT components; claims
 * borrow from PAYLOAD and from it. Mandatory claims, types, lengths and values are checked; unknown
 * claims are ignored, of whatever they are made, and so is a claim of another profile (RFC 9783
 * section 5.1.3: "the receiver MUST NOT error out on claims it does not understand"). Lengths are
 * definite, every other variation of the encoding is taken (section 5.1.1).
 *
 * Without a profile claim the token is one of PSA_IOT_PROFILE_1, where the claim is optional.
 * ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED (another profile), ATLS_E_LIMIT (more than
 * COUNT components), -ENOMEM.
 */
int atls_psa_claims_parse(struct atls_bytes payload, struct atls_psa_component *components,
                          size_t count, struct atls_psa_claims *claimsp);
/* The whole token: COSE_Sign1 and claims. TAGGING is ATLS_COSE_TAG_ALONE for a token by itself ("a
 * tagged (18) COSE_Sign1 ... The CWT CBOR tag (61) is not used": RFC 9783 section 5.1.1); who
 * carries it in something else may have other rules. As the two parsers. */
int atls_psa_token_parse(struct atls_bytes in, enum atls_cose_tagging tagging,
                         struct atls_psa_component *components, size_t count,
                         struct atls_cose_sign1 *tokenp, struct atls_psa_claims *claimsp);
/* The components' array alone: the boot record as the bootloader writes it. At least one; the same
 * rules as inside the claims. */
int atls_psa_components_write(struct atls_cbor_writer *w,
                              const struct atls_psa_component *components, size_t count);
int atls_psa_components_parse(struct atls_bytes in, struct atls_psa_component *components,
                              size_t count, size_t *countp);
/* Claims, signed, as COSE_Sign1; SCRATCH (at least the size of the claims) is used meanwhile. */
int atls_psa_token_write(struct atls_cbor_writer *w, bool tagged,
                         const struct atls_psa_claims *claims, const struct atls_crypto *crypto,
                         const struct atls_signer *signer, uint8_t *scratch, size_t scratch_size);

#endif
