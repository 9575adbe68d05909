/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM's profile of Parsec on a TPM 2.0, as Veraison's scheme parsec-tpm holds it: a class is a
 * UUID, an instance the key id of an attestation key (AK), a measurement the digests of one PCR by
 * its number. The PCRs of a triple belong together: they are one state of a platform, and several
 * triples of a class are alternatives.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"

#define VALUES_MAX ((size_t)3 * ATLS_PCRS_MAX) /* of a triple: each PCR by each hash */

static int read_class_id(struct atls_cbor_reader *r, struct atls_corim_environment *environment)
{
    struct atls_bytes id = {0};
    int e = atls_corim_read_tagged_bytes(r, "class id (UUID)", TAG_UUID, &id);

    if (e)
        return e;
    memcpy(environment->class_id, id.data, id.size); /* 16: its shape was checked */
    environment->has_class = true;
    return 0;
}

static int read_instance(struct atls_cbor_reader *r, struct atls_corim_environment *environment)
{
    struct atls_bytes id = {0};
    int e = atls_corim_read_tagged_bytes(r, "instance (key id of the AK)", TAG_BYTES, &id);

    if (!e && (!id.size || id.size > sizeof environment->instance_id))
        e = atls_fail(ATLS_E_MALFORMED, PARSEC_TPM,
                      "instance: expected a key id of 1 to %zu bytes, came %zu",
                      sizeof environment->instance_id, id.size);
    if (e)
        return e;
    memcpy(environment->instance_id, id.data, id.size);
    environment->instance_id_size = id.size;
    environment->has_instance = true;
    return 0;
}

struct measurement {
    bool has_pcr, has_digests;
    uint64_t pcr;
    struct atls_cbor_reader digests; /* stands before the array */
};

static int read_pcr(struct atls_cbor_reader *r, void *context)
{
    struct measurement *m = context;
    int e;

    if (atls_cbor_peek(r) != ATLS_CBOR_UINT)
        return atls_fail(ATLS_E_MALFORMED, PARSEC_TPM,
                         "measurement key: expected the number of a PCR, came another type");
    e = atls_cbor_read_uint(r, "measurement key", &m->pcr);
    if (!e && m->pcr >= ATLS_PCRS_MAX)
        e = atls_fail(ATLS_E_MALFORMED, PARSEC_TPM,
                      "measurement key: expected a PCR from 0 to %d, came %llu", ATLS_PCRS_MAX - 1,
                      (unsigned long long)m->pcr);
    m->has_pcr = true;
    return e;
}

static int read_value(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct measurement *m = context;
    struct atls_bytes text;

    switch (key) {
    case MVAL_DIGESTS:
        m->digests = *r;
        m->has_digests = true;
        return atls_cbor_skip(r);
    case MVAL_NAME: /* for people */
        return atls_cbor_read_text(r, "name of a PCR", &text);
    }
    return atls_corim_unknown_key(r, "measurement values", key);
}

static int add_digests(const struct atls_corim_environment *environment, struct measurement *m,
                       struct atls_corim *corim)
{
    struct atls_corim_digest_read digest = {0};
    bool seen[ATLS_SHA512 + 1] = {false};
    struct atls_reference_value *value;
    size_t count = 0;
    int e = atls_cbor_read_array(&m->digests, "digests", &count);

    while (!e && count--) {
        e = atls_corim_read_digest(&m->digests, seen, &digest);
        if (e)
            return e;
        value = atls_corim_add_value(environment, corim);
        if (!value)
            return atls_corim_no_memory();
        value->pcr = (unsigned)m->pcr;
        value->digest_hash = digest.hash;
        value->digest_size = digest.value.size;
        memcpy(value->digest, digest.value.data, digest.value.size);
    }
    return e;
}

static int read_measurement(struct atls_cbor_reader *r,
                            const struct atls_corim_environment *environment,
                            struct atls_corim *corim)
{
    struct measurement m = {0};
    int e = atls_corim_read_measurement(r, read_pcr, read_value, &m);

    if (!e && !m.has_pcr)
        e = atls_fail(ATLS_E_MISSING, PARSEC_TPM,
                      "measurement: expected a key (the number of a PCR), came none");
    if (!e && !m.has_digests)
        e = atls_fail(ATLS_E_MISSING, PARSEC_TPM, "PCR %llu: expected digests, came none",
                      (unsigned long long)m.pcr);
    return e ? e : add_digests(environment, &m, corim);
}

/* A reference value, and what orders it among others. */
struct ranked {
    unsigned rank;
    const struct atls_reference_value *value;
};

static int order(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;

    return (int)left->rank - (int)right->rank; /* both are below 128 */
}

/* The name of the set is made of what is in it, in order, so that who endorses the same twice, in
 * whatever order, endorses it once. */
static int finish_values(struct atls_corim *corim, size_t first)
{
    struct atls_reference_value *values = corim->reference_values + first;
    struct ranked sorted[VALUES_MAX];
    uint8_t heads[VALUES_MAX][2], set[ATLS_HASH_MAX];
    struct atls_bytes parts[2 * VALUES_MAX];
    size_t count = corim->reference_value_count - first;
    int e;

    if (count > VALUES_MAX)
        return atls_fail(ATLS_E_LIMIT, PARSEC_TPM, "reference triple: expected %zu digests at most",
                         VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        sorted[i].value = &values[i];
        sorted[i].rank = values[i].pcr << 2 | (unsigned)values[i].digest_hash;
    }
    qsort(sorted, count, sizeof sorted[0], order);
    for (size_t i = 0; i < count; i++) {
        const struct atls_reference_value *value = sorted[i].value;

        if (i && sorted[i].rank == sorted[i - 1].rank)
            return atls_fail(ATLS_E_MALFORMED, PARSEC_TPM,
                             "reference triple: expected each PCR once, came %u again", value->pcr);
        heads[i][0] = (uint8_t)value->pcr;
        heads[i][1] = (uint8_t)value->digest_hash;
        parts[2 * i] = ATLS_BYTES(heads[i], 2);
        parts[2 * i + 1] = ATLS_BYTES(value->digest, value->digest_size);
    }
    e = atls_crypto_hosted.hash(ATLS_SHA256, parts, 2 * count, set);
    for (size_t i = 0; !e && i < count; i++)
        memcpy(values[i].set, set, sizeof values[i].set);
    return e;
}

static void write_class_id(struct atls_cbor_writer *w, const uint8_t class_id[32])
{
    atls_corim_write_tagged_bytes(w, TAG_UUID, class_id, ATLS_UUID_SIZE);
}

static void write_instance(struct atls_cbor_writer *w, const struct atls_trust_anchor *anchor)
{
    atls_corim_write_tagged_bytes(w, TAG_BYTES, anchor->instance_id, anchor->instance_id_size);
}

static bool same_pcr(const struct atls_reference_value *a, const struct atls_reference_value *b)
{
    return a->pcr == b->pcr && atls_corim_same_triple(a, b);
}

/* Does it lead those of its PCR, from FIRST on? */
static bool leads(const struct atls_corim *corim, size_t first, size_t index)
{
    for (size_t i = first; i < index; i++)
        if (same_pcr(&corim->reference_values[i], &corim->reference_values[index]))
            return false;
    return atls_corim_same_triple(&corim->reference_values[first], &corim->reference_values[index]);
}

static void write_measurements(struct atls_cbor_writer *w, const struct atls_corim *corim,
                               size_t first)
{
    const struct atls_reference_value *values = corim->reference_values;
    size_t count = corim->reference_value_count, pcrs = 0;

    for (size_t i = first; i < count; i++)
        pcrs += leads(corim, first, i);
    atls_cbor_write_array(w, pcrs);
    for (size_t i = first; i < count; i++) {
        size_t digests = 0;

        if (!leads(corim, first, i))
            continue;
        for (size_t j = i; j < count; j++)
            digests += same_pcr(&values[i], &values[j]);
        atls_cbor_write_map(w, 2);
        atls_cbor_write_uint(w, MEASUREMENT_KEY);
        atls_cbor_write_uint(w, values[i].pcr);
        atls_cbor_write_uint(w, MEASUREMENT_VALUE);
        atls_cbor_write_map(w, 1);
        atls_cbor_write_uint(w, MVAL_DIGESTS);
        atls_cbor_write_array(w, digests);
        for (size_t j = i; j < count; j++)
            if (same_pcr(&values[i], &values[j]))
                atls_corim_write_digest(w, &values[j]);
    }
}

static bool is_uuid(const uint8_t class_id[32])
{
    static const uint8_t zeros[32 - ATLS_UUID_SIZE];

    return !memcmp(class_id + ATLS_UUID_SIZE, zeros, sizeof zeros);
}

static bool value_is_good(const struct atls_reference_value *value)
{
    return value->pcr < ATLS_PCRS_MAX && is_uuid(value->implementation_id) && !value->name &&
           !value->version && !value->signer_id_size;
}

static bool anchor_is_good(const struct atls_trust_anchor *anchor)
{
    return is_uuid(anchor->implementation_id) && anchor->instance_id_size &&
           anchor->instance_id_size <= sizeof anchor->instance_id;
}

const struct atls_corim_profile_rules atls_corim_parsec_tpm = {
    .uri = ATLS_CORIM_PARSEC_TPM_PROFILE,
    .environment = PARSEC_TPM,
    .values = PARSEC_TPM,
    .keys = PARSEC_TPM,
    .class_id = "a UUID",
    .instance = "key id of the AK",
    .by_instance = true,
    .read_class_id = read_class_id,
    .read_instance = read_instance,
    .read_measurement = read_measurement,
    .finish_values = finish_values,
    .write_class_id = write_class_id,
    .write_instance = write_instance,
    .write_measurements = write_measurements,
    .value_is_good = value_is_good,
    .anchor_is_good = anchor_is_good,
    .good = "PCRs from 0 to 31 without name, version and signer, classes that are UUIDs and key "
            "ids of 1 to 33 bytes",
};
