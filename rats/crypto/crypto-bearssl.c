/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto adapter of the firmware; see crypto-bearssl.h. */
#include "rats/crypto/crypto-bearssl.h"

#include <bearssl.h>
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

static const br_ec_impl *implementation(enum atls_curve curve)
{
    return curve == ATLS_P384 ? &br_ec_prime_i31 : &br_ec_p256_m31;
}

static int curve_number(enum atls_curve curve)
{
    return curve == ATLS_P384 ? BR_EC_secp384r1 : BR_EC_secp256r1;
}

static int hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    static const br_hash_class *const classes[] = {[ATLS_SHA256] = &br_sha256_vtable,
                                                   [ATLS_SHA384] = &br_sha384_vtable,
                                                   [ATLS_SHA512] = &br_sha512_vtable};
    br_hash_compat_context context;

    classes[alg]->init(&context.vtable);
    for (size_t i = 0; i < count; i++)
        context.vtable->update(&context.vtable, parts[i].data, parts[i].size);
    context.vtable->out(&context.vtable, digestp);
    return 0;
}

static int hmac(struct atls_bytes key, const struct atls_bytes *parts, size_t count, uint8_t *macp)
{
    br_hmac_key_context prepared;
    br_hmac_context context;

    br_hmac_key_init(&prepared, &br_sha256_vtable, key.data, key.size);
    br_hmac_init(&context, &prepared, 0);
    for (size_t i = 0; i < count; i++)
        br_hmac_update(&context, parts[i].data, parts[i].size);
    br_hmac_out(&context, macp);
    explicit_bzero(&prepared, sizeof prepared);
    explicit_bzero(&context, sizeof context);
    return 0;
}

/* Public point of the scalar in KEY; ATLS_E_LIMIT where the scalar is not in its range. */
static int complete_key(struct atls_private_key *key)
{
    enum atls_curve curve = key->public_key.curve;
    size_t size = atls_curve_size(curve);
    uint8_t point[ATLS_POINT_MAX] = {0};
    bool known =
        atls_scalar_in_range(curve, key->d) &&
        implementation(curve)->mulgen(point, key->d, size, curve_number(curve)) == 1 + 2 * size;

    memcpy(key->public_key.x, point + 1, size);
    memcpy(key->public_key.y, point + 1 + size, size);
    return known ? 0 : ATLS_E_LIMIT;
}

static int make_key(enum atls_curve curve, const uint8_t *seed, struct atls_private_key *keyp)
{
    return atls_key_make(&atls_crypto_bearssl, curve, seed, complete_key, keyp);
}

static int sign(const struct atls_private_key *key, struct atls_bytes digest, uint8_t *signaturep)
{
    enum atls_curve curve = key->public_key.curve;
    size_t size = atls_curve_size(curve);
    uint8_t scalar[ATLS_COORDINATE_MAX];
    br_ec_private_key private_key = {curve_number(curve), scalar, size};
    size_t written;
    int result = atls_digest_check(curve, digest);

    if (result)
        return result;
    memcpy(scalar, key->d, size); /* BearSSL's pointer is not const */
    written = br_ecdsa_i31_sign_raw(implementation(curve),
                                    curve == ATLS_P384 ? &br_sha384_vtable : &br_sha256_vtable,
                                    digest.data, &private_key, signaturep);
    explicit_bzero(scalar, sizeof scalar);
    return written == 2 * size ? 0 : atls_fail(-EIO, NULL, "ECDSA: no signature was made");
}

/* A multiplication by one, which checks the point it is given. */
static int check_point(const struct atls_public_key *key)
{
    static const uint8_t one = 1;
    uint8_t point[ATLS_POINT_MAX];
    size_t size = atls_point_encode(key, point);

    if (implementation(key->curve)->mul(point, size, &one, 1, curve_number(key->curve)))
        return 0;
    return atls_point_fail();
}

static int verify(const struct atls_public_key *key, struct atls_bytes digest,
                  struct atls_bytes signature)
{
    uint8_t point[ATLS_POINT_MAX];
    br_ec_public_key public_key = {curve_number(key->curve), point, atls_point_encode(key, point)};
    int result = atls_digest_check(key->curve, digest);

    if (result == 0)
        result = check_point(key);
    if (result == 0)
        result = atls_signature_check(key->curve, signature);
    if (result)
        return result;
    if (!br_ecdsa_i31_vrfy_raw(implementation(key->curve), digest.data, digest.size, &public_key,
                               signature.data, signature.size))
        return atls_fail(ATLS_E_SIGNATURE, "RFC 9053 section 2.1",
                         "ECDSA signature does not verify");
    return 0;
}

const struct atls_crypto atls_crypto_bearssl = {
    .name = "BearSSL",
    .hash = hash,
    .hmac = hmac,
    .random = atls_bearssl_random,
    .make_key = make_key,
    .sign = sign,
    .check_point = check_point,
    .verify = verify,
};
