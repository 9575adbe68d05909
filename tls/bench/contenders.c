/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that this program was built with. */
#include "tls/bench/contenders.h"

#include <errno.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <nettle/curve25519.h>

#include "rats/base/error.h"

#ifdef BENCH_LIBCRYPTO
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#endif
#ifdef BENCH_BEARSSL
#include <bearssl.h>

#include "rats/crypto/crypto-bearssl.h"
#endif

const enum bench_op bench_contended[BENCH_CONTENDED] = {
    BENCH_SIGN_P256, BENCH_VERIFY_P256, BENCH_SIGN_P384, BENCH_VERIFY_P384, BENCH_X25519};

static bool x25519_nettle(const uint8_t scalar[32], const uint8_t point[32], uint8_t productp[32])
{
    curve25519_mul(productp, scalar, point);
    return true;
}

static const char *version_gnutls(void)
{
    return gnutls_check_version(NULL);
}

#ifdef BENCH_LIBCRYPTO
static const char *version_openssl(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

/* By EVP: there is no shorter way in version 3. */
static bool x25519_openssl(const uint8_t scalar[32], const uint8_t point[32], uint8_t productp[32])
{
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, 32);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, 32);
    EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t size = 32;
    /* The peer's key has no structure that a check could look at. */
    bool done = peer && context && EVP_PKEY_derive_init(context) == 1 &&
                EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1 &&
                EVP_PKEY_derive(context, productp, &size) == 1 && size == 32;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    ERR_clear_error();
    return done;
}
#endif

#ifdef BENCH_BEARSSL
static bool x25519_bearssl(const uint8_t scalar[32], const uint8_t point[32], uint8_t productp[32])
{
    memcpy(productp, point, 32);
    return br_ec_get_default()->mul(productp, 32, scalar, 32, BR_EC_curve25519) == 1;
}
#endif

const struct bench_contender bench_contenders[] = {
    {&atls_crypto_gnutls, x25519_nettle, version_gnutls, false},
#ifdef BENCH_LIBCRYPTO
    {&atls_crypto_openssl, x25519_openssl, version_openssl, false},
#endif
#ifdef BENCH_BEARSSL
    {&atls_crypto_bearssl, x25519_bearssl, NULL, true},
#endif
    {NULL, NULL, NULL, false},
};

/* The last of so many counts: what other libraries did before has emptied the caches. */
#define TIMES 3

static int sign_and_verify(const struct atls_crypto *crypto, enum atls_curve curve,
                           uint64_t *sign_nsp, uint64_t *verify_nsp)
{
    static const uint8_t seed[32] = {1};
    static struct atls_private_key keys[2]; /* the same ones for all, whichever adapter made them */
    struct atls_private_key *key = &keys[curve == ATLS_P384];
    uint8_t digest[ATLS_HASH_MAX] = {1}, signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes input = ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(curve)));
    int result = key->public_key.curve == curve ? 0 : atls_crypto_gnutls.make_key(curve, seed, key);
    if (result)
        return result;
    for (unsigned n = 0; result == 0 && n < TIMES; n++) {
        uint64_t begin = bench_now_ns();
        result = crypto->sign(key, input, signature);
        *sign_nsp = bench_now_ns() - begin;
    }
    for (unsigned n = 0; result == 0 && n < TIMES; n++) {
        uint64_t begin = bench_now_ns();
        result = crypto->verify(&key->public_key, input,
                                ATLS_BYTES(signature, 2 * atls_curve_size(curve)));
        *verify_nsp = bench_now_ns() - begin;
    }
    return result;
}

static int multiply(const struct bench_contender *contender, uint64_t *nsp)
{
    static const uint8_t scalar[32] = {0x77, 1, 2, 3}, base[32] = {9};
    uint8_t point[32], expected[32], product[32];
    curve25519_mul(point, scalar, base);
    curve25519_mul(expected, scalar, point);
    bool done = true;
    for (unsigned n = 0; done && n < TIMES; n++) {
        uint64_t begin = bench_now_ns();
        done = contender->x25519(scalar, point, product);
        *nsp = bench_now_ns() - begin;
    }
    return done && memcmp(product, expected, sizeof product) == 0
               ? 0
               : atls_fail(-EIO, "RFC 7748 section 5",
                           "X25519 of %s: expected the product that "
                           "GnuTLS has, came another",
                           contender->crypto->name);
}

int bench_contender_round(const struct bench_contender *contender, uint64_t ns[BENCH_OPS])
{
    int result =
        sign_and_verify(contender->crypto, ATLS_P256, &ns[BENCH_SIGN_P256], &ns[BENCH_VERIFY_P256]);
    if (result == 0)
        result = sign_and_verify(contender->crypto, ATLS_P384, &ns[BENCH_SIGN_P384],
                                 &ns[BENCH_VERIFY_P384]);
    return result ? result : multiply(contender, &ns[BENCH_X25519]);
}
