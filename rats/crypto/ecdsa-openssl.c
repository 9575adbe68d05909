/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA of OpenSSL's libcrypto over numbers; see ecdsa-openssl.h. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "rats/crypto/ecdsa-openssl.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "rats/base/error.h"

int atls_openssl_fail(const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    int result = ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EIO;

    atls_fail(result, NULL, "%s: %s", what, reason ? reason : "OpenSSL does not say why");
    ERR_clear_error();
    return result;
}

/* Made once, and never changed nor freed: threads share it. NULL: no memory. */
static const EC_GROUP *group_of(enum atls_curve curve)
{
    static _Atomic(EC_GROUP *) groups[2];
    _Atomic(EC_GROUP *) *slot = &groups[curve == ATLS_P384];
    EC_GROUP *known = atomic_load(slot), *none = NULL;

    if (known)
        return known;
    known = EC_GROUP_new_by_curve_name(curve == ATLS_P384 ? NID_secp384r1 : NID_X9_62_prime256v1);
    if (known && !atomic_compare_exchange_strong(slot, &none, known)) {
        EC_GROUP_free(known); /* another thread was first */
        known = none;
    }
    return known;
}

/* The point is that of KEY where it is one: the encoding is refused with coordinates that are no
 * field elements, or that are beside the curve. */
static int decode_point(const EC_GROUP *group, const struct atls_public_key *key, EC_POINT *point)
{
    uint8_t encoded[ATLS_POINT_MAX];

    if (EC_POINT_oct2point(group, point, encoded, atls_point_encode(key, encoded), NULL) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
        return atls_openssl_fail("public key");
    ERR_clear_error();
    return atls_point_fail();
}

int atls_openssl_check_point(const struct atls_public_key *key)
{
    const EC_GROUP *group = group_of(key->curve);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    int result = point ? decode_point(group, key, point) : atls_openssl_fail("public key");

    EC_POINT_free(point);
    return result;
}

int atls_openssl_complete(struct atls_private_key *key)
{
    enum atls_curve curve = key->public_key.curve;
    const EC_GROUP *group = group_of(curve);
    size_t size = atls_curve_size(curve);
    uint8_t encoded[ATLS_POINT_MAX];
    int result = -EIO;

    if (!group)
        return atls_openssl_fail("ECDSA key");
    if (!atls_scalar_in_range(curve, key->d))
        return ATLS_E_LIMIT;
    BIGNUM *d = BN_secure_new();
    EC_POINT *point = EC_POINT_new(group);
    if (d && point && BN_bin2bn(key->d, (int)size, d) &&
        EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof encoded,
                           NULL) == 1 + 2 * size) {
        memcpy(key->public_key.x, encoded + 1, size);
        memcpy(key->public_key.y, encoded + 1 + size, size);
        result = 0;
    } else {
        result = atls_openssl_fail("ECDSA key");
    }
    EC_POINT_free(point);
    BN_clear_free(d);
    return result;
}

/* What a nonce comes to: INVERSE is that of K modulo the order, by Fermat's theorem, as the library
 * computes it itself: the exponent is public, and each product takes the same time. R is x of K
 * times the base point. */
static bool use_nonce(const EC_GROUP *group, const BIGNUM *k, BIGNUM *inverse, BIGNUM *r,
                      BN_CTX *context)
{
    const BIGNUM *order = EC_GROUP_get0_order(group);
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *exponent = BN_CTX_get(context), *x = BN_CTX_get(context);
    bool done =
        point && x && EC_POINT_mul(group, point, k, NULL, NULL, context) == 1 &&
        EC_POINT_get_affine_coordinates(group, point, x, NULL, context) == 1 &&
        BN_nnmod(r, x, order, context) == 1 && BN_copy(exponent, order) &&
        BN_sub_word(exponent, 2) == 1 &&
        BN_mod_exp_mont(inverse, k, exponent, order, context, EC_GROUP_get_mont_data(group)) == 1;

    EC_POINT_clear_free(point);
    return done;
}

static int sign_with(EC_KEY *key, const EC_GROUP *group, BN_CTX *context, const uint8_t *d,
                     struct atls_bytes digest, const uint8_t *nonce, uint8_t *signaturep)
{
    int size = (EC_GROUP_order_bits(group) + 7) / 8, result = 0;
    BIGNUM *scalar = BN_CTX_get(context), *k = BN_CTX_get(context);
    BIGNUM *inverse = BN_CTX_get(context), *r = BN_CTX_get(context);

    if (!r || EC_KEY_set_group(key, group) != 1 || !BN_bin2bn(d, size, scalar) ||
        EC_KEY_set_private_key(key, scalar) != 1 || !BN_bin2bn(nonce, size, k) ||
        !use_nonce(group, k, inverse, r, context))
        return atls_openssl_fail("ECDSA signature");
    if (BN_is_zero(r))
        return ATLS_E_LIMIT;
    ECDSA_SIG *made = ECDSA_do_sign_ex(digest.data, (int)digest.size, inverse, r, key);
    if (!made && ERR_GET_REASON(ERR_peek_last_error()) == EC_R_NEED_NEW_SETUP_VALUES) {
        ERR_clear_error(); /* s is 0 */
        return ATLS_E_LIMIT;
    }
    if (!made)
        return atls_openssl_fail("ECDSA signature");
    if (BN_bn2binpad(ECDSA_SIG_get0_r(made), signaturep, size) != size ||
        BN_bn2binpad(ECDSA_SIG_get0_s(made), signaturep + size, size) != size)
        result = atls_openssl_fail("ECDSA signature");
    ECDSA_SIG_free(made);
    return result;
}

int atls_openssl_sign(enum atls_curve curve, const uint8_t *d, struct atls_bytes digest,
                      const uint8_t *nonce, uint8_t *signaturep)
{
    const EC_GROUP *group = group_of(curve);
    BN_CTX *context = BN_CTX_secure_new();
    EC_KEY *key = EC_KEY_new();
    int result;

    if (!group || !context || !key) {
        result = atls_openssl_fail("ECDSA signature");
    } else {
        BN_CTX_start(context);
        result = sign_with(key, group, context, d, digest, nonce, signaturep);
        BN_CTX_end(context);
    }
    EC_KEY_free(key);
    BN_CTX_free(context); /* clears its numbers */
    return result;
}

static ECDSA_SIG *signature_of(const uint8_t *signature, size_t size)
{
    BIGNUM *r = BN_bin2bn(signature, (int)size, NULL);
    BIGNUM *s = BN_bin2bn(signature + size, (int)size, NULL);
    ECDSA_SIG *made = ECDSA_SIG_new();

    if (r && s && made && ECDSA_SIG_set0(made, r, s) == 1)
        return made;
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(made);
    return NULL;
}

int atls_openssl_verify(const struct atls_public_key *key, struct atls_bytes digest,
                        const uint8_t *signature)
{
    const EC_GROUP *group = group_of(key->curve);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    ECDSA_SIG *read = signature_of(signature, atls_curve_size(key->curve));
    EC_KEY *handle = EC_KEY_new();
    int result, verdict;

    if (!point || !read || !handle || EC_KEY_set_group(handle, group) != 1) {
        result = atls_openssl_fail("ECDSA verification");
    } else if ((result = decode_point(group, key, point)) == 0) {
        verdict = EC_KEY_set_public_key(handle, point) == 1
                      ? ECDSA_do_verify(digest.data, (int)digest.size, read, handle)
                      : -1;
        if (verdict < 0 && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
            result = atls_openssl_fail("ECDSA verification");
        else if (verdict != 1) /* below 0, too: a signature may lead to the point at infinity */
            result = atls_fail(ATLS_E_SIGNATURE, "RFC 9053 section 2.1",
                               "ECDSA signature does not verify");
        ERR_clear_error();
    }
    EC_KEY_free(handle);
    ECDSA_SIG_free(read);
    EC_POINT_free(point);
    return result;
}
