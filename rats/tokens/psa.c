/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading PSA attestation tokens. The two generations of the profile differ in their keys and in
 * which claims they demand, so both are rows of one table.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/psa-claims.h"

#define ITEMS_MAX ((size_t)1 << 17) /* a component has 11, as the map of five that it may be */

const struct atls_cbor_rules atls_psa_rules = {
    .max_size = 1u << 20, .max_depth = 16, .max_items = ITEMS_MAX, .allow_unpreferred = true};

struct parse {
    struct atls_psa_claims claims;
    struct atls_psa_component *components;
    size_t room;
    bool no_measurements;
};

struct claim {
    int key, legacy_key; /* 0: not in that generation */
    bool required, legacy_required;
    const char *name, *clause;
    int (*read)(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p);
    size_t offset;      /* where a byte or text string goes in struct atls_psa_claims */
    size_t least, most; /* its size */
};

static struct atls_bytes *target(const struct claim *claim, struct parse *p)
{
    return (struct atls_bytes *)(void *)((char *)&p->claims + claim->offset);
}

static int read_sized(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    struct atls_bytes value;
    int result = atls_cbor_read_bytes(r, claim->name, &value);

    if (result)
        return result;
    if (value.size < claim->least || value.size > claim->most)
        return atls_fail(ATLS_E_MALFORMED, claim->clause, "%s: expected %zu to %zu bytes, %zu came",
                         claim->name, claim->least, claim->most, value.size);
    *target(claim, p) = value;
    return 0;
}

static int read_hash(struct atls_cbor_reader *r, const char *name, struct atls_bytes *hashp)
{
    struct atls_bytes hash;
    int result = atls_cbor_read_bytes(r, name, &hash);

    if (result)
        return result;
    if (!atls_psa_hash_size_valid(hash.size))
        return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected 32, 48 or 64 bytes, %zu came",
                         name, hash.size);
    *hashp = hash;
    return 0;
}

static int read_nonce(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    return read_hash(r, claim->name, &p->claims.nonce);
}

static int read_instance(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    int result = read_sized(r, claim, p);

    if (!result && p->claims.instance_id.data[0] != PSA_UEID_RAND)
        return atls_fail(ATLS_E_MALFORMED, claim->clause,
                         "%s: expected a UEID of type 01 (RAND), type %02x came", claim->name,
                         p->claims.instance_id.data[0]);
    return result;
}

static int read_text(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    return atls_cbor_read_text(r, claim->name, target(claim, p));
}

static int read_certification(struct atls_cbor_reader *r, const struct claim *claim,
                              struct parse *p)
{
    int result = read_text(r, claim, p);

    if (result)
        return result;
    if (p->claims.profile == ATLS_PSA_ARM_1
            ? !atls_psa_hardware_version_valid(*target(claim, p))
            : !atls_psa_certification_reference_valid(*target(claim, p)))
        return atls_fail(ATLS_E_MALFORMED, claim->clause,
                         "%s: expected 13 digits, \"-\" and 5 digits", claim->name);
    return 0;
}

static int read_client(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    int64_t value;
    int result = atls_cbor_read_int(r, claim->name, &value);

    if (result)
        return result;
    if (value < INT32_MIN || value > INT32_MAX || value == 0)
        return atls_fail(ATLS_E_MALFORMED, claim->clause,
                         "%s: expected a signed integer of 32 bits other than 0, %lld came",
                         claim->name, (long long)value);
    p->claims.client_id = (int32_t)value;
    return 0;
}

static int read_lifecycle(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    uint64_t value;
    int result = atls_cbor_read_uint(r, claim->name, &value);

    if (result)
        return result;
    if (!atls_psa_lifecycle_valid(value))
        return atls_fail(ATLS_E_MALFORMED, claim->clause,
                         "%s: expected 0x00xx to 0x60xx in steps of 0x1000, 0x%llx came",
                         claim->name, (unsigned long long)value);
    p->claims.lifecycle = (uint16_t)value;
    return 0;
}

static int read_component_member(struct atls_cbor_reader *r, int64_t key,
                                 struct atls_psa_component *component)
{
    switch (key) {
    case PSA_COMPONENT_TYPE:
        return atls_cbor_read_text(r, "measurement type", &component->type);
    case PSA_COMPONENT_VALUE:
        return read_hash(r, "measurement value", &component->value);
    case PSA_COMPONENT_VERSION:
        return atls_cbor_read_text(r, "version", &component->version);
    case PSA_COMPONENT_SIGNER:
        return read_hash(r, "signer id", &component->signer_id);
    case PSA_COMPONENT_DESCRIPTION:
        return atls_cbor_read_text(r, "measurement description", &component->description);
    default:
        return atls_cbor_skip(r);
    }
}

static int read_component(struct atls_cbor_reader *r, size_t index,
                          struct atls_psa_component *componentp)
{
    struct atls_psa_component component = {0};
    int64_t key;
    size_t left;
    int result = atls_cbor_read_map(r, "software component", &left);

    for (; !result && left > 0; left--) {
        result = atls_cwt_read_key(r, &key);
        if (!result)
            result = read_component_member(r, key, &component);
    }
    if (result)
        return result;
    if (component.value.size == 0 || component.signer_id.size == 0)
        return atls_fail(ATLS_E_MISSING, r->clause, "software component %zu has no %s", index,
                         component.value.size == 0 ? "measurement value" : "signer id");
    *componentp = component;
    return 0;
}

int atls_psa_components_read(struct atls_cbor_reader *r, struct atls_psa_component *components,
                             size_t room, size_t *countp)
{
    size_t count;
    int result = atls_cbor_read_array(r, "software components", &count);

    if (result)
        return result;
    if (count == 0)
        return atls_fail(ATLS_E_MALFORMED, r->clause,
                         "expected one software component at least, none came");
    if (count > room)
        return atls_fail(ATLS_E_LIMIT, r->clause,
                         "expected at most %zu software components, %zu came", room, count);
    for (size_t i = 0; i < count && !result; i++)
        result = read_component(r, i, &components[i]);
    if (!result)
        *countp = count;
    return result;
}

static int read_components(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    p->claims.components = p->components;
    return atls_psa_components_read(r, p->components, p->room, &p->claims.component_count);
}

static int read_no_measurements(struct atls_cbor_reader *r, const struct claim *claim,
                                struct parse *p)
{
    uint64_t value;
    int result = atls_cbor_read_uint(r, claim->name, &value);

    if (result)
        return result;
    if (value != 1)
        return atls_fail(ATLS_E_MALFORMED, claim->clause, "%s: expected 1, %llu came", claim->name,
                         (unsigned long long)value);
    p->no_measurements = true;
    return 0;
}

/* The profile was read before all other claims. */
static int read_profile(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    return atls_cbor_skip(r);
}

#define FIELD(name) offsetof(struct atls_psa_claims, name)

/* clang-format off */
static const struct claim claims_table[] = {
    {PSA_PROFILE, PSA1_PROFILE, true, false, "profile", PSA_CLAUSE_PROFILE, read_profile, 0, 0, 0},
    {PSA_NONCE, PSA1_NONCE, true, true, "nonce", PSA_CLAUSE_NONCE, read_nonce, 0, 0, 0},
    {PSA_INSTANCE_ID, PSA1_INSTANCE_ID, true, true, "instance id", PSA_CLAUSE_INSTANCE,
     read_instance, FIELD(instance_id), ATLS_PSA_INSTANCE_ID_SIZE, ATLS_PSA_INSTANCE_ID_SIZE},
    {PSA_IMPLEMENTATION_ID, PSA1_IMPLEMENTATION_ID, true, true, "implementation id",
     PSA_CLAUSE_IMPLEMENTATION, read_sized, FIELD(implementation_id),
     ATLS_PSA_IMPLEMENTATION_ID_SIZE, ATLS_PSA_IMPLEMENTATION_ID_SIZE},
    {PSA_CLIENT_ID, PSA1_CLIENT_ID, true, true, "client id", PSA_CLAUSE_CLIENT, read_client, 0, 0,
     0},
    {PSA_LIFECYCLE, PSA1_LIFECYCLE, true, true, "security lifecycle", PSA_CLAUSE_LIFECYCLE,
     read_lifecycle, 0, 0, 0},
    {PSA_BOOT_SEED, 0, false, false, "boot seed", PSA_CLAUSE_BOOT_SEED, read_sized,
     FIELD(boot_seed), PSA_BOOT_SEED_MIN, PSA_BOOT_SEED_MAX},
    {PSA_ARM_2_BOOT_SEED, 0, false, false, "boot seed", PSA_CLAUSE_ARM_2, read_sized,
     FIELD(boot_seed), PSA_BOOT_SEED_MIN, PSA_BOOT_SEED_MAX},
    {0, PSA1_BOOT_SEED, false, true, "boot seed", PSA_CLAUSE_LEGACY, read_sized,
     FIELD(boot_seed), PSA_BOOT_SEED_MAX, PSA_BOOT_SEED_MAX},
    {PSA_CERTIFICATION_REFERENCE, 0, false, false, "certification reference",
     PSA_CLAUSE_CERTIFICATION, read_certification, FIELD(certification_reference), 0, 0},
    {0, PSA1_HARDWARE_VERSION, false, false, "hardware version", PSA_CLAUSE_LEGACY,
     read_certification, FIELD(certification_reference), 0, 0},
    /* in the old profile one of the next two: checked at the end */
    {PSA_COMPONENTS, PSA1_COMPONENTS, true, false, "software components", PSA_CLAUSE_COMPONENTS,
     read_components, 0, 0, 0},
    {0, PSA1_NO_MEASUREMENTS, false, false, "no software measurements", PSA_CLAUSE_LEGACY,
     read_no_measurements, 0, 0, 0},
    {PSA_VERIFICATION_SERVICE, PSA1_VERIFICATION_SERVICE, false, false,
     "verification service indicator", PSA_CLAUSE_SERVICE, read_text, FIELD(verification_service),
     0, 0},
};
/* clang-format on */
#define CLAIMS (sizeof claims_table / sizeof *claims_table)

static const struct claim *find_claim(int64_t key, enum atls_psa_profile profile)
{
    bool legacy = profile == ATLS_PSA_ARM_1;

    if (key == (profile == ATLS_PSA_ARM_2 ? PSA_BOOT_SEED : PSA_ARM_2_BOOT_SEED))
        return NULL; /* the boot seed of the other one of these two profiles */
    for (size_t i = 0; key != 0 && i < CLAIMS; i++)
        if (key == (legacy ? claims_table[i].legacy_key : claims_table[i].key))
            return &claims_table[i];
    return NULL;
}

static int profile_of_name(struct atls_bytes name, bool legacy, enum atls_psa_profile *profilep)
{
    static const enum atls_psa_profile profiles[] = {ATLS_PSA_RFC9783, ATLS_PSA_ARM_2,
                                                     ATLS_PSA_ARM_1};

    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (legacy == (profiles[i] == ATLS_PSA_ARM_1) &&
            atls_bytes_is_text(name, atls_psa_profile_name(profiles[i]))) {
            *profilep = profiles[i];
            return 0;
        }
    return atls_fail(ATLS_E_UNSUPPORTED, PSA_CLAUSE_PROFILE,
                     "expected a PSA profile (%s, %s or, under its own key, %s), \"%.*s\" came",
                     atls_psa_profile_name(ATLS_PSA_RFC9783), atls_psa_profile_name(ATLS_PSA_ARM_2),
                     atls_psa_profile_name(ATLS_PSA_ARM_1),
                     (int)(name.size < 100 ? name.size : 100),
                     name.data ? (const char *)name.data : "");
}

/* What the first pass over the map finds. */
struct profile_search {
    bool has_profile, has_legacy_profile, has_legacy_claim;
    enum atls_psa_profile profile;
};

static int search_claim(struct atls_cbor_reader *r, int64_t key, struct profile_search *search)
{
    struct atls_bytes name;
    int result;

    if (key == PSA_PROFILE && atls_cbor_peek(r) == ATLS_CBOR_BYTES)
        return atls_fail(ATLS_E_UNSUPPORTED, PSA_CLAUSE_PROFILE,
                         "expected a PSA profile, an object identifier came");
    if (key != PSA_PROFILE && key != PSA1_PROFILE) {
        search->has_legacy_claim |= find_claim(key, ATLS_PSA_ARM_1) != NULL;
        return atls_cbor_skip(r);
    }
    result = atls_cbor_read_text(r, "profile", &name);
    if (result)
        return result;
    search->has_profile |= key == PSA_PROFILE;
    search->has_legacy_profile |= key == PSA1_PROFILE;
    return profile_of_name(name, key == PSA1_PROFILE, &search->profile);
}

static int find_profile(struct atls_cbor_reader r, size_t left, enum atls_psa_profile *profilep)
{
    struct profile_search search = {.profile = ATLS_PSA_RFC9783};
    int result = 0;

    r.clause = PSA_CLAUSE_PROFILE;
    for (; !result && left > 0; left--) {
        int64_t key;

        result = atls_cwt_read_key(&r, &key);
        if (!result)
            result = search_claim(&r, key, &search);
    }
    if (!result && search.has_profile && search.has_legacy_profile)
        result = atls_fail(ATLS_E_MALFORMED, PSA_CLAUSE_PROFILE, "a token of two profiles");
    /* Only the old one may go without its profile; of another it is missed at the end. */
    if (!search.has_profile && !search.has_legacy_profile && search.has_legacy_claim)
        search.profile = ATLS_PSA_ARM_1;
    if (!result)
        *profilep = search.profile;
    return result;
}

static int check_complete(const struct parse *p, const bool *seen)
{
    bool legacy = p->claims.profile == ATLS_PSA_ARM_1;

    for (size_t i = 0; i < CLAIMS; i++)
        if (!seen[i] && (legacy ? claims_table[i].legacy_required : claims_table[i].required))
            return atls_fail(ATLS_E_MISSING, claims_table[i].clause, "a PSA token without %s (%d)",
                             claims_table[i].name,
                             legacy ? claims_table[i].legacy_key : claims_table[i].key);
    if (legacy && p->no_measurements == (p->claims.component_count > 0))
        return atls_fail(p->no_measurements ? ATLS_E_MALFORMED : ATLS_E_MISSING, PSA_CLAUSE_LEGACY,
                         "expected either software components or the claim that there are none, %s",
                         p->no_measurements ? "both came" : "neither came");
    return 0;
}

/* What is not of the profile is nobody's, but for the times of any CWT. */
static int read_claim(struct atls_cbor_reader *r, int64_t key, bool *seen, struct parse *p)
{
    const struct claim *claim = find_claim(key, p->claims.profile);

    if (!claim)
        return atls_cwt_is_time(key) ? atls_cwt_read_time(r, key, &p->claims.times)
                                     : atls_cbor_skip(r);
    seen[claim - claims_table] = true;
    r->clause = claim->clause;
    return claim->read(r, claim, p);
}

int atls_psa_claims_parse(struct atls_bytes payload, struct atls_psa_component *components,
                          size_t count, struct atls_psa_claims *claimsp)
{
    struct parse p = {.components = components, .room = count};
    bool seen[CLAIMS] = {false};
    struct atls_cbor_reader r;
    size_t left;
    int result = atls_cbor_open(&r, payload, &atls_psa_rules, PSA_CLAUSE_ENCODING);

    if (!result)
        result = atls_cbor_read_map(&r, "PSA claims", &left);
    if (!result)
        result = find_profile(r, left, &p.claims.profile);
    for (; !result && left > 0; left--) {
        int64_t key;

        result = atls_cwt_read_key(&r, &key);
        if (!result)
            result = read_claim(&r, key, seen, &p);
    }
    if (!result)
        result = check_complete(&p, seen);
    if (!result)
        *claimsp = p.claims;
    return result;
}

int atls_psa_components_parse(struct atls_bytes in, struct atls_psa_component *components,
                              size_t count, size_t *countp)
{
    struct atls_cbor_reader r; /* opening it has refused bytes behind */
    int result = atls_cbor_open(&r, in, &atls_cbor_strict, PSA_CLAUSE_COMPONENTS);

    return result ? result : atls_psa_components_read(&r, components, count, countp);
}

int atls_psa_token_parse(struct atls_bytes in, enum atls_cose_tagging tagging,
                         struct atls_psa_component *components, size_t count,
                         struct atls_cose_sign1 *tokenp, struct atls_psa_claims *claimsp)
{
    struct atls_cose_sign1 token;
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, PSA_CLAUSE_ENCODING);

    if (!result)
        result = atls_cose_sign1_parse(in, tagging, PSA_CLAUSE_ENCODING, &token);
    if (!result)
        result = atls_cbor_open(&r, token.protected_header, &atls_psa_rules, PSA_CLAUSE_ENCODING);
    if (!result)
        result = atls_psa_claims_parse(token.payload, components, count, claimsp);
    if (!result)
        *tokenp = token;
    return result;
}
