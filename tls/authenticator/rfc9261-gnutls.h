/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported Authenticators over GnuTLS: the callbacks of rfc9261.h, for a session whose handshake is
 * complete and for keys that GnuTLS holds or reaches (gnutls_privkey_import_ext4).
 */
#ifndef ATLS_TLS_AUTHENTICATOR_RFC9261_GNUTLS_H
#define ATLS_TLS_AUTHENTICATOR_RFC9261_GNUTLS_H

#include <gnutls/abstract.h>

#include "rats/crypto/crypto.h"
#include "tls/authenticator/rfc9261.h"

struct atls_ea_gnutls {
    gnutls_session_t session;
    enum atls_hash hash; /* the PRF's */
};

/* Fills CONNECTION for SESSION, of which this side is SIDE; ADAPTER is its context and outlives it.
 * Not from a client's verify callback, where GnuTLS 3.7 exports a wrong constant without an error.
 * ATLS_E_UNSUPPORTED: a version or a PRF's hash that is not handled. */
int atls_ea_gnutls_connection(gnutls_session_t session, enum atls_ea_side side,
                              struct atls_ea_gnutls *adapter,
                              struct atls_ea_connection *connectionp);
/* The same without a session, for TLS 1.3 with HASH: for callers with an exporter of their own,
 * which they set. */
void atls_ea_gnutls_callbacks(struct atls_ea_gnutls *adapter, enum atls_ea_side side,
                              enum atls_hash hash, struct atls_ea_connection *connectionp);

/* atls_ea_identity.sign over a gnutls_privkey_t, which is its context. ATLS_E_UNSUPPORTED: a scheme
 * that GnuTLS does not have or that is not one of the key's. */
int atls_ea_gnutls_sign(void *context, uint16_t scheme, struct atls_bytes content,
                        uint8_t *signaturep, size_t capacity, size_t *sizep);

#endif
