/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triples of a CoMID, with the PSA profile: reference values (environment, measurements) and
 * attestation keys (environment, one key). Shape by shape as the CDDL has them.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"
#include "rats/crypto/pem.h"

/* The environment of a triple, as far as the profile knows it. */
struct environment {
    bool has_implementation, has_instance;
    uint8_t implementation_id[32], instance_id[33];
};

static int read_tagged_bytes(struct atls_cbor_reader *r, const char *what, uint64_t tag,
                             struct atls_bytes *bytesp)
{
    int e = atls_corim_expect_tag(r, what, tag);
    return e ? e : atls_cbor_read_bytes(r, what, bytesp);
}

static int read_implementation_id(struct atls_cbor_reader *r, struct environment *environment)
{
    struct atls_bytes id = {0};
    int e = read_tagged_bytes(r, "class id (implementation id)", TAG_BYTES, &id);

    if (!e && id.size != sizeof(environment->implementation_id))
        e = atls_fail(ATLS_E_MALFORMED, PSA_ENVIRONMENT,
                      "implementation id: expected 32 bytes, came %zu", id.size);
    if (e)
        return e;
    memcpy(environment->implementation_id, id.data, id.size);
    environment->has_implementation = true;
    return 0;
}

static int read_instance_id(struct atls_cbor_reader *r, struct environment *environment)
{
    struct atls_bytes id = {0};
    int e = read_tagged_bytes(r, "instance (UEID)", TAG_UEID, &id);

    if (!e && (id.size != sizeof(environment->instance_id) || id.data[0] != 1))
        e = atls_fail(ATLS_E_MALFORMED, PSA_ENVIRONMENT,
                      "instance: expected a UEID of 33 bytes and type 01, came %zu bytes", id.size);
    if (e)
        return e;
    memcpy(environment->instance_id, id.data, id.size);
    environment->has_instance = true;
    return 0;
}

/* class-map {0: class id, 1: vendor, 2: model}; the latter two are for people. */
static int read_class(struct atls_cbor_reader *r, struct environment *environment)
{
    size_t pairs;
    int e = atls_cbor_read_map(r, "class", &pairs);

    while (!e && pairs--) {
        struct atls_bytes text;
        int64_t key;

        e = atls_cbor_read_int(r, "key of class", &key);
        if (e)
            return e;
        if (key == CLASS_ID)
            e = read_implementation_id(r, environment);
        else if (key == CLASS_VENDOR || key == CLASS_MODEL)
            e = atls_cbor_read_text(r, "vendor or model of class", &text);
        else
            e = atls_corim_unknown_key(r, "class", key);
    }
    return e;
}

static int read_environment(struct atls_cbor_reader *r, struct environment *environmentp)
{
    struct environment environment = {0};
    size_t pairs;
    int e = atls_cbor_read_map(r, "environment", &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(r, "key of environment", &key);
        if (e)
            return e;
        if (key == ENVIRONMENT_CLASS)
            e = read_class(r, &environment);
        else if (key == ENVIRONMENT_INSTANCE)
            e = read_instance_id(r, &environment);
        else
            e = atls_corim_unknown_key(r, "environment", key);
    }
    if (e)
        return e;
    if (!environment.has_implementation)
        return atls_fail(ATLS_E_MISSING, PSA_ENVIRONMENT,
                         "CoMID environment: expected class with an implementation id");
    *environmentp = environment;
    return 0;
}

/* A digest as it stands; the algorithm by its number or its name (RFC 6920 9.4). */
struct digest {
    enum atls_hash hash;
    struct atls_bytes value;
};

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

static const char *digest_name(enum atls_hash hash)
{
    const char *name = "an algorithm";

    for (size_t i = 0; i < atls_corim_digests_count; i++) {
        if (atls_corim_digests[i].hash == hash)
            name = atls_corim_digests[i].name;
    }
    return name;
}

static int read_digest(struct atls_cbor_reader *r, struct digest *digestp)
{
    size_t count;
    int e = atls_cbor_read_array(r, "digest", &count);

    if (!e && count != 2)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "digest: expected [algorithm, value]");
    if (!e)
        e = read_digest_alg(r, &digestp->hash);
    if (!e)
        e = atls_cbor_read_bytes(r, "digest value", &digestp->value);
    if (!e && digestp->value.size != atls_hash_size(digestp->hash))
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "digest value: expected %zu bytes, came %zu",
                      atls_hash_size(digestp->hash), digestp->value.size);
    return e;
}

/* One measurement may have several digests: each becomes a reference value of its own. */
struct measurement {
    char *name, *version;
    struct atls_bytes signer_id;
    struct atls_cbor_reader digests; /* stands before the array, where there is one */
    bool has_digests;
};

static int read_version(struct atls_cbor_reader *r, char **versionp)
{
    size_t pairs;
    bool found = false;
    int e = atls_cbor_read_map(r, "version", &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(r, "key of version", &key);
        if (!e && key == VERSION_TEXT) {
            e = atls_corim_read_text(r, "version", versionp);
            found = true;
        } else if (!e && key == VERSION_SCHEME) {
            e = atls_cbor_skip(r);
        } else if (!e) {
            e = atls_corim_unknown_key(r, "version", key);
        }
    }
    if (!e && !found)
        e = atls_fail(ATLS_E_MISSING, r->clause, "version: its text is missing");
    return e;
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
        e = read_tagged_bytes(r, "signer id", TAG_BYTES, signerp);
    if (!e && signerp->size != 32 && signerp->size != 48 && signerp->size != 64)
        e = atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                      "signer id: expected 32, 48 or 64 bytes, came %zu", signerp->size);
    return e;
}

static int read_measured_value(struct atls_cbor_reader *r, int64_t key, struct measurement *m)
{
    switch (key) {
    case MVAL_VERSION:
        return read_version(r, &m->version);
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

static int add_reference_value(const struct environment *environment, const struct measurement *m,
                               const struct digest *digest, struct atls_corim *corim)
{
    struct atls_reference_value *all = corim->reference_values, *value;
    size_t count = corim->reference_value_count;

    /* Capacity doubles at powers of two. */
    if (!(count & (count - 1))) {
        all = reallocarray(all, count ? count * 2 : 1, sizeof(*all));
        if (!all)
            return atls_corim_no_memory();
        corim->reference_values = all;
    }
    value = &all[count];
    *value = (struct atls_reference_value){.digest_hash = digest->hash,
                                           .digest_size = digest->value.size,
                                           .signer_id_size = m->signer_id.size,
                                           .name = m->name ? strdup(m->name) : NULL,
                                           .version = m->version ? strdup(m->version) : NULL};
    memcpy(value->implementation_id, environment->implementation_id, 32);
    memcpy(value->digest, digest->value.data, digest->value.size);
    memcpy(value->signer_id, m->signer_id.data, m->signer_id.size);
    corim->reference_value_count++;
    return (m->name && !value->name) || (m->version && !value->version) ? atls_corim_no_memory()
                                                                        : 0;
}

static int finish_measurement(const struct environment *environment, struct measurement *m,
                              struct atls_corim *corim)
{
    struct digest digest = {0};
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
    if (!e && !count)
        e = atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES, "digests: expected at least one");
    if (!e && count > 1 && !m->name)
        e = atls_fail(ATLS_E_UNSUPPORTED, PSA_REFERENCE_VALUES,
                      "digests: expected one of a measurement without name (11), came %zu: nothing "
                      "would tell that they are of one component",
                      count);
    while (!e && count--) {
        e = read_digest(&m->digests, &digest);
        if (!e && seen[digest.hash])
            e = atls_fail(ATLS_E_MALFORMED, "draft-ietf-rats-corim section 7.7",
                          "digests: expected each algorithm once, came %s again",
                          digest_name(digest.hash));
        seen[digest.hash] = true;
        if (!e)
            e = add_reference_value(environment, m, &digest, corim);
    }
    return e;
}

static int read_mkey(struct atls_cbor_reader *r)
{
    struct atls_bytes text;
    int e;

    if (atls_cbor_peek(r) != ATLS_CBOR_TEXT)
        return atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                         "measurement key: expected the text \"%s\"", MKEY_COMPONENT);
    e = atls_cbor_read_text(r, "measurement key", &text);
    if (!e && !atls_bytes_is_text(text, MKEY_COMPONENT))
        e = atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                      "measurement key: expected \"%s\", came \"%.*s\"", MKEY_COMPONENT,
                      (int)(text.size < 64 ? text.size : 64), (const char *)text.data);
    return e;
}

static int read_measurement_members(struct atls_cbor_reader *r, struct measurement *m)
{
    bool has_key = false;
    size_t pairs;
    int e = atls_cbor_read_map(r, "measurement", &pairs);

    while (!e && pairs--) {
        size_t values;
        int64_t key;

        e = atls_cbor_read_int(r, "key of measurement", &key);
        if (!e && key == MEASUREMENT_KEY) {
            has_key = true;
            e = read_mkey(r);
        } else if (!e && key == MEASUREMENT_VALUE) {
            e = atls_cbor_read_map(r, "measurement values", &values);
            while (!e && values--) {
                e = atls_cbor_read_int(r, "key of measurement values", &key);
                if (!e)
                    e = read_measured_value(r, key, m);
            }
        } else if (!e) {
            e = atls_corim_unknown_key(r, "measurement", key);
        }
    }
    if (!e && !has_key)
        e = atls_fail(ATLS_E_MISSING, PSA_REFERENCE_VALUES, "measurement: its key is missing");
    return e;
}

static int read_measurement(struct atls_cbor_reader *r, const struct environment *environment,
                            struct atls_corim *corim)
{
    struct measurement m = {0};
    int e = read_measurement_members(r, &m);

    if (!e)
        e = finish_measurement(environment, &m, corim);
    free(m.name);
    free(m.version);
    return e;
}

/* [environment, [+ item]] */
static int open_triple(struct atls_cbor_reader *r, const char *what,
                       struct environment *environmentp, size_t *countp)
{
    size_t count;
    int e = atls_cbor_read_array(r, what, &count);

    if (!e && count != 2)
        return atls_fail(count == 3 ? ATLS_E_UNSUPPORTED : ATLS_E_MALFORMED, r->clause,
                         "%s: expected [environment, items], came %zu elements", what, count);
    if (!e)
        e = read_environment(r, environmentp);
    if (!e)
        e = atls_cbor_read_array(r, what, countp);
    if (!e && !*countp)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected at least one item", what);
    return e;
}

static int read_reference_triple(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct environment environment = {0};
    size_t count = 0;
    int e = open_triple(r, "reference triple", &environment, &count);

    if (!e && environment.has_instance)
        e = atls_fail(ATLS_E_MALFORMED, PSA_REFERENCE_VALUES,
                      "reference triple: expected an environment without instance");
    while (!e && count--)
        e = read_measurement(r, &environment, corim);
    return e;
}

static int read_key_triple(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct atls_trust_anchor anchor = {0}, *all;
    struct environment environment = {0};
    struct atls_bytes pem;
    size_t count = 0;
    int e = open_triple(r, "attestation key triple", &environment, &count);

    if (!e && !environment.has_instance)
        e = atls_fail(ATLS_E_MISSING, PSA_ENVIRONMENT,
                      "attestation key triple: expected an instance (UEID)");
    if (!e && count != 1)
        e = atls_fail(ATLS_E_MALFORMED, PSA_KEYS, "verification keys: expected one, came %zu",
                      count);
    if (!e)
        e = atls_corim_expect_tag(r, "verification key (PKIX, base64)", TAG_PKIX_KEY);
    if (!e)
        e = atls_cbor_read_text(r, "verification key", &pem);
    if (!e)
        e = atls_pem_read_public_key(pem, &anchor.key);
    if (e)
        return e;
    memcpy(anchor.implementation_id, environment.implementation_id, 32);
    memcpy(anchor.instance_id, environment.instance_id, 33);
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
    static const enum atls_corim_skipped names[] = {
        [TRIPLES_ENDORSED] = ATLS_SKIPPED_ENDORSED,
        [TRIPLES_IDENTITY] = ATLS_SKIPPED_IDENTITY,
        [TRIPLES_DEPENDENCY] = ATLS_SKIPPED_DEPENDENCY,
        [TRIPLES_MEMBERSHIP] = ATLS_SKIPPED_MEMBERSHIP,
        [TRIPLES_COSWID] = ATLS_SKIPPED_COSWID,
        [TRIPLES_SERIES] = ATLS_SKIPPED_SERIES,
        [TRIPLES_CONDITIONAL] = ATLS_SKIPPED_CONDITIONAL,
    };

    return 1u << names[key];
}

int atls_corim_read_triples(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    size_t pairs, count;
    int e = atls_cbor_read_map(r, "triples", &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(r, "key of triples", &key);
        if (!e && key != TRIPLES_REFERENCE && key != TRIPLES_ATTEST_KEY) {
            corim->skipped |= skipped_bit(key);
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
