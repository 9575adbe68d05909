/* SPDX-License-Identifier: Apache-2.0 */
/* X25519 through libcrypto's EVP: there is no shorter way in version 3. */
#include "tls/fast/x25519.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#define SIZE 32

bool atls_fast_x25519(const uint8_t scalar[SIZE], const uint8_t point[SIZE], uint8_t productp[SIZE])
{
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, SIZE);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, SIZE);
    EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    uint8_t product[SIZE];
    size_t size = sizeof product;
    /* The peer's key has no structure that a check could look at. */
    bool done = peer && context && EVP_PKEY_derive_init(context) == 1 &&
                EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1 &&
                EVP_PKEY_derive(context, product, &size) == 1 && size == SIZE;

    if (done)
        memcpy(productp, product, SIZE);
    explicit_bzero(product, sizeof product);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    ERR_clear_error();
    return done;
}
