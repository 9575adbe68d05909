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
    free(text);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, a_reading, rows);
    TEST_ADD(&list, the_last_one_counts);
    TEST_ADD(&list, described);
    return test_run("variants", &list);
}
