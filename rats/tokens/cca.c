/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the claims of CCA tokens, and the collection of the two. Platform and realm differ in
 * which claims they have, so both are tables of one reader.
 */
#include "rats/tokens/cca.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/cca-claims.h"
#include "rats/tokens/psa-claims.h"

#define SECTION(number) "draft-ffm-rats-cca-token section " number

struct parse {
    struct atls_cca_platform platform;
    struct atls_cca_realm realm;
    struct atls_psa_component *components;
    size_t room;
};
struct claim {
    int key;
    bool optional;
    const char *name, *clause;
    int (*read)(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p);
    size_t offset; /* where a byte or text string goes in struct parse */
    size_t size;   /* which it must have; 0: any but none */
};

static struct atls_bytes *target(const struct claim *claim, struct parse *p)
{
    return (struct atls_bytes *)(void *)((char *)p + claim->offset);
}

static int read_sized(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    struct atls_bytes value;
    int result = atls_cbor_read_bytes(r, claim->name, &value);

    if (result)
        return result;
    if (claim->size ? value.size != claim->size : value.size == 0)
        return atls_fail(ATLS_E_MALFORMED, claim->clause, "%s: expected %zu bytes%s, came %zu",
                         claim->name, claim->size ? claim->size : 1, claim->size ? "" : " at least",
                         value.size);
    *target(claim, p) = value;
    return 0;
}

static int read_hash(struct atls_cbor_reader *r, const char *name, const char *clause,
                     struct atls_bytes *hashp)
{
    struct atls_bytes hash;
    int result = atls_cbor_read_bytes(r, name, &hash);

    if (result)
        return result;
    if (!atls_psa_hash_size_valid(hash.size))
        return atls_fail(ATLS_E_MALFORMED, clause, "%s: expected 32, 48 or 64 bytes, came %zu",
                         name, hash.size);
    *hashp = hash;
    return 0;
}

static int read_measurement(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    return read_hash(r, claim->name, claim->clause, target(claim, p));
}

static int read_text(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    struct atls_bytes text;
    int result = atls_cbor_read_text(r, claim->name, &text);

    if (result)
        return result;
    if (text.size == 0)
        return atls_fail(ATLS_E_MALFORMED, claim->clause, "%s: expected a text, came an empty one",
                         claim->name);
    *target(claim, p) = text;
    return 0;
}

static int other_profile(const struct claim *claim, const char *expected, struct atls_bytes came)
{
    return atls_fail(ATLS_E_UNSUPPORTED, claim->clause, "%s: expected %s, came \"%.*s\"",
                     claim->name, expected, (int)(came.size < 100 ? came.size : 100),
                     came.data ? (const char *)came.data : "");
}

static int read_platform_profile(struct atls_cbor_reader *r, const struct claim *claim,
                                 struct parse *p)
{
    struct atls_bytes name;
    int result = atls_cbor_read_text(r, claim->name, &name);

    if (result)
        return result;
    p->platform.legacy = atls_bytes_is_text(name, ATLS_CCA_LEGACY_PROFILE);
    return p->platform.legacy || atls_bytes_is_text(name, ATLS_CCA_PLATFORM_PROFILE)
               ? 0
               : other_profile(claim, ATLS_CCA_PLATFORM_PROFILE " or " ATLS_CCA_LEGACY_PROFILE,
                               name);
}

static int read_realm_profile(struct atls_cbor_reader *r, const struct claim *claim,
                              struct parse *p)
{
    struct atls_bytes name;
    int result = atls_cbor_read_text(r, claim->name, &name);

    if (result)
        return result;
    p->realm.has_profile = true;
    return atls_bytes_is_text(name, ATLS_CCA_REALM_PROFILE)
               ? 0
               : other_profile(claim, ATLS_CCA_REALM_PROFILE, name);
}

static int read_instance(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    int result = read_sized(r, claim, p);

    if (!result && target(claim, p)->data[0] != PSA_UEID_RAND)
        return atls_fail(ATLS_E_MALFORMED, claim->clause,
                         "%s: expected a UEID of type 01 (RAND), came type %02x", claim->name,
                         target(claim, p)->data[0]);
    return result;
}

static int read_lifecycle(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    uint64_t value;
    int result = atls_cbor_read_uint(r, claim->name, &value);

    if (result)
        return result;
    if (!atls_psa_lifecycle_valid(value))
        return atls_fail(ATLS_E_MALFORMED, claim->clause,
                         "%s: expected 0x00xx to 0x60xx in steps of 0x1000, came 0x%llx",
                         claim->name, (unsigned long long)value);
    p->platform.lifecycle = (uint16_t)value;
    return 0;
}

static int read_components(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    p->platform.components = p->components;
    return atls_psa_components_read(r, p->components, p->room, &p->platform.component_count);
}

static int read_extensible(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    size_t count;
    int result = atls_cbor_read_array(r, claim->name, &count);

    if (!result && count != ATLS_CCA_EXTENSIBLE_COUNT)
        return atls_fail(ATLS_E_MALFORMED, claim->clause, "%s: expected %d, came %zu", claim->name,
                         ATLS_CCA_EXTENSIBLE_COUNT, count);
    for (size_t i = 0; !result && i < count; i++)
        result =
            read_hash(r, "realm extensible measurement", claim->clause, &p->realm.extensible[i]);
    return result;
}

static int read_rak_hash(struct atls_cbor_reader *r, const struct claim *claim, struct parse *p)
{
    static const enum atls_hash hashes[] = {ATLS_SHA256, ATLS_SHA384, ATLS_SHA512};
    struct atls_bytes name;
    int result = atls_cbor_read_text(r, claim->name, &name);

    for (size_t i = 0; !result && i < sizeof hashes / sizeof *hashes; i++)
        if (atls_bytes_is_text(name, atls_cca_hash_name(hashes[i]))) {
            p->realm.rak_hash = hashes[i];
            return 0;
        }
    return result ? result : other_profile(claim, "sha-256, sha-384 or sha-512", name);
}

#define FIELD(name) offsetof(struct parse, name)

/* clang-format off */
static const struct claim platform_claims[] = {
    {CCA_PROFILE, false, "CCA platform profile", SECTION("4.5.1"), read_platform_profile, 0, 0},
    {CCA_CHALLENGE, false, "CCA platform challenge", SECTION("4.3.1"), read_measurement,
     FIELD(platform.challenge), 0},
    {CCA_INSTANCE_ID, false, "CCA platform instance id", SECTION("4.4.1"), read_instance,
     FIELD(platform.instance_id), ATLS_PSA_INSTANCE_ID_SIZE},
    {CCA_IMPLEMENTATION_ID, false, "CCA platform implementation id", SECTION("4.4.2"), read_sized,
     FIELD(platform.implementation_id), ATLS_PSA_IMPLEMENTATION_ID_SIZE},
    {CCA_LIFECYCLE, false, "CCA platform lifecycle", ATLS_CCA_CLAUSE_LIFECYCLE, read_lifecycle, 0, 0},
    {CCA_CONFIG, false, "CCA platform config", ATLS_CCA_CLAUSE_CONFIG, read_sized,
     FIELD(platform.config), 0},
    {CCA_COMPONENTS, false, "CCA platform software components", SECTION("4.6.1"), read_components, 0, 0},
    {CCA_VERIFICATION_SERVICE, true, "CCA platform verification service", SECTION("4.7.1"), read_text,
     FIELD(platform.verification_service), 0},
    {CCA_HASH_ALGORITHM, false, "CCA platform hash algorithm id", SECTION("4.7.2"), read_text,
     FIELD(platform.hash_algorithm), 0},
};
static const struct claim realm_claims[] = {
    {CCA_PROFILE, true, "realm profile", SECTION("4.8.2"), read_realm_profile, 0, 0},
    {CCA_CHALLENGE, false, "realm challenge", ATLS_CCA_CLAUSE_CHALLENGE, read_sized,
     FIELD(realm.challenge), ATLS_CCA_CHALLENGE_SIZE},
    {CCA_REALM_PERSONALIZATION, false, "realm personalization value",
     ATLS_CCA_CLAUSE_PERSONALIZATION, read_sized, FIELD(realm.personalization),
     ATLS_CCA_PERSONALIZATION_SIZE},
    {CCA_REALM_INITIAL, false, "realm initial measurement", ATLS_CCA_CLAUSE_INITIAL,
     read_measurement, FIELD(realm.initial), 0},
    {CCA_REALM_EXTENSIBLE, false, "realm extensible measurements", ATLS_CCA_CLAUSE_EXTENSIBLE,
     read_extensible, 0, 0},
    {CCA_REALM_HASH_ALGORITHM, false, "realm hash algorithm id", SECTION("4.8.6"), read_text,
     FIELD(realm.hash_algorithm), 0},
    {CCA_REALM_RAK, false, "realm public key", SECTION("4.8.7"), read_sized,
     FIELD(realm.rak_encoded), 0},
    {CCA_REALM_RAK_HASH_ALGORITHM, false, "realm public key hash algorithm id", SECTION("4.8.8"),
     read_rak_hash, 0, 0},
};
/* clang-format on */
#define CLAIMS_MAX 16

struct table {
    const struct claim *claims;
    size_t count;
    const char *what;
};
static const struct table platform = {
    platform_claims, sizeof platform_claims / sizeof *platform_claims, "CCA platform token"};
static const struct table realm = {realm_claims, sizeof realm_claims / sizeof *realm_claims,
                                   "CCA realm token"};

static int read_claim(struct atls_cbor_reader *r, int64_t key, const struct table *table,
                      bool *seen, struct parse *p)
{
    struct atls_cwt_times *times = table == &platform ? &p->platform.times : &p->realm.times;

    for (size_t i = 0; i < table->count; i++)
        if (table->claims[i].key == key) {
            seen[i] = true;
            r->clause = table->claims[i].clause;
            return table->claims[i].read(r, &table->claims[i], p);
        }
    return atls_cwt_is_time(key) ? atls_cwt_read_time(r, key, times) : atls_cbor_skip(r);
}

static int read_claims(struct atls_bytes payload, const struct table *table, struct parse *p)
{
    bool seen[CLAIMS_MAX] = {false};
    struct atls_cbor_reader r;
    size_t left = 0;
    int result = atls_cbor_open(&r, payload, &atls_psa_rules, ATLS_CCA_CLAUSE_ENCODING);

    if (!result)
        result = atls_cbor_read_map(&r, table->what, &left);
    for (; !result && left > 0; left--) {
        int64_t key;

        result = atls_cwt_read_key(&r, &key);
        if (!result)
            result = read_claim(&r, key, table, seen, p);
    }
    for (size_t i = 0; !result && i < table->count; i++)
        if (!seen[i] && !table->claims[i].optional)
            result = atls_fail(ATLS_E_MISSING, table->claims[i].clause,
                               "%s: expected claim %d, %s, came none", table->what,
                               table->claims[i].key, table->claims[i].name);
    return result;
}

int atls_cca_platform_parse(struct atls_bytes payload, struct atls_psa_component *components,
                            size_t count, struct atls_cca_platform *claimsp)
{
    struct parse p = {.components = components, .room = count};
    int result = read_claims(payload, &platform, &p);

    if (!result)
        *claimsp = p.platform;
    return result;
}

/* A COSE_Key where the token has a profile; an uncompressed point of P-384 in those of before. */
static int read_rak(struct atls_cca_realm *claims)
{
    struct atls_bytes encoded = claims->rak_encoded;
    size_t size = atls_curve_size(ATLS_P384);
    struct atls_cbor_reader r;
    int result;

    if (!claims->has_profile) {
        if (encoded.size != 1 + 2 * size || encoded.data[0] != 4)
            return atls_fail(ATLS_E_MALFORMED, SECTION("4.8.7"),
                             "realm public key: expected 97 bytes, an uncompressed point of P-384, "
                             "in a token without profile, came %zu",
                             encoded.size);
        return atls_public_key_of(ATLS_P384, encoded.data + 1, encoded.data + 1 + size,
                                  SECTION("4.8.7"), &claims->rak);
    }
    result = atls_cbor_open(&r, encoded, &atls_psa_rules, SECTION("4.8.7"));
    if (!result)
        result = atls_cose_key_read(&r, &claims->rak);
    return result ? result : atls_cbor_close(&r);
}

int atls_cca_realm_parse(struct atls_bytes payload, struct atls_cca_realm *claimsp)
{
    struct parse p = {.room = 0};
    int result = read_claims(payload, &realm, &p);

    result = result ? result : read_rak(&p.realm);
    if (!result)
        *claimsp = p.realm;
    return result;
}
