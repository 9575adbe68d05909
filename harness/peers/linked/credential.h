/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's X.509 credential and trust anchors, from PEM files, in forms that any library takes.
 */
#ifndef ATLS_PEERS_LINKED_CREDENTIAL_H
#define ATLS_PEERS_LINKED_CREDENTIAL_H

#include "harness/peers/linked/peer.h"

/* Chain, key and anchors of the options, where there are any. A key in the device signs there: it
 * must be that of the certificate (ATLS_E_MISMATCH). ATLS_E_MALFORMED: a file is not what it should
 * be; ATLS_E_UNSUPPORTED: a device's key that is not on P-256 or P-384. */
int credential_load(struct peer *peer, unsigned device_timeout_ms);
void credential_unload(struct peer *peer);
/* ECDSA over a hash for CertificateVerify, by the key of the device or of the file; *DERP is an
 * Ecdsa-Sig-Value, to be freed with gnutls_free(). A failure is also C's, where C is not NULL. */
int credential_sign(struct peer *peer, struct connection *c, struct atls_bytes digest,
                    gnutls_datum_t *derp);
/* The private key as PrivateKeyInfo (RFC 5208) in DER, of a file only; *DERP is allocated. */
int credential_private_key(const struct peer *peer, uint8_t **derp, size_t *sizep);

#endif
