/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm CCA, simulated: the platform's attestation service (HES) holds the platform attestation key
 * (CPAK) and says what booted; the realm manager (RMM) gets a key of its own at each boot (RAK),
 * which the platform vouches for, and says with it what runs in the realm. The measured boot is the
 * platform; the image REALM is what runs in the realm. Identity keys stay with the key service, in
 * the realm.
 */
#include "sim/roots/cca.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/cca.h"

#define EVIDENCE_MAX (1088u * 1024) /* a CMW may have 1 MiB */
#define HASH_NAME "sha-256"
enum { HASH_SIZE = 32, CHALLENGE_OF_PLATFORM = 32 };

/* System properties in the non-volatile storage of the root: memory is encrypted. */
static const uint8_t platform_config[] = {0x00, 0x00, 0x00, 0x01};

struct realm { /* what is measured of it */
    uint8_t initial[HASH_SIZE], extensible[ATLS_CCA_EXTENSIBLE_COUNT][HASH_SIZE];
    uint8_t personalization[ATLS_CCA_PERSONALIZATION_SIZE];
};

struct cca {
    struct atls_root_start start;
    uint8_t instance_id[ATLS_PSA_INSTANCE_ID_SIZE];
    struct atls_private_key cpak, rak;
    struct realm realm;
    uint8_t *platform_token; /* of this boot */
    size_t platform_token_size;
};

static bool is_realm(const struct atls_boot_entry *entry)
{
    return strcmp(entry->type, ATLS_CCA_WORKLOAD) == 0;
}

/* A measurement extended by another: H(old | new), as the RMM does. */
static int extend(const struct atls_crypto *crypto, uint8_t measurement[HASH_SIZE],
                  struct atls_bytes with)
{
    const struct atls_bytes parts[] = {ATLS_BYTES(measurement, HASH_SIZE), with};
    uint8_t extended[ATLS_HASH_MAX];
    int result = crypto->hash(ATLS_SHA256, parts, 2, extended);

    if (!result)
        memcpy(measurement, extended, HASH_SIZE);
    return result;
}

/* The initial measurement is that of the image; its version is what the guest extends at its start.
 */
static int measure_realm(const struct atls_crypto *crypto, const struct atls_boot_record *record,
                         struct realm *realmp)
{
    static const char personalization[] = "atls simulated realm";
    struct realm realm = {.initial = {0}};
    int result = atls_fail(-EINVAL, NULL, "no image %s was measured", ATLS_CCA_WORKLOAD);

    memcpy(realm.personalization, personalization, sizeof personalization);
    for (size_t i = 0; i < record->count; i++) {
        const struct atls_boot_entry *entry = &record->entries[i];

        if (!is_realm(entry))
            continue;
        result = extend(crypto, realm.initial, ATLS_BYTES(entry->value, sizeof entry->value));
        if (!result)
            result = extend(crypto, realm.extensible[0], atls_bytes_of_text(entry->version));
    }
    if (!result)
        *realmp = realm;
    return result;
}

static int sign(const struct cca *cca, const struct atls_private_key *key,
                struct atls_bytes payload, struct atls_cbor_writer *w)
{
    struct atls_local_signer local = {cca->start.crypto, key};
    struct atls_signer signer = atls_signer_local(&local);

    return atls_cose_sign1_write(w, true, payload, cca->start.crypto, &signer);
}

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for an Arm CCA token, or its endorsements");
}

/* Its components: all that was measured, but for what runs in the realm. */
static struct atls_psa_component *components_of(const struct atls_boot_record *record,
                                                size_t *countp)
{
    struct atls_psa_component *components = calloc(record->count + 1, sizeof *components);
    size_t count = 0;

    if (!components)
        return NULL;
    atls_boot_record_components(record, components);
    for (size_t i = 0; i < record->count; i++)
        if (!is_realm(&record->entries[i]))
            components[count++] = components[i];
    *countp = count;
    return components;
}

static int write_platform(struct cca *cca, const struct atls_cca_platform *claims, uint8_t *scratch,
                          uint8_t *out)
{
    struct atls_cbor_writer w;
    struct atls_bytes payload, token;
    int result;

    atls_cbor_write_init(&w, scratch, EVIDENCE_MAX);
    result = atls_cca_platform_write(&w, claims);
    result = result ? result : atls_cbor_write_done(&w, &payload);
    if (result)
        return result;
    atls_cbor_write_init(&w, out, EVIDENCE_MAX);
    result = sign(cca, &cca->cpak, payload, &w);
    result = result ? result : atls_cbor_write_done(&w, &token);
    if (!result)
        cca->platform_token_size = token.size;
    return result;
}

/* The platform's token vouches for the RAK of this boot, and stays the same until the next. */
static int make_platform_token(struct cca *cca)
{
    const struct atls_root_start *start = &cca->start;
    uint8_t buffer[ATLS_CCA_RAK_ENCODED_MAX], challenge[ATLS_HASH_MAX];
    uint8_t *scratch = malloc(EVIDENCE_MAX);
    struct atls_cca_platform claims = {
        .challenge = ATLS_BYTES(challenge, CHALLENGE_OF_PLATFORM),
        .instance_id = ATLS_BYTES(cca->instance_id, sizeof cca->instance_id),
        .implementation_id = ATLS_BYTES(start->implementation_id, ATLS_PSA_IMPLEMENTATION_ID_SIZE),
        .config = ATLS_BYTES(platform_config, sizeof platform_config),
        .hash_algorithm = atls_bytes_of_text(HASH_NAME),
        .lifecycle = start->lifecycle,
    };
    struct atls_psa_component *components = components_of(start->record, &claims.component_count);
    struct atls_bytes rak;
    int result = scratch && components ? atls_cca_rak_encode(&cca->rak.public_key, buffer, &rak)
                                       : no_memory();

    cca->platform_token = malloc(EVIDENCE_MAX);
    claims.components = components;
    if (!result && !cca->platform_token)
        result = no_memory();
    if (!result)
        result = start->crypto->hash(ATLS_SHA256, &rak, 1, challenge);
    if (!result)
        result = write_platform(cca, &claims, scratch, cca->platform_token);
    free(components);
    free(scratch);
    return result;
}

static int make_keys(struct cca *cca)
{
    const struct atls_root_start *start = &cca->start;
    uint8_t secret[32];
    int result = atls_derive(start->crypto, start->seed, "CCA platform attestation key", secret);

    if (!result)
        result = start->crypto->make_key(ATLS_P384, secret, &cca->cpak);
    atls_erase(secret, sizeof secret);
    if (!result)
        result = atls_ueid_of_key(start->crypto, &cca->cpak.public_key, cca->instance_id);
    return result ? result
                  : atls_make_key_from(start->crypto, &start->entropy, ATLS_P384, &cca->rak);
}

static int write_realm(const struct cca *cca, struct atls_bytes challenge,
                       struct atls_cbor_writer *w)
{
    const struct realm *realm = &cca->realm;
    struct atls_cca_realm claims = {
        .challenge = challenge,
        .personalization = ATLS_BYTES(realm->personalization, sizeof realm->personalization),
        .initial = ATLS_BYTES(realm->initial, HASH_SIZE),
        .hash_algorithm = atls_bytes_of_text(HASH_NAME),
        .rak = cca->rak.public_key,
        .rak_hash = ATLS_SHA256,
    };
    uint8_t buffer[1024];
    struct atls_cbor_writer payload_writer;
    struct atls_bytes payload;
    int result;

    for (size_t i = 0; i < ATLS_CCA_EXTENSIBLE_COUNT; i++)
        claims.extensible[i] = ATLS_BYTES(realm->extensible[i], HASH_SIZE);
    atls_cbor_write_init(&payload_writer, buffer, sizeof buffer);
    result = atls_cca_realm_write(&payload_writer, &claims);
    result = result ? result : atls_cbor_write_done(&payload_writer, &payload);
    return result ? result : sign(cca, &cca->rak, payload, w);
}

static int write_token(const struct cca *cca, enum atls_cca_tag tag, struct atls_bytes challenge,
                       struct atls_cbor_writer *w)
{
    uint8_t buffer[1280];
    struct atls_cbor_writer realm_writer;
    struct atls_bytes realm;
    int result;

    if (challenge.size != ATLS_CCA_CHALLENGE_SIZE)
        return atls_fail(ATLS_E_REFUSED, ATLS_CCA_CLAUSE_CHALLENGE,
                         "challenge for a realm: expected %d bytes, came %zu",
                         ATLS_CCA_CHALLENGE_SIZE, challenge.size);
    atls_cbor_write_init(&realm_writer, buffer, sizeof buffer);
    result = write_realm(cca, challenge, &realm_writer);
    result = result ? result : atls_cbor_write_done(&realm_writer, &realm);
    if (!result)
        atls_cca_collection_write(w, tag, ATLS_BYTES(cca->platform_token, cca->platform_token_size),
                                  realm);
    return result;
}

/* In the older collection, which every release of Parsec's library reads. */
static int write_key_attestation(const struct cca *cca, const struct atls_root_key *key,
                                 struct atls_bytes nonce, struct atls_cbor_writer *w)
{
    uint8_t buffer[256], challenge[ATLS_HASH_MAX], *token = NULL;
    struct atls_cbor_writer part;
    struct atls_bytes kat, pat;
    int result;

    if (!key->handle)
        return atls_fail(ATLS_E_REFUSED, NULL, "parsec-cca is about a key, and none was named");
    atls_cbor_write_init(&part, buffer, sizeof buffer);
    if (atls_parsec_cca_kat_write(&part, nonce, &key->public_key))
        return ATLS_E_REFUSED;
    result = atls_cbor_write_done(&part, &kat);
    if (!result)
        result = cca->start.crypto->hash(ATLS_SHA512, &kat, 1, challenge);
    if (!result && !(token = malloc(cca->platform_token_size + 2048)))
        result = no_memory();
    if (!result) {
        atls_cbor_write_init(&part, token, cca->platform_token_size + 2048);
        result = write_token(cca, ATLS_CCA_TAG_COLLECTION,
                             ATLS_BYTES(challenge, ATLS_CCA_CHALLENGE_SIZE), &part);
    }
    result = result ? result : atls_cbor_write_done(&part, &pat);
    if (!result)
        atls_parsec_cca_write(w, kat, pat);
    free(token);
    return result;
}

static bool makes(const char *kind)
{
    return strcmp(kind, "parsec-cca") == 0 || strcmp(kind, "cca") == 0;
}

static int attest(void *context, const char *kind, const struct atls_root_key *key,
                  struct atls_bytes challenge, struct atls_cbor_writer *w)
{
    return strcmp(kind, "cca") == 0 ? write_token(context, ATLS_CCA_TAG_CMW, challenge, w)
                                    : write_key_attestation(context, key, challenge, w);
}

static const struct atls_root_ops ops = {.name = "cca", .makes = makes, .attest = attest};

static void close_cca(struct atls_root *root)
{
    struct cca *cca = root->context;

    if (!cca)
        return;
    free(cca->platform_token);
    atls_erase(cca, sizeof *cca);
    free(cca);
    *root = (struct atls_root){.ops = NULL};
}

static int open_cca(const struct atls_root_start *start, struct atls_root *rootp)
{
    struct cca *cca = calloc(1, sizeof *cca);
    struct atls_root root = {.ops = &ops, .context = cca};
    int result;

    if (!cca)
        return no_memory();
    cca->start = *start;
    result = make_keys(cca);
    cca->start.seed = NULL; /* it does not outlive the start */
    if (!result)
        result = measure_realm(start->crypto, start->record, &cca->realm);
    if (!result)
        result = make_platform_token(cca);
    if (result) {
        close_cca(&root);
        return result;
    }
    root.instance_id = cca->instance_id;
    root.attestation_key = &cca->cpak.public_key;
    *rootp = root;
    return 0;
}

static struct atls_reference_value *add_value(struct atls_corim *corim)
{
    struct atls_reference_value *all =
        reallocarray(corim->reference_values, corim->reference_value_count + 1, sizeof *all);

    if (!all)
        return NULL;
    corim->reference_values = all;
    all += corim->reference_value_count++;
    *all = (struct atls_reference_value){.profile = corim->profile, .digest_hash = ATLS_SHA256};
    return all;
}

/* WHICH of enum atls_cca_measured. */
static int add_measured(const uint8_t class_id[HASH_SIZE], unsigned which, struct atls_bytes bytes,
                        struct atls_corim *corim)
{
    struct atls_reference_value *value = add_value(corim);

    if (!value)
        return no_memory();
    memcpy(value->implementation_id, class_id, HASH_SIZE);
    value->pcr = which;
    value->digest_size = bytes.size;
    memcpy(value->digest, bytes.data, bytes.size);
    return 0;
}

static int add_component(const struct cca *cca, const struct atls_boot_entry *entry,
                         struct atls_corim *corim)
{
    struct atls_reference_value *value = add_value(corim);

    if (!value)
        return no_memory();
    value->pcr = ATLS_CCA_COMPONENT;
    return atls_endorsements_component(entry, cca->start.implementation_id, value);
}

static int endorse_platform(const struct cca *cca, struct atls_corim *corim)
{
    const struct atls_boot_record *record = cca->start.pristine;
    int result = 0;

    for (size_t i = 0; !result && i < record->count; i++)
        if (!is_realm(&record->entries[i]))
            result = add_component(cca, &record->entries[i], corim);
    return result ? result
                  : add_measured(cca->start.implementation_id, ATLS_CCA_CONFIG,
                                 ATLS_BYTES(platform_config, sizeof platform_config), corim);
}

static int endorse_realm(const struct cca *cca, struct atls_corim *corim)
{
    struct realm realm;
    int result = measure_realm(cca->start.crypto, cca->start.pristine, &realm);

    if (!result)
        result =
            add_measured(realm.initial, ATLS_CCA_RIM, ATLS_BYTES(realm.initial, HASH_SIZE), corim);
    for (unsigned i = 0; !result && i < ATLS_CCA_EXTENSIBLE_COUNT; i++)
        result = add_measured(realm.initial, ATLS_CCA_REM + i,
                              ATLS_BYTES(realm.extensible[i], HASH_SIZE), corim);
    return result ? result
                  : add_measured(realm.initial, ATLS_CCA_RPV,
                                 ATLS_BYTES(realm.personalization, sizeof realm.personalization),
                                 corim);
}

/* A profile is one CoRIM's: platform, realm, and the platform once more for Parsec's scheme. */
static int endorse(const struct atls_root *root, enum atls_corim_dialect dialect,
                   enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep)
{
    const struct cca *cca = root->context;
    struct atls_corim corim = {.dialect = dialect,
                               .profile = part == ATLS_ENDORSED_REALM    ? ATLS_CORIM_CCA_REALM
                                          : part == ATLS_ENDORSED_PARSEC ? ATLS_CORIM_PARSEC_CCA
                                                                         : ATLS_CORIM_CCA_PLATFORM};
    int result = part == ATLS_ENDORSED_REALM    ? endorse_realm(cca, &corim)
                 : part != ATLS_ENDORSED_ANCHOR ? endorse_platform(cca, &corim)
                                                : 0;

    if (!result && part != ATLS_ENDORSED_REALM && part != ATLS_ENDORSED_VALUES)
        result = atls_endorsements_anchor(
            &corim, ATLS_BYTES(cca->start.implementation_id, ATLS_PSA_IMPLEMENTATION_ID_SIZE),
            ATLS_BYTES(cca->instance_id, sizeof cca->instance_id), &cca->cpak.public_key);
    if (!result)
        result = atls_endorsements_write(&corim, corimp, sizep);
    atls_corim_clear(&corim);
    return result;
}

const struct atls_root_kind atls_root_cca = {.name = "cca",
                                             .workload = ATLS_CCA_WORKLOAD,
                                             .open = open_cca,
                                             .close = close_cca,
                                             .endorse = endorse};
