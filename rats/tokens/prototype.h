/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key attestation of the attested TLS prototype on Mbed TLS (2022, library/eat.c): what the
 * drafts became later, in other bytes. A bundle is no CBOR: version (1), then KAT and PAT, each
 * behind a length of two bytes; both are COSE_Sign1 with tag 18. In the KAT cnf (8) and kak-pub
 * (2500) are bare points (04 || x || y) in byte strings, and the PAT's nonce is the SHA-256 hash of
 * the identity key's point: the PAT vouches for the identity key itself, nobody for the KAK.
 */
#ifndef ATLS_RATS_TOKENS_PROTOTYPE_H
#define ATLS_RATS_TOKENS_PROTOTYPE_H

#include "rats/tokens/kat.h"

#define ATLS_PROTOTYPE_CLAUSE "prototype of 2022, eat.c"
#define ATLS_PROTOTYPE_VERSION 1
#define ATLS_POINT_MAX (1 + 2 * ATLS_COORDINATE_MAX)

/* What the prototype's server sends as its nonce, in every connection. */
#define ATLS_PROTOTYPE_NONCE_SIZE 8
extern const uint8_t atls_prototype_nonce[ATLS_PROTOTYPE_NONCE_SIZE];
bool atls_prototype_nonce_is(struct atls_bytes nonce);

/* 04 || x || y; returns its size, 65 or 97 bytes. */
size_t atls_prototype_point(const struct atls_public_key *key, uint8_t pointp[ATLS_POINT_MAX]);
/* Claims in deterministic order; the prototype writes the nonce first, and its readers want no
 * order. -EINVAL as atls_kat_claims_write(). */
int atls_prototype_claims_write(struct atls_cbor_writer *w, const struct atls_kat_claims *claims);
/* What the PAT's nonce must be. */
int atls_prototype_linkage(const struct atls_crypto *crypto,
                           const struct atls_public_key *identity_key,
                           uint8_t linkagep[ATLS_LINKAGE_SIZE]);
/* ATLS_E_LIMIT: a token beyond 65535 bytes. What does not fit into SINK is seen when that is done.
 */
int atls_prototype_bundle_write(struct atls_sink *sink, struct atls_bytes kat,
                                struct atls_bytes pat);

/* The two tokens, not looked into. ATLS_E_MALFORMED: another version, a length that does not fit,
 * an empty token, bytes behind the PAT. */
int atls_prototype_bundle_split(struct atls_bytes bundle, struct atls_bytes *katp,
                                struct atls_bytes *patp);
/* The claims of a KAT. Unknown claims are ignored, duplicates refused. As atls_kat_claims_parse().
 */
int atls_prototype_claims_parse(struct atls_bytes payload, struct atls_kat_claims *claimsp);
extern const struct atls_kat_dialect atls_kat_of_2022;
/* All of a bundle, in that dialect: the checks of kat.h are made as the prototype has them. It
 * borrows from BUNDLE. ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED, ATLS_E_LIMIT, -ENOMEM.
 */
int atls_prototype_bundle_parse(struct atls_bytes bundle, struct atls_cab *cabp);

#endif
