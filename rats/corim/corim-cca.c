/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM's profiles of Arm CCA (draft-ydb-rats-cca-endorsements), and of Parsec on it, whose
 * platform is endorsed in the same way. A platform's class is its implementation id: software
 * components as those of PSA, and its configuration. A realm's class is its initial measurement;
 * its other measurements are those that the same triple gives, and several triples of a class are
 * alternatives.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"

#define CCA_PLATFORM "draft-ydb-rats-cca-endorsements section 3.1"
#define CCA_REALM "draft-ydb-rats-cca-endorsements section 3.2"
#define MKEY_CONFIG "cca.platform-config"
#define MEMBERS_MAX 32 /* of a realm's triple */

static const struct {
    const char *mkey;
    bool raw; /* a value as it stands, not a digest */
} measured[ATLS_CCA_MEASURED] = {
    [ATLS_CCA_COMPONENT] = {MKEY_CCA_COMPONENT, false},
    [ATLS_CCA_CONFIG] = {MKEY_CONFIG, true},
    [ATLS_CCA_RIM] = {"cca.rim", false},
    [ATLS_CCA_REM] = {"cca.rem0", false},
    [ATLS_CCA_REM + 1] = {"cca.rem1", false},
    [ATLS_CCA_REM + 2] = {"cca.rem2", false},
    [ATLS_CCA_REM + 3] = {"cca.rem3", false},
    [ATLS_CCA_RPV] = {"cca.rpv", true},
};

int atls_corim_realm_class(struct atls_bytes rim, uint8_t class_id[32])
{
    uint8_t hash[ATLS_HASH_MAX];
    int e;

    if (rim.size == 32) {
        memcpy(class_id, rim.data, 32);
        return 0;
    }
    e = atls_crypto_hosted.hash(ATLS_SHA256, &rim, 1, hash);
    if (!e)
        memcpy(class_id, hash, 32);
    return e;
}

static int read_realm_class(struct atls_cbor_reader *r, struct atls_corim_environment *environment)
{
    struct atls_bytes id = {0};
    int e = atls_corim_read_tagged_bytes(r, "class id (initial measurement of a realm)", TAG_BYTES,
                                         &id);

    if (!e && id.size != 32 && id.size != 48 && id.size != 64)
        e = atls_fail(ATLS_E_MALFORMED, CCA_REALM,
                      "class id: expected the initial measurement of a realm, 32, 48 or 64 bytes, "
                      "came %zu",
                      id.size);
    if (!e)
        e = atls_corim_realm_class(id, environment->class_id);
    environment->has_class = !e;
    return e;
}

/* What is measured there, by the key of the next item, a measurement-map; R stays where it is. */
static int peek_measured(struct atls_cbor_reader r, const char *clause, unsigned least,
                         unsigned most, unsigned *measuredp)
{
    struct atls_bytes text = {0};
    size_t pairs;
    int64_t key;
    int e = atls_cbor_read_map(&r, "measurement", &pairs);

    while (!e && pairs--) {
        e = atls_cbor_read_int(&r, "key of measurement", &key);
        if (!e && key == MEASUREMENT_KEY && atls_cbor_peek(&r) == ATLS_CBOR_TEXT)
            e = atls_cbor_read_text(&r, "measurement key", &text);
        else if (!e)
            e = atls_cbor_skip(&r);
    }
    for (unsigned i = least; !e && i <= most; i++) {
        if (atls_bytes_is_text(text, measured[i].mkey)) {
            *measuredp = i;
            return 0;
        }
    }
    return e ? e
             : atls_fail(text.data ? ATLS_E_MALFORMED : ATLS_E_MISSING, clause,
                         "measurement key: expected a text from \"%s\" to \"%s\", came \"%.*s\"",
                         measured[least].mkey, measured[most].mkey,
                         (int)(text.size < 64 ? text.size : 64),
                         text.data ? (const char *)text.data : "");
}

struct value {
    const char *clause;
    struct atls_bytes raw;
    struct atls_corim_digest_read digest;
    bool has_digest;
};

static int read_one_digest(struct atls_cbor_reader *r, struct value *value)
{
    bool seen[ATLS_SHA512 + 1] = {false};
    size_t count;
    int e = atls_cbor_read_array(r, "digests", &count);

    if (!e && count != 1)
        return atls_fail(ATLS_E_MALFORMED, value->clause, "digests: expected one, came %zu", count);
    value->has_digest = true;
    return e ? e : atls_corim_read_digest(r, seen, &value->digest);
}

/* A mask would let other values pass as well: the value is compared as a whole, and it is left. */
static int read_value(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct value *value = context;
    struct atls_bytes text;

    switch (key) {
    case MVAL_DIGESTS:
        return read_one_digest(r, value);
    case MVAL_RAW:
        return atls_corim_read_tagged_bytes(r, "raw value", TAG_BYTES, &value->raw);
    case MVAL_RAW_MASK:
        return atls_cbor_skip(r);
    case MVAL_NAME: /* for people */
        return atls_cbor_read_text(r, "name", &text);
    }
    return atls_corim_unknown_key(r, "measurement values", key);
}

/* peek_measured() has read it. */
static int skip_key(struct atls_cbor_reader *r, void *context)
{
    return atls_cbor_skip(r);
}

static int add_value(const struct atls_corim_environment *environment, unsigned which,
                     const struct value *value, struct atls_corim *corim)
{
    struct atls_bytes bytes = measured[which].raw ? value->raw : value->digest.value;
    struct atls_reference_value *added;

    if (measured[which].raw ? !bytes.data : !value->has_digest)
        return atls_fail(ATLS_E_MISSING, value->clause, "%s: expected a %s, came none",
                         measured[which].mkey, measured[which].raw ? "raw value" : "digest");
    if (bytes.size == 0 || bytes.size > sizeof added->digest)
        return atls_fail(ATLS_E_LIMIT, value->clause, "%s: expected 1 to %zu bytes, came %zu",
                         measured[which].mkey, sizeof added->digest, bytes.size);
    added = atls_corim_add_value(environment, corim);
    if (!added)
        return atls_corim_no_memory();
    added->pcr = which;
    added->digest_hash = measured[which].raw ? ATLS_SHA256 : value->digest.hash;
    added->digest_size = bytes.size;
    memcpy(added->digest, bytes.data, bytes.size);
    return 0;
}

static int read_other(struct atls_cbor_reader *r, unsigned which, const char *clause,
                      const struct atls_corim_environment *environment, struct atls_corim *corim)
{
    struct value value = {.clause = clause};
    int e = atls_corim_read_measurement(r, skip_key, read_value, &value);

    return e ? e : add_value(environment, which, &value, corim);
}

static int read_platform(struct atls_cbor_reader *r,
                         const struct atls_corim_environment *environment, struct atls_corim *corim)
{
    unsigned which = ATLS_CCA_COMPONENT;
    int e = peek_measured(*r, CCA_PLATFORM, ATLS_CCA_COMPONENT, ATLS_CCA_CONFIG, &which);

    if (e)
        return e;
    return which == ATLS_CCA_COMPONENT
               ? atls_corim_read_component(r, MKEY_CCA_COMPONENT, environment, corim)
               : read_other(r, which, CCA_PLATFORM, environment, corim);
}

static int read_realm(struct atls_cbor_reader *r, const struct atls_corim_environment *environment,
                      struct atls_corim *corim)
{
    unsigned which = ATLS_CCA_RIM;
    int e = peek_measured(*r, CCA_REALM, ATLS_CCA_RIM, ATLS_CCA_RPV, &which);

    return e ? e : read_other(r, which, CCA_REALM, environment, corim);
}

/* One state of a realm, by a name that is made of what is in it; its initial measurement is its
 * class, and must be there. */
static int finish_realm(struct atls_corim *corim, size_t first)
{
    struct atls_reference_value *values = corim->reference_values + first;
    const struct atls_reference_value *found[ATLS_CCA_MEASURED] = {NULL};
    struct atls_bytes parts[2 * ATLS_CCA_MEASURED];
    uint8_t heads[ATLS_CCA_MEASURED], set[ATLS_HASH_MAX], class_id[32] = {0};
    size_t count = corim->reference_value_count - first, used = 0;
    int e;

    for (size_t i = 0; i < count; i++) {
        if (found[values[i].pcr])
            return atls_fail(ATLS_E_MALFORMED, CCA_REALM, "realm: expected %s once, came again",
                             measured[values[i].pcr].mkey);
        found[values[i].pcr] = &values[i];
    }
    if (!found[ATLS_CCA_RIM])
        return atls_fail(ATLS_E_MISSING, CCA_REALM, "realm: expected its cca.rim, came none");
    e = atls_corim_realm_class(
        ATLS_BYTES(found[ATLS_CCA_RIM]->digest, found[ATLS_CCA_RIM]->digest_size), class_id);
    if (!e && memcmp(class_id, values[0].implementation_id, sizeof class_id))
        e = atls_fail(ATLS_E_MISMATCH, CCA_REALM,
                      "realm: expected cca.rim to be the class id, came another");
    for (unsigned i = 0; !e && i < ATLS_CCA_MEASURED; i++) {
        if (!found[i])
            continue;
        heads[i] = (uint8_t)i;
        parts[used++] = ATLS_BYTES(&heads[i], 1);
        parts[used++] = ATLS_BYTES(found[i]->digest, found[i]->digest_size);
    }
    if (!e)
        e = atls_crypto_hosted.hash(ATLS_SHA256, parts, used, set);
    for (size_t i = 0; !e && i < count; i++)
        memcpy(values[i].set, set, sizeof values[i].set);
    return e;
}

static void write_measurement(struct atls_cbor_writer *w, const struct atls_reference_value *value)
{
    if (value->pcr == ATLS_CCA_COMPONENT) {
        atls_corim_write_component(w, MKEY_CCA_COMPONENT, value);
        return;
    }
    atls_cbor_write_map(w, 2);
    atls_cbor_write_uint(w, MEASUREMENT_KEY);
    atls_cbor_write_text(w, measured[value->pcr].mkey);
    atls_cbor_write_uint(w, MEASUREMENT_VALUE);
    atls_cbor_write_map(w, 1);
    if (measured[value->pcr].raw) {
        atls_cbor_write_uint(w, MVAL_RAW);
        atls_corim_write_tagged_bytes(w, TAG_BYTES, value->digest, value->digest_size);
    } else {
        atls_cbor_write_uint(w, MVAL_DIGESTS);
        atls_cbor_write_array(w, 1);
        atls_corim_write_digest(w, value);
    }
}

static void write_measurements(struct atls_cbor_writer *w, const struct atls_corim *corim,
                               size_t first)
{
    atls_corim_write_each(w, corim, first, write_measurement);
}

static bool is_value_of_platform(const struct atls_reference_value *value)
{
    return value->pcr == ATLS_CCA_COMPONENT
               ? atls_corim_psa_value_is_good(value)
               : value->pcr == ATLS_CCA_CONFIG && value->digest_size > 0 && !value->signer_id_size;
}

static bool is_value_of_realm(const struct atls_reference_value *value)
{
    return value->pcr >= ATLS_CCA_RIM && value->pcr <= ATLS_CCA_RPV && value->digest_size > 0 &&
           !value->signer_id_size;
}

static bool no_anchor(const struct atls_trust_anchor *anchor)
{
    return false;
}

static int no_instance(struct atls_cbor_reader *r, struct atls_corim_environment *environment)
{
    return atls_fail(ATLS_E_UNSUPPORTED, CCA_REALM,
                     "realm: expected an environment without instance");
}

static void write_no_instance(struct atls_cbor_writer *w, const struct atls_trust_anchor *anchor)
{
}

static bool is_raw(const struct atls_reference_value *value)
{
    return value->pcr < ATLS_CCA_MEASURED && measured[value->pcr].raw;
}

#define PLATFORM_RULES                                                                             \
    .environment = CCA_PLATFORM, .values = CCA_PLATFORM, .keys = CCA_PLATFORM,                     \
    .read_class_id = atls_corim_psa_read_class, .read_instance = atls_corim_psa_read_instance,     \
    .read_measurement = read_platform, .write_class_id = atls_corim_psa_write_class,               \
    .write_instance = atls_corim_psa_write_instance, .write_measurements = write_measurements,     \
    .value_is_good = is_value_of_platform, .is_raw = is_raw,                                       \
    .anchor_is_good = atls_corim_psa_anchor_is_good,                                               \
    .good = "software components with signer ids of 32, 48 or 64 bytes, a configuration, and "     \
            "instance ids of type 01"

const struct atls_corim_profile_rules atls_corim_cca_platform = {
    .uri = ATLS_CORIM_CCA_PLATFORM_PROFILE, PLATFORM_RULES};
const struct atls_corim_profile_rules atls_corim_parsec_cca = {.uri = ATLS_CORIM_PARSEC_CCA_PROFILE,
                                                               PLATFORM_RULES};

const struct atls_corim_profile_rules atls_corim_cca_realm = {
    .uri = ATLS_CORIM_CCA_REALM_PROFILE,
    .environment = CCA_REALM,
    .values = CCA_REALM,
    .keys = CCA_REALM,
    .read_class_id = read_realm_class,
    .read_instance = no_instance,
    .read_measurement = read_realm,
    .finish_values = finish_realm,
    .write_class_id = atls_corim_psa_write_class,
    .write_instance = write_no_instance,
    .write_measurements = write_measurements,
    .value_is_good = is_value_of_realm,
    .is_raw = is_raw,
    .anchor_is_good = no_anchor,
    .good = "measurements of realms, and no trust anchors",
};
