/* SPDX-License-Identifier: Apache-2.0 */
/* PSA tokens from the boot record, under the platform attestation key; see platform.h. */
#include "sim/attest/platform.h"

#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/key-binding.h"

#define LABEL_SIZE 5 /* bytes of that of key-attributes */

/* Encodes what booted, once, to where it stands in each set of claims: at the end of the storage,
 * but for the attributes of a key that may come behind it. */
static int encode_components(struct atls_platform *platform)
{
    const struct atls_platform_config *config = &platform->config;
    struct atls_cbor_writer w;
    struct atls_bytes encoded;
    uint8_t *place;
    int result;
    atls_boot_record_components(config->record, config->components);
    atls_cbor_write_init(&w, config->claims, config->claims_capacity);
    if ((result = atls_psa_components_write(&w, config->components, config->record->count)) ||
        (result = atls_cbor_write_done(&w, &encoded)))
        return result;
    if (encoded.size + ATLS_KEY_BINDING_ATTRIBUTES_MAX > config->claims_capacity)
        return atls_fail(ATLS_E_LIMIT, NULL, "components of %zu bytes, the buffer has %zu",
                         encoded.size, config->claims_capacity);
    place =
        config->claims + config->claims_capacity - ATLS_KEY_BINDING_ATTRIBUTES_MAX - encoded.size;
    memmove(place, encoded.data, encoded.size);
    platform->components = ATLS_BYTES(place, encoded.size);
    return 0;
}

int atls_platform_start(struct atls_platform *platform, const struct atls_platform_config *config,
                        const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                        const struct atls_entropy *entropy)
{
    uint8_t pak_seed[32];
    int result;
    if (!config->record->locked)
        return atls_fail(ATLS_E_REFUSED, "RFC 9783 section 4.4.1",
                         "the boot record is still open: the boot has not ended");
    *platform = (struct atls_platform){.config = *config};
    if (!(result = atls_derive(config->crypto, seed, "platform attestation key", pak_seed)) &&
        !(result = config->crypto->make_key(ATLS_P256, pak_seed, &platform->pak)) &&
        /* the instance id is a hash of the PAK's public part: RFC 9783 section 4.2.1 */
        !(result =
              atls_ueid_of_key(config->crypto, &platform->pak.public_key, platform->instance_id)))
        result = entropy->fill(entropy->context, platform->boot_seed, sizeof platform->boot_seed);
    if (!result)
        result = encode_components(platform);
    atls_erase(pak_seed, sizeof pak_seed);
    if (result) {
        atls_platform_stop(platform);
        return result;
    }
    return 0;
}

/* Where the claims must begin, so that the components that end them need not be moved. */
static int place_claims(const struct atls_platform *platform, const struct atls_psa_claims *claims,
                        uint8_t **placep, size_t *sizep)
{
    const struct atls_platform_config *config = &platform->config;
    struct atls_cbor_writer w;
    struct atls_bytes counted;
    int result;
    atls_cbor_write_init(&w, NULL, 0);
    if ((result = atls_psa_claims_write(&w, claims)) ||
        (result = atls_cbor_write_done(&w, &counted)))
        return result;
    /* what is behind the components */
    size_t behind = claims->key_attributes.size ? LABEL_SIZE + claims->key_attributes.size : 0;
    const uint8_t *end = platform->components.data + platform->components.size + behind;
    if (behind > ATLS_KEY_BINDING_ATTRIBUTES_MAX || counted.size > (size_t)(end - config->claims))
        return atls_fail(ATLS_E_LIMIT, NULL, "PSA claims of %zu bytes, the buffer has %zu",
                         counted.size, config->claims_capacity);
    *placep = config->claims + (size_t)(end - config->claims) - counted.size;
    *sizep = counted.size;
    return 0;
}

int atls_platform_token(struct atls_platform *platform, int32_t client_id, struct atls_bytes nonce,
                        struct atls_cbor_writer *w)
{
    return atls_platform_token_with(platform, client_id, nonce, (struct atls_bytes){0},
                                    (struct atls_bytes){0}, w);
}

int atls_platform_token_with(struct atls_platform *platform, int32_t client_id,
                             struct atls_bytes nonce, struct atls_bytes cnf,
                             struct atls_bytes attributes, struct atls_cbor_writer *w)
{
    const struct atls_platform_config *config = &platform->config;
    struct atls_psa_claims claims = {
        .profile = config->profile,
        .nonce = nonce,
        .instance_id = ATLS_BYTES(platform->instance_id, sizeof platform->instance_id),
        .implementation_id =
            ATLS_BYTES(config->implementation_id, sizeof config->implementation_id),
        .client_id = client_id,
        .lifecycle = config->lifecycle,
        .boot_seed = ATLS_BYTES(platform->boot_seed, sizeof platform->boot_seed),
        .components_encoded = platform->components,
        .cnf = cnf,
        .key_attributes = attributes,
        .times = config->times,
    };
    struct atls_local_signer local = {config->crypto, &platform->pak};
    struct atls_signer signer = atls_signer_local(&local);
    uint8_t *place = NULL;
    size_t size = 0;
    int result;
    if (nonce.size != 32 && nonce.size != 48 && nonce.size != 64)
        return atls_fail(ATLS_E_REFUSED, "RFC 9783 section 4.1.1",
                         "expected a challenge of 32, 48 or 64 bytes, came %zu", nonce.size);
    if ((result = place_claims(platform, &claims, &place, &size)))
        return result;
    return atls_psa_token_write(w, true, &claims, config->crypto, &signer, place, size);
}

void atls_platform_stop(struct atls_platform *platform)
{
    atls_erase(&platform->pak, sizeof platform->pak);
}
