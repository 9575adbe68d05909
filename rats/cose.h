/* SPDX-License-Identifier: Apache-2.0 */
/* COSE_Sign1 (RFC 9052 4.2) with ES256 and ES384 (RFC 9053 2.1), and COSE_Key (EC2) inside maps. */
#ifndef ATLS_RATS_COSE_H
#define ATLS_RATS_COSE_H

#include "rats/cbor-read.h"
#include "rats/cbor-write.h"
#include "rats/crypto.h"

#define ATLS_TAG_COSE_SIGN1 18
#define ATLS_TAG_CWT 61

enum atls_cose_tagging { /* RFC 9052 4.2: formats differ; CDDL of the KAT draft is untagged (H21) */
    ATLS_COSE_TAG_EITHER, ATLS_COSE_TAG_REQUIRED, ATLS_COSE_TAG_FORBIDDEN };

struct atls_cose_sign1 {     /* everything borrowed from the input */
    bool tagged;
    int alg;                 /* ATLS_COSE_ES256, ATLS_COSE_ES384 or what came */
    struct atls_bytes protected_header; /* encoded map, as it was signed */
    struct atls_bytes key_id;           /* empty where absent */
    struct atls_bytes payload;
    struct atls_bytes signature;
};

/* Parses; verifies nothing. alg must be in the protected header; unknown crit is refused; a
 * detached (nil) payload is refused; ES256/384 signatures have 64/96 bytes; CWT tag 61 may wrap
 * tag 18 where a tag is allowed. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (alg), ATLS_E_LIMIT. */
int atls_cose_sign1_parse(struct atls_bytes in, enum atls_cose_tagging tagging, const char *clause,
                          struct atls_cose_sign1 *messagep);
/* 0, ATLS_E_SIGNATURE, ATLS_E_MISMATCH (alg does not fit the key's curve). External AAD empty. */
int atls_cose_sign1_verify(const struct atls_cose_sign1 *message, const struct atls_crypto *crypto,
                           const struct atls_public_key *key);
/* Writes a COSE_Sign1 as the next item of W: protected {1: alg}, unprotected {}. No allocation. */
int atls_cose_sign1_write(struct atls_cbor_writer *w, bool tagged, struct atls_bytes payload,
                          const struct atls_crypto *crypto, const struct atls_signer *signer);

/* COSE_Key {1: 2, -1: crv, -2: x, -3: y}, deterministic. The writer adds one item to W; the reader
 * refuses private parts (-4) and compressed points, skips other labels. */
void atls_cose_key_write(struct atls_cbor_writer *w, const struct atls_public_key *key);
int atls_cose_key_read(struct atls_cbor_reader *r, struct atls_public_key *keyp);

#endif
