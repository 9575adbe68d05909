/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key attestation of draft-reddy-rats-key-binding-02, its split model: the PAT carries the key
 * attestation key (KAK) in `cnf`, the KAT the subject key, and both answer the verifier's nonce, so
 * that a PAT is as fresh as its KAT. What the draft leaves open is chosen here: the label of
 * key-attributes (of private use), the type of the collection, and that the PAT is a PSA token.
 */
#ifndef ATLS_RATS_TOKENS_KEY_BINDING_H
#define ATLS_RATS_TOKENS_KEY_BINDING_H

#include "rats/cmw/cmw.h"
#include "rats/cose/cose.h"
#include "rats/cose/cwt.h"

#define ATLS_KEY_BINDING_TYPE "tag:ietf.org,2026:rats/key-binding"
#define ATLS_KEY_BINDING_DRAFT "draft-reddy-rats-key-binding-02"
#define ATLS_KEY_BINDING_CLAUSE ATLS_KEY_BINDING_DRAFT " section 5.1"
#define ATLS_KEY_BINDING_CLAIMS ATLS_KEY_BINDING_DRAFT " section 6.1"
enum { ATLS_CLAIM_KEY_ATTRIBUTES = -70200 };
#define ATLS_KEY_BINDING_CNF_MAX 128       /* bytes of an encoded value */
#define ATLS_KEY_BINDING_ATTRIBUTES_MAX 80 /* likewise, with the label */

enum atls_key_attribute { /* bits, of those that the draft defines */
                          ATLS_KEY_EXTRACTABLE = 1,
                          ATLS_KEY_NEVER_EXTRACTABLE = 2,
                          ATLS_KEY_SENSITIVE = 4,
                          ATLS_KEY_LOCAL = 8
};

/* What either token has of a key. */
struct atls_key_binding {
    struct atls_bytes nonce;    /* eat_nonce (10), 8 to 64 bytes */
    struct atls_public_key key; /* cnf (8): of a PAT the KAK, of a KAT the subject key */
    unsigned given, attributes; /* enum atls_key_attribute: which are there, and which are true */
    struct atls_cwt_times times;
};

/* The value of key-attributes of a key that was made in here and never leaves it. */
void atls_key_binding_attributes_write(struct atls_cbor_writer *w);
/* The claims of a KAT. -EINVAL for a nonce of another size; then nothing was written. */
int atls_key_binding_kat_write(struct atls_cbor_writer *w, struct atls_bytes nonce,
                               const struct atls_public_key *key);
/* KAT and PAT as a CBOR collection of two application/eat+cwt records, one item of W. */
void atls_key_binding_write(struct atls_cbor_writer *w, struct atls_bytes kat,
                            struct atls_bytes pat);

/* Claims of either token, whatever else they hold. Each of the three claims is there once, and
 * key-attributes has a member at least (section 6.1); members that the draft does not define are
 * passed over. ATLS_E_MISSING, ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (cnf has no COSE_Key alone),
 * ATLS_E_LIMIT, -ENOMEM. */
int atls_key_binding_read(struct atls_bytes payload, struct atls_key_binding *bindingp);

struct atls_key_binding_bundle { /* borrows from the CMW */
    struct atls_cose_sign1 kat, pat;
    struct atls_bytes kat_bytes, pat_bytes;
    struct atls_key_binding of_kat, of_pat;
};
/* The collection, both tokens, and their claims. ATLS_E_UNSUPPORTED: not such a collection; errors
 * of atls_key_binding_read() besides. */
int atls_key_binding_parse(const struct atls_cmw *cmw, struct atls_key_binding_bundle *bundlep);
/* Section 5.1 steps 5, 2 and 7, which need nobody's endorsement. ATLS_E_SIGNATURE (or
 * ATLS_E_MISMATCH of algorithm and key): the KAT is not by the key that the PAT names. */
int atls_key_binding_check_signature(const struct atls_key_binding_bundle *bundle,
                                     const struct atls_crypto *crypto);
/* Do both tokens answer NONCE? ATLS_E_MISMATCH. */
int atls_key_binding_check_nonces(const struct atls_key_binding_bundle *bundle,
                                  struct atls_bytes nonce);

#endif
