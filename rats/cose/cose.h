/* SPDX-License-Identifier: Apache-2.0 */
/* COSE_Sign1 (RFC 9052 4.2) with ES256 and ES384 (RFC 9053 2.1), and COSE_Key (EC2) inside maps. */
#ifndef ATLS_RATS_COSE_COSE_H
#define ATLS_RATS_COSE_COSE_H

#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"
#include "rats/crypto/crypto.h"

#define ATLS_TAG_COSE_SIGN1 18
#define ATLS_TAG_COSE_MAC0 17
#define ATLS_TAG_COSE_SIGN 98
#define ATLS_TAG_CWT 61
enum { /* header parameters, RFC 9052 3.1 */
       ATLS_COSE_LABEL_ALG = 1,
       ATLS_COSE_LABEL_CRIT = 2,
       ATLS_COSE_LABEL_CONTENT_TYPE = 3,
       ATLS_COSE_LABEL_KEY_ID = 4,
       ATLS_COSE_LABEL_IV = 5,
       ATLS_COSE_LABEL_PARTIAL_IV = 6
};
enum { /* COSE_Key, RFC 9052 7.1 and RFC 9053 7.1.1 */
       ATLS_COSE_KEY_KTY = 1,
       ATLS_COSE_KEY_KID = 2,
       ATLS_COSE_KEY_ALG = 3,
       ATLS_COSE_KEY_OPS = 4,
       ATLS_COSE_KEY_BASE_IV = 5,
       ATLS_COSE_KEY_CRV = -1,
       ATLS_COSE_KEY_X = -2,
       ATLS_COSE_KEY_Y = -3,
       ATLS_COSE_KEY_D = -4
};

enum atls_cose_tagging { /* RFC 9052 4.2: formats differ; CDDL of the KAT draft is untagged (H21) */
                         ATLS_COSE_TAG_EITHER, /* none, 18, or 61 around 18 (RFC 8392 section 6) */
                         ATLS_COSE_TAG_REQUIRED, /* 18, or 61 around 18 */
                         ATLS_COSE_TAG_ALONE,    /* 18: RFC 9783 section 5.1.1 does not use 61 */
                         ATLS_COSE_TAG_FORBIDDEN /* none */
};

struct atls_cose_label { /* int / tstr, RFC 9052 section 1.5: a label, or a value of that type */
    bool is_text;
    int64_t number;
    struct atls_bytes text;
};

struct atls_cose_sign1 { /* everything borrowed from the input */
    bool tagged;
    int alg;                          /* ATLS_COSE_ES256, ATLS_COSE_ES384 or what came; 0 for a */
    struct atls_cose_label algorithm; /* text or a large number, which is here as it came */
    bool has_unknown;                 /* crit names a parameter that is not understood */
    struct atls_cose_label unknown;
    bool detached;                      /* the payload is nil: elsewhere */
    struct atls_bytes protected_header; /* encoded map, as it was signed */
    struct atls_bytes key_id;           /* empty where absent */
    struct atls_bytes content_type;     /* of the protected header, a text: no data where absent, */
    int content_format;                 /* or its number there: -1 where absent */
    struct atls_bytes payload;
    struct atls_bytes signature;
};

/* The grammar alone, of a COSE_Sign1 or (TAG 17) a COSE_Mac0, whose authentication tag is then the
 * signature: whatever alg, crit and size of signature there are, with or without payload. For those
 * who show a message; who relies on one parses it. ATLS_E_MALFORMED, ATLS_E_MISSING (alg),
 * ATLS_E_UNSUPPORTED (a string in several chunks), ATLS_E_LIMIT, -ENOMEM. */
int atls_cose_read(struct atls_bytes in, unsigned tag, enum atls_cose_tagging tagging,
                   const char *clause, struct atls_cose_sign1 *messagep);
/* The grammar of a COSE_Sign (RFC 9052 section 4.1), tagged or not: its payload (empty where nil)
 * and how many signatures it has. As above. */
int atls_cose_read_sign(struct atls_bytes in, struct atls_bytes *payloadp, size_t *countp);
/* Can a COSE_Sign1 that was read so be relied on? As atls_cose_sign1_parse() says. */
int atls_cose_sign1_check(const struct atls_cose_sign1 *message, const char *clause);
/* Both of a COSE_Sign1. Parses; verifies nothing. alg must be in the protected header; unknown crit
 * is refused; a detached (nil) payload is refused; ES256/384 signatures have 64/96 bytes; CWT tag
 * 61 may wrap tag 18 where a tag is allowed. A parameter may be in one bucket only. CBOR is read by
 * the lenient rules, for COSE asks for no others. CLAUSE is that of the format, NULL where it is
 * COSE itself. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (alg, crit, nil payload), ATLS_E_MISSING (alg),
 * ATLS_E_LIMIT (32 parameters a bucket, and those of atls_cbor_lenient), -ENOMEM. */
int atls_cose_sign1_parse(struct atls_bytes in, enum atls_cose_tagging tagging, const char *clause,
                          struct atls_cose_sign1 *messagep);
/* 0, ATLS_E_SIGNATURE, ATLS_E_MISMATCH (alg does not fit the key's curve), ATLS_E_MALFORMED (the
 * key is no point of its curve). External AAD empty. */
int atls_cose_sign1_verify(const struct atls_cose_sign1 *message, const struct atls_crypto *crypto,
                           const struct atls_public_key *key);
/* Hash of the Sig_structure (RFC 9052 4.4), without external data. */
int atls_cose_sign1_digest(const struct atls_crypto *crypto, enum atls_hash hash,
                           struct atls_bytes protected_header, struct atls_bytes payload,
                           uint8_t *digestp);
/* Writes a COSE_Sign1 as the next item of W: protected {1: alg}, unprotected {}. No allocation.
 * With a W that only counts nothing is signed, and the payload's data may be NULL. Errors are those
 * of CRYPTO and SIGNER; those of W are seen at its end. */
int atls_cose_sign1_write(struct atls_cbor_writer *w, bool tagged, struct atls_bytes payload,
                          const struct atls_crypto *crypto, const struct atls_signer *signer);
/* The same with the content type in the protected header (RFC 9052 section 3.1); NULL: none. */
int atls_cose_sign1_write_as(struct atls_cbor_writer *w, bool tagged, const char *content_type,
                             struct atls_bytes payload, const struct atls_crypto *crypto,
                             const struct atls_signer *signer);

/* COSE_Key {1: 2, -1: crv, -2: x, -3: y}, deterministic. The writer adds one item to W. The reader
 * is for a key that verifies signatures of the one algorithm that its curve has here, in COSE or in
 * TLS: alg and key_ops must allow that where they are there (RFC 9052 section 7.1). It refuses
 * private parts (-4), compressed points and what is no point of the curve; kid and Base IV must be
 * of their types; other labels are skipped. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (another kty or
 * crv, a compressed point), ATLS_E_UNTRUSTED (a key for another algorithm or operation),
 * ATLS_E_MISSING. */
void atls_cose_key_write(struct atls_cbor_writer *w, const struct atls_public_key *key);
int atls_cose_key_read(struct atls_cbor_reader *r, struct atls_public_key *keyp);

#endif
