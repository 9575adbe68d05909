/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party before the bundle of the prototype of 2022: the reasons for which it is refused
 * there, before a verifier that affirms everything.
 */
#include "roles/test-appraisal.h"

#include "rats/base/error.h"

static const struct row {
    const char *fault; /* NULL: none */
    bool constant;     /* the nonce that the prototype's server always sends */
    const char *reason;
} rows[] = {
    {NULL, false, "ok"},
    {NULL, true, "nonce-constant"},
    {"stale-nonce", false, "nonce-mismatch"},
    {"foreign-nonce=00112233445566778899", false, "nonce-mismatch"},
    {"foreign-nonce=0001020304050607", false, "nonce-constant"},
    {"kat-signature", false, "kat-signature-invalid"},
    {"linkage", false, "linkage-mismatch"},
    {"foreign-pat", false, "linkage-mismatch"},
    {"non-secure-pat", false, "platform-token-caller"},
    {"cmw-truncated", false, "malformed-cmw"},
    {"cmw-trailing-byte", false, "malformed-cmw"},
    {"cmw=83", false, "malformed-cmw"},
    {"cmw=02", false, "malformed-cmw"},
    {"cmw=8219010741d2", false, "malformed-cmw"},
};

static void test_prototype(void **state)
{
    struct test_appraisal *f = *state;
    unsigned posts = 0;

    f->attester_options.evidence_format = &atls_format_prototype;
    f->options.evidence = &atls_format_prototype;
    f->options.evidence_in_cmw = &atls_format_parsec_tpm;
    f->options.constant_nonce = &atls_constant_nonce_of_2022;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *what = rows[i].fault ? rows[i].fault : rows[i].reason;
        f->faults.count = 0;
        if (rows[i].fault)
            assert_int_equal(atls_faults_add(&f->faults, rows[i].fault), 0);
        f->options.send_constant_nonce = rows[i].constant;
        test_renew(f);
        test_background_check_once(f);
        if (strcmp(rows[i].reason, "ok") == 0)
            test_verdict_is(f, what, rows[i].reason, false);
        else
            test_verdict_explains(f, what, rows[i].reason, false);
        posts += f->verdict.accepted;
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), posts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_prototype, test_set_up, test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
