/* SPDX-License-Identifier: Apache-2.0 */
/* A party's X.509 credential and trust anchors in forms that any library takes. */
#ifndef ATLS_PEERS_LINKED_CREDENTIAL_H
#define ATLS_PEERS_LINKED_CREDENTIAL_H

#include "tls/engine/party.h"

#define CREDENTIAL_CERTIFICATES_MAX 8

struct credential {
    struct atls_bytes chain[ATLS_CHAIN_MAX]; /* DER, the party's */
    size_t chain_size;
    struct atls_bytes anchors[CREDENTIAL_CERTIFICATES_MAX]; /* DER, allocated */
    size_t anchor_count;
    struct atls_public_key leaf; /* on P-256 or P-384, else: */
    bool other_kind;             /* it is none of these */
};

/* What PARTY has, and the anchors of a PEM file where that is not NULL. As atls_read_file();
 * ATLS_E_MALFORMED, ATLS_E_LIMIT. */
int credential_load(const struct atls_party *party, const char *trust_anchors,
                    struct credential *credential);
void credential_unload(struct credential *credential);
/* ECDSA over a hash for CertificateVerify, by the key of the device or of the file; *DERP is an
 * Ecdsa-Sig-Value, to be freed with gnutls_free(). A failure is also that of S, where it is not
 * NULL. */
int credential_sign(const struct atls_party *party, struct atls_session *s, bool p384,
                    struct atls_bytes digest, gnutls_datum_t *derp);

#endif
