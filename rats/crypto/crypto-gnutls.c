/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crypto adapter of the host, on GnuTLS. GnuTLS cannot compute a public point from a chosen
 * scalar nor say whether a point is on its curve; for these two it is hogweed, which GnuTLS itself
 * stands on.
 */
#include <errno.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <nettle/bignum.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "rats/crypto/crypto.h"

/* A failure of the machine: no peer chooses what the functions that call this are given. */
static int fail_fatal(const char *what, int code)
{
    return atls_gnutls_fail(code, -EIO, NULL, what);
}

static const struct ecc_curve *hogweed_curve(enum atls_curve curve)
{
    return curve == ATLS_P384 ? nettle_get_secp_384r1() : nettle_get_secp_256r1();
}

static gnutls_ecc_curve_t gnutls_curve(enum atls_curve curve)
{
    return curve == ATLS_P384 ? GNUTLS_ECC_CURVE_SECP384R1 : GNUTLS_ECC_CURVE_SECP256R1;
}

static gnutls_sign_algorithm_t gnutls_signature(enum atls_curve curve)
{
    return curve == ATLS_P384 ? GNUTLS_SIGN_ECDSA_SHA384 : GNUTLS_SIGN_ECDSA_SHA256;
}

static gnutls_datum_t datum(const uint8_t *data, size_t size)
{
    /* GnuTLS takes input through a pointer that is not const, and does not write to it. */
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)data, .size = (unsigned)size};
}

static int hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    static const gnutls_digest_algorithm_t digests[] = {[ATLS_SHA256] = GNUTLS_DIG_SHA256,
                                                        [ATLS_SHA384] = GNUTLS_DIG_SHA384,
                                                        [ATLS_SHA512] = GNUTLS_DIG_SHA512};
    gnutls_hash_hd_t handle;
    int result = gnutls_hash_init(&handle, digests[alg]);

    if (result < 0)
        return fail_fatal("hash", result);
    for (size_t i = 0; i < count && result >= 0; i++)
        if (parts[i].size > 0)
            result = gnutls_hash(handle, parts[i].data, parts[i].size);
    gnutls_hash_deinit(handle, result < 0 ? NULL : digestp);
    return result < 0 ? fail_fatal("hash", result) : 0;
}

static int hmac(struct atls_bytes key, const struct atls_bytes *parts, size_t count, uint8_t *macp)
{
    gnutls_hmac_hd_t handle;
    int result = gnutls_hmac_init(&handle, GNUTLS_MAC_SHA256, key.data, key.size);

    if (result < 0)
        return fail_fatal("HMAC", result);
    for (size_t i = 0; i < count && result >= 0; i++)
        if (parts[i].size > 0)
            result = gnutls_hmac(handle, parts[i].data, parts[i].size);
    gnutls_hmac_deinit(handle, result < 0 ? NULL : macp);
    return result < 0 ? fail_fatal("HMAC", result) : 0;
}

static int random_bytes(uint8_t *bytesp, size_t count)
{
    int result = gnutls_rnd(GNUTLS_RND_KEY, bytesp, count);

    return result < 0 ? fail_fatal("random bytes", result) : 0;
}

/* GMP frees limbs as they are. */
static void wipe_number(mpz_t value)
{
    size_t count = mpz_size(value);
    mp_limb_t *limbs = mpz_limbs_modify(value, (mp_size_t)count);

    if (limbs)
        explicit_bzero(limbs, count * sizeof *limbs);
}

/* Public point of the scalar in KEY; ATLS_E_LIMIT where the scalar is not in [1, order - 1]. */
static int complete_key(struct atls_private_key *key)
{
    enum atls_curve curve = key->public_key.curve;
    size_t size = atls_curve_size(curve);
    struct ecc_scalar scalar;
    bool in_range;
    mpz_t d;

    mpz_init(d);
    mpz_import(d, size, 1, 1, 1, 0, key->d);
    ecc_scalar_init(&scalar, hogweed_curve(curve));
    in_range = ecc_scalar_set(&scalar, d) == 1;
    if (in_range) {
        struct ecc_point point;
        mpz_t x, y;

        mpz_inits(x, y, NULL);
        ecc_point_init(&point, hogweed_curve(curve));
        ecc_point_mul_g(&point, &scalar);
        ecc_point_get(&point, x, y);
        nettle_mpz_get_str_256(size, key->public_key.x, x);
        nettle_mpz_get_str_256(size, key->public_key.y, y);
        ecc_point_clear(&point);
        mpz_clears(x, y, NULL);
    }
    ecc_scalar_clear(&scalar);
    wipe_number(d);
    mpz_clear(d);
    return in_range ? 0 : ATLS_E_LIMIT;
}

static int make_key(enum atls_curve curve, const uint8_t *seed, struct atls_private_key *keyp)
{
    return atls_key_make(&atls_crypto_gnutls, curve, seed, complete_key, keyp);
}

/* r || s, of SIZE bytes each, in which they have room but for one zero, the sign byte of DER. */
static void flatten(const gnutls_datum_t numbers[2], size_t size, uint8_t *signaturep)
{
    for (int i = 0; i < 2; i++) {
        const uint8_t *data = numbers[i].data;
        size_t count = numbers[i].size;

        if (count > size) {
            data++;
            count--;
        }
        memset(signaturep + (size_t)i * size, 0, size - count);
        memcpy(signaturep + (size_t)(i + 1) * size - count, data, count);
    }
}

static void free_numbers(gnutls_datum_t numbers[2])
{
    gnutls_free(numbers[0].data);
    gnutls_free(numbers[1].data);
}

/* DER ECDSA-Sig-Value (RFC 3279) of the library to r || s. */
static int flatten_signature(const gnutls_datum_t *der, size_t size, uint8_t *signaturep)
{
    gnutls_datum_t numbers[2] = {{NULL, 0}, {NULL, 0}};
    int result = gnutls_decode_rs_value(der, &numbers[0], &numbers[1]);

    if (result < 0)
        return fail_fatal("ECDSA signature", result);
    flatten(numbers, size, signaturep);
    free_numbers(numbers);
    return 0;
}

int atls_signature_of_der(enum atls_curve curve, struct atls_bytes der,
                          uint8_t signaturep[ATLS_SIGNATURE_MAX])
{
    size_t size = atls_curve_size(curve);
    gnutls_datum_t in = datum(der.data, der.size), out = {NULL, 0}, numbers[2] = {{NULL, 0}};
    int result = gnutls_decode_rs_value(&in, &numbers[0], &numbers[1]);
    /* The library is lenient; only what it would write itself is taken. */
    if (result >= 0)
        result = gnutls_encode_rs_value(&out, &numbers[0], &numbers[1]);
    bool fits = result >= 0 && out.size == der.size && memcmp(out.data, der.data, der.size) == 0 &&
                numbers[0].size <= size + 1 && numbers[1].size <= size + 1;

    for (int i = 0; fits && i < 2; i++)
        fits = numbers[i].size <= size || numbers[i].data[0] == 0;
    if (fits)
        flatten(numbers, size, signaturep);
    free_numbers(numbers);
    gnutls_free(out.data);
    return fits ? 0
                : atls_fail(ATLS_E_MALFORMED, "RFC 3279 section 2.2.3",
                            "expected an Ecdsa-Sig-Value in DER, came %zu other bytes", der.size);
}

static int sign(const struct atls_private_key *key, struct atls_bytes digest, uint8_t *signaturep)
{
    enum atls_curve curve = key->public_key.curve;
    size_t size = atls_curve_size(curve);
    gnutls_datum_t x = datum(key->public_key.x, size), y = datum(key->public_key.y, size);
    gnutls_datum_t d = datum(key->d, size), input = datum(digest.data, digest.size), der;
    gnutls_privkey_t handle;
    int result = atls_digest_check(curve, digest);

    if (result)
        return result;
    result = gnutls_privkey_init(&handle);
    if (result < 0)
        return fail_fatal("ECDSA key", result);
    result = gnutls_privkey_import_ecc_raw(handle, gnutls_curve(curve), &x, &y, &d);
    if (result >= 0)
        result = gnutls_privkey_sign_hash2(handle, gnutls_signature(curve),
                                           GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE, &input, &der);
    gnutls_privkey_deinit(handle);
    if (result < 0)
        return fail_fatal("ECDSA signature", result);
    result = flatten_signature(&der, size, signaturep);
    gnutls_free(der.data);
    return result;
}

static int check_point(const struct atls_public_key *key)
{
    size_t size = atls_curve_size(key->curve);
    struct ecc_point point;
    bool on_curve;
    mpz_t x, y;

    mpz_inits(x, y, NULL);
    mpz_import(x, size, 1, 1, 1, 0, key->x);
    mpz_import(y, size, 1, 1, 1, 0, key->y);
    ecc_point_init(&point, hogweed_curve(key->curve));
    on_curve = ecc_point_set(&point, x, y) == 1;
    ecc_point_clear(&point);
    mpz_clears(x, y, NULL);
    if (on_curve)
        return 0;
    return atls_point_fail();
}

static int verify_der(const struct atls_public_key *key, gnutls_datum_t digest,
                      const gnutls_datum_t *der)
{
    size_t size = atls_curve_size(key->curve);
    gnutls_datum_t x = datum(key->x, size), y = datum(key->y, size);
    gnutls_pubkey_t handle;
    int result = gnutls_pubkey_init(&handle);

    if (result < 0)
        return fail_fatal("public key", result);
    result = gnutls_pubkey_import_ecc_raw(handle, gnutls_curve(key->curve), &x, &y);
    if (result >= 0)
        result = gnutls_pubkey_verify_hash2(handle, gnutls_signature(key->curve), 0, &digest, der);
    gnutls_pubkey_deinit(handle);
    if (result == GNUTLS_E_MEMORY_ERROR)
        return fail_fatal("ECDSA verification", result);
    if (result < 0) /* whatever else the library dislikes: not verified */
        return atls_fail(ATLS_E_SIGNATURE, "RFC 9053 section 2.1",
                         "ECDSA signature does not verify: %s", gnutls_strerror(result));
    return 0;
}

static int verify(const struct atls_public_key *key, struct atls_bytes digest,
                  struct atls_bytes signature)
{
    size_t size = atls_curve_size(key->curve);
    gnutls_datum_t r_value, s_value, der;
    int result = atls_digest_check(key->curve, digest);

    if (result == 0)
        result = check_point(key);
    if (result == 0)
        result = atls_signature_check(key->curve, signature);
    if (result)
        return result;
    r_value = datum(signature.data, size);
    s_value = datum(signature.data + size, size);
    result = gnutls_encode_rs_value(&der, &r_value, &s_value);
    if (result < 0)
        return fail_fatal("ECDSA signature", result);
    result = verify_der(key, datum(digest.data, digest.size), &der);
    gnutls_free(der.data);
    return result;
}

const struct atls_crypto atls_crypto_gnutls = {
    .name = "GnuTLS",
    .hash = hash,
    .hmac = hmac,
    .random = random_bytes,
    .make_key = make_key,
    .sign = sign,
    .check_point = check_point,
    .verify = verify,
};
