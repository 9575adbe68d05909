/* SPDX-License-Identifier: Apache-2.0 */
/* Key attestation, draft-bft-rats-kat-06: KAT, PAT and their bundle (CAB), and the linkage. */
#ifndef ATLS_RATS_KAT_H
#define ATLS_RATS_KAT_H

#include "rats/cmw.h"
#include "rats/cose.h"

#define ATLS_CAB_TYPE "tag:ietf.org,2024-02-29:rats/kat"
#define ATLS_EAT_NONCE_MIN 8
#define ATLS_EAT_NONCE_MAX 64
#define ATLS_KAK_ENCODED_MAX 128
#define ATLS_LINKAGE_SIZE 32

struct atls_kat_claims {
    struct atls_bytes nonce;             /* eat_nonce (10), 8..64 bytes */
    struct atls_public_key identity_key; /* cnf (8): the IK, which TLS uses as its TIK */
    struct atls_public_key kak;          /* kak-pub (2500) */
    struct atls_bytes kak_encoded;       /* as received: the bytes that the linkage hashes (H22) */
};

int atls_kat_claims_write(struct atls_cbor_writer *w, const struct atls_kat_claims *claims);
int atls_kat_claims_parse(struct atls_bytes payload, struct atls_kat_claims *claimsp);
/* SHA-256 of the deterministic CBOR COSE_Key of the KAK (wire.md 3.2): the PAT's nonce. */
int atls_kat_linkage(const struct atls_crypto *crypto, const struct atls_public_key *kak,
                     uint8_t linkagep[ATLS_LINKAGE_SIZE]);
int atls_kat_linkage_encoded(const struct atls_crypto *crypto, struct atls_bytes kak_encoded,
                             uint8_t linkagep[ATLS_LINKAGE_SIZE]);

/* The CAB as a CBOR collection of two application/eat+cwt records, one item of W. */
void atls_cab_write(struct atls_cbor_writer *w, struct atls_bytes kat, struct atls_bytes pat);

struct atls_cab { /* borrows from the CMW it was read from */
    struct atls_cose_sign1 kat;
    struct atls_cose_sign1 pat;
    struct atls_bytes kat_bytes, pat_bytes;
    struct atls_kat_claims kat_claims;
};
/* Collection type, both members, both COSE, the KAT's claims (the PAT's are its format's affair). */
int atls_cab_parse(const struct atls_cmw *cmw, struct atls_cab *cabp);
/* What a relying party can check without any endorsement: KAT signature under kak-pub, KAT nonce
 * equal to NONCE, the PAT's eat_nonce (PAT_NONCE) equal to the linkage hash. ATLS_E_SIGNATURE or
 * ATLS_E_MISMATCH, clause KAT-06 section 3. The PAT's signature is the verifier's to check. */
int atls_cab_check(const struct atls_cab *cab, const struct atls_crypto *crypto, struct atls_bytes nonce);
/* eat_nonce of the PAT's claims, whatever else they hold. */
int atls_pat_nonce(struct atls_bytes pat_payload, struct atls_bytes *noncep);

#endif
