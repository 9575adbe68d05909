/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key as it leaves GnuTLS. What GnuTLS writes itself (seen in 3.7.9) cuts the leading
 * zero octets of an EC private value, or puts one before it; RFC 5915 section 3 fixes the length,
 * and strict readers refuse any other.
 */
#ifndef ATLS_TLS_KEYS_PRIVATE_KEY_H
#define ATLS_TLS_KEYS_PRIVATE_KEY_H

#include <gnutls/abstract.h>

/* PrivateKeyInfo (PKCS#8, RFC 5958) in DER, not encrypted. Of an EC key the private value has
 * ceil(log2(order) / 8) octets, the public key is with it, and the curve is named outside only.
 * Wipe and gnutls_free() it. ATLS_E_UNSUPPORTED: the key cannot be exported; -ENOMEM. */
int atls_private_key_encode(gnutls_privkey_t key, gnutls_datum_t *derp);

#endif
