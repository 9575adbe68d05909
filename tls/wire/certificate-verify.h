/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateVerify (RFC 8446 section 4.4.3) of a client, with ECDSA's r and s one behind the other
 * in place of DER: the prototype of 2022 writes what PSA's interface gives it. Nothing here knows a
 * TLS library.
 */
#ifndef ATLS_TLS_WIRE_CERTIFICATE_VERIFY_H
#define ATLS_TLS_WIRE_CERTIFICATE_VERIFY_H

#include "tls/wire/transcript.h"

#define ATLS_RAW_SIGNATURE_SIZE 64 /* bytes of r || s on P-256 */

struct atls_signed_content { /* what a client's certificate signs */
    uint8_t bytes[64 + 34 + ATLS_HASH_MAX];
    size_t size;
};

/* That of all messages of T. As atls_transcript_hash(). */
int atls_signed_content_of(const struct atls_transcript *t, const struct atls_crypto *crypto,
                           struct atls_signed_content *contentp);
/* Has MESSAGE, the body of a CertificateVerify, r || s by KEY (P-256) over CONTENT?
 * ATLS_E_MALFORMED: its grammar; ATLS_E_SIGNATURE: another algorithm or size, or it does not
 * verify. */
int atls_raw_signature_verify(const struct atls_crypto *crypto, const struct atls_public_key *key,
                              const struct atls_signed_content *content, struct atls_bytes message);

#endif
