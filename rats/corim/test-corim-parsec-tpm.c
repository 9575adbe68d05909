/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM with the profile of Parsec on a TPM: Veraison's own, in both of its dialects, those that
 * its scheme refuses, and some with one thing wrong at a time.
 */
#include "rats/test/test-table.h"

#include <errno.h>

#include "rats/corim/corim-keys.h"
#include "rats/crypto/pem.h"

#define UUID "cd1f0e5526f9460db9d8f7fde171787c"
#define KID "0188855459eeb9e9b34a46eb48cb39f2f6aa69da04522a326d123d5c501fce210c"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* Veraison's, one file in each dialect. */
static const struct {
    const char *name, *file;
    enum atls_corim_dialect dialect;
    int outcome;
    const char *clause;
} vectors[] = {
    {"valid", "corim/main/corim-parsec-tpm-valid.cbor", ATLS_CORIM_MAIN, 0, NULL},
    {"valid, v0.0.2608", "corim/v0.0.2608/corim-parsec-tpm-valid.cbor", ATLS_CORIM_V0_2608, 0,
     NULL},
    {"class an OID", "corim/main/corim-parsec-tpm-bad-class-id.cbor", 0, ATLS_E_MALFORMED, NULL},
    {"class an OID, v0.0.2608", "corim/v0.0.2608/corim-parsec-tpm-bad-class-id.cbor", 0,
     ATLS_E_MALFORMED, NULL},
    {"instance a UUID", "corim/main/corim-parsec-tpm-bad-instance.cbor", 0, ATLS_E_MALFORMED, NULL},
    {"instance a UUID, v0.0.2608", "corim/v0.0.2608/corim-parsec-tpm-bad-instance.cbor", 0,
     ATLS_E_MALFORMED, NULL},
    {"two keys", "corim/main/corim-parsec-tpm-bad-multiple-keys.cbor", 0, ATLS_E_MALFORMED,
     PARSEC_TPM},
    {"two keys, v0.0.2608", "corim/v0.0.2608/corim-parsec-tpm-bad-multiple-keys.cbor", 0,
     ATLS_E_MALFORMED, PARSEC_TPM},
    {"PCR a UUID", "corim/main/corim-parsec-tpm-bad-pcr.cbor", 0, ATLS_E_MALFORMED, PARSEC_TPM},
    {"PCR a UUID, v0.0.2608", "corim/v0.0.2608/corim-parsec-tpm-bad-pcr.cbor", 0, ATLS_E_MALFORMED,
     PARSEC_TPM},
};

static void check_valid(const struct atls_corim *corim)
{
    struct atls_bytes uuid = test_bytes(UUID ZEROS), kid = test_bytes(KID);
    const struct atls_trust_anchor *anchor = corim->trust_anchors;

    assert_int_equal(corim->profile, ATLS_CORIM_PARSEC_TPM);
    assert_int_equal(corim->reference_value_count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct atls_reference_value *value = &corim->reference_values[i];

        assert_int_equal(value->profile, ATLS_CORIM_PARSEC_TPM);
        assert_memory_equal(value->implementation_id, uuid.data, 32);
        assert_int_equal(value->pcr, i / 2);
        assert_int_equal(value->digest_hash, i % 2 ? ATLS_SHA384 : ATLS_SHA256);
        assert_memory_equal(value->set, corim->reference_values[0].set, 32);
    }
    assert_int_equal(corim->trust_anchor_count, 1);
    assert_int_equal(anchor->profile, ATLS_CORIM_PARSEC_TPM);
    assert_memory_equal(anchor->implementation_id, uuid.data, 32);
    assert_int_equal(anchor->instance_id_size, kid.size);
    assert_memory_equal(anchor->instance_id, kid.data, kid.size);
    test_vector_free(uuid);
    test_vector_free(kid);
}

static void reads_vector(void **state)
{
    const __typeof__(vectors[0]) *row = *state;
    struct atls_bytes in = test_vector(row->file);
    struct atls_corim corim;

    test_outcome(atls_corim_parse(in, &corim), row->outcome, row->clause);
    if (!row->outcome) {
        assert_int_equal(corim.dialect, row->dialect);
        check_valid(&corim);
        atls_corim_clear(&corim);
    }
    test_vector_free(in);
}

/* A CoRIM of one CoMID with these triples, in hex. */
static struct atls_bytes corim_of(const char *triples)
{
    static const char head[] = "a2 01 a1 00 50 99019224 57aa44bcbef8d36bdd6bd035 04";
    struct atls_bytes comid_head = test_bytes(head), body = test_bytes(triples);
    static uint8_t buffer[16384];
    struct atls_sink s = atls_sink_of(buffer, sizeof buffer);
    size_t size = comid_head.size + body.size;
    const char profile[] = ATLS_CORIM_PARSEC_TPM_PROFILE;
    struct atls_bytes out;

    atls_sink_bytes(&s, ATLS_BYTES("\xd9\x01\xf5\xa3\x00\x61i\x01\x81\xd9\x01\xfa\x59", 13));
    atls_sink_u16(&s, (uint16_t)size);
    atls_sink_bytes(&s, comid_head);
    atls_sink_bytes(&s, body);
    atls_sink_bytes(&s, ATLS_BYTES("\x03\xd8\x20\x78\x2c", 5));
    atls_sink_bytes(&s, ATLS_BYTES(profile, sizeof profile - 1));
    assert_int_equal(atls_sink_done(&s, &out), 0);
    test_vector_free(comid_head);
    test_vector_free(body);
    return out;
}

#define CLASS "00 a1 00 d825 50" UUID
#define DIGEST "82 01 5820" ZEROS
#define DIGESTS "02 81" DIGEST
#define PCR0 "a2 00 00 01 a1" DIGESTS
#define PCR1 "a2 00 01 01 a1" DIGESTS
#define REFERENCE(count, measurements) "a1 00 81 82 a1" CLASS count measurements
#define KEY                                                                                        \
    "d9022a 78b1 2d2d2d2d2d424547494e205055424c4943204b45592d2d2d2d2d0a4d466b7745775948"           \
    "4b6f5a497a6a3043415159494b6f5a497a6a30444151634451674145326c42317874634957655049742f5777742b" \
    "73385962702b356a69380a7432707a47444b534f47377854474b35674f596b634c43487a3469344c2f79477a7945" \
    "6d424f316d5a465a4e754a7a313458304a32342b5851513d3d0a2d2d2d2d2d454e44205055424c4943204b45592d" \
    "2d2d2d2d"
#define ANCHOR(instance) "a1 03 81 82 a2" CLASS "01" instance "81" KEY

/* clang-format off */
static const struct {
    const char *name, *triples;
    int outcome;
    const char *clause;
    size_t values, anchors;
} rows[] = {
    {"one PCR", REFERENCE("81", PCR0), 0, NULL, 1, 0},
    {"two PCRs", REFERENCE("82", PCR0 PCR1), 0, NULL, 2, 0},
    {"PCR 31", REFERENCE("81", "a2 00 181f 01 a1" DIGESTS), 0, NULL, 1, 0},
    {"a PCR with a name", REFERENCE("81", "a2 00 00 01 a2" DIGESTS "0b 62 424c"), 0, NULL, 1, 0},
    {"a key id of 17 bytes", ANCHOR("d90230 51 0100112233445566778899aabbccddeeff"), 0, NULL, 0, 1},
    {"PCR 32", REFERENCE("81", "a2 00 1820 01 a1" DIGESTS), ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"PCR of 64 bits", REFERENCE("81", "a2 00 1bffffffffffffffff 01 a1" DIGESTS), ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"PCR a text", REFERENCE("81", "a2 00 61 30 01 a1" DIGESTS), ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"no PCR", REFERENCE("81", "a1 01 a1" DIGESTS), ATLS_E_MISSING, PARSEC_TPM, 0, 0},
    {"no digests", REFERENCE("81", "a2 00 00 01 a1 0b 62 424c"), ATLS_E_MISSING, PARSEC_TPM, 0, 0},
    {"the same PCR twice", REFERENCE("82", PCR0 PCR0), ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"the same hash twice", REFERENCE("81", "a2 00 00 01 a1 02 82" DIGEST DIGEST), ATLS_E_MALFORMED, "draft-ietf-rats-corim section 7.7", 0, 0},
    {"a digest of another size", REFERENCE("81", "a2 00 00 01 a1 02 81 82 07 5820" ZEROS), ATLS_E_MALFORMED, NULL, 0, 0},
    {"a hash of nobody", REFERENCE("81", "a2 00 00 01 a1 02 81 82 02 5820" ZEROS), ATLS_E_UNSUPPORTED, NULL, 0, 0},
    {"a PCR with a version", REFERENCE("81", "a2 00 00 01 a2 00 a1 00 61 31" DIGESTS), ATLS_E_UNSUPPORTED, NULL, 0, 0},
    {"reference values of an instance", "a1 00 81 82 a2" CLASS "01 d90230 51 0100112233445566778899aabbccddeeff 81" PCR0, ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"class of 15 bytes", "a1 00 81 82 a1 00 a1 00 d825 4f cd1f0e5526f9460db9d8f7fde17178 81" PCR0, ATLS_E_MALFORMED, NULL, 0, 0},
    {"class an implementation id", "a1 00 81 82 a1 00 a1 00 d90230 5820" ZEROS "81" PCR0, ATLS_E_MALFORMED, NULL, 0, 0},
    {"no class id", "a1 00 81 82 a1 00 a1 01 61 76 81" PCR0, ATLS_E_MISSING, PARSEC_TPM, 0, 0},
    {"a key without an instance", "a1 03 81 82 a1" CLASS "81" KEY, ATLS_E_MISSING, PARSEC_TPM, 0, 0},
    {"a key id of no bytes", ANCHOR("d90230 40"), ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"a key id of 34 bytes", ANCHOR("d90230 5822" KID "00"), ATLS_E_MALFORMED, PARSEC_TPM, 0, 0},
    {"a key id as UEID", ANCHOR("d90226 5821" KID), ATLS_E_MALFORMED, NULL, 0, 0},
};
/* clang-format on */

static void reads_row(void **state)
{
    const __typeof__(rows[0]) *row = *state;
    struct atls_corim corim = {0};

    test_outcome(atls_corim_parse(corim_of(row->triples), &corim), row->outcome, row->clause);
    if (row->outcome)
        return;
    assert_int_equal(corim.reference_value_count, row->values);
    assert_int_equal(corim.trust_anchor_count, row->anchors);
    atls_corim_clear(&corim);
}

/* A set is named for what is in it, not for the order. */
static void names_sets_by_content(void **state)
{
    static const char *const triples[] = {REFERENCE("82", PCR0 PCR1), REFERENCE("82", PCR1 PCR0),
                                          REFERENCE("81", PCR0)};
    struct atls_corim corims[3];

    for (size_t i = 0; i < 3; i++)
        test_outcome(atls_corim_parse(corim_of(triples[i]), &corims[i]), 0, NULL);
    assert_memory_equal(corims[0].reference_values[0].set, corims[1].reference_values[1].set, 32);
    assert_memory_not_equal(corims[0].reference_values[0].set, corims[2].reference_values[0].set,
                            32);
    for (size_t i = 0; i < 3; i++)
        atls_corim_clear(&corims[i]);
}

/* SHA-256, by sha256sum, of each PCR with its hash (1 is SHA-384) and digest, in their order. */
static void names_sets_as_before(void **state)
{
#define DIGEST384 "82 07 5830" ZEROS "00000000000000000000000000000000"
    struct atls_bytes expected =
        test_bytes("d09c591b636803ad765add5f033cb6d2ac1d84bb24b60ceda82094cdf4b35b3a");
    struct atls_corim corim;

    test_outcome(atls_corim_parse(corim_of(REFERENCE("82", "a2 00 02 01 a1 02 82" DIGEST384 DIGEST
                                                           "a2 00 01 01 a1 02 81" DIGEST384)),
                                  &corim),
                 0, NULL);
    test_same_bytes(ATLS_BYTES(corim.reference_values[2].set, 32), expected);
    atls_corim_clear(&corim);
    test_vector_free(expected);
}

/* A triple has every PCR by every hash at most: 96 digests. */
static void bounds_a_triple(void **state)
{
    static const char all[] = "02 83" DIGEST DIGEST384 "82 08 5840" ZEROS ZEROS;

    for (unsigned more = 0; more < 2; more++) {
        char *triples = malloc(64 * 1024);
        struct atls_bytes in;
        struct atls_corim corim;
        size_t used;

        assert_non_null(triples);
        used = (size_t)sprintf(triples, "a1 00 81 82 a1" CLASS "98%02x", 32 + more);
        for (unsigned pcr = 0; pcr < 32; pcr++)
            used += (size_t)sprintf(triples + used, "a2 00 18%02x 01 a1 %s", pcr, all);
        if (more)
            sprintf(triples + used, PCR0);
        in = corim_of(triples);
        test_outcome(atls_corim_parse(in, &corim), more ? ATLS_E_LIMIT : 0,
                     more ? PARSEC_TPM : NULL);
        if (!more) {
            assert_int_equal(corim.reference_value_count, 96);
            atls_corim_clear(&corim);
        }
        free(triples);
    }
}

/* What Veraison wrote is read, written, and read as the same, in either dialect. */
static void writes_what_it_read(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct atls_bytes in = test_vector(vectors[0].file);
        struct atls_corim corim, again;
        uint8_t *out;
        size_t size;

        test_outcome(atls_corim_parse(in, &corim), 0, NULL);
        corim.dialect = i ? ATLS_CORIM_V0_2608 : ATLS_CORIM_MAIN;
        test_outcome(atls_corim_write(&corim, &out, &size), 0, NULL);
        test_outcome(atls_corim_parse(ATLS_BYTES(out, size), &again), 0, NULL);
        assert_int_equal(again.dialect, corim.dialect);
        check_valid(&again);
        assert_memory_equal(again.reference_values[0].set, corim.reference_values[0].set, 32);
        assert_true(
            atls_public_key_equal(&again.trust_anchors[0].key, &corim.trust_anchors[0].key));
        atls_corim_clear(&again);
        atls_corim_clear(&corim);
        test_vector_free(in);
        free(out);
    }
}

static void writes_nothing_else(void **state)
{
    struct atls_bytes in = test_vector(vectors[0].file);
    struct atls_corim corim;
    uint8_t *out;
    size_t size;
    char name[] = "BL";

    test_outcome(atls_corim_parse(in, &corim), 0, NULL);
    test_vector_free(in);
#define REFUSES(place, value)                                                                      \
    {                                                                                              \
        __typeof__(place) kept = (place);                                                          \
        (place) = (value);                                                                         \
        test_outcome(atls_corim_write(&corim, &out, &size), -EINVAL, PARSEC_TPM);                  \
        (place) = kept;                                                                            \
    }
    REFUSES(corim.reference_values[1].pcr, 32)
    REFUSES(corim.reference_values[1].name, name)
    REFUSES(corim.reference_values[1].signer_id_size, 32)
    REFUSES(corim.reference_values[1].implementation_id[31], 1)
    REFUSES(corim.reference_values[1].digest_size, 32)
    REFUSES(corim.reference_values[1].profile, ATLS_CORIM_PSA)
    REFUSES(corim.trust_anchors[0].instance_id_size, 0)
    REFUSES(corim.trust_anchors[0].instance_id_size, 34)
    REFUSES(corim.trust_anchors[0].implementation_id[16], 1)
    REFUSES(corim.trust_anchors[0].profile, ATLS_CORIM_PSA)
    test_outcome(atls_corim_write(&corim, &out, &size), 0, NULL);
    free(out);
    atls_corim_clear(&corim);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, reads_vector, vectors);
    TEST_ADD_ROWS(&list, reads_row, rows);
    TEST_ADD(&list, names_sets_by_content);
    TEST_ADD(&list, names_sets_as_before);
    TEST_ADD(&list, bounds_a_triple);
    TEST_ADD(&list, writes_what_it_read);
    TEST_ADD(&list, writes_nothing_else);
    return test_run("corim-parsec-tpm", &list);
}
