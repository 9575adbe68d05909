/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM's profile of PSA (draft-fdb-rats-psa-endorsements): implementation ids, instances that are
 * UEIDs, and software components by name, version, digest and signer.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"

int atls_corim_psa_read_class(struct atls_cbor_reader *r,
                              struct atls_corim_environment *environment)
{
    struct atls_bytes id = {0};
    int e = atls_corim_read_tagged_bytes(r, "class id (implementation id)", TAG_BYTES, &id);

    if (!e && id.size != sizeof(environment->class_id))
        e = atls_fail(ATLS_E_MALFORMED, PSA_ENVIRONMENT,
                      "implementation id: expected 32 bytes, came %zu", id.size);
    if (e)
        return e;
    memcpy(environment->class_id, id.data, id.size);
    environment->has_class = true;
    return 0;
}

int atls_corim_psa_read_instance(struct atls_cbor_reader *r,
                                 struct atls_corim_environment *environment)
{
    struct atls_bytes id = {0};
    int e = atls_corim_read_tagged_bytes(r, "instance (UEID)", TAG_UEID, &id);

    if (!e && (id.size != sizeof(environment->instance_id) || id.data[0] != 1))
        e = atls_fail(ATLS_E_MALFORMED, PSA_ENVIRONMENT,
                      "instance: expected a UEID of 33 bytes and type 01, came %zu bytes", id.size);
    if (e)
        return e;
    memcpy(environment->instance_id, id.data, id.size);
    environment->has_instance = true;
    return 0;
}

/* One measurement may have several digests: each becomes a reference value of its own. */
struct measurement {
    const char *mkey; /* that it must have */
    bool has_key;
    char *name, *version;
    struct atls_bytes signer_id;
    struct atls_cbor_reader digests; /* stands before the array, where there is one */
    bool has_digests;
};

/* Its scheme, and what else the shape has let pass, is for people. */
static int read_version(struct atls_cbor_reader *r, int64_t key, void *context)
{
    return key == VERSION_TEXT ? atls_corim_read_text(r, "version", context) : atls_cbor_skip(r);
}

/* cryptokeys: exactly one tagged byte string, the signer id. */
static int read_signer(struct atls_cbor_reader *r, struct atls_bytes *signerp)
{
    size_t count;
    int e = atls_cbor_read_array(r, "cryptokeys", &count);

    if (!e && count != 1)
        return atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                         "cryptokeys: expected one signer id, came %zu", count);
    if (!e)
        e = atls_corim_read_tagged_bytes(r, "signer id", TAG_BYTES, signerp);
    if (!e && signerp->size != 32 && signerp->size != 48 && signerp->size != 64)
        e = atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                      "signer id: expected 32, 48 or 64 bytes, came %zu", signerp->size);
    return e;
}

static int read_measured_value(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct measurement *m = context;

    switch (key) {
    case MVAL_VERSION:
        return atls_corim_read_members(r, "version", read_version, &m->version);
    case MVAL_DIGESTS:
        m->digests = *r;
        m->has_digests = true;
        return atls_cbor_skip(r);
    case MVAL_NAME:
        return atls_corim_read_text(r, "name of component", &m->name);
    case MVAL_CRYPTOKEYS:
        return read_signer(r, &m->signer_id);
    case MVAL_PSA_CERT_NUM: /* a certificate's number: nothing that is measured */
        return atls_cbor_skip(r);
    }
    return atls_corim_unknown_key(r, "measurement values", key);
}

static int add_reference_value(const struct atls_corim_environment *environment,
                               const struct measurement *m,
                               const struct atls_corim_digest_read *digest,
                               struct atls_corim *corim)
{
    struct atls_reference_value *value = atls_corim_add_value(environment, corim);

    if (!value)
        return atls_corim_no_memory();
    value->digest_hash = digest->hash;
    value->digest_size = digest->value.size;
    memcpy(value->digest, digest->value.data, digest->value.size);
    value->signer_id_size = m->signer_id.size;
    memcpy(value->signer_id, m->signer_id.data, m->signer_id.size);
    value->name = m->name ? strdup(m->name) : NULL;
    value->version = m->version ? strdup(m->version) : NULL;
    return (m->name && !value->name) || (m->version && !value->version) ? atls_corim_no_memory()
                                                                        : 0;
}

static int finish_measurement(const struct atls_corim_environment *environment,
                              struct measurement *m, struct atls_corim *corim)
{
    struct atls_corim_digest_read digest = {0};
    bool seen[ATLS_SHA512 + 1] = {false};
    size_t count = 0;
    int e;

    if (!m->signer_id.data)
        return atls_fail(ATLS_E_MISSING, PSA_REFERENCE_VALUES,
                         "reference value: cryptokeys (the signer id) is missing");
    if (!m->has_digests)
        return atls_fail(ATLS_E_MISSING, PSA_REFERENCE_VALUES,
                         "reference value: digests are missing");
    e = atls_cbor_read_array(&m->digests, "digests", &count);
    if (!e && count > 1 && !m->name)
        e = atls_fail(ATLS_E_UNSUPPORTED, PSA_REFERENCE_VALUES,
                      "digests: expected one of a measurement without name (11), came %zu: nothing "
                      "would tell that they are of one component",
                      count);
    while (!e && count--) {
        e = atls_corim_read_digest(&m->digests, seen, &digest);
        if (!e)
            e = add_reference_value(environment, m, &digest, corim);
    }
    return e;
}

static int read_mkey(struct atls_cbor_reader *r, void *context)
{
    struct measurement *m = context;
    struct atls_bytes text;
    int e;

    m->has_key = true;
    if (atls_cbor_peek(r) != ATLS_CBOR_TEXT)
        return atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                         "measurement key: expected the text \"%s\"", m->mkey);
    e = atls_cbor_read_text(r, "measurement key", &text);
    if (!e && !atls_bytes_is_text(text, m->mkey))
        e = atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                      "measurement key: expected \"%s\", came \"%.*s\"", m->mkey,
                      (int)(text.size < 64 ? text.size : 64), (const char *)text.data);
    return e;
}

int atls_corim_read_component(struct atls_cbor_reader *r, const char *mkey,
                              const struct atls_corim_environment *environment,
                              struct atls_corim *corim)
{
    struct measurement m = {.mkey = mkey};
    int e = atls_corim_read_measurement(r, read_mkey, read_measured_value, &m);

    if (!e && !m.has_key)
        e = atls_fail(ATLS_E_MISSING, PSA_REFERENCE_VALUES, "measurement: its key is missing");
    if (!e && (m.has_digests || !r->rules->skip_unknown))
        e = finish_measurement(environment, &m, corim);
    free(m.name);
    free(m.version);
    return e;
}

static int read_measurement(struct atls_cbor_reader *r,
                            const struct atls_corim_environment *environment,
                            struct atls_corim *corim)
{
    return atls_corim_read_component(r, MKEY_COMPONENT, environment, corim);
}

void atls_corim_psa_write_class(struct atls_cbor_writer *w, const uint8_t class_id[32])
{
    atls_corim_write_tagged_bytes(w, TAG_BYTES, class_id, 32);
}

void atls_corim_psa_write_instance(struct atls_cbor_writer *w,
                                   const struct atls_trust_anchor *anchor)
{
    atls_corim_write_tagged_bytes(w, TAG_UEID, anchor->instance_id, sizeof anchor->instance_id);
}

void atls_corim_write_component(struct atls_cbor_writer *w, const char *mkey,
                                const struct atls_reference_value *value)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_uint(w, MEASUREMENT_KEY);
    atls_cbor_write_text(w, mkey);
    atls_cbor_write_uint(w, MEASUREMENT_VALUE);
    atls_cbor_write_map(w, 2 + (value->version != NULL) + (value->name != NULL));
    if (value->version) {
        atls_cbor_write_uint(w, MVAL_VERSION);
        atls_cbor_write_map(w, 1);
        atls_cbor_write_uint(w, VERSION_TEXT);
        atls_cbor_write_text(w, value->version);
    }
    atls_cbor_write_uint(w, MVAL_DIGESTS);
    atls_cbor_write_array(w, 1);
    atls_corim_write_digest(w, value);
    if (value->name) {
        atls_cbor_write_uint(w, MVAL_NAME);
        atls_cbor_write_text(w, value->name);
    }
    atls_cbor_write_uint(w, MVAL_CRYPTOKEYS);
    atls_cbor_write_array(w, 1);
    atls_corim_write_tagged_bytes(w, TAG_BYTES, value->signer_id, value->signer_id_size);
}

static void write_measurement(struct atls_cbor_writer *w, const struct atls_reference_value *value)
{
    atls_corim_write_component(w, MKEY_COMPONENT, value);
}

static void write_measurements(struct atls_cbor_writer *w, const struct atls_corim *corim,
                               size_t first)
{
    atls_corim_write_each(w, corim, first, write_measurement);
}

bool atls_corim_psa_value_is_good(const struct atls_reference_value *value)
{
    size_t signer = value->signer_id_size;

    return (signer == 32 || signer == 48 || signer == 64) && (!value->name || *value->name) &&
           (!value->version || *value->version);
}

bool atls_corim_psa_anchor_is_good(const struct atls_trust_anchor *anchor)
{
    return anchor->instance_id[0] == 1;
}

const struct atls_corim_profile_rules atls_corim_psa = {
    .uri = ATLS_CORIM_PSA_PROFILE,
    .environment = PSA_ENVIRONMENT,
    .values = PSA_REFERENCE_VALUES,
    .keys = PSA_KEYS,
    .class_id = "an implementation id",
    .instance = "UEID",
    .read_class_id = atls_corim_psa_read_class,
    .read_instance = atls_corim_psa_read_instance,
    .read_measurement = read_measurement,
    .write_class_id = atls_corim_psa_write_class,
    .write_instance = atls_corim_psa_write_instance,
    .write_measurements = write_measurements,
    .value_is_good = atls_corim_psa_value_is_good,
    .anchor_is_good = atls_corim_psa_anchor_is_good,
    .good = "signer ids of 32, 48 or 64 bytes and instance ids of type 01",
};
