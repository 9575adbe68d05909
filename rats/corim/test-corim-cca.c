/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM with the profiles of Arm CCA: those that Veraison's services took or have themselves, in
 * both dialects, and some with one thing wrong at a time.
 */
#include "rats/test/test-table.h"

#include <errno.h>

#include "rats/corim/corim-keys.h"

#define PLATFORM "draft-ydb-rats-cca-endorsements section 3.1"
#define REALM "draft-ydb-rats-cca-endorsements section 3.2"
#define B32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define C32 "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct {
    const char *name, *file;
    enum atls_corim_dialect dialect;
    enum atls_corim_profile profile;
    size_t values, anchors;
} vectors[] = {
    {"platform", "cca/platform.corim", ATLS_CORIM_V0_2608, ATLS_CORIM_CCA_PLATFORM, 4, 1},
    {"realm", "cca/realm.corim", ATLS_CORIM_V0_2608, ATLS_CORIM_CCA_REALM, 6, 0},
    {"for Parsec", "cca/parsec.corim", ATLS_CORIM_V0_2608, ATLS_CORIM_PARSEC_CCA, 4, 1},
    {"Veraison's for Parsec", "corim/main/corim-parsec-cca-valid.cbor", ATLS_CORIM_MAIN,
     ATLS_CORIM_PARSEC_CCA, 5, 1},
    {"Veraison's for Parsec, v0.0.2608", "corim/v0.0.2608/corim-parsec-cca-valid.cbor",
     ATLS_CORIM_V0_2608, ATLS_CORIM_PARSEC_CCA, 5, 1},
};

/* What was read is written, and read as the same. */
static void expect_written(const struct atls_corim *corim)
{
    struct atls_corim again;
    uint8_t *out;
    size_t size;

    test_outcome(atls_corim_write(corim, &out, &size), 0, NULL);
    test_outcome(atls_corim_parse(ATLS_BYTES(out, size), &again), 0, NULL);
    assert_int_equal(again.profile, corim->profile);
    assert_int_equal(again.dialect, corim->dialect);
    assert_int_equal(again.trust_anchor_count, corim->trust_anchor_count);
    assert_int_equal(again.reference_value_count, corim->reference_value_count);
    for (size_t i = 0; i < corim->reference_value_count; i++) {
        const struct atls_reference_value *a = &corim->reference_values[i];
        const struct atls_reference_value *b = &again.reference_values[i];

        assert_int_equal(a->pcr, b->pcr);
        assert_int_equal(a->digest_hash, b->digest_hash);
        assert_int_equal(a->digest_size, b->digest_size);
        assert_memory_equal(a->digest, b->digest, a->digest_size);
        assert_memory_equal(a->implementation_id, b->implementation_id, 32);
        assert_memory_equal(a->set, b->set, 32);
    }
    atls_corim_clear(&again);
    free(out);
}

static void reads_vector(void **state)
{
    const __typeof__(vectors[0]) *row = *state;
    struct atls_bytes in = test_vector(row->file);
    struct atls_corim corim;

    test_outcome(atls_corim_parse(in, &corim), 0, NULL);
    assert_int_equal(corim.dialect, row->dialect);
    assert_int_equal(corim.profile, row->profile);
    assert_int_equal(corim.reference_value_count, row->values);
    assert_int_equal(corim.trust_anchor_count, row->anchors);
    expect_written(&corim);
    atls_corim_clear(&corim);
    test_vector_free(in);
}

/* A CoRIM of one CoMID with these reference triples, in hex. */
static struct atls_bytes corim_of(const char *profile, const char *triples)
{
    struct atls_bytes comid_head =
                          test_bytes("a2 01 a1 00 50 99019224 57aa44bcbef8d36bdd6bd035 04 a1 00"),
                      body = test_bytes(triples);
    static uint8_t buffer[8192];
    struct atls_sink s = atls_sink_of(buffer, sizeof buffer);
    struct atls_bytes out;

    atls_sink_bytes(&s, ATLS_BYTES("\xd9\x01\xf5\xa3\x00\x61i\x01\x81\xd9\x01\xfa\x59", 13));
    atls_sink_u16(&s, (uint16_t)(comid_head.size + body.size));
    atls_sink_bytes(&s, comid_head);
    atls_sink_bytes(&s, body);
    atls_sink_bytes(&s, ATLS_BYTES("\x03\xd8\x20\x78", 4));
    atls_sink_u8(&s, (uint8_t)strlen(profile));
    atls_sink_bytes(&s, atls_bytes_of_text(profile));
    assert_int_equal(atls_sink_done(&s, &out), 0);
    test_vector_free(comid_head);
    test_vector_free(body);
    return out;
}

#define CLASS "a1 00 a1 00 d90230 5820" B32
#define TRIPLE(count, measurements) "82" CLASS count measurements
#define ONE(count, measurements) "81" TRIPLE(count, measurements)
#define DIGESTS "02 81 82 01 5820" B32
#define SIGNER "0d 81 d90230 5820" B32
#define COMPONENT                                                                                  \
    "a2 00 76 6363612e736f6674776172652d636f6d706f6e656e74 01 a3" DIGESTS "0b 62 424c" SIGNER
#define PSA_COMPONENT                                                                              \
    "a2 00 76 7073612e736f6674776172652d636f6d706f6e656e74 01 a3" DIGESTS "0b 62 424c" SIGNER
#define CONFIG_KEY "00 73 6363612e706c6174666f726d2d636f6e666967"
#define CONFIG "a2" CONFIG_KEY "01 a1 04 d90230 42 0001"
#define RIM "a2 00 67 6363612e72696d 01 a1" DIGESTS
#define REM(i) "a2 00 68 6363612e72656d" i "01 a1" DIGESTS
#define B48 B32 "00112233445566778899aabbccddeeff"
#define A384(key) "a2 00" key "01 a1 02 81 82 07 5830" B48
#define RPV(value) "a2 00 67 6363612e727076 01 a1 04 d90230" value

#define WHOLE ONE("86", RIM REM("30") REM("31") REM("32") REM("33") RPV("5840" B32 B32))

/* clang-format off */
static const struct {
    const char *name;
    enum atls_corim_profile profile;
    const char *triples;
    int outcome;
    const char *clause;
    size_t values;
} rows[] = {
    {"components and configuration", ATLS_CORIM_CCA_PLATFORM, ONE("82", COMPONENT CONFIG), 0, NULL, 2},
    {"the same for Parsec", ATLS_CORIM_PARSEC_CCA, ONE("82", COMPONENT CONFIG), 0, NULL, 2},
    {"the key behind the value", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2 01 a1 04 d90230 42 0001" CONFIG_KEY), 0, NULL, 1},
    {"a mask, which is left", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2" CONFIG_KEY "01 a2 04 d90230 42 0001 05 42 ffff"), 0, NULL, 1},
    {"PSA's component", ATLS_CORIM_CCA_PLATFORM, ONE("81", PSA_COMPONENT), ATLS_E_MALFORMED, PLATFORM, 0},
    {"CCA's component for PSA", ATLS_CORIM_PSA, ONE("81", COMPONENT), ATLS_E_MALFORMED, NULL, 0},
    {"a realm's measurement", ATLS_CORIM_CCA_PLATFORM, ONE("81", RIM), ATLS_E_MALFORMED, PLATFORM, 0},
    {"no key", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a1 01 a1" DIGESTS), ATLS_E_MISSING, PLATFORM, 0},
    {"a number as key", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2 00 00 01 a1" DIGESTS), ATLS_E_MISSING, PLATFORM, 0},
    {"component without signer", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2 00 76 6363612e736f6674776172652d636f6d706f6e656e74 01 a1" DIGESTS), ATLS_E_MISSING, NULL, 0},
    {"configuration without value", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2" CONFIG_KEY "01 a1" DIGESTS), ATLS_E_MISSING, PLATFORM, 0},
    {"configuration of no bytes", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2" CONFIG_KEY "01 a1 04 d90230 40"), ATLS_E_LIMIT, PLATFORM, 0},
    {"configuration of 65 bytes", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2" CONFIG_KEY "01 a1 04 d90230 5841 00" B32 B32), ATLS_E_LIMIT, PLATFORM, 0},
    {"configuration with a version", ATLS_CORIM_CCA_PLATFORM, ONE("81", "a2" CONFIG_KEY "01 a2 00 a1 00 61 31 04 d90230 42 0001"), ATLS_E_UNSUPPORTED, NULL, 0},
    {"class of 16 bytes", ATLS_CORIM_CCA_PLATFORM, "81 82 a1 00 a1 00 d90230 50 00112233445566778899aabbccddeeff 81" COMPONENT, ATLS_E_MALFORMED, NULL, 0},
    {"a whole realm", ATLS_CORIM_CCA_REALM, WHOLE, 0, NULL, 6},
    {"its initial measurement alone", ATLS_CORIM_CCA_REALM, ONE("81", RIM), 0, NULL, 1},
    {"a realm of SHA-384", ATLS_CORIM_CCA_REALM, "81 82 a1 00 a1 00 d90230 5830" B48 "82" A384("67 6363612e72696d") A384("68 6363612e72656d30"), 0, NULL, 2},
    {"two states of a realm", ATLS_CORIM_CCA_REALM, "82" TRIPLE("81", RIM) TRIPLE("82", RIM REM("30")), 0, NULL, 3},
    {"no initial measurement", ATLS_CORIM_CCA_REALM, ONE("81", REM("30")), ATLS_E_MISSING, REALM, 0},
    {"another one than the class", ATLS_CORIM_CCA_REALM, ONE("81", "a2 00 67 6363612e72696d 01 a1 02 81 82 01 5820" C32), ATLS_E_MISMATCH, REALM, 0},
    {"the same twice", ATLS_CORIM_CCA_REALM, ONE("83", RIM REM("30") REM("30")), ATLS_E_MALFORMED, REALM, 0},
    {"a fifth extensible one", ATLS_CORIM_CCA_REALM, ONE("82", RIM REM("34")), ATLS_E_MALFORMED, REALM, 0},
    {"two digests", ATLS_CORIM_CCA_REALM, ONE("81", "a2 00 67 6363612e72696d 01 a1 02 82 82 01 5820" B32 "82 07 5830" B32 "00112233445566778899aabbccddeeff"), ATLS_E_MALFORMED, REALM, 0},
    {"personalization value as a digest", ATLS_CORIM_CCA_REALM, ONE("82", RIM "a2 00 67 6363612e727076 01 a1" DIGESTS), ATLS_E_MISSING, REALM, 0},
    {"a platform's component", ATLS_CORIM_CCA_REALM, ONE("81", COMPONENT), ATLS_E_MALFORMED, REALM, 0},
    {"class of 31 bytes", ATLS_CORIM_CCA_REALM, "81 82 a1 00 a1 00 d90230 581f 00112233445566778899aabbccddeeff00112233445566778899aabbccddee 81" RIM, ATLS_E_MALFORMED, REALM, 0},
    {"an instance", ATLS_CORIM_CCA_REALM, "81 82 a2 00 a1 00 d90230 5820" B32 "01 d90226 5821 01" B32 "81" RIM, ATLS_E_UNSUPPORTED, REALM, 0},
};
/* clang-format on */

static void reads_row(void **state)
{
    const __typeof__(rows[0]) *row = *state;
    struct atls_corim corim = {0};
    struct atls_bytes in = corim_of(atls_corim_profile_uri(row->profile), row->triples);

    test_outcome(atls_corim_parse(in, &corim), row->outcome, row->clause);
    if (row->outcome)
        return;
    assert_int_equal(corim.profile, row->profile);
    assert_int_equal(corim.reference_value_count, row->values);
    for (size_t i = 0; i < corim.reference_value_count; i++) {
        const struct atls_reference_value *value = &corim.reference_values[i];

        if (strstr(row->name, "SHA-"))
            assert_int_equal(value->digest_size, atls_hash_size(value->digest_hash));
    }
    expect_written(&corim);
    atls_corim_clear(&corim);
}

/* What belongs together is one set, and another state another one. A set is SHA-256 of what was
 * measured, each behind the number of its place (by sha256sum). */
static void tells_states_apart(void **state)
{
    struct atls_bytes named =
        test_bytes("2ccb9dafec044b3c3a3b13790ef69935beacc0013cfea1dbc0ab7077d6f64c53");
    struct atls_corim corim;
    const struct atls_reference_value *values;

    test_outcome(atls_corim_parse(corim_of(ATLS_CORIM_CCA_REALM_PROFILE,
                                           "83" TRIPLE("81", RIM) TRIPLE("82", RIM REM("30"))
                                               TRIPLE("82", RIM REM("31"))),
                                  &corim),
                 0, NULL);
    values = corim.reference_values;
    test_same_bytes(ATLS_BYTES(values[1].set, 32), named); /* 2, initial one, 3, extensible one */
    assert_memory_equal(values[1].set, values[2].set, 32);
    assert_memory_equal(values[3].set, values[4].set, 32);
    assert_memory_not_equal(values[0].set, values[1].set, 32);
    assert_memory_not_equal(values[1].set, values[3].set, 32); /* what was measured counts */
    atls_corim_clear(&corim);
    test_vector_free(named);
}

/* Evidence with an initial measurement of another size is found by its SHA-256 (by sha256sum). */
static void finds_realms_by_their_measurement(void **state)
{
    static const struct {
        const char *rim, *class_id;
    } classes[] = {
        {B32, B32},
        {B48, "ff0286c8c3c355fa4f95b4c0e80b5dc513aafb8e81757196189c3cf2bbde4a8a"},
        {B32 B32, "18546d1e498dd4ba544982e3bbd096904dd780a5d7a483b1bfc9216060072def"},
    };

    for (size_t i = 0; i < COUNT(classes); i++) {
        struct atls_bytes rim = test_bytes(classes[i].rim),
                          expected = test_bytes(classes[i].class_id);
        uint8_t class_id[32];

        assert_int_equal(atls_corim_realm_class(rim, class_id), 0);
        test_same_bytes(ATLS_BYTES(class_id, sizeof class_id), expected);
        test_vector_free(rim);
        test_vector_free(expected);
    }
}

#define REFUSES_AS(clause, place, value)                                                           \
    {                                                                                              \
        __typeof__(place) kept = (place);                                                          \
        (place) = (value);                                                                         \
        test_outcome(atls_corim_write(&corim, &out, &size), -EINVAL, clause);                      \
        (place) = kept;                                                                            \
    }
#define REFUSES(place, value) REFUSES_AS(PLATFORM, place, value)

static void writes_nothing_else(void **state)
{
    struct atls_bytes in = test_vector("cca/platform.corim");
    struct atls_corim corim;
    uint8_t *out;
    size_t size;

    test_outcome(atls_corim_parse(in, &corim), 0, NULL);
    test_vector_free(in);
    REFUSES(corim.reference_values[0].pcr, ATLS_CCA_RIM)
    REFUSES(corim.reference_values[0].signer_id_size, 0)
    REFUSES(corim.reference_values[0].digest_size, 31)
    REFUSES(corim.reference_values[0].profile, ATLS_CORIM_PSA)
    REFUSES(corim.reference_values[3].digest_size, 0)
    REFUSES(corim.reference_values[3].pcr, ATLS_CCA_MEASURED)
    REFUSES(corim.trust_anchors[0].instance_id[0], 2)
    test_outcome(atls_corim_write(&corim, &out, &size), 0, NULL);
    free(out);
    atls_corim_clear(&corim);
}

/* Values 0 and 5 are a digest and a personalization value. */
static void writes_nothing_else_of_a_realm(void **state)
{
    static struct atls_trust_anchor anchor = {.profile = ATLS_CORIM_CCA_REALM, .instance_id = {1}};
    struct atls_corim corim;
    uint8_t *out;
    size_t size;

    test_outcome(atls_corim_parse(corim_of(ATLS_CORIM_CCA_REALM_PROFILE, WHOLE), &corim), 0, NULL);
    REFUSES_AS(REALM, corim.reference_values[0].pcr, ATLS_CCA_COMPONENT)
    REFUSES_AS(REALM, corim.reference_values[5].pcr, ATLS_CCA_CONFIG)
    REFUSES_AS(REALM, corim.reference_values[0].pcr, ATLS_CCA_MEASURED)
    REFUSES_AS(REALM, corim.reference_values[5].digest_size, 0)
    REFUSES_AS(REALM, corim.reference_values[0].signer_id_size, 32)
    REFUSES_AS(REALM, corim.reference_values[5].signer_id_size, 32)
    corim.trust_anchors = &anchor;
    corim.trust_anchor_count = 1;
    test_outcome(atls_corim_write(&corim, &out, &size), -EINVAL, REALM);
    corim.trust_anchors = NULL;
    corim.trust_anchor_count = 0;
    test_outcome(atls_corim_write(&corim, &out, &size), 0, NULL);
    free(out);
    atls_corim_clear(&corim);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, reads_vector, vectors);
    TEST_ADD_ROWS(&list, reads_row, rows);
    TEST_ADD(&list, tells_states_apart);
    TEST_ADD(&list, finds_realms_by_their_measurement);
    TEST_ADD(&list, writes_nothing_else);
    TEST_ADD(&list, writes_nothing_else_of_a_realm);
    return test_run("corim-cca", &list);
}
