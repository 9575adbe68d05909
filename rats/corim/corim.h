/* SPDX-License-Identifier: Apache-2.0 */
/* CoRIM (draft-ietf-rats-corim) with the profiles of PSA, of Parsec on a TPM 2.0 and of Arm CCA:
 * reference values and trust anchors. */
#ifndef ATLS_RATS_CORIM_CORIM_H
#define ATLS_RATS_CORIM_CORIM_H

#include "rats/cose/cose.h"

#define ATLS_CORIM_PSA_PROFILE "tag:arm.com,2025:psa#1.0.0"
#define ATLS_CORIM_PARSEC_TPM_PROFILE "tag:github.com/parallaxsecond,2023-03-03:tpm"
#define ATLS_CORIM_CCA_PLATFORM_PROFILE "tag:arm.com,2025:cca_platform#1.0.0"
#define ATLS_CORIM_CCA_REALM_PROFILE "tag:arm.com,2025:cca_realm#1.0.0"
#define ATLS_CORIM_PARSEC_CCA_PROFILE "tag:github.com/parallaxsecond,2023-03-03:cca"
#define ATLS_MT_CORIM_OF(profile) "application/rim+cbor; profile=\"" profile "\""
#define ATLS_MT_CORIM_SIGNED_OF(profile) "application/rim+cose; profile=\"" profile "\""
#define ATLS_MT_CORIM ATLS_MT_CORIM_OF(ATLS_CORIM_PSA_PROFILE)
#define ATLS_MT_CORIM_SIGNED ATLS_MT_CORIM_SIGNED_OF(ATLS_CORIM_PSA_PROFILE)
#define ATLS_MT_CORIM_PARSEC_TPM ATLS_MT_CORIM_OF(ATLS_CORIM_PARSEC_TPM_PROFILE)
#define ATLS_MT_CORIM_PARSEC_TPM_SIGNED ATLS_MT_CORIM_SIGNED_OF(ATLS_CORIM_PARSEC_TPM_PROFILE)

/* Who is endorsed, and by what it is found, is another thing in each. */
enum atls_corim_profile {
    ATLS_CORIM_PSA,
    ATLS_CORIM_PARSEC_TPM,
    ATLS_CORIM_CCA_PLATFORM,
    ATLS_CORIM_CCA_REALM,
    ATLS_CORIM_PARSEC_CCA,
    ATLS_CORIM_PROFILES /* how many */
};
const char *atls_corim_profile_uri(enum atls_corim_profile profile);
/* That of this URI; false: of none that is known here. */
bool atls_corim_profile_of(struct atls_bytes uri, enum atls_corim_profile *profilep);
/* Does an instance alone say which trust anchor is meant? Evidence then names no class: the anchor
 * does. */
bool atls_corim_found_by_instance(enum atls_corim_profile profile);

/* What is measured of Arm CCA: struct atls_reference_value.pcr. */
enum atls_cca_measured {
    ATLS_CCA_COMPONENT, /* of a platform, as with PSA */
    ATLS_CCA_CONFIG,    /* its configuration: in place of a digest the value itself */
    ATLS_CCA_RIM,       /* of a realm: its initial measurement, which is also its class, */
    ATLS_CCA_REM,       /* its four extensible ones, */
    ATLS_CCA_RPV = ATLS_CCA_REM + 4, /* and its personalization value, itself */
    ATLS_CCA_MEASURED                /* how many */
};
/* The class of a realm with this initial measurement: itself, or SHA-256 of a longer one. -errno.
 */
int atls_corim_realm_class(struct atls_bytes rim, uint8_t class_id[32]);

enum atls_corim_dialect {
    ATLS_CORIM_MAIN,    /* profile as tag 32 (URI): Veraison main of 2026-08 */
    ATLS_CORIM_V0_2608, /* profile as untagged text: Veraison v0.0.2608 */
};

/* rim-validity: seconds since 1970, both ends included; 0: no bound on this side. */
struct atls_validity {
    int64_t not_before, not_after;
};
bool atls_validity_holds(const struct atls_validity *validity, int64_t now);

/* One measured component that is allowed; with ATLS_CORIM_PARSEC_TPM one PCR's value, without name,
 * version and signer, and so with what is measured of Arm CCA beside components. */
#define ATLS_PCRS_MAX 32 /* in a bank */
#define ATLS_UUID_SIZE 16
struct atls_reference_value {
    enum atls_corim_profile profile;
    uint8_t implementation_id[32]; /* the class: of a TPM a UUID, and zeros behind it */
    unsigned pcr;                  /* its number; of Arm CCA one of enum atls_cca_measured */
    uint8_t set[32]; /* which PCRs, or values of a realm, belong together: those of a triple;
                      * zeros elsewhere */
    char *name;      /* "BL", NULL where absent */
    char *version;   /* NULL where absent */
    uint8_t digest[64];
    size_t digest_size;
    enum atls_hash digest_hash;
    uint8_t signer_id[64]; /* cryptokeys (13) */
    size_t signer_id_size; /* 32, 48 or 64: the profile demands a signer id */
    struct atls_validity validity;
};
struct atls_trust_anchor {
    enum atls_corim_profile profile;
    uint8_t implementation_id[32]; /* as above */
    uint8_t instance_id[33]; /* a UEID; of a TPM the AK's key id, which may be shorter: then */
    size_t instance_id_size; /* zeros are behind it. 0 of PSA, where it has all of them */
    struct atls_public_key key;
    struct atls_validity validity;
};
struct atls_corim { /* free the members with atls_corim_clear() */
    enum atls_corim_profile profile;
    enum atls_corim_dialect dialect;
    char *id;
    char *entity; /* who made it and, for the simulator, that its root is simulated; or NULL */
    struct atls_validity validity; /* when read, that of each value and anchor too */
    unsigned skipped;              /* bits of enum atls_corim_skipped */
    struct atls_reference_value *reference_values;
    size_t reference_value_count;
    struct atls_trust_anchor *trust_anchors;
    size_t trust_anchor_count;
};
void atls_corim_clear(struct atls_corim *corim);

/* What only adds to a CoRIM and is of no use here: held to its CDDL, then skipped, and told. */
enum atls_corim_skipped {
    ATLS_SKIPPED_DEPENDENT_RIMS,
    ATLS_SKIPPED_ENDORSED,
    ATLS_SKIPPED_IDENTITY,
    ATLS_SKIPPED_DEPENDENCY,
    ATLS_SKIPPED_MEMBERSHIP,
    ATLS_SKIPPED_COSWID,
    ATLS_SKIPPED_SERIES,
    ATLS_SKIPPED_CONDITIONAL,
    ATLS_SKIPPED_COUNT
};
const char *atls_corim_skipped_name(enum atls_corim_skipped what); /* "endorsed-triples" */

/* Unsigned CoRIM (tag 501), in any well-formed encoding, held to the CDDL of the draft. Whatever
 * could narrow an endorsement and is not understood (linked tags, conditions, other measured
 * values) is refused, not skipped. A measurement with several digests, each of another algorithm,
 * gives as many reference values, and then must have a name. Validity is read, not judged.
 * ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (another profile; what is not understood), ATLS_E_MISSING
 * (mandatory members), ATLS_E_LIMIT. -ENOMEM. */
int atls_corim_parse(struct atls_bytes in, struct atls_corim *corimp);
/* The same for who stands in for a verifier that skips whatever it does not know, and what it will
 * never look up: unknown members, reference values of one instance or without a digest. */
int atls_corim_parse_lax(struct atls_bytes in, struct atls_corim *corimp);
/* *OUTP is allocated. Groups reference values by implementation id (and set), all of which are of
 * the CoRIM's profile. Deterministic. -EINVAL for what
 * the profile forbids, -ENOMEM. */
int atls_corim_write(const struct atls_corim *corim, uint8_t **outp, size_t *sizep);

struct atls_corim_signed {          /* free the members with atls_corim_signed_clear() */
    uint8_t *definite;              /* what MESSAGE borrows from: the input, lengths definite */
    struct atls_cose_sign1 message; /* its payload is the unsigned CoRIM */
    char *signer;                   /* its name, or the iss of the CWT claims */
    struct atls_validity validity;  /* of the signature */
};
void atls_corim_signed_clear(struct atls_corim_signed *corim);
/* Is it COSE_Sign1 with tag 18, and the content type or the payload of a CoRIM? Then
 * atls_corim_signed_parse() is to be asked, whatever it says. */
bool atls_corim_is_signed(struct atls_bytes in);
/* Signed CoRIM (draft-ietf-rats-corim section 4.2), its payload untouched and its signature not
 * verified: that is atls_cose_sign1_verify() on the message. ATLS_E_MALFORMED, ATLS_E_MISSING
 * (neither corim-meta nor CWT claims in the protected header), ATLS_E_UNSUPPORTED (another content
 * type, a detached payload, a hash envelope), -ENOMEM. */
int atls_corim_signed_parse(struct atls_bytes in, struct atls_corim_signed *corimp);

#endif
