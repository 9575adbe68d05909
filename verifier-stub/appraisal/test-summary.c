/* SPDX-License-Identifier: Apache-2.0 */
/* What a result repeats of evidence (annotated evidence), name by name. */
#include "rats/test/test-table.h"

#include <jansson.h>

#include "verifier-stub/appraisal/appraisal.h"

enum { REPEATED = 32 };

static struct atls_bytes text(const char *words)
{
    return atls_bytes_of_text(words);
}

static void same(const json_t *summary, const char *expected)
{
    json_t *wanted = json_loads(expected, 0, NULL);

    assert_non_null(wanted);
    if (!json_equal(summary, wanted))
        fail_msg("expected %s, came %s", expected, json_dumps(summary, JSON_SORT_KEYS));
    json_decref(wanted);
}

static void everything_is_repeated(void **state)
{
    const struct atls_psa_component component = {.type = text("BL"),
                                                 .value = text("value"),
                                                 .version = text("1.2"),
                                                 .signer_id = text("signer"),
                                                 .description = text("sha-256")};
    const struct atls_psa_claims claims = {.profile = ATLS_PSA_RFC9783,
                                           .nonce = text("nonce"),
                                           .instance_id = text("instance"),
                                           .implementation_id = text("implementation"),
                                           .client_id = -7,
                                           .lifecycle = ATLS_PSA_SECURED,
                                           .boot_seed = text("seed"),
                                           .certification_reference = text("1234567890123-12345"),
                                           .verification_service = text("https://v.example"),
                                           .components = &component,
                                           .component_count = 1};
    json_t *summary = atls_evidence_summary(&claims);

    same(summary, "{\"eat-profile\": \"tag:psacertified.org,2023:psa#tfm\", \"psa-client-id\": -7,"
                  " \"psa-security-lifecycle\": 12288,"
                  " \"psa-implementation-id\": \"aW1wbGVtZW50YXRpb24=\","
                  " \"psa-instance-id\": \"aW5zdGFuY2U=\", \"psa-nonce\": \"bm9uY2U=\","
                  " \"psa-boot-seed\": \"c2VlZA==\","
                  " \"psa-certification-reference\": \"1234567890123-12345\","
                  " \"psa-verification-service-indicator\": \"https://v.example\","
                  " \"psa-software-components\": [{\"measurement-type\": \"BL\","
                  " \"measurement-value\": \"dmFsdWU=\", \"version\": \"1.2\","
                  " \"signer-id\": \"c2lnbmVy\", \"measurement-description\": \"sha-256\"}]}");
    json_decref(summary);
}

/* What is not there is left out, and not told as empty. */
static void nothing_is_made_up(void **state)
{
    const struct atls_psa_component component = {.value = text("value")};
    const struct atls_psa_claims claims = {
        .profile = ATLS_PSA_ARM_1, .client_id = 1, .components = &component, .component_count = 1};
    json_t *summary = atls_evidence_summary(&claims);

    same(summary, "{\"eat-profile\": \"PSA_IOT_PROFILE_1\", \"psa-client-id\": 1,"
                  " \"psa-security-lifecycle\": 0,"
                  " \"psa-software-components\": [{\"measurement-value\": \"dmFsdWU=\"}]}");
    json_decref(summary);
}

/* Beyond a bound they are only counted: a result stays smaller than evidence. */
static void many_are_counted(void **state)
{
    struct atls_psa_component components[REPEATED + 1] = {{.value = text("v")}};

    for (size_t count = REPEATED; count <= REPEATED + 1; count++) {
        const struct atls_psa_claims claims = {.components = components, .component_count = count};
        json_t *summary = atls_evidence_summary(&claims);
        json_t *told = json_object_get(summary, "atls.software-component-count");

        assert_int_equal(json_array_size(json_object_get(summary, "psa-software-components")),
                         REPEATED);
        assert_int_equal(json_integer_value(told), count > REPEATED ? count : 0);
        json_decref(summary);
    }
}

/* Of a quote (TPM 2.0 Part 2, section 10.12.8) what was quoted; PCRs are those that a TPM has. */
static void quotes_are_repeated(void **state)
{
    const struct atls_tpm_attest quote = {.clock = 7,
                                          .resets = 2,
                                          .restarts = 3,
                                          .safe = true,
                                          .banks = {{0x000b, 1u | 1u << 23 | 1u << 31}},
                                          .bank_count = 1,
                                          .pcr_digest = text("digest")};
    json_t *summary = atls_quote_summary(&quote);

    same(summary, "{\"pcr-bank\": \"sha256\", \"clock\": 7, \"reset-count\": 2,"
                  " \"restart-count\": 3, \"safe\": true, \"pcr-digest\": \"ZGlnZXN0\","
                  " \"pcrs\": [0, 23, 31]}");
    json_decref(summary);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD(&list, everything_is_repeated);
    TEST_ADD(&list, nothing_is_made_up);
    TEST_ADD(&list, many_are_counted);
    TEST_ADD(&list, quotes_are_repeated);
    return test_run("summary", &list);
}
