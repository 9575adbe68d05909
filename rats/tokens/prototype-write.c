/* SPDX-License-Identifier: Apache-2.0 */
/* What the device makes for the prototype's profile; like all of rats_core it never allocates. */
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/prototype.h"

const uint8_t atls_prototype_nonce[ATLS_PROTOTYPE_NONCE_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7};

bool atls_prototype_nonce_is(struct atls_bytes nonce)
{
    return atls_bytes_equal(nonce, ATLS_BYTES(atls_prototype_nonce, sizeof atls_prototype_nonce));
}

size_t atls_prototype_point(const struct atls_public_key *key, uint8_t pointp[ATLS_POINT_MAX])
{
    size_t size = atls_curve_size(key->curve);

    pointp[0] = 0x04;
    memcpy(pointp + 1, key->x, size);
    memcpy(pointp + 1 + size, key->y, size);
    return 1 + 2 * size;
}

static void write_point(struct atls_cbor_writer *w, const struct atls_public_key *key)
{
    uint8_t point[ATLS_POINT_MAX];

    atls_cbor_write_bytes(w, ATLS_BYTES(point, atls_prototype_point(key, point)));
}

int atls_prototype_claims_write(struct atls_cbor_writer *w, const struct atls_kat_claims *claims)
{
    if (claims->nonce.size < ATLS_EAT_NONCE_MIN || claims->nonce.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(-EINVAL, ATLS_KAT_CLAUSE_CLAIMS, "a KAT nonce has %d to %d bytes, not %zu",
                         ATLS_EAT_NONCE_MIN, ATLS_EAT_NONCE_MAX, claims->nonce.size);
    atls_cbor_write_map(w, 3 + atls_cwt_times_count(&claims->times));
    atls_cwt_write_times(w, &claims->times);
    atls_cbor_write_uint(w, ATLS_CLAIM_CNF);
    write_point(w, &claims->identity_key);
    atls_cbor_write_uint(w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(w, claims->nonce);
    atls_cbor_write_uint(w, ATLS_CLAIM_KAK_PUB);
    write_point(w, &claims->kak);
    return 0;
}

int atls_prototype_linkage(const struct atls_crypto *crypto,
                           const struct atls_public_key *identity_key,
                           uint8_t linkagep[ATLS_LINKAGE_SIZE])
{
    uint8_t point[ATLS_POINT_MAX];
    struct atls_bytes bytes = ATLS_BYTES(point, atls_prototype_point(identity_key, point));

    return crypto->hash(ATLS_SHA256, &bytes, 1, linkagep);
}

int atls_prototype_bundle_write(struct atls_sink *sink, struct atls_bytes kat,
                                struct atls_bytes pat)
{
    if (kat.size > UINT16_MAX || pat.size > UINT16_MAX)
        return atls_fail(
            ATLS_E_LIMIT, ATLS_PROTOTYPE_CLAUSE,
            "a bundle has room for tokens of 65535 bytes: the KAT has %zu, the PAT %zu", kat.size,
            pat.size);
    atls_sink_u8(sink, ATLS_PROTOTYPE_VERSION);
    atls_sink_vector(sink, 2, kat);
    atls_sink_vector(sink, 2, pat);
    return 0;
}
