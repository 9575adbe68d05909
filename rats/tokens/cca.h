/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm CCA attestation tokens (draft-ffm-rats-cca-token, delegated model): a platform token signed
 * by the platform's key (CPAK), a realm token signed by the realm manager's key (RAK), and the
 * collection of the two. Also Parsec's key attestation on top of them, in which a statement about a
 * key is what the realm token answers.
 */
#ifndef ATLS_RATS_TOKENS_CCA_H
#define ATLS_RATS_TOKENS_CCA_H

#include "rats/tokens/psa.h"

#define ATLS_CCA_PLATFORM_PROFILE "tag:arm.com,2023:cca_platform#1.0.0"
#define ATLS_CCA_LEGACY_PROFILE "http://arm.com/CCA-SSD/1.0.0"
#define ATLS_CCA_REALM_PROFILE "tag:arm.com,2023:realm#1.0.0"

#define ATLS_CCA_CLAUSE_WRAPPER "draft-ffm-rats-cca-token section 4.1"
#define ATLS_CCA_CLAUSE_LIFECYCLE "draft-ffm-rats-cca-token section 4.5.2"
#define ATLS_CCA_CLAUSE_CONFIG "draft-ffm-rats-cca-token section 4.5.3"
#define ATLS_CCA_CLAUSE_CHALLENGE "draft-ffm-rats-cca-token section 4.8.1"
#define ATLS_CCA_CLAUSE_PERSONALIZATION "draft-ffm-rats-cca-token section 4.8.3"
#define ATLS_CCA_CLAUSE_INITIAL "draft-ffm-rats-cca-token section 4.8.4"
#define ATLS_CCA_CLAUSE_EXTENSIBLE "draft-ffm-rats-cca-token section 4.8.5"
#define ATLS_CCA_CLAUSE_BINDING "draft-ffm-rats-cca-token section 4.10"
#define ATLS_CCA_CLAUSE_ENCODING "draft-ffm-rats-cca-token section 4.11.1"
#define ATLS_PARSEC_CCA_CLAUSE "Parsec key attestation for Arm CCA (veraison/parsec, cca)"

/* The collection's tag: of a CMW (drafts 02 and later), or of a collection of its own before. */
enum atls_cca_tag { ATLS_CCA_TAG_CMW = 907, ATLS_CCA_TAG_COLLECTION = 399 };

#define ATLS_CCA_CHALLENGE_SIZE 64
#define ATLS_CCA_PERSONALIZATION_SIZE 64
#define ATLS_CCA_EXTENSIBLE_COUNT 4
#define ATLS_CCA_RAK_ENCODED_MAX 128

/* Lengths are definite; every other variation of the encoding is taken (section 4.11.1). */
struct atls_cca_platform {                  /* borrowed */
    bool legacy;                            /* ATLS_CCA_LEGACY_PROFILE */
    struct atls_bytes challenge;            /* 32, 48 or 64 bytes: the hash of the RAK */
    struct atls_bytes instance_id;          /* 33 bytes */
    struct atls_bytes implementation_id;    /* 32 bytes */
    struct atls_bytes config;               /* not empty */
    struct atls_bytes hash_algorithm;       /* text */
    struct atls_bytes verification_service; /* text or empty */
    uint16_t lifecycle;                     /* as in psa.h */
    const struct atls_psa_component *components;
    size_t component_count;
    struct atls_cwt_times times;          /* read, not judged, and not written */
    struct atls_bytes components_encoded; /* to write, instead of components */
};
struct atls_cca_realm {          /* borrowed */
    bool has_profile;            /* without one its RAK is a point (04 || x || y), not a COSE_Key */
    struct atls_bytes challenge; /* 64 bytes */
    struct atls_bytes personalization;                       /* 64 bytes */
    struct atls_bytes initial;                               /* 32, 48 or 64 bytes */
    struct atls_bytes extensible[ATLS_CCA_EXTENSIBLE_COUNT]; /* the same */
    struct atls_bytes hash_algorithm;                        /* text */
    struct atls_bytes rak_encoded;                           /* what the platform hashed */
    struct atls_public_key rak;
    enum atls_hash rak_hash;
    struct atls_cwt_times times;
};

/* Claims maps, deterministic. 0, or -EINVAL for what the draft forbids; then nothing was written.
 * The realm's RAK is written from RAK, as a COSE_Key. For firmware too. */
int atls_cca_platform_write(struct atls_cbor_writer *w, const struct atls_cca_platform *claims);
int atls_cca_realm_write(struct atls_cbor_writer *w, const struct atls_cca_realm *claims);
/* What the platform's challenge is the hash of: the COSE_Key of the RAK, as the writer above has
 * it. */
int atls_cca_rak_encode(const struct atls_public_key *rak, uint8_t buffer[ATLS_CCA_RAK_ENCODED_MAX],
                        struct atls_bytes *encodedp);
/* The collection of two signed tokens, one item of W. */
void atls_cca_collection_write(struct atls_cbor_writer *w, enum atls_cca_tag tag,
                               struct atls_bytes platform, struct atls_bytes realm);

/* COSE payloads. Unknown claims are ignored (section 4.11.3); duplicates, missing claims and wrong
 * sizes are refused. COMPONENTS is the caller's storage for at most COUNT components.
 * ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED (another profile; another hash of the RAK;
 * another kind of key), ATLS_E_LIMIT, -ENOMEM. */
int atls_cca_platform_parse(struct atls_bytes payload, struct atls_psa_component *components,
                            size_t count, struct atls_cca_platform *claimsp);
int atls_cca_realm_parse(struct atls_bytes payload, struct atls_cca_realm *claimsp);
struct atls_cca_token { /* borrows from what it was read from, and from the caller's components */
    enum atls_cca_tag tag;
    struct atls_bytes platform_bytes, realm_bytes;
    struct atls_cose_sign1 platform, realm;
    struct atls_cca_platform platform_claims;
    struct atls_cca_realm realm_claims;
};
/* The two tokens of a collection, as bytes. Other members are refused: nothing binds a third one to
 * these two. ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED (another tag, another type of
 * token), ATLS_E_LIMIT, -ENOMEM. */
int atls_cca_collection_split(struct atls_bytes in, enum atls_cca_tag *tagp,
                              struct atls_bytes *platformp, struct atls_bytes *realmp);
/* And what is in them; each is a COSE_Sign1 with tag 18. Nothing is verified. */
int atls_cca_token_parse(struct atls_bytes in, struct atls_psa_component *components, size_t count,
                         struct atls_cca_token *tokenp);

/* What needs no endorsement. The realm token's signature under its own RAK (ATLS_E_SIGNATURE,
 * ATLS_E_MISMATCH), and the platform's challenge equal to the hash of the RAK (ATLS_E_MISMATCH):
 * with the platform's signature, which is the verifier's to check, they make the realm genuine. */
int atls_cca_check_realm_signature(const struct atls_cca_token *token,
                                   const struct atls_crypto *crypto);
int atls_cca_check_binding(const struct atls_cca_token *token, const struct atls_crypto *crypto);

/* How a challenge of fewer than 64 bytes fills the realm's, which has 64: no draft says. Verifiers
 * and realm managers pad it with zeros; a hash keeps its length from mattering. */
enum atls_cca_challenge { ATLS_CCA_ZERO_PADDED, ATLS_CCA_SHA512 };
/* One of 64 bytes is its own. ATLS_E_LIMIT: more than 64. */
int atls_cca_challenge_of(const struct atls_crypto *crypto, enum atls_cca_challenge reading,
                          struct atls_bytes challenge, uint8_t challengep[ATLS_CCA_CHALLENGE_SIZE]);

/* Parsec's: {"kat": 601({10: nonce, 8: {1: COSE_Key}}), "pat": CCA token}. The KAT is a claims set
 * that nobody signed (UCCS); the realm's challenge is its SHA-512, tag and all. */
struct atls_parsec_cca {
    struct atls_bytes kat;   /* the bytes that are hashed */
    struct atls_bytes nonce; /* 8 to 64 bytes */
    struct atls_public_key key;
    struct atls_bytes pat;
    struct atls_cca_token token;
};
/* Its two members, as encoded. ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED (a third one),
 * ATLS_E_LIMIT, -ENOMEM. */
int atls_parsec_cca_split(struct atls_bytes in, struct atls_bytes *katp, struct atls_bytes *patp);
/* As above; ATLS_E_UNSUPPORTED (the kind of key), what atls_cca_token_parse() says. */
int atls_parsec_cca_parse(struct atls_bytes in, struct atls_psa_component *components, size_t count,
                          struct atls_parsec_cca *evidencep);
/* ATLS_E_MISMATCH: the realm answers another KAT than this. */
int atls_parsec_cca_check_kat(const struct atls_parsec_cca *evidence,
                              const struct atls_crypto *crypto);
/* -EINVAL: a nonce of another size. */
int atls_parsec_cca_kat_write(struct atls_cbor_writer *w, struct atls_bytes nonce,
                              const struct atls_public_key *key);
void atls_parsec_cca_write(struct atls_cbor_writer *w, struct atls_bytes kat,
                           struct atls_bytes token);

#endif
