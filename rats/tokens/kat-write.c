/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing key attestation: the claims of a KAT, the hash that links a PAT to it, and the bundle of
 * both. Nothing here allocates, since it is the device that makes all three.
 */
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/tokens/kat.h"

void atls_cnf_write(struct atls_cbor_writer *w, const struct atls_public_key *key)
{
    atls_cbor_write_map(w, 1);
    atls_cbor_write_uint(w, ATLS_CNF_COSE_KEY);
    atls_cose_key_write(w, key);
}

int atls_kat_claims_write(struct atls_cbor_writer *w, const struct atls_kat_claims *claims)
{
    if (claims->nonce.size < ATLS_EAT_NONCE_MIN || claims->nonce.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(-EINVAL, ATLS_KAT_CLAUSE_CLAIMS, "a KAT nonce has %d to %d bytes, not %zu",
                         ATLS_EAT_NONCE_MIN, ATLS_EAT_NONCE_MAX, claims->nonce.size);
    atls_cbor_write_map(w, 3 + atls_cwt_times_count(&claims->times));
    atls_cwt_write_times(w, &claims->times);
    atls_cbor_write_uint(w, ATLS_CLAIM_CNF);
    atls_cnf_write(w, &claims->identity_key);
    atls_cbor_write_uint(w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(w, claims->nonce);
    atls_cbor_write_uint(w, ATLS_CLAIM_KAK_PUB);
    atls_cose_key_write(w, &claims->kak);
    return 0;
}

int atls_kat_linkage_encoded(const struct atls_crypto *crypto, struct atls_bytes kak_encoded,
                             uint8_t linkagep[ATLS_LINKAGE_SIZE])
{
    return crypto->hash(ATLS_SHA256, &kak_encoded, 1, linkagep);
}

int atls_kat_linkage(const struct atls_crypto *crypto, const struct atls_public_key *kak,
                     uint8_t linkagep[ATLS_LINKAGE_SIZE])
{
    uint8_t buffer[ATLS_KAK_ENCODED_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes encoded;
    int result;

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cose_key_write(&w, kak);
    result = atls_cbor_write_done(&w, &encoded);
    return result ? result : atls_kat_linkage_encoded(crypto, encoded, linkagep);
}

void atls_kat_bundle_write(struct atls_cbor_writer *w, const char *type, struct atls_bytes kat,
                           struct atls_bytes pat)
{
    atls_cbor_write_map(w, 3);
    atls_cbor_write_text(w, "kat");
    atls_cmw_write_record(w, ATLS_MT_EAT_CWT, kat, 0);
    atls_cbor_write_text(w, "pat");
    atls_cmw_write_record(w, ATLS_MT_EAT_CWT, pat, 0);
    atls_cbor_write_text(w, ATLS_CMW_COLLECTION_TYPE);
    atls_cbor_write_text(w, type);
}

void atls_cab_write(struct atls_cbor_writer *w, struct atls_bytes kat, struct atls_bytes pat)
{
    atls_kat_bundle_write(w, ATLS_CAB_TYPE, kat, pat);
}
