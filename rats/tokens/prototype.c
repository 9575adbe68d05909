/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the prototype's bundle. */
#include "rats/tokens/prototype.h"

#include "rats/base/error.h"

#define CLAUSE ATLS_PROTOTYPE_CLAUSE

int atls_prototype_bundle_split(struct atls_bytes bundle, struct atls_bytes *katp,
                                struct atls_bytes *patp)
{
    struct atls_cursor c = atls_cursor_of(bundle, CLAUSE);
    struct atls_bytes kat, pat;
    uint8_t version;
    int result = atls_cursor_u8(&c, "version of the bundle", &version);

    if (!result && version != ATLS_PROTOTYPE_VERSION)
        result = atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected a bundle of version %d, came %u",
                           ATLS_PROTOTYPE_VERSION, version);
    if (!result)
        result = atls_cursor_vector(&c, "KAT", 2, 1, UINT16_MAX, &kat);
    if (!result)
        result = atls_cursor_vector(&c, "PAT", 2, 1, UINT16_MAX, &pat);
    if (!result)
        result = atls_cursor_end(&c, "bundle");
    if (result)
        return result;
    *katp = kat;
    *patp = pat;
    return 0;
}

/* A bare point in a byte string. */
static int read_point(struct atls_cbor_reader *r, const char *what, struct atls_bytes *bytesp,
                      struct atls_public_key *keyp)
{
    struct atls_bytes point;
    int result = atls_cbor_read_bytes(r, what, &point);

    if (result)
        return result;
    for (enum atls_curve curve = ATLS_P256; curve <= ATLS_P384; curve++) {
        size_t size = atls_curve_size(curve);
        if (point.size != 1 + 2 * size || point.data[0] != 0x04)
            continue;
        result = atls_public_key_of(curve, point.data + 1, point.data + 1 + size, CLAUSE, keyp);
        if (!result)
            *bytesp = point;
        return result;
    }
    return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                     "%s: expected a point of P-256 or P-384, 04 and two coordinates, came %zu "
                     "other bytes",
                     what, point.size);
}

static int read_nonce(struct atls_cbor_reader *r, struct atls_bytes *noncep)
{
    struct atls_bytes nonce;
    int result = atls_cbor_read_bytes(r, "eat_nonce", &nonce);

    if (!result && (nonce.size < ATLS_EAT_NONCE_MIN || nonce.size > ATLS_EAT_NONCE_MAX))
        result =
            atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected an eat_nonce of %d to %d bytes, %zu came",
                      ATLS_EAT_NONCE_MIN, ATLS_EAT_NONCE_MAX, nonce.size);
    if (!result)
        *noncep = nonce;
    return result;
}

static int read_claim(struct atls_cbor_reader *r, int64_t key, struct atls_kat_claims *claims)
{
    struct atls_bytes ignored;

    switch (key) {
    case ATLS_CLAIM_EAT_NONCE:
        return read_nonce(r, &claims->nonce);
    case ATLS_CLAIM_CNF:
        return read_point(r, "cnf", &claims->linked, &claims->identity_key);
    case ATLS_CLAIM_KAK_PUB:
        return read_point(r, "kak-pub", &ignored, &claims->kak);
    default:
        return atls_cwt_is_time(key) ? atls_cwt_read_time(r, key, &claims->times)
                                     : atls_cbor_skip(r);
    }
}

int atls_prototype_claims_parse(struct atls_bytes payload, struct atls_kat_claims *claimsp)
{
    struct atls_kat_claims claims = {.nonce = {NULL, 0}};
    struct atls_cbor_reader r;
    size_t left;
    int result = atls_cbor_open(&r, payload, &atls_cbor_lenient, CLAUSE);

    if (!result)
        result = atls_cbor_read_map(&r, "KAT claims", &left);
    while (!result && atls_cbor_next(&r, &left)) {
        int64_t key;

        result = atls_cwt_read_key(&r, &key);
        if (!result)
            result = read_claim(&r, key, &claims);
    }
    if (result)
        return result;
    if (!claims.nonce.data || !claims.linked.data || !claims.kak.curve)
        return atls_fail(ATLS_E_MISSING, CLAUSE, "a KAT without %s",
                         !claims.nonce.data    ? "eat_nonce (10)"
                         : !claims.linked.data ? "cnf (8)"
                                               : "kak-pub (2500)");
    *claimsp = claims;
    return 0;
}

static int linkage_differs(const struct atls_cab *cab, const struct atls_crypto *crypto,
                           struct atls_bytes nonce)
{
    return atls_fail(ATLS_E_MISMATCH, CLAUSE,
                     "the PAT's eat_nonce (%zu bytes) is not the SHA-256 hash of the KAT's "
                     "identity key (04 || x || y)",
                     nonce.size);
}

const struct atls_kat_dialect atls_kat_of_2022 = {
    .linked = "the identity key",
    .linkage_clause = CLAUSE,
    .parse_claims = atls_prototype_claims_parse,
    .linkage_differs = linkage_differs,
};

int atls_prototype_bundle_parse(struct atls_bytes bundle, struct atls_cab *cabp)
{
    struct atls_cab cab = {.dialect = &atls_kat_of_2022};
    int result = atls_prototype_bundle_split(bundle, &cab.kat_bytes, &cab.pat_bytes);

    if (!result)
        result = atls_cose_sign1_parse(cab.kat_bytes, ATLS_COSE_TAG_REQUIRED, CLAUSE, &cab.kat);
    if (!result)
        result = atls_cose_sign1_parse(cab.pat_bytes, ATLS_COSE_TAG_REQUIRED, CLAUSE, &cab.pat);
    if (!result)
        result = atls_prototype_claims_parse(cab.kat.payload, &cab.kat_claims);
    if (result)
        return result;
    *cabp = cab;
    return 0;
}
