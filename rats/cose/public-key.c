/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys from outside. Coordinates that are no point of their curve are refused here, where
 * they are parsed: computing with them can give secrets away (RFC 8725 section 3.4), and later the
 * key would only be a signature that does not verify, or a key that does not match.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto.h"

int atls_public_key_of(enum atls_curve curve, const uint8_t *x, const uint8_t *y,
                       const char *clause, struct atls_public_key *keyp)
{
    struct atls_public_key key = {.curve = curve};
    size_t size = atls_curve_size(curve);
    int result;

    memcpy(key.x, x, size);
    memcpy(key.y, y, size);
    result = atls_crypto_hosted.check_point(&key);
    if (result > 0)
        return atls_fail(result, clause,
                         "public key: expected a point of the curve %s, x and y are not a point of "
                         "the curve",
                         curve == ATLS_P384 ? "P-384" : "P-256");
    if (result == 0)
        *keyp = key;
    return result;
}

/* A key has one encoding: a head for its curve, then the two coordinates. */
bool atls_spki_curve(struct atls_bytes spki, enum atls_curve *curvep)
{
    for (enum atls_curve curve = ATLS_P256; curve <= ATLS_P384; curve++) {
        struct atls_public_key any = {.curve = curve};
        uint8_t encoded[ATLS_SPKI_MAX];
        size_t size = atls_spki_encode(&any, encoded);

        if (spki.size == size &&
            memcmp(spki.data, encoded, size - 2 * atls_curve_size(curve)) == 0) {
            *curvep = curve;
            return true;
        }
    }
    return false;
}

int atls_spki_decode(struct atls_bytes spki, struct atls_public_key *keyp)
{
    enum atls_curve curve;
    const uint8_t *y;
    size_t size;

    if (!atls_spki_curve(spki, &curve))
        return atls_fail(ATLS_E_MALFORMED, "RFC 5480 section 2",
                         "SubjectPublicKeyInfo: expected an uncompressed point of P-256 (91 bytes) "
                         "or P-384 (120 bytes), came %zu other bytes",
                         spki.size);
    size = atls_curve_size(curve);
    y = spki.data + spki.size - size;
    return atls_public_key_of(curve, y - size, y, "RFC 5480 section 2.2", keyp);
}
