/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys of P-256 and P-384 as what all drafts hash: the DER SubjectPublicKeyInfo. And what is
 * done with them, by libcrypto (OpenSSL's or BoringSSL's).
 */
#ifndef PEER_KEYS_H
#define PEER_KEYS_H

#include <openssl/evp.h>

#include "base.h"

#define HASH_MAX 64
#define SPKI_MAX 128

struct public_key {
    unsigned size; /* bytes of a coordinate: 32 (P-256) or 48 (P-384); 0: no key */
    uint8_t spki[SPKI_MAX];
    size_t spki_size;
};
#define KEY_SPKI(key) BYTES((key)->spki, (key)->spki_size)
bool key_equal(const struct public_key *a, const struct public_key *b);
/* Is the point on its curve? */
int key_of_point(unsigned size, struct bytes x, struct bytes y, struct public_key *keyp);
int key_of_spki(struct bytes spki, struct public_key *keyp);
int key_of_pkey(const EVP_PKEY *pkey, struct public_key *keyp);
EVP_PKEY *key_pkey(const struct public_key *key); /* the caller's */
/* SHA-256 for P-256, SHA-384 for P-384. */
const EVP_MD *key_hash(const struct public_key *key);

/* SIGNATURE is r || s. 0, or -1: it does not verify. */
int key_verify(const struct public_key *key, struct bytes content, struct bytes signature);
/* r || s as Ecdsa-Sig-Value (RFC 3279), appended. */
int ecdsa_der(struct bytes rs, struct blob *der);

void hash(const EVP_MD *md, struct bytes data, uint8_t *digestp, size_t *sizep);

#endif
