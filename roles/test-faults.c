/* SPDX-License-Identifier: Apache-2.0 */
/* Each fault makes exactly the flaw that it is named for: the strict parsers refuse it in the layer
 * that is meant, and everything that is not meant is left as the device made it. */
#include "roles/test-appraisal.h"

#include "formats/key-attestation.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "roles/received.h"

static const struct atls_cab *cab_of(const struct atls_received *received)
{
    const struct atls_key_attestation *ka = received->evidence.parsed;

    return &ka->cab;
}

struct fixture {
    struct atls_device *device;
    uint32_t handle;
    struct atls_public_key key;
    uint8_t challenge[32], *cab;
    size_t size;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    memset(f->challenge, 0x5a, sizeof f->challenge);
    assert_int_equal(atls_device_open("inproc:1", 1000, &f->device), 0);
    assert_int_equal(atls_device_create_key(f->device, ATLS_P256, &f->handle, &f->key), 0);
    assert_int_equal(atls_device_attest_key(f->device, f->handle,
                                            ATLS_BYTES(f->challenge, sizeof f->challenge), &f->cab,
                                            &f->size),
                     0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    atls_device_close(f->device);
    free(f->cab);
    free(f);
    return 0;
}

static const struct {
    const char *argument;
    int code;
} flag_rows[] = {
    {"pat-signature", 0},
    {"empty-certificate", 0},
    {"select-unoffered", 0},
    {"foreign-nonce=0001020304050607", 0},
    {"nonce-length=7", 0},
    {"nonce-length=255", 0},
    {"extension=evidence_request:0102", 0},
    {"extension=evidence_request:", 0},
    {"cmw=82", 0},
    {"cbor-deep", 0},
    {"cbor-deep=claims", 0},
    {"", ATLS_E_UNSUPPORTED},
    {"=", ATLS_E_UNSUPPORTED},
    {"no-such-fault", ATLS_E_UNSUPPORTED},
    {"pat-signatur", ATLS_E_UNSUPPORTED},
    {"pat-signatures", ATLS_E_UNSUPPORTED},
    {"PAT-SIGNATURE", ATLS_E_UNSUPPORTED},
    {"pat-signature=1", ATLS_E_UNSUPPORTED},
    {"pat-signature=", ATLS_E_UNSUPPORTED},
    {"foreign-nonce", ATLS_E_UNSUPPORTED},
    {"foreign-nonce=", ATLS_E_UNSUPPORTED},
    {"foreign-nonce=00", ATLS_E_UNSUPPORTED},
    {"foreign-nonce=000102030405060", ATLS_E_UNSUPPORTED},
    {"foreign-nonce=xx01020304050607", ATLS_E_UNSUPPORTED},
    {"nonce-length", ATLS_E_UNSUPPORTED},
    {"nonce-length=", ATLS_E_UNSUPPORTED},
    {"nonce-length=256", ATLS_E_UNSUPPORTED},
    {"nonce-length=-1", ATLS_E_UNSUPPORTED},
    {"nonce-length=8x", ATLS_E_UNSUPPORTED},
    {"extension", ATLS_E_UNSUPPORTED},
    {"extension=evidence_request", ATLS_E_UNSUPPORTED},
    {"extension=:00", ATLS_E_UNSUPPORTED},
    {"extension=evidence_request:0", ATLS_E_UNSUPPORTED},
    {"cmw=", ATLS_E_UNSUPPORTED},
    {"cmw", ATLS_E_UNSUPPORTED},
    {"cbor-deep=kat", ATLS_E_UNSUPPORTED},
};

static void test_flags(void **state)
{
    for (size_t i = 0; i < sizeof flag_rows / sizeof *flag_rows; i++) {
        struct atls_faults faults = {.count = 0};
        int result = atls_faults_add(&faults, flag_rows[i].argument);
        if (result != flag_rows[i].code || faults.count != (result ? 0 : 1)) {
            fail_msg("%s: expected %d, came %d", flag_rows[i].argument, flag_rows[i].code, result);
        }
    }
    struct atls_faults faults = {.count = 0};
    const char *value = "";
    for (unsigned i = 0; i < ATLS_FAULTS_MAX; i++) {
        assert_int_equal(atls_faults_add(&faults, "nonce-length=9"), 0);
    }
    assert_int_equal(atls_faults_add(&faults, "nonce-length=9"), ATLS_E_LIMIT);
    assert_true(atls_faults_has(&faults, "nonce-length", &value));
    assert_string_equal(value, "9");
    assert_false(atls_faults_has(&faults, "nonce", NULL));
    assert_false(atls_faults_has(NULL, "nonce-length", NULL));
}

/* What a strict receiver says of the broken CAB; "ok" where parsing alone finds nothing. */
static const struct test_flaw cab_rows[] = {
    {"kat-signature", "ok"},
    {"pat-signature", "ok"},
    {"cmw=", "malformed-cmw"},
    {"cbor-indefinite=cose", "malformed-cbor"},
    {"cbor-indefinite=claims", "malformed-cbor"},
    {"cbor-duplicate-key=claims", "malformed-cbor"},
    {"cbor-unpreferred=claims", "malformed-cbor"},
    {"cbor-deep=claims", "malformed-cbor"},
    {"cbor-duplicate-key=cmw", "malformed-cmw"},
    {"cbor-unpreferred=cmw", "malformed-cmw"},
    {"cbor-deep=cmw", "malformed-cmw"},
    {"cbor-indefinite=cmw", "ok"}, /* RFC 9999 allows it in a wrapper */
};

static const char *reason_of(enum atls_model model, struct atls_bytes cmw)
{
    struct atls_received received;
    const char *reason = "ok";

    if (atls_received_parse(model, cmw, &received, &reason) == 0) {
        atls_received_clear(&received);
    }
    return reason;
}

static void check_cab(struct atls_bytes cab, const struct test_flaw *row)
{
    bool raw = strcmp(row->fault, "cmw=") == 0;
    struct atls_faults faults = {.count = 0};
    uint8_t *out;
    size_t size;
    const char *name;

    assert_int_equal(atls_faults_add(&faults, raw ? "cmw=82" : row->fault), 0);
    assert_int_equal(atls_faults_mutate_cab(&faults, cab, &out, &size, &name), 0);
    assert_non_null(out);
    assert_ptr_equal(name, faults.fault[0].name);
    assert_false(atls_bytes_equal(cab, ATLS_BYTES(out, size)));
    const char *reason = reason_of(ATLS_MODEL_BACKGROUND_CHECK, ATLS_BYTES(out, size));
    if (strcmp(reason, row->reason) != 0) {
        fail_msg("%s: expected %s, came %s (%s)", row->fault, row->reason, reason,
                 atls_error_text());
    }
    free(out);
}

static void test_cab(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes cab = ATLS_BYTES(f->cab, f->size);

    assert_string_equal(reason_of(ATLS_MODEL_BACKGROUND_CHECK, cab), "ok");
    for (size_t i = 0; i < sizeof cab_rows / sizeof *cab_rows; i++) {
        check_cab(cab, &cab_rows[i]);
    }
    for (size_t i = 0; i < TEST_CAB_FLAWS; i++) {
        check_cab(cab, &test_cab_flaws[i]);
    }
}

static void test_no_fault_no_change(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes cab = ATLS_BYTES(f->cab, f->size);
    static const char *const others[] = {"linkage", "stale-nonce", "other-key", "result-garbage"};
    struct atls_faults faults = {.count = 0};
    uint8_t *out = f->cab;
    size_t size;
    const char *name = "";

    assert_int_equal(atls_faults_mutate_cab(NULL, cab, &out, &size, &name), 0);
    assert_null(out);
    assert_null(name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(atls_faults_add(&faults, others[i]), 0);
    }
    assert_int_equal(atls_faults_mutate_cab(&faults, cab, &out, &size, &name), 0);
    assert_null(out);
    /* Put together again without a flaw, the bundle is the device's, byte for byte. */
    struct atls_cmw *cmw;
    assert_int_equal(atls_cmw_parse(cab, &cmw), 0);
    assert_int_equal(atls_faults_splice(cab, atls_cmw_find(cmw, "pat")->value, &out, &size), 0);
    assert_true(atls_bytes_equal(cab, ATLS_BYTES(out, size)));
    free(out);
    atls_cmw_free(cmw);
}

/* Signatures: of the KAT only, of the PAT only, and nothing else changes. */
static void test_signatures(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes cab = ATLS_BYTES(f->cab, f->size);
    static const char *const names[] = {"kat-signature", "pat-signature"};

    for (unsigned i = 0; i < 2; i++) {
        struct atls_faults faults = {.count = 0};
        struct atls_received received;
        struct atls_device_info info;
        uint8_t *out;
        size_t size, differ = 0;
        const char *name, *reason;
        assert_int_equal(atls_faults_add(&faults, names[i]), 0);
        assert_int_equal(atls_faults_mutate_cab(&faults, cab, &out, &size, &name), 0);
        assert_int_equal(size, cab.size);
        for (size_t at = 0; at < size; at++) {
            differ += out[at] != cab.data[at];
        }
        assert_int_equal(differ, 1);
        assert_int_equal(atls_received_parse(ATLS_MODEL_BACKGROUND_CHECK, ATLS_BYTES(out, size),
                                             &received, &reason),
                         0);
        assert_int_equal(atls_cab_check_signature(cab_of(&received), &atls_crypto_hosted),
                         i == 0 ? ATLS_E_SIGNATURE : 0);
        assert_int_equal(atls_device_info(f->device, &info), 0);
        assert_int_equal(
            atls_cose_sign1_verify(&cab_of(&received)->pat, &atls_crypto_hosted, &info.pak),
            i == 1 ? ATLS_E_SIGNATURE : 0);
        atls_received_clear(&received);
        free(out);
    }
}

/* A flaw of the COSE header leaves what is signed alone. */
static void test_flaw_keeps_signature(void **state)
{
    struct fixture *f = *state;
    struct atls_faults faults = {.count = 0};
    struct atls_cose_sign1 kat;
    struct atls_kat_claims claims;
    struct atls_cmw *cmw;
    uint8_t *out;
    size_t size;
    const char *name;

    assert_int_equal(atls_faults_add(&faults, "cbor-unpreferred=cose"), 0);
    assert_int_equal(
        atls_faults_mutate_cab(&faults, ATLS_BYTES(f->cab, f->size), &out, &size, &name), 0);
    assert_int_equal(atls_cmw_parse(ATLS_BYTES(out, size), &cmw), 0);
    assert_int_equal(
        atls_cose_sign1_parse(atls_cmw_find(cmw, "kat")->value, ATLS_COSE_TAG_EITHER, NULL, &kat),
        0);
    assert_int_equal(atls_kat_claims_parse(kat.payload, &claims), 0);
    assert_int_equal(atls_cose_sign1_verify(&kat, &atls_crypto_hosted, &claims.kak), 0);
    atls_cmw_free(cmw);
    free(out);
}

static const struct {
    const char *fault, *collection, *record; /* reasons; NULL: no such flaw */
} json_rows[] = {
    {"cmw=7b", "malformed-cmw", "malformed-cmw"},
    {"cmw-truncated", "malformed-cmw", "malformed-cmw"},
    {"cmw-trailing-byte", "malformed-cmw", "malformed-cmw"},
    {"cmw-empty-collection", "malformed-cmw", "malformed-cmw"},
    {"cmw-relative-type", "malformed-cmw", "malformed-cmw"},
    {"cmw-value-not-bytes", "malformed-cmw", "malformed-cmw"},
    {"cmw-indicator-zero", "malformed-cmw", "malformed-cmw"},
    {"cmw-missing-kat", "malformed-cmw", NULL},
    {"cbor-deep=cmw", NULL, NULL},
};

static void check_json(const char *fault, struct atls_bytes cmw, enum atls_model model,
                       const char *expected)
{
    struct atls_faults faults = {.count = 0};
    uint8_t *out;
    size_t size;
    const char *name;

    assert_int_equal(atls_faults_add(&faults, fault), 0);
    int result = atls_faults_mutate_json(&faults, cmw, &out, &size, &name);
    assert_int_equal(result, expected ? 0 : ATLS_E_UNSUPPORTED);
    assert_true((name != NULL) == (expected != NULL));
    if (expected && strcmp(reason_of(model, ATLS_BYTES(out, size)), expected) != 0) {
        fail_msg("%s: expected %s, came %s: %.*s", fault, expected,
                 reason_of(model, ATLS_BYTES(out, size)), (int)size, (const char *)out);
    }
    free(out);
}

static void wrap(enum atls_serialization serialization, uint8_t **outp, size_t *sizep)
{
    struct atls_cmw record = {.form = ATLS_CMW_RECORD,
                              .type = {.media_type = atls_bytes_of_text(ATLS_MT_EAT_JWT)},
                              .value = atls_bytes_of_text("e30.e30.c2ln"),
                              .indicator = ATLS_IND_ATTESTATION_RESULTS};

    assert_int_equal(atls_cmw_serialize(&record, serialization, outp, sizep), 0);
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    struct atls_cmw *cmw;
    uint8_t *collection, *record;
    size_t collection_size, record_size;

    assert_int_equal(atls_cmw_parse(ATLS_BYTES(f->cab, f->size), &cmw), 0);
    assert_int_equal(atls_cmw_serialize(cmw, ATLS_JSON, &collection, &collection_size), 0);
    atls_cmw_free(cmw);
    wrap(ATLS_JSON, &record, &record_size);
    assert_string_equal(
        reason_of(ATLS_MODEL_BACKGROUND_CHECK, ATLS_BYTES(collection, collection_size)), "ok");
    for (size_t i = 0; i < sizeof json_rows / sizeof *json_rows; i++) {
        check_json(json_rows[i].fault, ATLS_BYTES(collection, collection_size),
                   ATLS_MODEL_BACKGROUND_CHECK, json_rows[i].collection);
        check_json(json_rows[i].fault, ATLS_BYTES(record, record_size), ATLS_MODEL_PASSPORT,
                   json_rows[i].record);
    }
    free(collection);
    free(record);
}

static const struct {
    const char *fault, *reason;
} record_rows[] = {
    {"cmw=83", "malformed-cmw"},
    {"cmw-truncated", "malformed-cmw"},
    {"cmw-trailing-byte", "malformed-cmw"},
    {"cmw-empty-collection", "malformed-cmw"},
    {"cmw-relative-type", "malformed-cmw"},
    {"cmw-value-not-bytes", "malformed-cmw"},
    {"cmw-indicator-zero", "malformed-cmw"},
    {"cbor-indefinite=cmw", "malformed-result"}, /* the wrapper is legal, the JWT is none */
    {"cbor-deep=cmw", NULL},
    {"cbor-duplicate-key=cmw", NULL},
    {"cmw-missing-kat", NULL},
};

static void test_record(void **state)
{
    uint8_t *record, *out;
    size_t record_size, size;
    const char *name;

    wrap(ATLS_CBOR, &record, &record_size);
    for (size_t i = 0; i < sizeof record_rows / sizeof *record_rows; i++) {
        struct atls_faults faults = {.count = 0};
        assert_int_equal(atls_faults_add(&faults, record_rows[i].fault), 0);
        int result =
            atls_faults_mutate_record(&faults, ATLS_BYTES(record, record_size), &out, &size, &name);
        assert_int_equal(result, record_rows[i].reason ? 0 : ATLS_E_UNSUPPORTED);
        if (record_rows[i].reason && strcmp(reason_of(ATLS_MODEL_PASSPORT, ATLS_BYTES(out, size)),
                                            record_rows[i].reason) != 0) {
            fail_msg("%s: expected %s", record_rows[i].fault, record_rows[i].reason);
        }
        free(out);
    }
    free(record);
}

static void test_result(void **state)
{
    static const char *const names[] = {"result-garbage", "result-signature",
                                        "result-algorithm-none"};
    static const char *const broken[] = {"this is not an attestation result", "e30.e30.c2lm",
                                         "eyJhbGciOiJub25lIn0.e30."};
    uint8_t *out;
    size_t size;
    const char *name;

    for (unsigned i = 0; i < 3; i++) {
        struct atls_faults faults = {.count = 0};
        assert_int_equal(atls_faults_add(&faults, names[i]), 0);
        assert_int_equal(atls_faults_mutate_result(&faults, atls_bytes_of_text("e30.e30.c2ln"),
                                                   &out, &size, &name),
                         0);
        assert_string_equal(name, names[i]);
        assert_true(atls_bytes_is_text(ATLS_BYTES(out, size), broken[i]));
        free(out);
        int result =
            atls_faults_mutate_result(&faults, atls_bytes_of_text("no dots"), &out, &size, &name);
        assert_int_equal(result, i == 0 ? 0 : ATLS_E_MALFORMED);
        free(out);
    }
}

/* A COSE_Sign1 with the payload {} and a signature of two bytes: flipped, and made over with alg 0
 * and without signature. */
static void test_result_in_cwt(void **state)
{
    static const struct {
        const char *name, *broken;
    } rows[] = {
        {"result-garbage", "74686973206973206e6f7420616e206174746573746174696f6e20726573756c74"},
        {"result-signature", "d28443a10126a041a0420101"},
        {"result-algorithm-none", "d28443a10100a041a040"},
    };
    static const uint8_t cwt[] = {0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26,
                                  0xa0, 0x41, 0xa0, 0x42, 0x01, 0x00},
                         other[] = {0x80};
    uint8_t *out;
    size_t size;
    const char *name;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct atls_faults faults = {.count = 0};
        assert_int_equal(atls_faults_add(&faults, rows[i].name), 0);
        assert_int_equal(
            atls_faults_mutate_result(&faults, ATLS_BYTES(cwt, sizeof cwt), &out, &size, &name), 0);
        assert_string_equal(name, rows[i].name);
        char *hex = atls_hex_encode(ATLS_BYTES(out, size));
        assert_string_equal(hex, rows[i].broken);
        free(hex);
        free(out);
        int result =
            atls_faults_mutate_result(&faults, ATLS_BYTES(other, sizeof other), &out, &size, &name);
        assert_int_equal(result, i == 0 ? 0 : ATLS_E_MALFORMED);
        free(out);
    }
}

static void test_not_a_cab(void **state)
{
    static const char *const inputs[] = {"", "\x80", "\xa0", "\x82\x61\x61\x41\x00", "{}"};
    struct atls_faults faults = {.count = 0};
    uint8_t *out;
    size_t size;
    const char *name;

    assert_int_equal(atls_faults_add(&faults, "cose-detached"), 0);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        assert_true(
            atls_faults_mutate_cab(&faults, atls_bytes_of_text(inputs[i]), &out, &size, &name) > 0);
        assert_null(out);
        assert_null(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags),
        cmocka_unit_test_setup_teardown(test_cab, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_fault_no_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signatures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flaw_keeps_signature, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json, set_up, tear_down),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_result_in_cwt),
        cmocka_unit_test(test_not_a_cab),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
