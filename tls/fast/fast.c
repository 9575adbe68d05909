/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the place of libhogweed's ECDSA; see fast.h. */
#include "tls/fast/fast.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>

#include "rats/base/error.h"
#include "rats/crypto/ecdsa-openssl.h"

#define SIZE 32 /* of a number of P-256 */
#define EXPORT __attribute__((visibility("default")))

static atomic_ulong calls;
static atomic_bool off;

EXPORT unsigned long atls_fast_calls(void)
{
    return atomic_load(&calls);
}

EXPORT void atls_fast_switch(bool on)
{
    atomic_store(&off, !on);
}

static void *next(_Atomic(void *) *cache, const char *name)
{
    void *found = atomic_load(cache);
    if (found)
        return found;
    found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "%s: no shared library behind %s defines it\n", name, ATLS_FAST_LIBRARY);
        abort();
    }
    atomic_store(cache, found);
    return found;
}

static bool taken(const struct ecc_curve *curve)
{
    return curve == nettle_get_secp_256r1() && !atomic_load(&off);
}

/* Big-endian, SIZE bytes. False: negative, or larger than that. */
static bool flatten(const mpz_t value, uint8_t *bytesp)
{
    size_t used = mpz_sgn(value) ? (mpz_sizeinbase(value, 2) + 7) / 8 : 0;
    if (mpz_sgn(value) < 0 || used > SIZE)
        return false;
    memset(bytesp, 0, SIZE - used);
    mpz_export(bytesp + SIZE - used, NULL, 1, 1, 1, 0, value);
    return true;
}

/* GMP frees limbs as they are. */
static void wipe(mpz_t value)
{
    size_t limbs = mpz_size(value);
    if (limbs > 0)
        explicit_bzero(mpz_limbs_modify(value, (mp_size_t)limbs), limbs * sizeof(mp_limb_t));
    mpz_clear(value);
}

/* The nonce comes from whoever calls, as libhogweed has it: GnuTLS' generator, or that of RFC 6979.
 * libhogweed's function cannot fail; where this one does, there is no memory. */
EXPORT void ecdsa_sign(const struct ecc_scalar *key, void *context, nettle_random_func *random,
                       size_t size, const uint8_t *digest, struct dsa_signature *signature)
{
    typedef void function(const struct ecc_scalar *, void *, nettle_random_func *, size_t,
                          const uint8_t *, struct dsa_signature *);
    static _Atomic(void *) cache;
    if (!taken(key->ecc)) {
        ((function *)next(&cache, "nettle_ecdsa_sign"))(key, context, random, size, digest,
                                                        signature);
        return;
    }
    uint8_t d[SIZE], nonce[SIZE], made[ATLS_SIGNATURE_MAX];
    mpz_t scalar;
    mpz_init(scalar);
    ecc_scalar_get(key, scalar);
    int result = flatten(scalar, d) ? ATLS_E_LIMIT : -1;
    while (result == ATLS_E_LIMIT) {
        random(context, SIZE, nonce);
        if (atls_scalar_in_range(ATLS_P256, nonce))
            result = atls_openssl_sign(ATLS_P256, d, ATLS_BYTES(digest, size), nonce, made);
    }
    wipe(scalar);
    explicit_bzero(d, sizeof d);
    explicit_bzero(nonce, sizeof nonce);
    if (result != 0) {
        fprintf(stderr, "%s: %s\n", ATLS_FAST_LIBRARY, atls_error_text());
        abort();
    }
    mpz_import(signature->r, SIZE, 1, 1, 1, 0, made);
    mpz_import(signature->s, SIZE, 1, 1, 1, 0, made + SIZE);
    atomic_fetch_add(&calls, 1);
}

EXPORT int ecdsa_verify(const struct ecc_point *key, size_t size, const uint8_t *digest,
                        const struct dsa_signature *signature)
{
    typedef int function(const struct ecc_point *, size_t, const uint8_t *,
                         const struct dsa_signature *);
    static _Atomic(void *) cache;
    if (!taken(key->ecc))
        return ((function *)next(&cache, "nettle_ecdsa_verify"))(key, size, digest, signature);
    struct atls_public_key point = {.curve = ATLS_P256};
    uint8_t flat[2 * SIZE];
    mpz_t x, y;
    mpz_inits(x, y, NULL);
    ecc_point_get(key, x, y);
    bool fits = flatten(x, point.x) && flatten(y, point.y) && flatten(signature->r, flat) &&
                flatten(signature->s, flat + SIZE);
    mpz_clears(x, y, NULL);
    int result = fits ? atls_openssl_verify(&point, ATLS_BYTES(digest, size), flat) : 1;
    if (result < 0) /* refused all the same, yet not for the signature's fault */
        fprintf(stderr, "%s: %s\n", ATLS_FAST_LIBRARY, atls_error_text());
    atomic_fetch_add(&calls, 1);
    return result == 0;
}

/* RFC 6979 A.2.5, "sample" with SHA-256, through GnuTLS. What is missing, or NULL. */
static const char *check(void)
{
    static const uint8_t d[SIZE] = {0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16,
                                    0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93,
                                    0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12,
                                    0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21};
    static const uint8_t r[SIZE] = {0xef, 0xd4, 0x8b, 0x2a, 0xac, 0xb6, 0xa8, 0xfd,
                                    0x11, 0x40, 0xdd, 0x9c, 0xd4, 0x5e, 0x81, 0xd6,
                                    0x9d, 0x2c, 0x87, 0x7b, 0x56, 0xaa, 0xf9, 0x91,
                                    0xc3, 0x4d, 0x0e, 0xa8, 0x4e, 0xaf, 0x37, 0x16};
    struct atls_private_key key = {.public_key.curve = ATLS_P256};
    memcpy(key.d, d, sizeof d);
    if (atls_openssl_complete(&key) != 0)
        return "libcrypto has no such key";
    gnutls_datum_t number = {key.d, SIZE}, x = {key.public_key.x, SIZE},
                   y = {key.public_key.y, SIZE}, signature = {NULL, 0},
                   data = {(unsigned char *)"sample", 6};
    gnutls_privkey_t signer;
    gnutls_pubkey_t verifier;
    if (gnutls_privkey_init(&signer) < 0 || gnutls_pubkey_init(&verifier) < 0)
        return "GnuTLS has no memory";
    unsigned long before = atls_fast_calls();
    int signs = gnutls_privkey_import_ecc_raw(signer, GNUTLS_ECC_CURVE_SECP256R1, &x, &y, &number);
    if (signs >= 0)
        signs = gnutls_privkey_sign_data2(signer, GNUTLS_SIGN_ECDSA_SHA256,
                                          GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE, &data, &signature);
    unsigned long between = atls_fast_calls();
    bool known = signs >= 0 && memmem(signature.data, signature.size, r, sizeof r);
    int verifies = gnutls_pubkey_import_ecc_raw(verifier, GNUTLS_ECC_CURVE_SECP256R1, &x, &y);
    if (verifies >= 0 && signs >= 0)
        verifies =
            gnutls_pubkey_verify_data2(verifier, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &signature);
    bool refuses = false;
    if (known) {
        signature.data[signature.size - 1] ^= 1;
        refuses = gnutls_pubkey_verify_data2(verifier, GNUTLS_SIGN_ECDSA_SHA256, 0, &data,
                                             &signature) == GNUTLS_E_PK_SIG_VERIFY_FAILED;
    }
    unsigned long after = atls_fast_calls();
    gnutls_free(signature.data);
    gnutls_privkey_deinit(signer);
    gnutls_pubkey_deinit(verifier);
    return between == before      ? "GnuTLS signs without it"
           : !known               ? "expected the signature of RFC 6979 A.2.5, came another"
           : after != between + 2 ? "GnuTLS verifies without it"
           : verifies < 0         ? "a good signature is refused"
           : !refuses             ? "a bad signature is accepted"
                                  : NULL;
}

__attribute__((constructor)) static void check_itself(void)
{
    const char *missing = check();
    if (!missing)
        return;
    fprintf(stderr, "%s: %s: it has to be loaded before libhogweed, by LD_PRELOAD\n",
            ATLS_FAST_LIBRARY, missing);
    _exit(EX_SOFTWARE);
}
