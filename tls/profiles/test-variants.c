/* SPDX-License-Identifier: Apache-2.0 */
/* Readings by name: which there are, for which profile, and that nothing else is taken. */
#include "rats/test/test-table.h"
#include "tls/profiles/variants.h"

static const struct row {
    const char *name; /* the argument */
    int outcome;
    const char *profile; /* that it is asked of, where it is a reading */
    int open;            /* the answer */
} rows[] = {
    {"hello-retry=message-hash", 0, "ta-07", 0}, /* the default is no question */
    {"hello-retry=all", 0, "seat-06", 0},
    {"hello-retry=first-hello", 0, "seat-04", 0},
    {"hello-retry=second-hello", 0, "ta-07", ATLS_E_UNSUPPORTED},
    {"hello-retry=third-hello", ATLS_E_UNSUPPORTED, NULL, 0},
    {"hello-retry=", ATLS_E_UNSUPPORTED, NULL, 0},
    {"hello-retry", ATLS_E_UNSUPPORTED, NULL, 0},
    {"hello-retry:all", ATLS_E_UNSUPPORTED, NULL, 0},
    {"Hello-Retry=all", ATLS_E_UNSUPPORTED, NULL, 0},
    {"hello=all", ATLS_E_UNSUPPORTED, NULL, 0},
    {"", ATLS_E_UNSUPPORTED, NULL, 0},
    {"=all", ATLS_E_UNSUPPORTED, NULL, 0},
    {"payload-prefix=none", 0, "seat-06", 0},
    {"payload-prefix=u16", 0, "ta-07", 0},
    {"payload-prefix=u24", 0, "ta-03", ATLS_E_UNSUPPORTED},
    {"payload-prefix=u8", ATLS_E_UNSUPPORTED, NULL, 0},
    {"no-common=omit", 0, "ta-02", 0},
    {"no-common=omit", 0, "x509-cmw", ATLS_E_UNSUPPORTED},
    {"evidence-type-match=on", 0, "ta-07", 0},
    {"result-nonce=required", 0, "seat-06", 0},
    {"result-nonce=free", 0, "seat-04", 0},
    {"result-nonce=free", 0, "ta-07", ATLS_E_UNSUPPORTED},
    {"entry-code-point=draft-literal", 0, "ta-07", 0},
    {"entry-code-point=60", ATLS_E_UNSUPPORTED, NULL, 0},
    {"binder-length=advertised-size", 0, "ta-07", 0},
    {"binder-secret=handshake-secret", 0, "ta-07", 0},
    {"binder-secret=handshake-secret", 0, "seat-04", ATLS_E_UNSUPPORTED},
    {"cab-appraisal=relying-party", 0, "ta-02", 0},
    {"cab-appraisal=relying-party", 0, "x509-cmw", 0},
    {"cab-appraisal=nobody", ATLS_E_UNSUPPORTED, NULL, 0},
    {"result-key=bound", 0, "expat-04", 0},
    {"binder-role=separate", 0, "seat-04", 0},
    {"binder-role=separate", 0, "expat-04", ATLS_E_UNSUPPORTED},
    {"binder-role=client", ATLS_E_UNSUPPORTED, NULL, 0},
    {"request-transcript=body", 0, "expat-04", 0},
    {"request-transcript=body", 0, "seat-06", ATLS_E_UNSUPPORTED},
    {"own-key=refused", 0, "ta-02", 0},
    {"own-key=refused", 0, "poc-mbedtls", ATLS_E_UNSUPPORTED},
    {"tpm-quote=nonce", 0, "poc-mbedtls", 0},
    {"bare-token=off", 0, "x509-cmw", 0},
    {"bare-token=off", 0, "poc-mbedtls", ATLS_E_UNSUPPORTED},
    {"bare-token=none", ATLS_E_UNSUPPORTED, NULL, 0},
    {"result-key=bound", 0, "ta-07", ATLS_E_UNSUPPORTED},
};

static void a_reading(void **state)
{
    const struct row *row = *state;
    const struct atls_variants none = {.hello_retry = 0};
    struct atls_variants variants = none;
    test_outcome(atls_variants_set(&variants, row->name), row->outcome, NULL);
    if (row->outcome == 0)
        test_outcome(atls_variants_check(&variants, row->profile), row->open, NULL);
    else
        assert_memory_equal(&variants, &none, sizeof none);
}

static void the_last_one_counts(void **state)
{
    struct atls_variants variants = {.hello_retry = 0};
    assert_int_equal(atls_variants_set(&variants, "payload-prefix=u16"), 0);
    assert_int_equal(variants.payload_prefix, ATLS_PREFIX_U16);
    assert_int_equal(atls_variants_set(&variants, "result-nonce=required"), 0);
    assert_int_equal(atls_variants_set(&variants, "payload-prefix=drafted"), 0);
    assert_int_equal(variants.payload_prefix, ATLS_PREFIX_AS_DRAFTED);
    assert_int_equal(variants.result_nonce, ATLS_RESULT_REQUIRED);
}

/* People find every variant in --help. */
static void described(void **state)
{
    static const char *const words[] = {
        "H5",  "H11", "H12",
        "H14", "H15", "H16",
        "H17", "H20", "hello-retry=message-hash|all|first-hello|second-hello"};
    char *text = atls_variants_describe();
    assert_non_null(text);
    assert_memory_equal(text, "Variants (--variant NAME=READING", 32);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_non_null(strstr(text, words[i]));
    assert_non_null(strstr(text, "  public-key=spki|raw-point|cose-key\n"
                                 "      H6: bytes of the public key in the binding; expat-04\n"
                                 "  exporter-label="));
    free(text);
}

struct asked { /* of the readings that were tried */
    struct atls_variants tried[16];
    size_t count, fitting; /* this one fits, counted from 1; 0: none does */
};

static bool fits(void *context, const struct atls_variants *variants)
{
    struct asked *asked = context;
    assert_true(asked->count < COUNT(asked->tried));
    asked->tried[asked->count++] = *variants;
    return asked->count == asked->fitting;
}

/* Of seat-06 two readings change what evidence answers, of four ways and of two: each other choice
 * is tried once, those with one change first, and whatever else was chosen stays. */
static void recognized(void **state)
{
    static const struct {
        unsigned hello_retry, binder_role;
    } order[] = {{0, 0}, {2, 0}, {3, 0}, {1, 1}, {0, 1}, {2, 1}, {3, 1}};
    static const char *const names[] = {"message-hash", "all", "first-hello", "second-hello"};
    const struct atls_variants own = {.hello_retry = 1, .payload_prefix = ATLS_PREFIX_U16};
    for (size_t fitting = 0; fitting <= COUNT(order); fitting++) {
        struct asked asked = {.fitting = fitting};
        struct atls_diagnosis d = {.count = 0};
        size_t count = fitting > 0 ? fitting : COUNT(order);
        assert_int_equal(atls_variants_recognize(&own, "seat-06", fits, &asked, "clause", &d),
                         fitting > 0);
        assert_int_equal(asked.count, count);
        for (size_t i = 0; i < count; i++) {
            struct atls_variants expected = own;
            expected.hello_retry = order[i].hello_retry;
            expected.binder_role = order[i].binder_role;
            assert_memory_equal(&asked.tried[i], &expected, sizeof expected);
        }
        size_t told = 0;
        if (fitting > 0 && order[fitting - 1].hello_retry != own.hello_retry) {
            assert_string_equal(d.readings[told].variant, "hello-retry");
            assert_string_equal(d.readings[told].clause, "clause");
            assert_string_equal(d.readings[told++].value, names[order[fitting - 1].hello_retry]);
        }
        if (fitting > 0 && order[fitting - 1].binder_role != own.binder_role) {
            assert_string_equal(d.readings[told].variant, "binder-role");
            assert_string_equal(d.readings[told++].value, "separate");
        }
        assert_int_equal(d.count, told);
    }
    /* A profile that leaves nothing of it open. */
    struct asked asked = {.fitting = 1};
    struct atls_diagnosis d = {.count = 0};
    assert_false(atls_variants_recognize(&own, "x509-cmw", fits, &asked, "clause", &d));
    assert_int_equal(asked.count, 0);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, a_reading, rows);
    TEST_ADD(&list, the_last_one_counts);
    TEST_ADD(&list, described);
    TEST_ADD(&list, recognized);
    return test_run("variants", &list);
}
