/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsements as who provisions them sees it, without a socket: what is taken, and from whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "verifier-stub/http/test-api-support.h"

static void check_submission(struct atls_bytes corim, const char *status)
{
    struct atls_response response;
    json_t *json;

    test_ask("POST", SUBMIT, "application/rim+cbor;profile=\"tag:arm.com,2025:psa#1.0.0\"", corim,
             200, &response);
    json = test_json_of(&response);
    assert_string_equal(test_text_of(json, "status"), status);
    assert_true(test_text_of(json, "expiry")[0] != 0);
    assert_int_equal(json_object_get(json, "failure-reason") != NULL,
                     strcmp(status, "failed") == 0);
    json_decref(json);
    atls_response_clear(&response);
}

static void test_provisioning(void **state)
{
    struct test_device other, thief;
    struct atls_trust_anchor anchor, sought;
    uint8_t *corim;
    size_t size;

    test_device_make(&other, 2);
    thief = other;
    thief.pak = test_api_device.pak;
    size = test_corim(&other, 1, ATLS_CORIM_V0_2608, &corim);
    check_submission(ATLS_BYTES(corim, size), "success");
    check_submission(ATLS_BYTES(corim, size), "success");
    check_submission(ATLS_BYTES(corim, size - 1), "failed");
    free(corim);
    size = test_corim(&thief, 1, ATLS_CORIM_MAIN, &corim);
    check_submission(ATLS_BYTES(corim, size), "failed");
    free(corim);
    sought = atls_psa_anchor(other.implementation_id, other.instance_id);
    assert_int_equal(test_api.store->ops->find_trust_anchor(test_api.store, &sought, &anchor), 0);
    assert_true(atls_public_key_equal(&anchor.key, &other.pak.public_key));
}

/* The profile of the media type is that of the CoRIM: each goes to the scheme it is meant for. */
static void test_profiles(void **state)
{
    static const struct {
        const char *type;
        unsigned status;
        const char *says;
    } table[] = {
        {ATLS_MT_CORIM, 200, "success"},
        {ATLS_MT_CORIM_PARSEC_TPM, 200, "failed"},
        {ATLS_MT_CORIM_PARSEC_TPM_SIGNED, 200, "failed"},
        {"application/rim+cbor", 415, NULL},
        {"application/rim+cbor; profile=\"tag:github.com/parallaxsecond,2023-03-03:cca\"", 415,
         NULL},
    };
    uint8_t *corim;
    size_t size = test_corim(&test_api_device, 1, ATLS_CORIM_MAIN, &corim);

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_response response;

        test_ask("POST", SUBMIT, table[i].type, ATLS_BYTES(corim, size), table[i].status,
                 &response);
        if (table[i].says) {
            json_t *json = test_json_of(&response);

            assert_string_equal(test_text_of(json, "status"), table[i].says);
            json_decref(json);
        }
        atls_response_clear(&response);
    }
    free(corim);
}

/* RFC 6750 section 2.1: endorsements are taken from whoever bears the token; section 3: what is
 * missing is asked for, what is wrong is called so. */
static void test_provisioning_token(void **state)
{
    static const struct {
        const char *token, *authorization;
        unsigned status;
        const char *challenge; /* its end */
    } table[] = {
        {NULL, NULL, 200, NULL},
        {NULL, "Bearer of-nothing-that-was-asked-for", 200, NULL},
        {"0123456789abcdef", NULL, 401, "provisioning\""},
        {"0123456789abcdef", "", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcdeg", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcdef0", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcde", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer0123456789abcdef", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Basic 0123456789abcdef", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcdef", 200, NULL},
        {"0123456789abcdef", "bearer  0123456789abcdef", 200, NULL},
    };
    uint8_t *corim;
    size_t size = test_corim(&test_api_device, 1, ATLS_CORIM_MAIN, &corim);

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_request request = {.method = "POST",
                                       .path = SUBMIT,
                                       .content_type = ATLS_MT_CORIM,
                                       .authorization = table[i].authorization,
                                       .body = ATLS_BYTES(corim, size)};
        const char *end = table[i].challenge;
        struct atls_response response;

        test_api.provisioning_token = table[i].token;
        atls_api_answer(&test_api, &request, &response);
        test_api.provisioning_token = NULL;
        if (response.status != table[i].status)
            fail_msg("%s: %u", table[i].authorization, response.status);
        assert_int_equal(response.challenge != NULL, end != NULL);
        if (end)
            assert_string_equal(response.challenge + strlen(response.challenge) - strlen(end), end);
        atls_response_clear(&response);
    }
    free(corim);
}

/* What an import says of what it took no notice of, and of who signed it. */
static void test_endorsed_fields(void **state)
{
    const struct atls_store_import import = {.reference_values = 3,
                                             .trust_anchors = 1,
                                             .skipped = ~0u,
                                             .is_signed = true,
                                             .signer = "s"};
    json_t *fields = atls_endorsed_fields("a file", &import);
    const json_t *skipped = json_object_get(fields, "skipped");

    assert_string_equal(test_text_of(fields, "source"), "a file");
    assert_string_equal(test_text_of(fields, "signer"), "s");
    assert_int_equal(json_array_size(skipped), ATLS_SKIPPED_COUNT);
    for (int i = 0; i < ATLS_SKIPPED_COUNT; i++)
        assert_string_equal(json_string_value(json_array_get(skipped, (size_t)i)),
                            atls_corim_skipped_name(i));
    json_decref(fields);
    fields = atls_endorsed_fields("a file", &(struct atls_store_import){.trust_anchors = 1});
    assert_null(json_object_get(fields, "skipped"));
    assert_null(json_object_get(fields, "signer"));
    json_decref(fields);
}

static int broken_add(struct atls_store *store, const struct atls_corim *corim)
{
    return atls_fail(-5, NULL, "the disk is gone");
}

/* What this machine is at fault of is a 500, what the CoRIM is at fault of a 200 with the reason
 * and its clause. */
static void test_failures(void **state)
{
    static const struct atls_store_ops ops = {.add = broken_add};
    struct atls_store broken = {.ops = &ops}, *good = test_api.store;
    struct atls_response response;
    const char *reason;
    uint8_t *corim;
    size_t size = test_corim(&test_api_device, 1, ATLS_CORIM_MAIN, &corim);
    json_t *json;

    test_api.store = &broken;
    test_ask("POST", SUBMIT, ATLS_MT_CORIM, ATLS_BYTES(corim, size), 500, &response);
    test_api.store = good;
    json = test_json_of(&response);
    assert_string_equal(test_text_of(json, "detail"), "the disk is gone");
    json_decref(json);
    atls_response_clear(&response);
    test_ask("POST", SUBMIT, ATLS_MT_CORIM_SIGNED, ATLS_BYTES("\xd2\x80", 2), 200, &response);
    json = test_json_of(&response);
    reason = test_text_of(json, "failure-reason");
    assert_true(strlen(reason) > 0 && reason[strlen(reason) - 1] == ']');
    assert_non_null(strstr(reason, " ["));
    json_decref(json);
    atls_response_clear(&response);
    free(corim);
}

/* Of a signed one who signed it is said; of one with what is of no use here, what was skipped; of
 * what was refused neither. */
static void test_what_is_said_of_a_success(void **state)
{
    static const char meta[] = "a100a100656d616b6572"; /* signed by "maker" */
    static const struct {
        bool is_signed, skips, refused;
    } table[] = {
        {false, false, false}, {true, false, false}, {false, true, false}, {true, true, false},
        {false, true, true},   {true, true, true},   {true, false, true},
    };
    struct test_device other;

    test_device_make(&other, 7);
    test_api.endorsers = &other.pak.public_key;
    for (size_t i = 0; i < COUNT(table); i++) {
        static uint8_t out[TEST_EVIDENCE_MAX];
        struct atls_bytes body;
        struct atls_response response;
        json_t *json;

        body = test_corim_with(&test_api_device, table[i].skips, table[i].refused,
                               table[i].is_signed ? &other.pak : NULL, meta, out);
        test_api.endorser_count = table[i].is_signed;
        test_ask("POST", SUBMIT, table[i].is_signed ? ATLS_MT_CORIM_SIGNED : ATLS_MT_CORIM, body,
                 200, &response);
        json = test_json_of(&response);
        if (strcmp(test_text_of(json, "status"), table[i].refused ? "failed" : "success") != 0)
            fail_msg("row %zu: %s", i, test_text_of(json, "failure-reason"));
        assert_int_equal(json_object_get(json, "atls.skipped") != NULL,
                         table[i].skips && !table[i].refused);
        assert_int_equal(json_object_get(json, "atls.signer") != NULL,
                         table[i].is_signed && !table[i].refused);
        if (table[i].is_signed && !table[i].refused)
            assert_string_equal(test_text_of(json, "atls.signer"), "maker");
        json_decref(json);
        atls_response_clear(&response);
    }
    test_api.endorser_count = 0;
    test_api.endorsers = NULL;
}

/* Discovery tells the types that are taken: of each profile the unsigned one, as Veraison does. */
static void test_discovered_types(void **state)
{
    struct atls_response response;
    json_t *json, *types;

    test_ask("GET", "/.well-known/veraison/provisioning", NULL, ATLS_BYTES(NULL, 0), 200,
             &response);
    json = test_json_of(&response);
    types = json_object_get(json, "media-types");
    assert_int_equal(json_array_size(types), 2);
    assert_string_equal(json_string_value(json_array_get(types, 0)), ATLS_MT_CORIM);
    assert_string_equal(json_string_value(json_array_get(types, 1)), ATLS_MT_CORIM_PARSEC_TPM);
    json_decref(json);
    atls_response_clear(&response);
    test_ask("POST", SUBMIT, "text/plain", ATLS_BYTES("x", 1), 415, &response);
    assert_string_equal(response.accept,
                        ATLS_MT_CORIM ", " ATLS_MT_CORIM_SIGNED ", " ATLS_MT_CORIM_PARSEC_TPM
                                      ", " ATLS_MT_CORIM_PARSEC_TPM_SIGNED);
    atls_response_clear(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provisioning),       cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_provisioning_token), cmocka_unit_test(test_endorsed_fields),
        cmocka_unit_test(test_failures),           cmocka_unit_test(test_what_is_said_of_a_success),
        cmocka_unit_test(test_discovered_types),
    };

    return cmocka_run_group_tests(tests, test_api_set_up, test_api_tear_down);
}
