/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the crypto adapters have in common: sizes, the derivation of keys from a seed (so that a
 * seed makes the same device on the host and in firmware), what is checked beside the library,
 * SubjectPublicKeyInfo, the local signer.
 */
#include "rats/crypto/crypto.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

/* SEC 2 sections 2.4.2 and 2.5.1: n. */
static const uint8_t order_p256[] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t order_p384[] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};

/* RFC 5480: everything before the coordinates, up to and with the 04 of an uncompressed point. */
static const uint8_t spki_head_p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
static const uint8_t spki_head_p384[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                         0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                         0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};

size_t atls_curve_size(enum atls_curve curve)
{
    return curve == ATLS_P384 ? 48 : 32;
}

const uint8_t *atls_curve_order(enum atls_curve curve)
{
    return curve == ATLS_P384 ? order_p384 : order_p256;
}

size_t atls_hash_size(enum atls_hash hash)
{
    return hash == ATLS_SHA256 ? 32 : hash == ATLS_SHA384 ? 48 : 64;
}

const char *atls_hash_name(enum atls_hash hash)
{
    return hash == ATLS_SHA256 ? "SHA-256" : hash == ATLS_SHA384 ? "SHA-384" : "SHA-512";
}

enum atls_hash atls_curve_hash(enum atls_curve curve)
{
    return curve == ATLS_P384 ? ATLS_SHA384 : ATLS_SHA256;
}

int atls_curve_cose_alg(enum atls_curve curve)
{
    return curve == ATLS_P384 ? ATLS_COSE_ES384 : ATLS_COSE_ES256;
}

bool atls_public_key_equal(const struct atls_public_key *a, const struct atls_public_key *b)
{
    size_t size = atls_curve_size(a->curve);

    return a->curve == b->curve && memcmp(a->x, b->x, size) == 0 && memcmp(a->y, b->y, size) == 0;
}

int atls_key_candidate(const struct atls_crypto *crypto, enum atls_curve curve,
                       const uint8_t seed[32], uint32_t n, uint8_t *scalarp)
{
    uint8_t label[] = {'a',
                       't',
                       'l',
                       's',
                       ' ',
                       'k',
                       'e',
                       'y',
                       (uint8_t)curve,
                       (uint8_t)(n >> 24),
                       (uint8_t)(n >> 16),
                       (uint8_t)(n >> 8),
                       (uint8_t)n,
                       0};
    const struct atls_bytes parts[] = {ATLS_BYTES(label, sizeof label)};
    uint8_t scalar[2 * 32]; /* whole blocks */
    size_t size = atls_curve_size(curve);
    int result = 0;

    for (size_t done = 0; done < size && result == 0; done += 32) {
        label[sizeof label - 1] = (uint8_t)(done / 32);
        result = crypto->hmac(ATLS_BYTES(seed, 32), parts, 1, scalar + done);
    }
    if (result == 0)
        memcpy(scalarp, scalar, size);
    explicit_bzero(scalar, sizeof scalar);
    return result;
}

int atls_key_make(const struct atls_crypto *crypto, enum atls_curve curve, const uint8_t *seed,
                  int (*complete)(struct atls_private_key *key), struct atls_private_key *keyp)
{
    /* A candidate is outside the range with a chance of 2^-32 at most; ten in a row do not occur.
     */
    for (uint32_t n = 0; n < 10; n++) {
        struct atls_private_key key = {.public_key.curve = curve};
        int result = seed ? atls_key_candidate(crypto, curve, seed, n, key.d)
                          : crypto->random(key.d, atls_curve_size(curve));

        if (!result)
            result = complete(&key);
        if (!result)
            *keyp = key;
        explicit_bzero(&key, sizeof key);
        if (result != ATLS_E_LIMIT)
            return result;
    }
    return atls_fail(-EIO, NULL, "no private key found in ten candidates");
}

int atls_digest_check(enum atls_curve curve, struct atls_bytes digest)
{
    size_t expected = atls_hash_size(atls_curve_hash(curve));

    if (digest.size == expected)
        return 0;
    return atls_fail(-EINVAL, "RFC 9053 section 2.1",
                     "ECDSA: expected a digest of %zu bytes, came %zu", expected, digest.size);
}

int atls_signature_check(enum atls_curve curve, struct atls_bytes signature)
{
    size_t expected = 2 * atls_curve_size(curve);

    if (signature.size == expected)
        return 0;
    return atls_fail(ATLS_E_SIGNATURE, "RFC 9053 section 2.1",
                     "ECDSA signature: expected %zu bytes, came %zu", expected, signature.size);
}

int atls_point_fail(void)
{
    return atls_fail(ATLS_E_MALFORMED, "RFC 9053 section 7.1.1",
                     "public key: x and y are not a point of the curve");
}

size_t atls_point_encode(const struct atls_public_key *key, uint8_t pointp[ATLS_POINT_MAX])
{
    size_t size = atls_curve_size(key->curve);

    pointp[0] = 4;
    memcpy(pointp + 1, key->x, size);
    memcpy(pointp + 1 + size, key->y, size);
    return 1 + 2 * size;
}

bool atls_scalar_in_range(enum atls_curve curve, const uint8_t *number)
{
    const uint8_t *order = atls_curve_order(curve);
    unsigned borrow = 0, any = 0;

    for (size_t i = atls_curve_size(curve); i-- > 0;) {
        borrow = ((unsigned)number[i] - order[i] - borrow) >> 8 & 1;
        any |= number[i];
    }
    return borrow && any;
}

size_t atls_spki_encode(const struct atls_public_key *key, uint8_t spkip[ATLS_SPKI_MAX])
{
    bool large = key->curve == ATLS_P384;
    size_t head = large ? sizeof spki_head_p384 : sizeof spki_head_p256;
    size_t size = atls_curve_size(key->curve);

    memcpy(spkip, large ? spki_head_p384 : spki_head_p256, head);
    memcpy(spkip + head, key->x, size);
    memcpy(spkip + head + size, key->y, size);
    return head + 2 * size;
}

int atls_ueid_of_key(const struct atls_crypto *crypto, const struct atls_public_key *key,
                     uint8_t ueidp[1 + 32])
{
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_bytes part = {spki, atls_spki_encode(key, spki)};

    ueidp[0] = 0x01;
    return crypto->hash(ATLS_SHA256, &part, 1, ueidp + 1);
}

static int sign_locally(void *context, struct atls_bytes digest, uint8_t *signaturep)
{
    const struct atls_local_signer *local = context;

    return local->crypto->sign(local->key, digest, signaturep);
}

struct atls_signer atls_signer_local(struct atls_local_signer *local)
{
    return (struct atls_signer){
        .curve = local->key->public_key.curve, .sign = sign_locally, .context = local};
}
