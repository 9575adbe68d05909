/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA of OpenSSL's libcrypto with keys, signatures and the nonce as numbers: what the adapter
 * (crypto-openssl.c) and the interposed operations of tls/fast are made of. Host only.
 *
 * These are functions that OpenSSL 3 calls deprecated. Its replacements import a key through names
 * and a provider, which costs as much as a signature, and its version 3.0 cannot sign with a chosen
 * nonce otherwise.
 */
#ifndef ATLS_RATS_CRYPTO_ECDSA_OPENSSL_H
#define ATLS_RATS_CRYPTO_ECDSA_OPENSSL_H

#include "rats/crypto/crypto.h"

/* A failure of the machine, with what the library says: -ENOMEM or -EIO. Empties its errors. */
int atls_openssl_fail(const char *what);

/* Numbers of atls_curve_size() bytes, big-endian, in [1, order - 1]. DIGEST is of any size and is
 * cut as SEC 1 section 4.1.3 says. Of a nonce for which r or s is 0, ATLS_E_LIMIT: take another. */
int atls_openssl_sign(enum atls_curve curve, const uint8_t *d, struct atls_bytes digest,
                      const uint8_t *nonce, uint8_t *signaturep);
/* 0; ATLS_E_SIGNATURE; ATLS_E_MALFORMED: no point of the curve; a failure of the machine. */
int atls_openssl_verify(const struct atls_public_key *key, struct atls_bytes digest,
                        const uint8_t *signature);
int atls_openssl_check_point(const struct atls_public_key *key);
/* Public point of the scalar in KEY. ATLS_E_LIMIT: the scalar is not in [1, order - 1]. */
int atls_openssl_complete(struct atls_private_key *key);

#endif
