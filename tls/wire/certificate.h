/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Certificate message that carries a CMW where an X.509 certificate would be (certificate type
 * Attestation), and how a library that knows only X.509 is made to take it: the CMW is read out and
 * a certificate for the key that it names is written over it, at exactly the same length, so that
 * the library checks CertificateVerify with that key. The certificate proves nothing and is never
 * verified: it is only the shape in which the key is handed over. Nothing here knows a TLS library.
 */
#ifndef ATLS_TLS_WIRE_CERTIFICATE_H
#define ATLS_TLS_WIRE_CERTIFICATE_H

#include "rats/crypto/crypto.h"

#define ATLS_SYNTHETIC_CERTIFICATE_MIN 256 /* bytes; shorter ones cannot be made for every key */

struct atls_certificate_message { /* RFC 8446 section 4.4.2; borrowed */
    size_t entry_count;           /* 0: the empty Certificate */
    struct atls_bytes first; /* cert_data of the first entry; no bytes at all is for the caller to
                              * refuse as emptiness (the grammar wants one at least) */
    size_t first_at;         /* its offset in the message */
    bool has_extensions;     /* some entry has extensions */
};

/* Parses the body of a Certificate message. ATLS_E_MALFORMED: its grammar, or a
 * certificate_request_context that is not empty (in a handshake it must be). */
int atls_certificate_parse(struct atls_bytes message, struct atls_certificate_message *parsedp);

/* Writes a DER certificate for KEY of exactly SIZE bytes to DER. ATLS_E_LIMIT where SIZE is below
 * ATLS_SYNTHETIC_CERTIFICATE_MIN or beyond 2^24-1. */
int atls_certificate_synthesize(const struct atls_public_key *key, uint8_t *der, size_t size);
/* The same for a key of any kind, as SubjectPublicKeyInfo of at most ATLS_SPKI_MAX bytes. */
int atls_certificate_around(struct atls_bytes spki, uint8_t *der, size_t size);

#endif
