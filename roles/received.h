/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential as it was received: parsed strictly, layer by layer, so that a refusal names the
 * layer that is broken. Nothing is verified here; the key is only what the credential claims.
 */
#ifndef ATLS_ROLES_RECEIVED_H
#define ATLS_ROLES_RECEIVED_H

#include "rats/ear/ear.h"
#include "roles/attester.h"

struct atls_received { /* free the members with atls_received_clear() */
    struct atls_cmw *cmw;
    struct atls_evidence_read evidence; /* background check: borrows from the CMW, or IN */
    struct atls_bytes result;           /* passport: borrows from the CMW */
    struct atls_ear_token token;        /* passport: its parts */
    char *issuer;                       /* passport: iss, NULL where absent */
    bool unnamed;                       /* passport: the result names no key */
    struct atls_public_key
        key; /* the one that the evidence names, or the result's akpub; or the leaf's */
};
void atls_received_clear(struct atls_received *received);

/* MODEL says what must be there: evidence that names a key, or an attestation result as
 * application/eat+jwt or application/eat+cwt. On failure *REASONP is malformed-cmw, malformed-cbor,
 * malformed-cose, malformed-claims, malformed-result, result-without-key, result-signature-invalid
 * (an unsecured JWS) or internal. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED, ATLS_E_LIMIT,
 * ATLS_E_MISSING, ATLS_E_SIGNATURE, -ENOMEM. */
int atls_received_parse(enum atls_model model, struct atls_bytes in,
                        struct atls_received *receivedp, const char **reasonp);
/* The same of what stands beside a certificate for LEAF: there evidence may also name no key; KEY
 * is then LEAF. With UNNAMED a result may name none either, and whoever judges it must find the
 * leaf's key in its nonce. */
int atls_received_parse_beside(enum atls_model model, const struct atls_public_key *leaf,
                               bool unnamed, struct atls_bytes in, struct atls_received *receivedp,
                               const char **reasonp);
/* Where nobody said what was to come: is it a result? A CWT without an indicator may be evidence,
 * too (RFC 9782 section 6.3): then its claims tell. */
bool atls_received_is_result(const struct atls_cmw *cmw);
/* Evidence of one format that is no CMW (CMW is then NULL), or of IN_CMW (NULL: none) in a CMW in
 * CBOR; the first byte tells which. As atls_received_parse(). */
int atls_received_parse_format(const struct atls_evidence_format *format,
                               const struct atls_evidence_format *in_cmw, struct atls_bytes in,
                               struct atls_received *receivedp, const char **reasonp);

#endif
