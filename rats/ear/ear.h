/* SPDX-License-Identifier: Apache-2.0 */
/* EAT attestation result (EAR) as a JWT or a CWT, signed with ES256 or ES384: Veraison's dialect
 * and that of draft-ietf-rats-ear-03 and -04; all are read, any is written. */
#ifndef ATLS_RATS_EAR_EAR_H
#define ATLS_RATS_EAR_EAR_H

#include <jansson.h>

#include "rats/cose/cose.h"
#include "rats/crypto/crypto.h"
#include "rats/json/jws.h"

enum atls_ear_serialization { ATLS_EAR_JWT, ATLS_EAR_CWT, ATLS_EAR_SERIALIZATIONS };
/* "jwt", "cwt"; NULL for other numbers. */
const char *atls_ear_serialization_name(enum atls_ear_serialization serialization);
/* That of a signed EAR, by its first byte. */
enum atls_ear_serialization atls_ear_serialization_of(struct atls_bytes token);

enum atls_ear_dialect {
    ATLS_EAR_VERAISON,
    ATLS_EAR_DRAFT_03,
    ATLS_EAR_DRAFT_04,
    ATLS_EAR_DIALECTS
};
/* "veraison", "draft-03", "draft-04"; NULL for other numbers. */
const char *atls_ear_dialect_name(enum atls_ear_dialect dialect);
enum atls_tier {
    ATLS_TIER_NONE = 0,
    ATLS_TIER_AFFIRMING = 2,
    ATLS_TIER_WARNING = 32,
    ATLS_TIER_CONTRAINDICATED = 96
};
enum atls_trust_claim { /* AR4SI; the values are the vector's CBOR keys */
                        ATLS_INSTANCE_IDENTITY,
                        ATLS_CONFIGURATION,
                        ATLS_EXECUTABLES,
                        ATLS_FILE_SYSTEM,
                        ATLS_HARDWARE,
                        ATLS_RUNTIME_OPAQUE,
                        ATLS_STORAGE_OPAQUE,
                        ATLS_SOURCED_DATA,
                        ATLS_TRUST_CLAIM_COUNT
};
/* Values of a trust claim that are given here (AR4SI section 2.3); 0 claims nothing. */
enum atls_trust_value {
    ATLS_NO_CLAIM = 0,
    ATLS_TRUSTWORTHY = 2, /* of an identity, hardware, what is opaque */
    ATLS_APPROVED = 2,    /* of executables, a configuration */
    ATLS_UNSAFE_CONFIG = 32,
    ATLS_NOT_RECOGNIZED = 33,
    ATLS_CONTRAINDICATED = 96
};
const char *atls_tier_name(enum atls_tier tier);
/* The tier of a word (NULL: of none) in JSON, and of a number in CBOR; false: it is no tier. */
bool atls_tier_by_name(const char *name, enum atls_tier *tierp);
bool atls_tier_by_number(int64_t number, enum atls_tier *tierp);
const char *atls_trust_claim_name(enum atls_trust_claim claim);
enum atls_tier atls_trust_claim_tier(int value); /* -1..1 none, 2..31, 32..95, 96..127 */

struct atls_ear_submod {
    char *name; /* "PSA_IOT" */
    enum atls_tier status;
    bool has_claim[ATLS_TRUST_CLAIM_COUNT];
    int trust_vector[ATLS_TRUST_CLAIM_COUNT]; /* -128..127 */
    char *policy_id;                          /* first one; NULL where absent */
    bool has_key;                             /* key-attestation akpub */
    struct atls_public_key key;
    json_t *policy_claims;      /* object or NULL: the verifier's reasons */
    json_t *annotated_evidence; /* object or NULL */
};
struct atls_ear { /* free the members with atls_ear_clear() */
    enum atls_ear_dialect dialect;
    int64_t issued_at;       /* iat, seconds since 1970 */
    int64_t expires_at;      /* exp, 0 where absent */
    int64_t not_before;      /* nbf, 0 where absent */
    char *issuer;            /* iss or NULL */
    json_t *audience;        /* aud, a string or an array of strings; NULL where absent */
    char *developer, *build; /* verifier id */
    bool has_status; /* of the whole, which may be worse than any submod's, and never better */
    enum atls_tier status;
    uint8_t *nonce; /* eat_nonce, NULL where absent */
    size_t nonce_size;
    struct atls_ear_submod *submods;
    size_t submod_count;
};
void atls_ear_clear(struct atls_ear *ear);

/* The media type: application/eat+jwt or application/eat+cwt, with the dialect as its eat_profile
 * (RFC 9782 section 3; draft-ietf-rats-ear-03 section 6). */
const char *atls_ear_media_type(enum atls_ear_serialization serialization,
                                enum atls_ear_dialect dialect);
/* Is it that type, with the profile of one of the dialects or without? */
bool atls_ear_is_type(enum atls_ear_serialization serialization, struct atls_bytes media_type);

/* A signed EAR, taken apart: its claims as JSON, whatever it was. */
struct atls_ear_token { /* free the members with atls_ear_token_clear(); it borrows from the input
                         */
    enum atls_ear_serialization serialization;
    struct atls_jws jws;            /* of a JWT */
    struct atls_cose_sign1 message; /* of a CWT */
    json_t *claims;
};
/* A compact JWS, or a COSE_Sign1 with tag 18, 61 around that (RFC 8392 section 6), or none.
 * Verifies nothing, and does not look at alg and crit. ATLS_E_MALFORMED, ATLS_E_LIMIT (1 MiB),
 * ATLS_E_MISSING (alg of a CWT), ATLS_E_UNSUPPORTED (a payload that is elsewhere, a text in several
 * chunks), -ENOMEM. */
int atls_ear_token_parse(struct atls_bytes in, struct atls_ear_token *tokenp);
void atls_ear_token_clear(struct atls_ear_token *token);
/* Does it say itself that nobody signed it? As atls_jws_is_unsecured(). */
bool atls_ear_token_is_unsecured(const struct atls_ear_token *token);
/* As atls_ear_read(), of the signature alone. */
int atls_ear_token_verify(const struct atls_ear_token *token, const json_t *verifier_jwk);

/* The claims in JSON, as they are signed in a JWT. -EINVAL where something is missing that the
 * reader demands; -ENOMEM. */
int atls_ear_claims(const struct atls_ear *ear, json_t **claimsp);
/* Writes the JWT (*JWTP is allocated, zero-terminated), signed by SIGNER_JWK (a private EC key).
 * As atls_ear_claims(); -EINVAL also where that is no such key. */
int atls_ear_write(const struct atls_ear *ear, const json_t *signer_jwk, char **jwtp);
/* The same of either: *TOKENP is allocated; a JWT is zero-terminated, too. */
int atls_ear_write_as(enum atls_ear_serialization serialization, const struct atls_ear *ear,
                      const json_t *signer_jwk, uint8_t **tokenp, size_t *sizep);
/* Verifies a compact JWS, or a COSE_Sign1, with the public JWK: alg must be ES256 or ES384 and fit
 * the key, "crit" is refused, then parses strictly. ATLS_E_SIGNATURE; ATLS_E_UNTRUSTED (the JWK's
 * own use, alg or key_ops speak against it); ATLS_E_UNSUPPORTED (alg, crit, eat_profile, several
 * nonces, a CWT's payload that is elsewhere); ATLS_E_MALFORMED, ATLS_E_MISSING (profile, iat,
 * verifier id, submods, status, akpub), ATLS_E_LIMIT (1 MiB), -ENOMEM. */
int atls_ear_read(struct atls_bytes token, const json_t *verifier_jwk, struct atls_ear *earp);
/* The same of one that is parsed already. */
int atls_ear_read_token(const struct atls_ear_token *token, const json_t *verifier_jwk,
                        struct atls_ear *earp);
/* Parses without verifying: for the printer, never for a decision. */
int atls_ear_read_unverified(struct atls_bytes token, struct atls_ear *earp);
int atls_ear_parse_claims(const json_t *claims, struct atls_ear *earp);
/* The same of claims in CBOR, the payload of a CWT. */
int atls_ear_parse_cbor(struct atls_bytes claims, struct atls_ear *earp);
/* iat/nbf/exp against NOW with LEEWAY seconds; without exp the result lives MAX_AGE seconds from
 * iat. ATLS_E_EXPIRED. */
int atls_ear_check_time(const struct atls_ear *ear, int64_t now, int64_t leeway, int64_t max_age);
/* The worst of all there is: the status of the whole, those of all submods and every claim of their
 * vectors; none without a submod. From best to worst: affirming, none, warning, contraindicated. A
 * claim of 0 says nothing. */
enum atls_tier atls_ear_worst_tier(const struct atls_ear *ear);
/* Those of one submod; and whether FIRST is worse than SECOND, in that order. */
enum atls_tier atls_ear_submod_tier(const struct atls_ear_submod *submod);
bool atls_tier_is_worse(enum atls_tier first, enum atls_tier second);
/* Is it for somebody who goes by these names (RFC 7519 section 4.1.3)? One that has no aud is for
 * anybody. */
bool atls_ear_is_for(const struct atls_ear *ear, const char *const *names, size_t count);

#endif
