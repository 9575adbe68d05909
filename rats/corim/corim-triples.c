/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triples of a CoMID: reference values (environment, measurements) and attestation keys
 * (environment, one key). Shape by shape as the CDDL has them; what a profile has of its own it
 * reads itself.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"
#include "rats/crypto/pem.h"

int atls_corim_read_tagged_bytes(struct atls_cbor_reader *r, const char *what, uint64_t tag,
                                 struct atls_bytes *bytesp)
{
    int e = atls_corim_expect_tag(r, what, tag);
    return e ? e : atls_cbor_read_bytes(r, what, bytesp);
}

struct atls_reference_value *atls_corim_add_value(const struct atls_corim_environment *environment,
                                                  struct atls_corim *corim)
{
    struct atls_reference_value *all = corim->reference_values, *value;
    size_t count = corim->reference_value_count;

    /* Capacity doubles at powers of two. */
    if (!(count & (count - 1))) {
        all = reallocarray(all, count ? count * 2 : 1, sizeof(*all));
        if (!all)
            return NULL;
        corim->reference_values = all;
    }
    value = &all[count];
    *value = (struct atls_reference_value){.profile = corim->profile};
    memcpy(value->implementation_id, environment->class_id, sizeof value->implementation_id);
    corim->reference_value_count++;
    return value;
}

struct reading { /* of an environment */
    const struct atls_corim_profile_rules *rules;
    struct atls_corim_environment environment;
};

/* class-map {0: class id, 1: vendor, 2: model}; the latter two are for people. */
static int read_class(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct reading *reading = context;

    if (key == CLASS_ID)
        return reading->rules->read_class_id(r, &reading->environment);
    if (key == CLASS_VENDOR || key == CLASS_MODEL)
        return atls_cbor_skip(r);
    return atls_corim_unknown_key(r, "class", key);
}

static int read_environment_member(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct reading *reading = context;

    if (key == ENVIRONMENT_CLASS)
        return atls_corim_read_members(r, "class", read_class, context);
    if (key == ENVIRONMENT_INSTANCE)
        return reading->rules->read_instance(r, &reading->environment);
    return atls_corim_unknown_key(r, "environment", key);
}

static int read_environment(struct atls_cbor_reader *r,
                            const struct atls_corim_profile_rules *rules,
                            struct atls_corim_environment *environmentp)
{
    struct reading reading = {.rules = rules};
    int e = atls_corim_read_members(r, "environment", read_environment_member, &reading);

    if (e)
        return e;
    if (!reading.environment.has_class)
        return atls_fail(ATLS_E_MISSING, rules->environment,
                         "CoMID environment: expected class with %s", rules->class_id);
    *environmentp = reading.environment;
    return 0;
}

struct measurement {
    int (*read_key)(struct atls_cbor_reader *r, void *context);
    int (*read_value)(struct atls_cbor_reader *r, int64_t key, void *context);
    void *context;
};

static int read_measurement_member(struct atls_cbor_reader *r, int64_t key, void *context)
{
    const struct measurement *m = context;

    if (key == MEASUREMENT_KEY)
        return m->read_key(r, m->context);
    if (key == MEASUREMENT_VALUE)
        return atls_corim_read_members(r, "measurement values", m->read_value, m->context);
    return atls_corim_unknown_key(r, "measurement", key);
}

int atls_corim_read_measurement(
    struct atls_cbor_reader *r, int (*read_key)(struct atls_cbor_reader *r, void *context),
    int (*read_value)(struct atls_cbor_reader *r, int64_t key, void *context), void *context)
{
    struct measurement m = {read_key, read_value, context};

    return atls_corim_read_members(r, "measurement", read_measurement_member, &m);
}

static int read_digest_alg(struct atls_cbor_reader *r, enum atls_hash *hashp)
{
    struct atls_bytes name = {0};
    int64_t number = 0;
    bool is_text = atls_cbor_peek(r) == ATLS_CBOR_TEXT;
    int e = is_text ? atls_cbor_read_text(r, "digest algorithm", &name)
                    : atls_cbor_read_int(r, "digest algorithm", &number);

    for (size_t i = 0; !e && i < atls_corim_digests_count; i++) {
        const struct atls_corim_digest *known = &atls_corim_digests[i];
        if (is_text ? atls_bytes_is_text(name, known->name) : number == known->number) {
            *hashp = known->hash;
            return 0;
        }
    }
    return e ? e
             : atls_fail(ATLS_E_UNSUPPORTED, r->clause,
                         "digest algorithm: expected sha-256 (1), sha-384 (7) or sha-512 (8)");
}

int atls_corim_read_digest(struct atls_cbor_reader *r, bool seen[ATLS_SHA512 + 1],
                           struct atls_corim_digest_read *digestp)
{
    size_t count; /* 2, algorithm and value: its shape was checked */
    int e = atls_cbor_read_array(r, "digest", &count);

    if (!e)
        e = read_digest_alg(r, &digestp->hash);
    if (!e)
        e = atls_cbor_read_bytes(r, "digest value", &digestp->value);
    if (!e && digestp->value.size != atls_hash_size(digestp->hash))
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "digest value: expected %zu bytes, came %zu",
                      atls_hash_size(digestp->hash), digestp->value.size);
    if (!e && seen[digestp->hash])
        e = atls_fail(ATLS_E_MALFORMED, "draft-ietf-rats-corim section 7.7",
                      "digests: expected each algorithm once, came %s again",
                      atls_corim_digests[digestp->hash].name);
    if (!e)
        seen[digestp->hash] = true;
    return e;
}

/* [environment, [+ item]] */
static int open_triple(struct atls_cbor_reader *r, const struct atls_corim_profile_rules *rules,
                       const char *what, struct atls_corim_environment *environmentp,
                       size_t *countp)
{
    size_t count;
    int e = atls_cbor_read_array(r, what, &count);

    if (!e && count != 2)
        return atls_fail(count == 3 ? ATLS_E_UNSUPPORTED : ATLS_E_MALFORMED, r->clause,
                         "%s: expected [environment, items], came %zu elements", what, count);
    if (!e)
        e = read_environment(r, rules, environmentp);
    if (!e)
        e = atls_cbor_read_array(r, what, countp);
    return e;
}

static int read_reference_triple(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    const struct atls_corim_profile_rules *rules = atls_corim_profile_rules(corim->profile);
    struct atls_corim_environment environment = {0};
    size_t count = 0, first = corim->reference_value_count;
    int e = open_triple(r, rules, "reference triple", &environment, &count);

    if (!e && environment.has_instance && r->rules->skip_unknown) {
        while (!e && count--)
            e = atls_cbor_skip(r);
        return e;
    }
    if (!e && environment.has_instance)
        e = atls_fail(ATLS_E_MALFORMED, rules->values,
                      "reference triple: expected an environment without instance");
    while (!e && count--)
        e = rules->read_measurement(r, &environment, corim);
    return !e && rules->finish_values ? rules->finish_values(corim, first) : e;
}

static int read_key_triple(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    const struct atls_corim_profile_rules *rules = atls_corim_profile_rules(corim->profile);
    struct atls_trust_anchor anchor = {.profile = corim->profile}, *all;
    struct atls_corim_environment environment = {0};
    struct atls_bytes pem;
    size_t count = 0;
    int e = open_triple(r, rules, "attestation key triple", &environment, &count);

    if (!e && !environment.has_instance)
        e = atls_fail(ATLS_E_MISSING, rules->environment,
                      "attestation key triple: expected an instance (%s)", rules->instance);
    if (!e && count != 1)
        e = atls_fail(ATLS_E_MALFORMED, rules->keys, "verification keys: expected one, came %zu",
                      count);
    if (!e)
        e = atls_corim_expect_tag(r, "verification key (PKIX, base64)", TAG_PKIX_KEY);
    if (!e)
        e = atls_cbor_read_text(r, "verification key", &pem);
    if (!e)
        e = atls_pem_read_public_key(pem, &anchor.key);
    if (e)
        return e;
    memcpy(anchor.implementation_id, environment.class_id, sizeof anchor.implementation_id);
    memcpy(anchor.instance_id, environment.instance_id, sizeof anchor.instance_id);
    anchor.instance_id_size = environment.instance_id_size;
    all = reallocarray(corim->trust_anchors, corim->trust_anchor_count + 1, sizeof(*all));
    if (!all)
        return atls_corim_no_memory();
    all[corim->trust_anchor_count++] = anchor;
    corim->trust_anchors = all;
    return 0;
}

/* Those that only add, and are skipped; their shape was checked. */
static unsigned skipped_bit(int64_t key)
{
    static const struct {
        int64_t key;
        enum atls_corim_skipped what;
    } kinds[] = {
        {TRIPLES_ENDORSED, ATLS_SKIPPED_ENDORSED},
        {TRIPLES_IDENTITY, ATLS_SKIPPED_IDENTITY},
        {TRIPLES_DEPENDENCY, ATLS_SKIPPED_DEPENDENCY},
        {TRIPLES_MEMBERSHIP, ATLS_SKIPPED_MEMBERSHIP},
        {TRIPLES_COSWID, ATLS_SKIPPED_COSWID},
        {TRIPLES_SERIES, ATLS_SKIPPED_SERIES},
        {TRIPLES_CONDITIONAL, ATLS_SKIPPED_CONDITIONAL},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].key == key)
            return 1u << kinds[i].what;
    return 0;
}

int atls_corim_read_triples(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    size_t pairs, count;
    int e = atls_cbor_read_map(r, "triples", &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(r, "key of triples", &key);
        if (!e && key != TRIPLES_REFERENCE && key != TRIPLES_ATTEST_KEY) {
            corim->skipped |= skipped_bit(key); /* 0 of what the shape has let pass */
            e = atls_cbor_skip(r);
            continue;
        }
        if (!e)
            e = atls_cbor_read_array(r, "triples", &count);
        while (!e && count--)
            e = key == TRIPLES_REFERENCE ? read_reference_triple(r, corim)
                                         : read_key_triple(r, corim);
    }
    return e;
}
