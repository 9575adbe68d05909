/* SPDX-License-Identifier: Apache-2.0 */
/* Key attestation, draft-bft-rats-kat-06: KAT, PAT and their bundle (CAB), and the linkage. */
#ifndef ATLS_RATS_TOKENS_KAT_H
#define ATLS_RATS_TOKENS_KAT_H

#include "rats/cmw/cmw.h"
#include "rats/cose/cose.h"
#include "rats/cose/cwt.h"

#define ATLS_CAB_TYPE "tag:ietf.org,2024-02-29:rats/kat"
#define ATLS_EAT_NONCE_MIN 8
#define ATLS_EAT_NONCE_MAX 64
#define ATLS_KAK_ENCODED_MAX 128
#define ATLS_LINKAGE_SIZE 32

/* Claim keys; 2500 is the draft's own, not registered. */
enum { ATLS_CLAIM_CNF = 8, ATLS_CLAIM_EAT_NONCE = 10, ATLS_CLAIM_KAK_PUB = 2500 };
enum { ATLS_CNF_COSE_KEY = 1 }; /* inside cnf, RFC 8747 section 3.1 */

#define ATLS_KAT_CLAUSE_VERIFY "KAT-06 section 3"
#define ATLS_KAT_CLAUSE_CLAIMS "KAT-06 section 4"
#define ATLS_KAT_CLAUSE_PAT "KAT-06 section 5"
#define ATLS_KAT_CLAUSE_CAB "KAT-06 section 5.1"
#define ATLS_KAT_CLAUSE_LINKAGE "KAT-06 section 5.1.1"

struct atls_kat_claims {
    struct atls_bytes nonce;             /* eat_nonce (10), 8..64 bytes */
    struct atls_public_key identity_key; /* cnf (8): the IK, which TLS uses as its TIK */
    struct atls_public_key kak;          /* kak-pub (2500) */
    struct atls_bytes linked;    /* as received, the bytes that the linkage hashes (H22): kak-pub
                                  * (in prototype.h the identity key) */
    struct atls_cwt_times times; /* not judged where they are read */
};

/* Deterministic encoding. 0, or -EINVAL for a nonce of another size (then nothing was written). */
int atls_kat_claims_write(struct atls_cbor_writer *w, const struct atls_kat_claims *claims);
/* The draft prescribes no encoding, so indefinite lengths and longer heads are read; unknown claims
 * are ignored, duplicates refused. ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_LIMIT, -ENOMEM. */
int atls_kat_claims_parse(struct atls_bytes payload, struct atls_kat_claims *claimsp);
/* SHA-256 of the deterministic CBOR COSE_Key of the KAK: the PAT's nonce. The draft names no hash;
 * its own example is this one. */
int atls_kat_linkage(const struct atls_crypto *crypto, const struct atls_public_key *kak,
                     uint8_t linkagep[ATLS_LINKAGE_SIZE]);
int atls_kat_linkage_encoded(const struct atls_crypto *crypto, struct atls_bytes kak_encoded,
                             uint8_t linkagep[ATLS_LINKAGE_SIZE]);

/* The value of cnf: a COSE_Key and nothing else. */
void atls_cnf_write(struct atls_cbor_writer *w, const struct atls_public_key *key);
/* KAT and PAT as a CBOR collection of TYPE, of two application/eat+cwt records: one item of W. */
void atls_kat_bundle_write(struct atls_cbor_writer *w, const char *type, struct atls_bytes kat,
                           struct atls_bytes pat);
/* The same of the type of a CAB. */
void atls_cab_write(struct atls_cbor_writer *w, struct atls_bytes kat, struct atls_bytes pat);

/* A key attestation as one document has it. */
struct atls_cab;
struct atls_kat_dialect {
    const char *linked;         /* what the PAT vouches for: "kak-pub" */
    const char *linkage_clause; /* and by which clause */
    int (*parse_claims)(struct atls_bytes payload, struct atls_kat_claims *claimsp);
    /* Says how the linkage hash differs from NONCE. ATLS_E_MISMATCH, -errno. */
    int (*linkage_differs)(const struct atls_cab *cab, const struct atls_crypto *crypto,
                           struct atls_bytes nonce);
};
extern const struct atls_kat_dialect atls_kat_of_draft; /* draft-bft-rats-kat */

struct atls_cab { /* borrows from the CMW it was read from */
    struct atls_cose_sign1 kat;
    struct atls_cose_sign1 pat;
    struct atls_bytes kat_bytes, pat_bytes;
    struct atls_kat_claims kat_claims;
    struct atls_cwt_times pat_times; /* to go with pat_nonce */
    struct atls_bytes pat_nonce; /* for who reads the PAT's claims anyway to put here; or empty */
    const struct atls_kat_dialect *dialect; /* the draft's, or that of prototype.h */
};
/*
 * Collection type, both members, both COSE, the KAT's claims (the PAT's are its format's affair).
 * A member is a record or tag of application/eat+cwt, which may be written as content format 263,
 * holding a COSE_Sign1 with or without its tags (readers differ: take all).
 *
 * Other members are refused: RFC 9999 (security considerations) wants the members of one device's
 * collection bound together, and nothing binds a third one to these two.
 *
 * ATLS_E_UNSUPPORTED: not a CAB (another form, collection type or member type, a COSE algorithm);
 * ATLS_E_MISSING: a member or a KAT claim; ATLS_E_MALFORMED, ATLS_E_LIMIT, -ENOMEM.
 */
int atls_cab_parse(const struct atls_cmw *cmw, struct atls_cab *cabp);
/*
 * What a relying party can check without any endorsement. The PAT's signature is the verifier's to
 * check. Each of the three can be asked for alone, so that a caller can tell which one failed:
 * the KAT's signature under its own kak-pub (ATLS_E_SIGNATURE, or ATLS_E_MISMATCH for an algorithm
 * that does not fit the key); the KAT's nonce equal to NONCE (ATLS_E_MISMATCH); the PAT's eat_nonce
 * equal to the linkage hash of kak-pub as received (ATLS_E_MISMATCH, or what atls_pat_nonce()
 * says; with pat_nonce the PAT is not read again).
 */
int atls_cab_check_signature(const struct atls_cab *cab, const struct atls_crypto *crypto);
int atls_cab_check_nonce(const struct atls_cab *cab, struct atls_bytes nonce);
int atls_cab_check_linkage(const struct atls_cab *cab, const struct atls_crypto *crypto);
/* The times that KAT and PAT may have as CWTs, against NOW: ATLS_E_EXPIRED, or what
 * atls_pat_nonce() says; with pat_nonce the PAT is not read again. */
int atls_cab_check_times(const struct atls_cab *cab, int64_t now);
/* Signature, nonce and linkage, in this order. */
int atls_cab_check(const struct atls_cab *cab, const struct atls_crypto *crypto,
                   struct atls_bytes nonce);
/* eat_nonce (10, or -75008 of PSA_IOT_PROFILE_1) of the PAT's claims, whatever else they hold: one
 * byte string of 8 to 64 bytes. ATLS_E_MISSING, ATLS_E_MALFORMED (an array, a wrong size, both
 * keys), ATLS_E_LIMIT, -ENOMEM. */
int atls_pat_nonce(struct atls_bytes pat_payload, struct atls_bytes *noncep);
/* The same of claims that R was opened for, under rules of the caller's, with the token's times.
 * CLAUSE is cited: ATLS_KAT_CLAUSE_PAT is that of a token beside a KAT. */
int atls_pat_read(struct atls_cbor_reader *r, const char *clause, struct atls_cwt_times *timesp,
                  struct atls_bytes *noncep);
/* Who asked for it: the client id (2394, or -75001 of PSA_IOT_PROFILE_1) in the same claims,
 * positive of a caller on the secure side (RFC 9783 section 4.1.2). ATLS_E_MISSING,
 * ATLS_E_MALFORMED (no integer, both keys), ATLS_E_LIMIT, -ENOMEM. */
int atls_pat_read_client(struct atls_cbor_reader *r, int64_t *clientp);

#endif
