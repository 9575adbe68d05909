/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of interoperable RA-TLS (Confidential Computing Consortium: Gramine, the Intel SGX SDK,
 * RATS-TLS), which stands in an X.509 certificate under TCG's OID 2.23.133.5.4.9:
 *     60000([ quote, claims-buffer ])     60001([ report, ... ])     60002([ SGX report, ... ])
 * The claims buffer is a CBOR map in a byte string: "pubkey-hash", the hash of the certificate's
 * SubjectPublicKeyInfo, and perhaps "nonce". Its SHA-256 is the report data of the quote. So the
 * quote vouches for the key; nothing in it is of one connection. Quotes are read here as far as
 * their report; whether anybody signed them is a verifier's affair.
 */
#ifndef ATLS_RATS_TOKENS_RA_TLS_H
#define ATLS_RATS_TOKENS_RA_TLS_H

#include "rats/cbor/cbor-write.h"
#include "rats/cmw/cmw-x509.h"
#include "rats/cose/cose.h"

#define ATLS_RA_TLS_CLAUSE "Interoperable RA-TLS, evidence formats"
#define ATLS_RA_TLS_CLAUSE_CLAIMS "Interoperable RA-TLS, evidence custom claims"
#define ATLS_QUOTE_CLAUSE "Intel SGX and TDX DCAP, quote format"
#define ATLS_REPORT_DATA_SIZE 64
#define ATLS_QUOTE_VENDOR_SIZE 16

struct atls_ra_tls { /* borrows from what it was read of */
    enum atls_ra_tls_tag tag;
    struct atls_bytes evidence, claims_buffer;
    enum atls_hash hash; /* of "pubkey-hash" */
    struct atls_bytes key_hash;
    bool has_nonce;
    struct atls_bytes nonce;
};

/* Begins it with one of the three tags? */
bool atls_ra_tls_is(struct atls_bytes in);
/* Definite lengths only; claims of other names are ignored, none may come twice. ATLS_E_MALFORMED,
 * ATLS_E_MISSING: no "pubkey-hash"; ATLS_E_UNSUPPORTED: another hash than SHA-256, 384, 512;
 * ATLS_E_LIMIT. */
int atls_ra_tls_parse(struct atls_bytes in, struct atls_ra_tls *parsedp);
/* Is the hash that of SPKI, a SubjectPublicKeyInfo in DER? ATLS_E_MISMATCH. */
int atls_ra_tls_check_key(const struct atls_ra_tls *ra_tls, const struct atls_crypto *crypto,
                          struct atls_bytes spki);
/* The claims buffer for a key hash of SHA-256 or SHA-384, as bytes; then all of it, with tag 60000.
 */
int atls_ra_tls_claims_write(struct atls_cbor_writer *w, struct atls_bytes key_hash);
void atls_ra_tls_write(struct atls_cbor_writer *w, struct atls_bytes quote,
                       struct atls_bytes claims_buffer);

struct atls_tee_report { /* borrows */
    const char *what;    /* "SGX quote" */
    bool is_quote;       /* the next four are there */
    unsigned version, key_type;
    struct atls_bytes vendor;                   /* of the quoting enclave: who made the quote */
    struct atls_bytes signature;                /* of the quote, and what is certified with it */
    struct atls_bytes signed_part;              /* ahead of it */
    const char *measurement_name, *signer_name; /* "MRENCLAVE"; NULL: there is no signer */
    struct atls_bytes measurement, signer, attributes, report_data;
};
/* A quote (version 3, 4 or 5) or report, all of it. ATLS_E_MALFORMED: it is cut off, or bytes
 * follow; ATLS_E_UNSUPPORTED: another version or kind. */
int atls_tee_quote_parse(struct atls_bytes in, struct atls_tee_report *reportp);
int atls_tee_report_parse(enum atls_ra_tls_tag tag, struct atls_bytes in,
                          struct atls_tee_report *reportp);
/* Is the report data SHA-256 of the claims buffer, and zeros behind? ATLS_E_MISMATCH. */
int atls_ra_tls_check_report(const struct atls_ra_tls *ra_tls, const struct atls_crypto *crypto,
                             const struct atls_tee_report *report);

#endif
