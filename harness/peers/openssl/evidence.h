/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence as it is received: a bundle (CAB) of key attestation token and platform token
 * (draft-bft-rats-kat-06), or a bare PSA token (RFC 9783). What is in the platform token beside its
 * nonce is the verifier's affair; the KAT and the linkage no verifier in the field checks, so this
 * does.
 */
#ifndef PEER_EVIDENCE_H
#define PEER_EVIDENCE_H

#include "cmw.h"
#include "keys.h"

struct sign1 { /* borrowed; what COSE_Sign1 (RFC 9052 section 4.2) is made of */
    struct bytes protected_header, payload, signature;
    int alg; /* -7 ES256, -35 ES384 */
};

struct evidence { /* borrowed from the CMW */
    bool is_cab;
    struct sign1 kat;
    struct bytes kat_nonce, kak_encoded;
    struct public_key kak, attested; /* of the KAT: who signed it, and for which key (cnf) */
    struct bytes token, token_nonce; /* the platform token (PAT) */
};

/* LEAF is the key beside which a bare token stands. malformed-cmw, -cbor, -cose, -claims. */
int evidence_read(const struct cmw *cmw, struct evidence *evidencep, struct why *why);
/* Signature of the KAT, its nonce, the linkage, and that it is about LEAF; or the token's nonce.
 * CLAUSE is where the profile's draft says what evidence must answer. */
int evidence_check(const struct evidence *evidence, struct bytes challenge,
                   const struct public_key *leaf, const char *clause, struct why *why);

#endif
