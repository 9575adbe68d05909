/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS 1.3 Handshake Secret of one session (RFC 8446 section 7.1), for the handshake exporter of
 * draft-fossati-tls-attestation-07. The library's public API never gives it: its keylog callback
 * has the traffic secrets that are derived from it, and no more.
 *
 * What this relies on, and no document promises: that libgnutls derives
 * client_handshake_traffic_secret by writing its HkdfLabel with gnutls_buffer_append_data() and
 * then keying nettle's HMAC with the Handshake Secret, both through symbols that the program may
 * define (tls/shim/interpose.h). It was seen with 3.7.9 and 3.8.13. Therefore nothing is believed:
 * the secret counts only once client_handshake_traffic_secret, computed from it here, equals the
 * one that the keylog callback has of the library. Otherwise there is none, and the profile is not
 * supported.
 */
#ifndef ATLS_TLS_SHIM_HANDSHAKE_SECRET_H
#define ATLS_TLS_SHIM_HANDSHAKE_SECRET_H

#include <gnutls/gnutls.h>

#include "rats/crypto/crypto.h"

#define ATLS_TLS_HASH_MAX 48 /* bytes: SHA-384 */

struct atls_handshake_secret { /* all zero is its beginning; a session has one */
    enum {
        ATLS_HANDSHAKE_SECRET_NONE,
        ATLS_HANDSHAKE_SECRET_LABEL,    /* the label of the traffic secret was written */
        ATLS_HANDSHAKE_SECRET_SIZE,     /* and the size of its context */
        ATLS_HANDSHAKE_SECRET_CONTEXT,  /* and the context */
        ATLS_HANDSHAKE_SECRET_SEEN,     /* and a key was set */
        ATLS_HANDSHAKE_SECRET_VERIFIED, /* and it is the right one */
        ATLS_HANDSHAKE_SECRET_WRONG     /* or it is not */
    } state;
    size_t size; /* of the cipher suite's hash: 32 or 48 */
    uint8_t secret[ATLS_TLS_HASH_MAX];
    uint8_t hellos[ATLS_TLS_HASH_MAX]; /* Transcript-Hash(ClientHello..ServerHello) */
};

/* To be called from the session's keylog callback, with each LABEL. */
void atls_handshake_secret_keylog(struct atls_handshake_secret *secret, const char *label,
                                  const gnutls_datum_t *value);
/* Derive-Secret(Handshake Secret, LABEL, ClientHello..ServerHello), *SIZEP bytes: with the label
 * "h exp master" it is tls-attestation-07's handshake_exporter_secret. From the ServerHello on, on
 * both sides. ATLS_E_UNSUPPORTED: it could not be had of this library, and the text says what was
 * relied on. */
int atls_handshake_secret_derive(const struct atls_handshake_secret *secret, const char *label,
                                 uint8_t derivedp[ATLS_TLS_HASH_MAX], size_t *sizep);
/* The Handshake Secret itself, the hash of the cipher suite, and Transcript-Hash(ClientHello..
 * ServerHello) as the library computed it; borrowed, until it is wiped. ATLS_E_UNSUPPORTED as
 * above. */
int atls_handshake_secret_get(const struct atls_handshake_secret *secret, enum atls_hash *hashp,
                              struct atls_bytes *secretp, struct atls_bytes *hellosp);
/* When what is needed was derived. Sets it back to its beginning. */
void atls_handshake_secret_wipe(struct atls_handshake_secret *secret);

/* Once in a process, cached: can it be had here, on both sides, with both hashes? Makes handshakes
 * in memory. ATLS_E_UNSUPPORTED, with the library's version and those known to work. */
int atls_handshake_secret_check(void);

/* What the interposed functions report. */
void atls_handshake_secret_appended(struct atls_handshake_secret *secret, struct atls_bytes bytes);
void atls_handshake_secret_keyed(struct atls_handshake_secret *secret, struct atls_bytes key);

#endif
