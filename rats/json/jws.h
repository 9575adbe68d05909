/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Signature in compact serialization (RFC 7515 7.1) and the JWK of an EC key (RFC 7517).
 * Only ES256 and ES384 exist here, and the algorithm is fixed by the key, never by the
 * message alone: that closes "alg": "none", MAC-with-a-public-key and curve confusion.
 */
#ifndef ATLS_RATS_JSON_JWS_H
#define ATLS_RATS_JSON_JWS_H

#include <jansson.h>

#include "rats/crypto/crypto.h"
#include "rats/json/json.h"

#define ATLS_JWS_MAX_SIZE (1u << 20) /* bytes of a compact JWS */

struct atls_jws {    /* free the members with atls_jws_clear() */
    json_t *header;  /* the protected header, an object */
    json_t *payload; /* the claims, an object */
    struct atls_bytes header_part, payload_part, signature_part; /* base64url, borrowed */
};

/* Takes the three parts apart and parses two of them strictly (no duplicate keys, nothing behind);
 * white space around the whole is ignored. Verifies nothing, does not look at alg: the third part
 * may be empty, as that of an unsecured JWS is. -ENOMEM, ATLS_E_MALFORMED, ATLS_E_LIMIT,
 * ATLS_E_UNSUPPORTED (a member's name with U+0000). */
int atls_jws_parse(struct atls_bytes jwt, struct atls_jws *jwsp);
void atls_jws_clear(struct atls_jws *jws);
/* Is its alg "none" (RFC 7518 section 3.6)? Nobody signed it then, whatever its third part holds.
 */
bool atls_jws_is_unsecured(const struct atls_jws *jws);
/* alg must be ES256 or ES384 (otherwise ATLS_E_UNSUPPORTED, "none" by name) and fit the key
 * (ATLS_E_SIGNATURE); "crit" and "b64" are refused (ATLS_E_UNSUPPORTED: no extension is
 * understood). Besides, as atls_jwk_to_verification_key(). */
int atls_jws_verify(const struct atls_jws *jws, const json_t *jwk);
/* Signs CLAIMS with a private EC JWK; *JWTP is allocated, zero-terminated. -EINVAL, -ENOMEM. */
int atls_jws_sign(const json_t *claims, const json_t *signer_jwk, char **jwtp);

/* The same of any payload, with one more member, NAME of that VALUE, in the protected header. */
int atls_jws_sign_as(struct atls_bytes payload, const char *name, const char *value,
                     const json_t *signer_jwk, char **jwtp);

/* JWK of a public key, and back. */
json_t *atls_jwk_of_public_key(const struct atls_public_key *key);
int atls_jwk_to_public_key(const json_t *jwk, struct atls_public_key *keyp);
/* One that signs; -EINVAL where it is none on P-256 or P-384. */
int atls_jwk_to_private_key(const json_t *jwk, struct atls_private_key *keyp);
/* The same of a public key that is to verify signatures, as far as the JWK says what it is for: use
 * is "sig", key_ops has "verify", alg fits the curve (RFC 7517 sections 4.2 to 4.4); otherwise
 * ATLS_E_UNTRUSTED. ATLS_E_MALFORMED: one of them is of another type, or an operation is there
 * twice. */
int atls_jwk_to_verification_key(const json_t *jwk, struct atls_public_key *keyp);

#endif
