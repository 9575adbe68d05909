/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing CCA tokens: what a platform, a realm manager and Parsec do. Nothing here allocates; what
 * the draft prescribes is checked before the first byte is written.
 */
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw.h"
#include "rats/tokens/cca-claims.h"
#include "rats/tokens/psa-claims.h"

const char *atls_cca_hash_name(enum atls_hash hash)
{
    switch (hash) {
    case ATLS_SHA256:
        return "sha-256";
    case ATLS_SHA384:
        return "sha-384";
    case ATLS_SHA512:
        return "sha-512";
    }
    return NULL;
}

static int check_platform(const struct atls_cca_platform *claims)
{
    bool good = atls_psa_hash_size_valid(claims->challenge.size) &&
                claims->instance_id.size == ATLS_PSA_INSTANCE_ID_SIZE &&
                claims->instance_id.data[0] == PSA_UEID_RAND &&
                claims->implementation_id.size == ATLS_PSA_IMPLEMENTATION_ID_SIZE &&
                claims->config.size > 0 && claims->hash_algorithm.size > 0 &&
                atls_psa_lifecycle_valid(claims->lifecycle) &&
                (claims->component_count > 0 || claims->components_encoded.size > 0);

    return good ? 0
                : atls_fail(-EINVAL, "draft-ffm-rats-cca-token section 4.2",
                            "CCA platform claims: expected a challenge of 32, 48 or 64 bytes, an "
                            "instance id of 33 and type 01, an implementation id of 32, a "
                            "configuration, a hash algorithm, a lifecycle and a software component "
                            "at least");
}

static void write_bytes(struct atls_cbor_writer *w, unsigned key, struct atls_bytes bytes)
{
    atls_cbor_write_uint(w, key);
    atls_cbor_write_bytes(w, bytes);
}

static void write_text(struct atls_cbor_writer *w, unsigned key, struct atls_bytes text)
{
    if (text.size == 0)
        return;
    atls_cbor_write_uint(w, key);
    atls_cbor_write_text_bytes(w, text);
}

int atls_cca_platform_write(struct atls_cbor_writer *w, const struct atls_cca_platform *claims)
{
    int result = check_platform(claims);

    if (result)
        return result;
    atls_cbor_write_map(w, 8 + (claims->verification_service.size > 0));
    write_bytes(w, CCA_CHALLENGE, claims->challenge);
    write_bytes(w, CCA_INSTANCE_ID, claims->instance_id);
    atls_cbor_write_uint(w, CCA_PROFILE);
    atls_cbor_write_text(w, claims->legacy ? ATLS_CCA_LEGACY_PROFILE : ATLS_CCA_PLATFORM_PROFILE);
    atls_cbor_write_uint(w, CCA_LIFECYCLE);
    atls_cbor_write_uint(w, claims->lifecycle);
    write_bytes(w, CCA_IMPLEMENTATION_ID, claims->implementation_id);
    atls_cbor_write_uint(w, CCA_COMPONENTS);
    if (claims->components_encoded.size > 0)
        atls_cbor_write_encoded(w, claims->components_encoded);
    else
        result = atls_psa_components_write(w, claims->components, claims->component_count);
    write_text(w, CCA_VERIFICATION_SERVICE, claims->verification_service);
    write_bytes(w, CCA_CONFIG, claims->config);
    write_text(w, CCA_HASH_ALGORITHM, claims->hash_algorithm);
    return result;
}

int atls_cca_rak_encode(const struct atls_public_key *rak, uint8_t buffer[ATLS_CCA_RAK_ENCODED_MAX],
                        struct atls_bytes *encodedp)
{
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, buffer, ATLS_CCA_RAK_ENCODED_MAX);
    atls_cose_key_write(&w, rak);
    return atls_cbor_write_done(&w, encodedp);
}

static int check_realm(const struct atls_cca_realm *claims)
{
    bool good = claims->challenge.size == ATLS_CCA_CHALLENGE_SIZE &&
                claims->personalization.size == ATLS_CCA_PERSONALIZATION_SIZE &&
                atls_psa_hash_size_valid(claims->initial.size) && claims->hash_algorithm.size > 0;

    for (size_t i = 0; i < ATLS_CCA_EXTENSIBLE_COUNT; i++)
        good = good && atls_psa_hash_size_valid(claims->extensible[i].size);
    return good ? 0
                : atls_fail(-EINVAL, "draft-ffm-rats-cca-token section 4.8",
                            "CCA realm claims: expected a challenge and a personalization value of "
                            "64 bytes, measurements of 32, 48 or 64, and a hash algorithm");
}

int atls_cca_realm_write(struct atls_cbor_writer *w, const struct atls_cca_realm *claims)
{
    uint8_t buffer[ATLS_CCA_RAK_ENCODED_MAX];
    struct atls_bytes rak;
    int result = check_realm(claims);

    result = result ? result : atls_cca_rak_encode(&claims->rak, buffer, &rak);
    if (result)
        return result;
    atls_cbor_write_map(w, 8);
    write_bytes(w, CCA_CHALLENGE, claims->challenge);
    atls_cbor_write_uint(w, CCA_PROFILE);
    atls_cbor_write_text(w, ATLS_CCA_REALM_PROFILE);
    write_bytes(w, CCA_REALM_PERSONALIZATION, claims->personalization);
    write_text(w, CCA_REALM_HASH_ALGORITHM, claims->hash_algorithm);
    write_bytes(w, CCA_REALM_RAK, rak);
    write_bytes(w, CCA_REALM_INITIAL, claims->initial);
    atls_cbor_write_uint(w, CCA_REALM_EXTENSIBLE);
    atls_cbor_write_array(w, ATLS_CCA_EXTENSIBLE_COUNT);
    for (size_t i = 0; i < ATLS_CCA_EXTENSIBLE_COUNT; i++)
        atls_cbor_write_bytes(w, claims->extensible[i]);
    atls_cbor_write_uint(w, CCA_REALM_RAK_HASH_ALGORITHM);
    atls_cbor_write_text(w, atls_cca_hash_name(claims->rak_hash));
    return 0;
}

static void write_member(struct atls_cbor_writer *w, enum atls_cca_tag tag, unsigned label,
                         struct atls_bytes token)
{
    atls_cbor_write_uint(w, label);
    if (tag == ATLS_CCA_TAG_CMW)
        atls_cmw_write_record_cf(w, ATLS_CF_EAT_CWT, token, 0);
    else
        atls_cbor_write_bytes(w, token);
}

void atls_cca_collection_write(struct atls_cbor_writer *w, enum atls_cca_tag tag,
                               struct atls_bytes platform, struct atls_bytes realm)
{
    atls_cbor_write_tag(w, tag);
    atls_cbor_write_map(w, 2);
    write_member(w, tag, CCA_PLATFORM_TOKEN, platform);
    write_member(w, tag, CCA_REALM_TOKEN, realm);
}

int atls_cca_challenge_of(const struct atls_crypto *crypto, enum atls_cca_challenge reading,
                          struct atls_bytes challenge, uint8_t challengep[ATLS_CCA_CHALLENGE_SIZE])
{
    if (challenge.size > ATLS_CCA_CHALLENGE_SIZE)
        return atls_fail(ATLS_E_LIMIT, ATLS_CCA_CLAUSE_CHALLENGE,
                         "challenge for a realm: expected at most %d bytes, came %zu",
                         ATLS_CCA_CHALLENGE_SIZE, challenge.size);
    if (reading == ATLS_CCA_SHA512 && challenge.size < ATLS_CCA_CHALLENGE_SIZE)
        return crypto->hash(ATLS_SHA512, &challenge, 1, challengep);
    memset(challengep, 0, ATLS_CCA_CHALLENGE_SIZE);
    if (challenge.size > 0)
        memcpy(challengep, challenge.data, challenge.size);
    return 0;
}

int atls_parsec_cca_kat_write(struct atls_cbor_writer *w, struct atls_bytes nonce,
                              const struct atls_public_key *key)
{
    if (nonce.size < ATLS_EAT_NONCE_MIN || nonce.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(-EINVAL, "RFC 9711 section 4.1",
                         "nonce of a KAT: expected %d to %d bytes, came %zu", ATLS_EAT_NONCE_MIN,
                         ATLS_EAT_NONCE_MAX, nonce.size);
    atls_cbor_write_tag(w, PARSEC_TAG_UCCS);
    atls_cbor_write_map(w, 2);
    atls_cbor_write_uint(w, ATLS_CLAIM_CNF);
    atls_cnf_write(w, key);
    write_bytes(w, ATLS_CLAIM_EAT_NONCE, nonce);
    return 0;
}

void atls_parsec_cca_write(struct atls_cbor_writer *w, struct atls_bytes kat,
                           struct atls_bytes token)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_text(w, "kat");
    atls_cbor_write_encoded(w, kat);
    atls_cbor_write_text(w, "pat");
    atls_cbor_write_encoded(w, token);
}
