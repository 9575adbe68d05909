/* SPDX-License-Identifier: Apache-2.0 */
/* CoRIM with the PSA profile: Veraison's vectors in both dialects, round trips, refusals. */
#include "rats/test/test-support.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-write.h"
#include "rats/corim/corim-keys.h"
#include "rats/crypto/pem.h"

static const uint8_t bytes64[64] = {1, 2, 3, 4, 5, 6, 7, 8};

static struct atls_public_key some_key(enum atls_curve curve)
{
    static const uint8_t seed[32] = {7};
    struct atls_private_key key;

    assert_int_equal(atls_crypto_hosted.make_key(curve, seed, &key), 0);
    return key.public_key;
}

/* A CoRIM with one reference value and one trust anchor, and one thing wrong in it. */
enum fault {
    NOTHING,
    NO_CORIM_TAG,
    SIGNED_TAG,
    NO_ID,
    EMPTY_ID,
    NUL_IN_ID,
    SHORT_UUID,
    NO_TAGS,
    EMPTY_TAGS,
    COSWID,
    COMID_UNTAGGED,
    COMID_NOT_BYTES,
    COMID_TRAILING,
    COMID_INDEFINITE,
    NO_PROFILE,
    OTHER_PROFILE,
    PROFILE_OID,
    VALIDITY,
    NO_IDENTITY,
    NO_TRIPLES,
    OTHER_TRIPLES,
    NO_CLASS,
    CLASS_NO_ID,
    CLASS_TEXT,
    CLASS_UNTAGGED,
    CLASS_SHORT,
    CLASS_LAYER,
    GROUP,
    REFERENCE_INSTANCE,
    NO_MEASUREMENTS,
    CONDITIONS,
    NO_MKEY,
    MKEY_NUMBER,
    MKEY_OTHER,
    NO_DIGESTS,
    EMPTY_DIGESTS,
    DIGEST_ALG,
    DIGEST_ALG_TEXT,
    DIGEST_SHORT,
    DIGEST_THREE,
    TWO_DIGESTS,
    NO_SIGNER,
    TWO_SIGNERS,
    SIGNER_SHORT,
    SIGNER_UEID,
    SVN,
    NO_INSTANCE,
    INSTANCE_UUID,
    INSTANCE_SHORT,
    INSTANCE_TYPE,
    TWO_KEYS,
    KEY_CERTIFICATE,
    KEY_UNTAGGED,
    KEY_NOT_PEM,
    KEY_TRUNCATED,
    VERSION_NO_TEXT,
    EMPTY_NAME,
    CERT_NUM,
};

static void write_bytes(struct atls_cbor_writer *w, uint64_t tag, size_t size)
{
    if (tag)
        atls_cbor_write_tag(w, tag);
    atls_cbor_write_bytes(w, ATLS_BYTES(bytes64, size));
}

static void write_class(struct atls_cbor_writer *w, enum fault fault)
{
    atls_cbor_write_uint(w, ENVIRONMENT_CLASS);
    atls_cbor_write_map(w, 1 + (fault == CLASS_LAYER));
    atls_cbor_write_uint(w, fault == CLASS_NO_ID ? CLASS_VENDOR : CLASS_ID);
    if (fault == CLASS_NO_ID || fault == CLASS_TEXT)
        atls_cbor_write_text(w, "ACME");
    else
        write_bytes(w, fault == CLASS_UNTAGGED ? 0 : TAG_BYTES, fault == CLASS_SHORT ? 31 : 32);
    if (fault == CLASS_LAYER) {
        atls_cbor_write_uint(w, 3);
        atls_cbor_write_uint(w, 1);
    }
}

static void write_digest(struct atls_cbor_writer *w, enum fault fault, unsigned number, size_t size)
{
    atls_cbor_write_array(w, 2 + (fault == DIGEST_THREE));
    if (fault == DIGEST_ALG_TEXT)
        atls_cbor_write_text(w, "sha-256");
    else
        atls_cbor_write_uint(w, fault == DIGEST_ALG ? 2 : number);
    write_bytes(w, 0, fault == DIGEST_SHORT ? 31 : size);
    if (fault == DIGEST_THREE)
        atls_cbor_write_uint(w, 0);
}

static void write_mval(struct atls_cbor_writer *w, enum fault fault)
{
    atls_cbor_write_map(w, 4 - (fault == NO_DIGESTS) - (fault == NO_SIGNER) + (fault == SVN) +
                               (fault == CERT_NUM));
    atls_cbor_write_uint(w, MVAL_VERSION);
    atls_cbor_write_map(w, 1);
    atls_cbor_write_uint(w, fault == VERSION_NO_TEXT ? VERSION_SCHEME : VERSION_TEXT);
    atls_cbor_write_text(w, "1.2.3");
    if (fault == SVN) {
        atls_cbor_write_uint(w, 1);
        atls_cbor_write_uint(w, 5);
    }
    if (fault != NO_DIGESTS) {
        atls_cbor_write_uint(w, MVAL_DIGESTS);
        atls_cbor_write_array(w, fault == EMPTY_DIGESTS ? 0 : fault == TWO_DIGESTS ? 2 : 1);
        if (fault != EMPTY_DIGESTS)
            write_digest(w, fault, 1, 32);
        if (fault == TWO_DIGESTS)
            write_digest(w, fault, 7, 48);
    }
    atls_cbor_write_uint(w, MVAL_NAME);
    atls_cbor_write_text(w, fault == EMPTY_NAME ? "" : "BL");
    if (fault != NO_SIGNER) {
        atls_cbor_write_uint(w, MVAL_CRYPTOKEYS);
        atls_cbor_write_array(w, 1 + (fault == TWO_SIGNERS));
        for (int i = 0; i < 1 + (fault == TWO_SIGNERS); i++)
            write_bytes(w, fault == SIGNER_UEID ? TAG_UEID : TAG_BYTES,
                        fault == SIGNER_SHORT ? 20 : 32);
    }
    if (fault == CERT_NUM) {
        atls_cbor_write_uint(w, MVAL_PSA_CERT_NUM);
        atls_cbor_write_text(w, "1234567890123 - 12345");
    }
}

static void write_reference(struct atls_cbor_writer *w, enum fault fault)
{
    atls_cbor_write_array(w, 2);
    atls_cbor_write_map(w, fault == NO_CLASS ? 0 : 1 + (fault == REFERENCE_INSTANCE));
    if (fault != NO_CLASS)
        write_class(w, fault);
    if (fault == REFERENCE_INSTANCE) {
        atls_cbor_write_uint(w, ENVIRONMENT_INSTANCE);
        write_bytes(w, TAG_UEID, 33);
    }
    atls_cbor_write_array(w, fault != NO_MEASUREMENTS);
    if (fault == NO_MEASUREMENTS)
        return;
    atls_cbor_write_map(w, 2 - (fault == NO_MKEY));
    if (fault != NO_MKEY)
        atls_cbor_write_uint(w, MEASUREMENT_KEY);
    if (fault == MKEY_NUMBER)
        atls_cbor_write_uint(w, 3);
    else if (fault != NO_MKEY)
        atls_cbor_write_text(w, fault == MKEY_OTHER ? "cca.software-component" : MKEY_COMPONENT);
    atls_cbor_write_uint(w, MEASUREMENT_VALUE);
    write_mval(w, fault);
}

static void write_anchor(struct atls_cbor_writer *w, enum fault fault)
{
    struct atls_public_key key = some_key(ATLS_P256);
    char *pem = atls_pem_write_public_key(&key);
    uint8_t id[33] = {fault == INSTANCE_TYPE ? 2 : 1};

    atls_cbor_write_array(w, 2 + (fault == CONDITIONS));
    atls_cbor_write_map(w, 2 - (fault == NO_INSTANCE) + (fault == GROUP));
    write_class(w, NOTHING);
    if (fault != NO_INSTANCE) {
        atls_cbor_write_uint(w, ENVIRONMENT_INSTANCE);
        atls_cbor_write_tag(w, fault == INSTANCE_UUID ? 37 : TAG_UEID);
        atls_cbor_write_bytes(w, ATLS_BYTES(id, fault == INSTANCE_SHORT ? 17 : 33));
    }
    if (fault == GROUP) {
        atls_cbor_write_uint(w, ENVIRONMENT_GROUP);
        write_bytes(w, TAG_BYTES, 16);
    }
    atls_cbor_write_array(w, 1 + (fault == TWO_KEYS));
    for (int i = 0; i < 1 + (fault == TWO_KEYS); i++) {
        if (fault != KEY_UNTAGGED)
            atls_cbor_write_tag(w, fault == KEY_CERTIFICATE ? 555 : TAG_PKIX_KEY);
        if (fault == KEY_TRUNCATED)
            pem[60] = '\0';
        atls_cbor_write_text(w, fault == KEY_NOT_PEM ? "key" : pem);
    }
    if (fault == CONDITIONS) {
        atls_cbor_write_map(w, 1);
        atls_cbor_write_uint(w, 0);
        atls_cbor_write_uint(w, 1);
    }
    free(pem);
}

static struct atls_bytes make_comid(uint8_t *buffer, size_t size, enum fault fault)
{
    struct atls_cbor_writer w;
    struct atls_bytes out;

    atls_cbor_write_init(&w, buffer, size - 1);
    atls_cbor_write_map(&w, 2 - (fault == NO_IDENTITY) - (fault == NO_TRIPLES));
    if (fault != NO_IDENTITY) {
        atls_cbor_write_uint(&w, COMID_IDENTITY);
        atls_cbor_write_map(&w, 1);
        atls_cbor_write_uint(&w, IDENTITY_ID);
        atls_cbor_write_text(&w, "id");
    }
    if (fault != NO_TRIPLES) {
        atls_cbor_write_uint(&w, COMID_TRIPLES);
        atls_cbor_write_map(&w, 2 + (fault == OTHER_TRIPLES));
        atls_cbor_write_uint(&w, TRIPLES_REFERENCE);
        atls_cbor_write_array(&w, 1);
        write_reference(&w, fault);
        if (fault == OTHER_TRIPLES) {
            atls_cbor_write_uint(&w, TRIPLES_IDENTITY);
            atls_cbor_write_array(&w, 1);
            write_anchor(&w, NOTHING);
        }
        atls_cbor_write_uint(&w, TRIPLES_ATTEST_KEY);
        atls_cbor_write_array(&w, 1);
        write_anchor(&w, fault);
    }
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    if (fault == COMID_INDEFINITE)
        buffer[0] = 0xbf;
    if (fault == COMID_INDEFINITE || fault == COMID_TRAILING)
        buffer[out.size++] = fault == COMID_TRAILING ? 0 : 0xff;
    return out;
}

static void write_tags(struct atls_cbor_writer *w, enum fault fault)
{
    uint8_t comid[4096];
    struct atls_bytes encoded = make_comid(comid, sizeof(comid), fault);

    atls_cbor_write_uint(w, CORIM_TAGS);
    atls_cbor_write_array(w, fault != EMPTY_TAGS);
    if (fault == EMPTY_TAGS)
        return;
    if (fault != COMID_UNTAGGED)
        atls_cbor_write_tag(w, fault == COSWID ? TAG_COSWID : TAG_COMID);
    if (fault == COMID_NOT_BYTES)
        atls_cbor_write_encoded(w, encoded);
    else
        atls_cbor_write_bytes(w, encoded);
}

static struct atls_bytes make_corim(uint8_t *buffer, size_t size, enum fault fault)
{
    struct atls_cbor_writer w;
    struct atls_bytes out;

    atls_cbor_write_init(&w, buffer, size);
    if (fault != NO_CORIM_TAG)
        atls_cbor_write_tag(&w, fault == SIGNED_TAG ? 502 : TAG_UNSIGNED_CORIM);
    atls_cbor_write_map(&w, 3 - (fault == NO_ID) - (fault == NO_TAGS) - (fault == NO_PROFILE) +
                                (fault == VALIDITY));
    if (fault != NO_ID) {
        atls_cbor_write_uint(&w, CORIM_ID);
        if (fault == SHORT_UUID)
            atls_cbor_write_bytes(&w, ATLS_BYTES(bytes64, 15));
        else
            atls_cbor_write_text_bytes(&w, fault == EMPTY_ID    ? ATLS_BYTES("", 0)
                                           : fault == NUL_IN_ID ? ATLS_BYTES("i\0d", 3)
                                                                : ATLS_BYTES("id", 2));
    }
    if (fault != NO_TAGS)
        write_tags(&w, fault);
    if (fault != NO_PROFILE) {
        atls_cbor_write_uint(&w, CORIM_PROFILE);
        atls_cbor_write_tag(&w, fault == PROFILE_OID ? 111 : TAG_URI);
        if (fault == PROFILE_OID)
            atls_cbor_write_bytes(&w, ATLS_BYTES(bytes64, 3));
        else
            atls_cbor_write_text(&w, fault == OTHER_PROFILE ? "tag:example.com,2025:x"
                                                            : ATLS_CORIM_PSA_PROFILE);
    }
    if (fault == VALIDITY) {
        atls_cbor_write_uint(&w, CORIM_VALIDITY);
        atls_cbor_write_map(&w, 0);
    }
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    return out;
}

static const struct {
    enum fault fault;
    int outcome;
    const char *clause, *text; /* part of the message */
} cases[] = {
    {NOTHING, 0, "CORIM 4.1", ""},
    {OTHER_TRIPLES, 0, "CORIM 5.1.4", ""},
    {DIGEST_ALG_TEXT, 0, "RFC6920 9.4", ""},
    {TWO_DIGESTS, 0, "CORIM 5.1.4", ""},
    {CERT_NUM, 0, "PSA 3.3", ""},
    {NO_CORIM_TAG, ATLS_E_MALFORMED, "CORIM 4.1", "tag 501"},
    {SIGNED_TAG, ATLS_E_MALFORMED, "CORIM 4.1", "tag 502"},
    {NO_ID, ATLS_E_MISSING, "CORIM 4.1", "id (0)"},
    {EMPTY_ID, ATLS_E_MALFORMED, "CORIM 4.1", "id of CoRIM"},
    {NUL_IN_ID, ATLS_E_MALFORMED, "CORIM 4.1", "id of CoRIM"},
    {SHORT_UUID, ATLS_E_MALFORMED, "CORIM 4.1", "16 bytes"},
    {NO_TAGS, ATLS_E_MISSING, "CORIM 4.1", "tags (1)"},
    {EMPTY_TAGS, ATLS_E_MALFORMED, "CORIM 4.1", "one at least"},
    {COSWID, ATLS_E_UNSUPPORTED, "CORIM 4.1", "505"},
    {COMID_UNTAGGED, ATLS_E_MALFORMED, "CORIM 4.1", ""},
    {COMID_NOT_BYTES, ATLS_E_MALFORMED, "CORIM 4.1", "CoMID"},
    {COMID_TRAILING, ATLS_E_MALFORMED, "CORIM 5.1", ""},
    {COMID_INDEFINITE, 0, "RFC8949 3.2.2", ""},
    {NO_PROFILE, ATLS_E_UNSUPPORTED, "CORIM 4.1", "came none"},
    {OTHER_PROFILE, ATLS_E_UNSUPPORTED, "CORIM 4.1", "tag:example.com,2025:x"},
    {PROFILE_OID, ATLS_E_UNSUPPORTED, "CORIM 4.1.4", "OID"},
    {VALIDITY, ATLS_E_MALFORMED, "CORIM 7.3", "one member at least"},
    {NO_IDENTITY, ATLS_E_MISSING, "CORIM 5.1", "identity"},
    {NO_TRIPLES, ATLS_E_MISSING, "CORIM 5.1", "triples"},
    {NO_CLASS, ATLS_E_MALFORMED, "CORIM 5.1.4", "environment"},
    {CLASS_NO_ID, ATLS_E_MISSING, "PSA 3.2", "implementation id"},
    {CLASS_TEXT, ATLS_E_MALFORMED, "PSA 3.2", "class id"},
    {CLASS_UNTAGGED, ATLS_E_MALFORMED, "PSA 3.2", "tag 560"},
    {CLASS_SHORT, ATLS_E_MALFORMED, "PSA 3.2", "32 bytes"},
    {CLASS_LAYER, ATLS_E_UNSUPPORTED, "CORIM 5.1.4", "key 3"},
    {GROUP, ATLS_E_UNSUPPORTED, "CORIM 5.1.4", "key 2"},
    {REFERENCE_INSTANCE, ATLS_E_MALFORMED, "PSA 3.3", "without instance"},
    {NO_MEASUREMENTS, ATLS_E_MALFORMED, "CORIM 5.1.5", "one at least"},
    {CONDITIONS, ATLS_E_UNSUPPORTED, "CORIM 5.1.10", "3 elements"},
    {NO_MKEY, ATLS_E_MISSING, "PSA 3.3", "key is missing"},
    {MKEY_NUMBER, ATLS_E_MALFORMED, "PSA 3.3", "psa.software-component"},
    {MKEY_OTHER, ATLS_E_MALFORMED, "PSA 3.3", "cca.software-component"},
    {NO_DIGESTS, ATLS_E_MISSING, "PSA 3.3", "digests"},
    {EMPTY_DIGESTS, ATLS_E_MALFORMED, "PSA 3.3", "digests"},
    {DIGEST_ALG, ATLS_E_UNSUPPORTED, "RFC6920 9.4", "sha-256"},
    {DIGEST_SHORT, ATLS_E_MALFORMED, "PSA 3.3", "32 bytes"},
    {DIGEST_THREE, ATLS_E_MALFORMED, "CORIM 5.1.4", "2 elements"},
    {NO_SIGNER, ATLS_E_MISSING, "PSA 3.3", "signer id"},
    {TWO_SIGNERS, ATLS_E_MALFORMED, "PSA 3.3", "one signer id"},
    {SIGNER_SHORT, ATLS_E_MALFORMED, "PSA 3.3", "came 20"},
    {SIGNER_UEID, ATLS_E_MALFORMED, "PSA 3.3", "tag 560"},
    {SVN, ATLS_E_UNSUPPORTED, "CORIM 5.1.4", "key 1"},
    {VERSION_NO_TEXT, ATLS_E_MISSING, "CORIM 5.1.4", "version"},
    {EMPTY_NAME, ATLS_E_MALFORMED, "CORIM 5.1.4", "name of component"},
    {NO_INSTANCE, ATLS_E_MISSING, "PSA 3.2", "instance"},
    {INSTANCE_UUID, ATLS_E_MALFORMED, "CORIM 7.4", "16 bytes"},
    {INSTANCE_SHORT, ATLS_E_MALFORMED, "PSA 3.2", "33 bytes"},
    {INSTANCE_TYPE, ATLS_E_MALFORMED, "PSA 3.2", "type 01"},
    {TWO_KEYS, ATLS_E_MALFORMED, "PSA 3.4", "expected one"},
    {KEY_CERTIFICATE, ATLS_E_MALFORMED, "PSA 3.4", "tag 555"},
    {KEY_UNTAGGED, ATLS_E_MALFORMED, "PSA 3.4", "tag 554"},
    {KEY_NOT_PEM, ATLS_E_MALFORMED, "RFC7468 13", "PEM"},
    {KEY_TRUNCATED, ATLS_E_MALFORMED, "RFC7468 13", "end"},
};

static void test_faults(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t buffer[8192];
        struct atls_bytes in = make_corim(buffer, sizeof(buffer), cases[i].fault);
        struct atls_corim corim;
        int result = atls_corim_parse(in, &corim);

        if (result != cases[i].outcome || (result && !strstr(atls_error_text(), cases[i].text)))
            fail_msg("fault %d, %s: %s with \"%s\" expected, %s came: %s", cases[i].fault,
                     cases[i].clause, atls_error_name(cases[i].outcome), cases[i].text,
                     atls_error_name(result), atls_error_text());
        if (result)
            continue;
        assert_int_equal(corim.reference_value_count, 1 + (cases[i].fault == TWO_DIGESTS));
        assert_int_equal(corim.trust_anchor_count, 1);
        assert_int_equal(corim.skipped,
                         cases[i].fault == OTHER_TRIPLES ? 1u << ATLS_SKIPPED_IDENTITY : 0);
        assert_string_equal(corim.reference_values[0].version, "1.2.3");
        atls_corim_clear(&corim);
    }
}

/* No prefix of a CoRIM is one, and no change of a byte makes the parser stumble. */
static void test_damage(void **state)
{
    uint8_t buffer[8192];
    struct atls_bytes in = make_corim(buffer, sizeof(buffer), NOTHING);
    struct atls_corim corim;

    for (size_t size = 0; size < in.size; size++)
        assert_int_not_equal(atls_corim_parse(ATLS_BYTES(buffer, size), &corim), 0);
    for (size_t i = 0; i < in.size; i++) {
        buffer[i] ^= 0x20;
        if (!atls_corim_parse(in, &corim))
            atls_corim_clear(&corim);
        buffer[i] ^= 0x20;
    }
}

static struct atls_reference_value value(const char *name, const char *version, int implementation)
{
    struct atls_reference_value v = {.name = (char *)name,
                                     .version = (char *)version,
                                     .digest_hash = ATLS_SHA256,
                                     .digest_size = 32,
                                     .signer_id_size = 32};
    memset(v.implementation_id, implementation, 32);
    memset(v.digest, name ? name[0] : 0, 32);
    return v;
}

static void round_trip(enum atls_corim_dialect dialect, const char *entity,
                       struct atls_validity validity)
{
    struct atls_reference_value values[] = {value("BL", "1.0", 1), value("FW", NULL, 2),
                                            value(NULL, "3", 1)};
    struct atls_trust_anchor anchors[2] = {{.instance_id = {1, 2}, .key = some_key(ATLS_P256)},
                                           {.instance_id = {1, 3}, .key = some_key(ATLS_P384)}};
    struct atls_corim corim = {.dialect = dialect,
                               .id = (char *)"corim-1",
                               .entity = (char *)entity,
                               .validity = validity,
                               .reference_values = values,
                               .reference_value_count = 3,
                               .trust_anchors = anchors,
                               .trust_anchor_count = 2},
                      read;
    static const size_t order[] = {0, 2, 1}; /* grouped by implementation id */
    uint8_t *out, *again;
    size_t size, again_size;

    values[1].digest_hash = ATLS_SHA384;
    values[1].digest_size = values[1].signer_id_size = 48;
    values[2].digest_hash = ATLS_SHA512;
    values[2].digest_size = values[2].signer_id_size = 64;
    assert_int_equal(atls_corim_write(&corim, &out, &size), 0);
    assert_int_equal(atls_corim_parse(ATLS_BYTES(out, size), &read), 0);
    assert_int_equal(read.dialect, dialect);
    assert_string_equal(read.id, "corim-1");
    if (entity)
        assert_string_equal(read.entity, entity);
    else
        assert_null(read.entity);
    assert_int_equal(read.reference_value_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct atls_reference_value *a = &values[order[i]], *b = &read.reference_values[i];
        assert_memory_equal(a->implementation_id, b->implementation_id, 32);
        assert_int_equal(a->digest_hash, b->digest_hash);
        assert_int_equal(a->digest_size, b->digest_size);
        assert_memory_equal(a->digest, b->digest, a->digest_size);
        assert_int_equal(a->signer_id_size, b->signer_id_size);
        assert_memory_equal(a->signer_id, b->signer_id, a->signer_id_size);
        assert_memory_equal(&b->validity, &validity, sizeof validity);
        assert_true(a->name ? b->name && !strcmp(a->name, b->name) : !b->name);
        assert_true(a->version ? b->version && !strcmp(a->version, b->version) : !b->version);
    }
    assert_int_equal(read.trust_anchor_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(read.trust_anchors[i].instance_id, anchors[i].instance_id, 33);
        assert_memory_equal(&read.trust_anchors[i].validity, &validity, sizeof validity);
        assert_true(atls_public_key_equal(&read.trust_anchors[i].key, &anchors[i].key));
    }
    assert_int_equal(atls_corim_write(&read, &again, &again_size), 0);
    assert_int_equal(size, again_size);
    assert_memory_equal(out, again, size);
    free(again);
    free(out);
    atls_corim_clear(&read);
}

static void test_round_trips(void **state)
{
    static const struct atls_validity always = {0}, until = {0, 2000000000}, between = {5, 100};

    round_trip(ATLS_CORIM_MAIN, "Maker (simulated root of trust)", always);
    round_trip(ATLS_CORIM_MAIN, NULL, until);
    round_trip(ATLS_CORIM_V0_2608, "Maker (simulated root of trust)", between);
}

/* The CoMID's id is a UUID of version 8 (RFC 9562 section 5.8), made of the CoRIM's id alone. */
static void test_writes_uuids(void **state)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct atls_reference_value v = value("BL", "1", 1);
    uint8_t before[16] = {0};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct atls_corim corim = {
            .id = (char *)ids[i], .reference_values = &v, .reference_value_count = 1};
        const uint8_t *uuid;
        uint8_t *out;
        size_t size;

        assert_int_equal(atls_corim_write(&corim, &out, &size), 0);
        uuid = memmem(out, size, "\xa2\x01\xa1\x00\x50", 5); /* {1: {0: UUID}, 4: triples} */
        assert_non_null(uuid);
        uuid += 5;
        assert_int_equal(uuid[6] >> 4, 8);
        assert_int_equal(uuid[8] >> 6, 2);
        assert_memory_not_equal(uuid, before, sizeof before);
        memcpy(before, uuid, sizeof before);
        free(out);
    }
}

static void test_write_refuses(void **state)
{
    struct atls_reference_value v = value("BL", "1", 1);
    struct atls_trust_anchor anchor = {.instance_id = {1}, .key = some_key(ATLS_P256)};
    struct atls_corim corim = {.id = (char *)"id"};
    uint8_t *out;
    size_t size;

    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL); /* no triples */
    corim = (struct atls_corim){.reference_values = &v, .reference_value_count = 1};
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL); /* no id */
    corim.id = (char *)"id";
    v.signer_id_size = 0;
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    v.signer_id_size = 20;
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    v.signer_id_size = 32;
    v.digest_size = 64;
    v.digest_hash = (enum atls_hash)(ATLS_SHA512 + 1); /* nobody's */
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    v.digest_hash = ATLS_SHA256;
    corim.entity = (char *)"\xff"; /* no UTF-8: RFC 8949 section 3.1 */
    v.digest_size = 32;
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    corim.entity = NULL;
    v.name = (char *)"\xff";
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    v.name = NULL;
    v.digest_size = 48;
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    v = value("", "1", 1);
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
    anchor.instance_id[0] = 2;
    corim =
        (struct atls_corim){.id = (char *)"id", .trust_anchors = &anchor, .trust_anchor_count = 1};
    assert_int_equal(atls_corim_write(&corim, &out, &size), -EINVAL);
}

/* 3000 reference values and long texts: the writer's buffer is large enough. */
static void test_large(void **state)
{
    static struct atls_reference_value values[3000];
    static char name[3000];
    struct atls_corim corim = {.id = name,
                               .reference_values = values,
                               .reference_value_count = 3000},
                      read;
    uint8_t *out;
    size_t size;

    memset(name, 'n', sizeof(name) - 1);
    for (size_t i = 0; i < 3000; i++)
        values[i] = value(i % 100 ? "M0001" : name, i % 2 ? "1.0.0" : NULL, (int)(i % 3));
    assert_int_equal(atls_corim_write(&corim, &out, &size), 0);
    assert_int_equal(atls_corim_parse(ATLS_BYTES(out, size), &read), 0);
    assert_int_equal(read.reference_value_count, 3000);
    atls_corim_clear(&read);
    free(out);
}

static const char *const dialect_names[] = {
    [ATLS_CORIM_MAIN] = "main", [ATLS_CORIM_V0_2608] = "v0.0.2608"};

static void test_valid_vectors(void **state)
{
    for (int dialect = ATLS_CORIM_MAIN; dialect <= ATLS_CORIM_V0_2608; dialect++) {
        char name[64];
        struct atls_corim corim;
        struct atls_bytes in;

        snprintf(name, sizeof(name), "corim/%s/corim-psa-valid.cbor", dialect_names[dialect]);
        in = test_vector(name);
        if (atls_corim_parse(in, &corim))
            fail_msg("%s: %s", name, atls_error_text());
        assert_int_equal(corim.dialect, dialect);
        assert_string_equal(corim.id, "00000000-0000-0000-065a-0000000000001");
        assert_null(corim.entity);
        assert_int_equal(corim.reference_value_count, 3);
        assert_string_equal(corim.reference_values[0].name, "BL");
        assert_string_equal(corim.reference_values[1].name, "PRoT");
        assert_string_equal(corim.reference_values[2].name, "ARoT");
        assert_memory_equal(corim.reference_values[0].implementation_id,
                            "acme-implementation-id-000000001", 32);
        assert_memory_equal(corim.reference_values[0].digest, "\x87\x42\x8f\xc5", 4);
        assert_int_equal(corim.reference_values[0].signer_id_size, 32);
        assert_int_equal(corim.trust_anchor_count, 2);
        assert_memory_equal(corim.trust_anchors[0].instance_id, "\x01\xce\xeb\xae", 4);
        assert_int_equal(corim.trust_anchors[1].key.curve, ATLS_P256);
        atls_corim_clear(&corim);
        test_vector_free(in);
    }
}

static void test_bad_vectors(void **state)
{
    static const struct {
        const char *name;
        int outcome;
        const char *text;
    } bad[] = {
        {"psa-bad-class", ATLS_E_MALFORMED, "class id (implementation id): expected tag 560"},
        {"psa-bad-instance", ATLS_E_MALFORMED, "instance (UEID): expected tag 550, came tag 37"},
        {"psa-bad-refval-instance", ATLS_E_MALFORMED, "an environment without instance"},
        {"psa-bad-ta-cert", ATLS_E_MALFORMED, "expected tag 554, came tag 555"},
        {"psa-bad-ta-no-instance", ATLS_E_MISSING, "expected an instance (UEID)"},
    };

    for (int dialect = ATLS_CORIM_MAIN; dialect <= ATLS_CORIM_V0_2608; dialect++) {
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
            char name[96];
            struct atls_corim corim;
            struct atls_bytes in;
            int result;

            snprintf(name, sizeof(name), "corim/%s/corim-%s.cbor", dialect_names[dialect],
                     bad[i].name);
            in = test_vector(name);
            result = atls_corim_parse(in, &corim);
            if (result != bad[i].outcome || !strstr(atls_error_text(), bad[i].text))
                fail_msg("%s: %s came: %s", name, atls_error_name(result), atls_error_text());
            test_vector_free(in);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_damage),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_large),       cmocka_unit_test(test_valid_vectors),
        cmocka_unit_test(test_bad_vectors), cmocka_unit_test(test_writes_uuids),
    };
    return test_done(cmocka_run_group_tests_name("corim", tests, NULL, NULL));
}
