/* SPDX-License-Identifier: Apache-2.0 */
/* Identity keys, their signatures and their attestation; see keys.h. */
#include "sim/attest/keys.h"

#include "rats/base/error.h"
#include "rats/tokens/key-binding.h"
#include "rats/tokens/prototype.h"

#define CLAUSE "draft-bft-rats-kat-06 section 4"
/* Claims: a nonce of 64 bytes and two COSE_Keys of at most 108 and 80 bytes; then the signature. */
#define KAT_CLAIMS_MAX 320
#define KAT_MAX (KAT_CLAIMS_MAX + 128)

int atls_keys_start(struct atls_keys *keys, const struct atls_keys_config *config)
{
    *keys = (struct atls_keys){.config = *config};
    atls_erase(config->slots, config->slot_count * sizeof *config->slots);
    return atls_make_key_from(config->crypto, &config->entropy, ATLS_P256, &keys->kak);
}

static struct atls_identity_key *find(struct atls_keys *keys, uint32_t handle)
{
    for (size_t i = 0; i < keys->config.slot_count; i++)
        if (keys->config.slots[i].handle == handle)
            return &keys->config.slots[i];
    return NULL;
}

static int require(struct atls_keys *keys, uint32_t handle, struct atls_identity_key **slotp)
{
    struct atls_identity_key *slot = handle ? find(keys, handle) : NULL;
    if (!slot)
        return atls_fail(ATLS_E_REFUSED, NULL, "there is no identity key with handle %lu",
                         (unsigned long)handle);
    *slotp = slot;
    return 0;
}

int atls_keys_create(struct atls_keys *keys, enum atls_curve curve, uint32_t *handlep,
                     struct atls_public_key *keyp)
{
    struct atls_identity_key *slot = find(keys, 0);
    int result;
    if (curve != ATLS_P256 && curve != ATLS_P384)
        return atls_fail(ATLS_E_REFUSED, "RFC 9053 section 7.1",
                         "expected curve 1 (P-256) or 2 (P-384), came %d", (int)curve);
    if (!slot || keys->last_handle == UINT32_MAX)
        return atls_fail(ATLS_E_REFUSED, NULL,
                         "all %zu identity keys of this device are in use: destroy one first",
                         keys->config.slot_count);
    if ((result =
             atls_make_key_from(keys->config.crypto, &keys->config.entropy, curve, &slot->key)))
        return result;
    slot->handle = ++keys->last_handle;
    *handlep = slot->handle;
    *keyp = slot->key.public_key;
    return 0;
}

int atls_keys_look_up(struct atls_keys *keys, uint32_t handle, struct atls_public_key *keyp)
{
    const struct atls_key_store *elsewhere = &keys->elsewhere;
    struct atls_identity_key *slot = NULL;
    int result;
    if (elsewhere->look_up)
        return elsewhere->look_up(elsewhere->context, handle, keyp);
    if (!(result = require(keys, handle, &slot)))
        *keyp = slot->key.public_key;
    return result;
}

int atls_keys_destroy(struct atls_keys *keys, uint32_t handle)
{
    struct atls_identity_key *slot = NULL;
    int result = require(keys, handle, &slot);
    if (!result)
        atls_erase(slot, sizeof *slot);
    return result;
}

int atls_keys_sign(struct atls_keys *keys, uint32_t handle, struct atls_bytes digest,
                   uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    struct atls_identity_key *slot = NULL;
    enum atls_curve curve;
    int result = require(keys, handle, &slot);
    if (result)
        return result;
    curve = slot->key.public_key.curve;
    if (digest.size != atls_hash_size(atls_curve_hash(curve)))
        return atls_fail(ATLS_E_REFUSED, "RFC 8446 section 4.2.3",
                         "expected a digest of %zu bytes for this key, came %zu",
                         atls_hash_size(atls_curve_hash(curve)), digest.size);
    if ((result = keys->config.crypto->sign(&slot->key, digest, signaturep)))
        return result;
    *sizep = 2 * atls_curve_size(curve);
    return 0;
}

/* CLAIMS, which are in it, as a token of the KAK in OUT. */
static int sign_kat(struct atls_keys *keys, bool tagged, struct atls_cbor_writer *claims,
                    uint8_t *out, size_t capacity, struct atls_bytes *katp)
{
    struct atls_local_signer local = {keys->config.crypto, &keys->kak};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes payload;
    int result = atls_cbor_write_done(claims, &payload);
    if (result)
        return result;
    atls_cbor_write_init(&w, out, capacity);
    if ((result = atls_cose_sign1_write(&w, tagged, payload, keys->config.crypto, &signer)))
        return result;
    return atls_cbor_write_done(&w, katp);
}

/* PROTOTYPE: as the prototype of 2022 has it. */
static int write_kat(struct atls_keys *keys, bool prototype,
                     const struct atls_public_key *identity_key, struct atls_bytes challenge,
                     uint8_t *out, size_t capacity, struct atls_bytes *katp)
{
    struct atls_kat_claims claims = {
        .nonce = challenge,
        .identity_key = *identity_key,
        .kak = keys->kak.public_key,
        .times = keys->config.times,
    };
    uint8_t encoded[KAT_CLAIMS_MAX];
    struct atls_cbor_writer w;
    int result;
    atls_cbor_write_init(&w, encoded, sizeof encoded);
    result =
        prototype ? atls_prototype_claims_write(&w, &claims) : atls_kat_claims_write(&w, &claims);
    return result ? result : sign_kat(keys, prototype, &w, out, capacity, katp);
}

static int write_token(struct atls_keys *keys, struct atls_bytes nonce, struct atls_bytes cnf,
                       struct atls_bytes attributes, struct atls_bytes *patp)
{
    const struct atls_keys_config *config = &keys->config;
    struct atls_cbor_writer w;
    int result;
    atls_cbor_write_init(&w, config->token, config->token_capacity);
    result = config->platform.token(config->platform.context, nonce, cnf, attributes, &w);
    return result ? result : atls_cbor_write_done(&w, patp);
}

/* The PAT, over the hash that is the linkage of the two tokens. */
static int write_pat(struct atls_keys *keys, const uint8_t linkage[ATLS_LINKAGE_SIZE],
                     struct atls_bytes *patp)
{
    return write_token(keys, ATLS_BYTES(linkage, ATLS_LINKAGE_SIZE), (struct atls_bytes){0},
                       (struct atls_bytes){0}, patp);
}

static int check_challenge(struct atls_bytes challenge)
{
    if (challenge.size < ATLS_EAT_NONCE_MIN || challenge.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(ATLS_E_REFUSED, CLAUSE, "expected a challenge of %d to %d bytes, came %zu",
                         ATLS_EAT_NONCE_MIN, ATLS_EAT_NONCE_MAX, challenge.size);
    return 0;
}

int atls_keys_attest(struct atls_keys *keys, uint32_t handle, struct atls_bytes challenge,
                     struct atls_cbor_writer *w)
{
    uint8_t kat_buffer[KAT_MAX], linkage[ATLS_LINKAGE_SIZE];
    struct atls_public_key identity_key;
    struct atls_bytes kat, pat;
    int result = atls_keys_look_up(keys, handle, &identity_key);
    if (result || (result = check_challenge(challenge)) ||
        (result = write_kat(keys, false, &identity_key, challenge, kat_buffer, sizeof kat_buffer,
                            &kat)) ||
        (result = atls_kat_linkage(keys->config.crypto, &keys->kak.public_key, linkage)) ||
        (result = write_pat(keys, linkage, &pat)))
        return result;
    atls_cab_write(w, kat, pat);
    return 0;
}

static int write_bound_kat(struct atls_keys *keys, const struct atls_public_key *identity_key,
                           struct atls_bytes challenge, uint8_t *out, size_t capacity,
                           struct atls_bytes *katp)
{
    uint8_t encoded[KAT_CLAIMS_MAX];
    struct atls_cbor_writer w;
    int result;
    atls_cbor_write_init(&w, encoded, sizeof encoded);
    result = atls_key_binding_kat_write(&w, challenge, identity_key);
    return result ? result : sign_kat(keys, false, &w, out, capacity, katp);
}

/* The PAT that names the KAK, over the challenge itself. */
static int write_bound_pat(struct atls_keys *keys, struct atls_bytes challenge,
                           struct atls_bytes *patp)
{
    uint8_t key[ATLS_KEY_BINDING_CNF_MAX], attributes[ATLS_KEY_BINDING_ATTRIBUTES_MAX];
    struct atls_bytes cnf, others;
    struct atls_cbor_writer w;
    int result;
    atls_cbor_write_init(&w, key, sizeof key);
    atls_cnf_write(&w, &keys->kak.public_key);
    if ((result = atls_cbor_write_done(&w, &cnf)))
        return result;
    atls_cbor_write_init(&w, attributes, sizeof attributes);
    atls_key_binding_attributes_write(&w);
    result = atls_cbor_write_done(&w, &others);
    return result ? result : write_token(keys, challenge, cnf, others, patp);
}

int atls_keys_attest_binding(struct atls_keys *keys, uint32_t handle, struct atls_bytes challenge,
                             struct atls_cbor_writer *w)
{
    uint8_t kat_buffer[KAT_MAX];
    struct atls_public_key identity_key;
    struct atls_bytes kat, pat;
    int result = atls_keys_look_up(keys, handle, &identity_key);
    if (result || (result = check_challenge(challenge)) ||
        (result = write_bound_kat(keys, &identity_key, challenge, kat_buffer, sizeof kat_buffer,
                                  &kat)) ||
        (result = write_bound_pat(keys, challenge, &pat)))
        return result;
    atls_key_binding_write(w, kat, pat);
    return 0;
}

int atls_keys_attest_prototype(struct atls_keys *keys, uint32_t handle, struct atls_bytes challenge,
                               struct atls_sink *sink)
{
    uint8_t kat_buffer[KAT_MAX], linkage[ATLS_LINKAGE_SIZE];
    struct atls_public_key identity_key;
    struct atls_bytes kat, pat;
    int result = atls_keys_look_up(keys, handle, &identity_key);
    if (result || (result = check_challenge(challenge)) ||
        (result = write_kat(keys, true, &identity_key, challenge, kat_buffer, sizeof kat_buffer,
                            &kat)) ||
        (result = atls_prototype_linkage(keys->config.crypto, &identity_key, linkage)) ||
        (result = write_pat(keys, linkage, &pat)))
        return result;
    return atls_prototype_bundle_write(sink, kat, pat);
}

void atls_keys_stop(struct atls_keys *keys)
{
    atls_erase(keys->config.slots, keys->config.slot_count * sizeof *keys->config.slots);
    atls_erase(&keys->kak, sizeof keys->kak);
}
