/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CMW with somebody's signature around it, or as a claim of a token that has one (RFC 9999
 * section 4): application/cmw+cose is COSE_Sign1 over a CMW in CBOR, application/cmw+jws a JWS,
 * compact or flattened, over one in JSON, and both say in the protected header what they hold. The
 * claim cmw is in the serialization of its token.
 */
#ifndef ATLS_RATS_CMW_CMW_SIGNED_H
#define ATLS_RATS_CMW_CMW_SIGNED_H

#include <jansson.h>

#include "rats/cmw/cmw.h"
#include "rats/cose/cose.h"
#include "rats/json/jws.h"

#define ATLS_CLAIM_CMW 299 /* in a CWT; in a JWT "cmw" */

struct atls_cmw_signed { /* free the members with atls_cmw_signed_clear(); borrows from its input */
    enum atls_serialization serialization; /* CBOR: COSE is what signs, JSON: JWS is */
    struct atls_cmw *cmw;                  /* what is signed, parsed; nothing is verified */
    struct atls_cose_sign1 cose;
    struct atls_jws jws;
    json_t *flattened; /* where the JWS was that, or NULL */
};
void atls_cmw_signed_clear(struct atls_cmw_signed *message);

/* Section 4.1: COSE_Sign1, tagged or not, whose protected header has alg and the content type
 * application/cmw+cbor (or 273), and whose payload is a CMW in CBOR. ATLS_E_MISSING: no content
 * type; ATLS_E_UNSUPPORTED: another one, or another alg; otherwise as the parsers of both. */
int atls_cmw_cose_parse(struct atls_bytes in, struct atls_cmw_signed *messagep);
/* Section 4.2: the same of a JWS whose "cty" is application/cmw+json; flattened where it begins
 * with "{". What is in an unprotected header is ignored, but a name that is protected too, and
 * "crit", are ATLS_E_MALFORMED. */
int atls_cmw_jws_parse(struct atls_bytes in, struct atls_cmw_signed *messagep);
/* 0, ATLS_E_SIGNATURE, ATLS_E_MISMATCH or ATLS_E_MALFORMED, as atls_cose_sign1_verify() and
 * atls_jws_verify(). */
int atls_cmw_signed_verify(const struct atls_cmw_signed *message,
                           const struct atls_public_key *key);

/* Signs a CMW in CBOR (parsed first: ATLS_E_MALFORMED where it is none); *OUTP is allocated. Not
 * tagged, as the CDDL has it. Errors of CRYPTO and SIGNER besides; -ENOMEM. */
int atls_cmw_cose_sign(struct atls_bytes cmw, const struct atls_crypto *crypto,
                       const struct atls_signer *signer, uint8_t **outp, size_t *sizep);
/* Signs a CMW in JSON with a private EC JWK; *OUTP is allocated text. -EINVAL: no such key. */
int atls_cmw_jws_sign(struct atls_bytes cmw, const json_t *signer_jwk, bool flattened, char **outp);

/* Section 4.3: the claim cmw of CBOR claims, or of JSON claims; free *CMWP with atls_cmw_free().
 * ATLS_E_MISSING: there is none; ATLS_E_MALFORMED: the other serialization, or no CMW at all. */
int atls_cmw_of_cwt(struct atls_bytes claims, struct atls_cmw **cmwp);
int atls_cmw_of_jwt(const json_t *claims, struct atls_cmw **cmwp);
/* Adds the claim: its key and the CMW as the next two items of W, in a map that is being written;
 * or to an object. CMW is any tree. As atls_cmw_serialize(). */
int atls_cmw_claim_write(struct atls_cbor_writer *w, const struct atls_cmw *cmw);
int atls_cmw_claim_set(json_t *claims, const struct atls_cmw *cmw);

#endif
