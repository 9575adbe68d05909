/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that this program was built with. */
#include "tls/bench/contenders.h"

#include <dlfcn.h>
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

static struct {
    const char *(*version)(void);
    int (*sign)(size_t size, const uint8_t *key, const uint8_t *digest, size_t digest_size,
                uint8_t *signaturep);
    int (*verify)(size_t size, const uint8_t *point, const uint8_t *digest, size_t digest_size,
                  const uint8_t *signature);
    int (*x25519)(const uint8_t *scalar, const uint8_t *point, uint8_t *productp);
} loaded;

static int sign_loaded(const struct atls_private_key *key, struct atls_bytes digest,
                       uint8_t *signaturep)
{
    size_t size = atls_curve_size(key->public_key.curve);
    uint8_t numbers[3 * ATLS_COORDINATE_MAX];
    memcpy(numbers, key->d, size);
    memcpy(numbers + size, key->public_key.x, size);
    memcpy(numbers + 2 * size, key->public_key.y, size);
    return loaded.sign(size, numbers, digest.data, digest.size, signaturep) == 1
               ? 0
               : atls_fail(-EIO, NULL, "AWS-LC does not sign");
}

static int verify_loaded(const struct atls_public_key *key, struct atls_bytes digest,
                         struct atls_bytes signature)
{
    size_t size = atls_curve_size(key->curve);
    uint8_t point[2 * ATLS_COORDINATE_MAX];
    memcpy(point, key->x, size);
    memcpy(point + size, key->y, size);
    return loaded.verify(size, point, digest.data, digest.size, signature.data) == 1
               ? 0
               : atls_fail(ATLS_E_SIGNATURE, NULL, "AWS-LC takes the signature for a bad one");
}

static bool x25519_loaded(const uint8_t scalar[32], const uint8_t point[32], uint8_t productp[32])
{
    return loaded.x25519(scalar, point, productp) == 1;
}

static const char *version_loaded(void)
{
    return loaded.version();
}

/* Each verifies what the other has signed, and the library no signature of another digest. */
static int agrees(const struct atls_crypto *crypto, enum atls_curve curve)
{
    static const uint8_t seed[32] = {2};
    struct atls_private_key key;
    uint8_t digest[ATLS_HASH_MAX] = {1}, signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes input = ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(curve)));
    struct atls_bytes signed_bytes = ATLS_BYTES(signature, 2 * atls_curve_size(curve));
    int result = atls_crypto_gnutls.make_key(curve, seed, &key);
    if (result == 0)
        result = atls_crypto_gnutls.sign(&key, input, signature);
    if (result == 0)
        result = crypto->verify(&key.public_key, input, signed_bytes);
    if (result == 0)
        result = crypto->sign(&key, input, signature);
    if (result == 0)
        result = atls_crypto_gnutls.verify(&key.public_key, input, signed_bytes);
    digest[0] = 2;
    if (result == 0 && crypto->verify(&key.public_key, input, signed_bytes) != ATLS_E_SIGNATURE)
        result = atls_fail(-EIO, NULL, "AWS-LC verifies a signature of another digest");
    return result;
}

int bench_contender_load(const char *path, const struct bench_contender **contenderp)
{
    static const struct atls_crypto crypto = {
        .name = "AWS-LC", .sign = sign_loaded, .verify = verify_loaded};
    static const struct bench_contender contender = {&crypto, x25519_loaded, version_loaded, false};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s", dlerror());
    const struct {
        void **function;
        const char *name;
    } wanted[] = {{(void **)&loaded.version, "atls_contender_version"},
                  {(void **)&loaded.sign, "atls_contender_sign"},
                  {(void **)&loaded.verify, "atls_contender_verify"},
                  {(void **)&loaded.x25519, "atls_contender_x25519"}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].function = dlsym(library, wanted[i].name);
        if (!*wanted[i].function) {
            dlclose(library);
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s has no function %s", path,
                             wanted[i].name);
        }
    }
    int result = agrees(&crypto, ATLS_P256);
    if (result == 0)
        result = agrees(&crypto, ATLS_P384);
    *contenderp = &contender;
    return result;
}

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
