/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing PSA attestation tokens: what a device does. Nothing here allocates. The lengths that RFC
 * 9783 prescribes are checked before the first byte is written, so that a device with a broken
 * configuration says so itself instead of being refused far away.
 */
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/key-binding.h"
#include "rats/tokens/psa-claims.h"

const char *atls_psa_profile_name(enum atls_psa_profile profile)
{
    switch (profile) {
    case ATLS_PSA_RFC9783:
        return "tag:psacertified.org,2023:psa#tfm";
    case ATLS_PSA_ARM_2:
        return "http://arm.com/psa/2.0.0";
    case ATLS_PSA_ARM_1:
        return "PSA_IOT_PROFILE_1";
    }
    return NULL;
}

const char *atls_psa_lifecycle_name(uint16_t lifecycle)
{
    switch (lifecycle & 0xff00) {
    case ATLS_PSA_UNKNOWN:
        return "unknown";
    case ATLS_PSA_ASSEMBLY_AND_TEST:
        return "assembly-and-test";
    case ATLS_PSA_ROT_PROVISIONING:
        return "psa-rot-provisioning";
    case ATLS_PSA_SECURED:
        return "secured";
    case ATLS_PSA_NON_ROT_DEBUG:
        return "non-psa-rot-debug";
    case ATLS_PSA_RECOVERABLE_ROT_DEBUG:
        return "recoverable-psa-rot-debug";
    case ATLS_PSA_DECOMMISSIONED:
        return "decommissioned";
    }
    return "invalid";
}

bool atls_psa_lifecycle_valid(uint64_t lifecycle)
{
    return (lifecycle & ~UINT64_C(0x7000)) <= 0xff && lifecycle <= (ATLS_PSA_DECOMMISSIONED | 0xff);
}

bool atls_psa_hash_size_valid(size_t size)
{
    return size == 32 || size == 48 || size == 64;
}

static size_t count_digits(struct atls_bytes text, size_t at)
{
    size_t count = 0;

    while (at + count < text.size && text.data[at + count] >= '0' && text.data[at + count] <= '9')
        count++;
    return count;
}

bool atls_psa_certification_reference_valid(struct atls_bytes text)
{
    return text.size == 19 && count_digits(text, 0) == 13 && text.data[13] == '-' &&
           count_digits(text, 14) == 5;
}

bool atls_psa_hardware_version_valid(struct atls_bytes text)
{
    /* The second form is against the letter of PSA_IOT_PROFILE_1, but it is what TF-M puts there.
     */
    return (text.size == 13 && count_digits(text, 0) == 13) ||
           atls_psa_certification_reference_valid(text);
}

static int check_component(const struct atls_psa_component *component, size_t index)
{
    if (!atls_psa_hash_size_valid(component->value.size))
        return atls_fail(-EINVAL, PSA_CLAUSE_COMPONENTS,
                         "software component %zu: a measurement has 32, 48 or 64 bytes, not %zu",
                         index, component->value.size);
    if (!atls_psa_hash_size_valid(component->signer_id.size))
        return atls_fail(-EINVAL, PSA_CLAUSE_COMPONENTS,
                         "software component %zu: a signer id has 32, 48 or 64 bytes, not %zu",
                         index, component->signer_id.size);
    return 0;
}

static int check_components(const struct atls_psa_component *components, size_t count)
{
    if (count == 0 || count > ATLS_PSA_COMPONENTS_MAX)
        return atls_fail(-EINVAL, PSA_CLAUSE_COMPONENTS,
                         "expected 1 to %d software components, not %zu", ATLS_PSA_COMPONENTS_MAX,
                         count);
    for (size_t i = 0; i < count; i++) {
        int result = check_component(&components[i], i);

        if (result)
            return result;
    }
    return 0;
}

static int check_identity(const struct atls_psa_claims *claims)
{
    if (!atls_psa_hash_size_valid(claims->nonce.size))
        return atls_fail(-EINVAL, PSA_CLAUSE_NONCE, "a PSA nonce has 32, 48 or 64 bytes, not %zu",
                         claims->nonce.size);
    if (claims->instance_id.size != ATLS_PSA_INSTANCE_ID_SIZE ||
        claims->instance_id.data[0] != PSA_UEID_RAND)
        return atls_fail(-EINVAL, PSA_CLAUSE_INSTANCE,
                         "an instance id is the byte 01 and 32 more, %zu came",
                         claims->instance_id.size);
    if (claims->implementation_id.size != ATLS_PSA_IMPLEMENTATION_ID_SIZE)
        return atls_fail(-EINVAL, PSA_CLAUSE_IMPLEMENTATION,
                         "an implementation id has 32 bytes, not %zu",
                         claims->implementation_id.size);
    if (claims->client_id == 0)
        return atls_fail(-EINVAL, PSA_CLAUSE_CLIENT,
                         "a client id is negative (NSPE) or positive (SPE), not 0");
    return 0;
}

static int check_claims(const struct atls_psa_claims *claims)
{
    int result;

    if (claims->profile != ATLS_PSA_RFC9783 && claims->profile != ATLS_PSA_ARM_2)
        return atls_fail(-EINVAL, PSA_CLAUSE_PROFILE, "this PSA profile is only read");
    result = check_identity(claims);
    if (result)
        return result;
    if (!atls_psa_lifecycle_valid(claims->lifecycle))
        return atls_fail(-EINVAL, PSA_CLAUSE_LIFECYCLE, "0x%04x is no security lifecycle",
                         claims->lifecycle);
    if (claims->boot_seed.size > 0 &&
        (claims->boot_seed.size < PSA_BOOT_SEED_MIN || claims->boot_seed.size > PSA_BOOT_SEED_MAX))
        return atls_fail(-EINVAL, PSA_CLAUSE_BOOT_SEED, "a boot seed has 8 to 32 bytes, not %zu",
                         claims->boot_seed.size);
    if (claims->certification_reference.size > 0 &&
        !atls_psa_certification_reference_valid(claims->certification_reference))
        return atls_fail(-EINVAL, PSA_CLAUSE_CERTIFICATION,
                         "a certification reference is 13 digits, \"-\" and 5 digits");
    if (claims->components_encoded.size > 0)
        return 0;
    return check_components(claims->components, claims->component_count);
}

static void write_text(struct atls_cbor_writer *w, unsigned key, struct atls_bytes text)
{
    if (text.size == 0)
        return;
    atls_cbor_write_uint(w, key);
    atls_cbor_write_text_bytes(w, text);
}

static void write_bytes(struct atls_cbor_writer *w, unsigned key, struct atls_bytes bytes)
{
    if (bytes.size == 0)
        return;
    atls_cbor_write_uint(w, key);
    atls_cbor_write_bytes(w, bytes);
}

static void write_component(struct atls_cbor_writer *w, const struct atls_psa_component *component)
{
    atls_cbor_write_map(w, 2 + (component->type.size > 0) + (component->version.size > 0) +
                               (component->description.size > 0));
    write_text(w, PSA_COMPONENT_TYPE, component->type);
    write_bytes(w, PSA_COMPONENT_VALUE, component->value);
    write_text(w, PSA_COMPONENT_VERSION, component->version);
    write_bytes(w, PSA_COMPONENT_SIGNER, component->signer_id);
    write_text(w, PSA_COMPONENT_DESCRIPTION, component->description);
}

int atls_psa_components_write(struct atls_cbor_writer *w,
                              const struct atls_psa_component *components, size_t count)
{
    int result = check_components(components, count);

    if (result)
        return result;
    atls_cbor_write_array(w, count);
    for (size_t i = 0; i < count; i++)
        write_component(w, &components[i]);
    return 0;
}

int atls_psa_claims_write(struct atls_cbor_writer *w, const struct atls_psa_claims *claims)
{
    int result = check_claims(claims);

    if (result)
        return result;
    atls_cbor_write_map(w, 7 + atls_cwt_times_count(&claims->times) + (claims->cnf.size > 0) +
                               (claims->key_attributes.size > 0) + (claims->boot_seed.size > 0) +
                               (claims->certification_reference.size > 0) +
                               (claims->verification_service.size > 0));
    atls_cwt_write_times(w, &claims->times);
    if (claims->cnf.size > 0) {
        atls_cbor_write_uint(w, ATLS_CLAIM_CNF);
        atls_cbor_write_encoded(w, claims->cnf);
    }
    write_bytes(w, PSA_NONCE, claims->nonce);
    write_bytes(w, PSA_INSTANCE_ID, claims->instance_id);
    write_text(w, PSA_PROFILE, atls_bytes_of_text(atls_psa_profile_name(claims->profile)));
    if (claims->profile == ATLS_PSA_RFC9783)
        write_bytes(w, PSA_BOOT_SEED, claims->boot_seed);
    atls_cbor_write_uint(w, PSA_CLIENT_ID);
    atls_cbor_write_int(w, claims->client_id);
    atls_cbor_write_uint(w, PSA_LIFECYCLE);
    atls_cbor_write_uint(w, claims->lifecycle);
    write_bytes(w, PSA_IMPLEMENTATION_ID, claims->implementation_id);
    if (claims->profile == ATLS_PSA_ARM_2)
        write_bytes(w, PSA_ARM_2_BOOT_SEED, claims->boot_seed);
    write_text(w, PSA_CERTIFICATION_REFERENCE, claims->certification_reference);
    atls_cbor_write_uint(w, PSA_COMPONENTS);
    if (claims->components_encoded.size > 0)
        atls_cbor_write_encoded(w, claims->components_encoded);
    else
        result = atls_psa_components_write(w, claims->components, claims->component_count);
    write_text(w, PSA_VERIFICATION_SERVICE, claims->verification_service);
    if (claims->key_attributes.size > 0) {
        atls_cbor_write_int(w, ATLS_CLAIM_KEY_ATTRIBUTES);
        atls_cbor_write_encoded(w, claims->key_attributes);
    }
    return result;
}

int atls_psa_token_write(struct atls_cbor_writer *w, bool tagged,
                         const struct atls_psa_claims *claims, const struct atls_crypto *crypto,
                         const struct atls_signer *signer, uint8_t *scratch, size_t scratch_size)
{
    struct atls_cbor_writer payload_writer;
    struct atls_bytes payload;
    int result;

    atls_cbor_write_init(&payload_writer, scratch, scratch_size);
    result = atls_psa_claims_write(&payload_writer, claims);
    if (!result)
        result = atls_cbor_write_done(&payload_writer, &payload);
    return result ? result : atls_cose_sign1_write(w, tagged, payload, crypto, signer);
}
