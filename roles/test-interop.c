/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attester and relying party with the real device and the real verifier, each a process of its own:
 * evidence, appraisal and result end to end, without TLS. ATLS_DEVICE and ATLS_VERIFIER name the
 * programs.
 */
#include "roles/test-process.h"

#include "rats/base/error.h"
#include "roles/relying-party.h"
#include "roles/test-party.h"

#define ARGUMENTS_MAX 24
#define VERIFIER_ID "verifier.example"

struct fixture {
    struct test_party party;
    char corim[96], device_address[128], verifier_url[64];
    struct test_process device, verifier;
    struct atls_verifier_client *client;
    struct atls_attester *attester;
    struct atls_relying_party *rp;
    struct atls_appraisal *appraisal;
    struct atls_credential credential;
    struct atls_public_key key;
    struct atls_verdict verdict;
};

struct story {
    const char *what;
    const char *device[4];   /* more flags of the device */
    const char *verifier[4]; /* more flags of the verifier */
    const char *fault;       /* of the attester */
    enum atls_tier accept;
    const char *reason;
    enum atls_tier tier;
    const char *component; /* first of the mismatches, NULL: none */
    bool at_fault;
};

static void append(const char **arguments, const char *const *more, size_t count)
{
    size_t used = 0;

    while (arguments[used]) {
        used++;
    }
    for (size_t i = 0; i < count && more[i]; i++) {
        assert_true(used < ARGUMENTS_MAX);
        arguments[used++] = more[i];
    }
}

static void endorse(struct fixture *f)
{
    const char *arguments[] = {"provision", "--seed", "11", "--output", f->corim, NULL};
    struct test_process process = {.pid = 0};

    snprintf(f->corim, sizeof f->corim, "%s/corim.cbor", f->party.directory);
    test_process_start(test_program("ATLS_DEVICE"), arguments, &process);
    assert_int_equal(test_process_end(&process), 0);
}

static void start_parties(struct fixture *f, const struct story *story)
{
    const char *device[ARGUMENTS_MAX + 1] = {"--events", "-", "--listen", f->device_address};
    const char *verifier[ARGUMENTS_MAX + 1] = {
        "--events",       "-",      "--listen",   "127.0.0.1:0",
        "--endorsements", f->corim, "--identity", VERIFIER_ID};
    char text[128];

    snprintf(f->device_address, sizeof f->device_address, "unix:%s/device", f->party.directory);
    append(device, story->device, 4);
    if (!story->device[0] || strcmp(story->device[0], "--seed") != 0) {
        append(device, (const char *[]){"--seed", "11"}, 2);
    }
    append(verifier, story->verifier, 4);
    test_process_start(test_program("ATLS_DEVICE"), device, &f->device);
    test_process_await(&f->device, "ready", "address", text, sizeof text);
    test_process_start(test_program("ATLS_VERIFIER"), verifier, &f->verifier);
    test_process_await(&f->verifier, "ready", "address", text, sizeof text);
    snprintf(f->verifier_url, sizeof f->verifier_url, "http://%.40s", text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    test_party_open(&f->party);
    *state = f;
    return 0;
}

static void release(struct fixture *f)
{
    atls_credential_clear(&f->credential);
    atls_appraisal_free(f->appraisal);
    atls_relying_party_free(f->rp);
    atls_attester_free(f->attester);
    atls_verifier_client_free(f->client);
    f->appraisal = NULL;
    f->rp = NULL;
    f->attester = NULL;
    f->client = NULL;
    test_process_stop(&f->device);
    test_process_stop(&f->verifier);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    release(f);
    test_party_close(&f->party);
    free(f);
    return 0;
}

static void meet(struct fixture *f, const struct story *story,
                 enum atls_serialization serialization, struct atls_faults *faults)
{
    static struct atls_trusted_verifier trusted; /* outlives the relying party */

    start_parties(f, story);
    if (story->fault) {
        assert_int_equal(atls_faults_add(faults, story->fault), 0);
    }
    trusted = (struct atls_trusted_verifier){VERIFIER_ID, f->verifier_url};
    struct atls_attester_options attester = {.device = f->device_address,
                                             .device_timeout_ms = 20000,
                                             .curve = ATLS_P256,
                                             .serialization = serialization,
                                             .verifier_url = f->verifier_url,
                                             .result_max_age = 3600,
                                             .faults = faults};
    struct atls_relying_party_options options = {.verifier_url = f->verifier_url,
                                                 .trusted = &trusted,
                                                 .trusted_count = 1,
                                                 .accept_tier = story->accept,
                                                 .nonce_size = 32,
                                                 .result_max_age = 3600};
    assert_int_equal(atls_verifier_client_new(3000, &f->client), 0);
    assert_int_equal(atls_attester_new(&attester, f->client, f->party.events, &f->attester), 0);
    assert_int_equal(atls_relying_party_new(&options, f->client, f->party.events, &f->rp), 0);
}

static void poll_once(struct fixture *f)
{
    assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
}

static void background_check(struct fixture *f)
{
    struct atls_bytes nonce;
    int result;

    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_int_equal(result, 0);
    assert_int_equal(atls_attester_evidence(f->attester, 1, nonce, &f->credential), 0);
}

static void passport(struct fixture *f)
{
    int result;

    while ((result = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    if (result) {
        fail_msg("no result: %s: %s", atls_attester_reason(f->attester), atls_error_text());
    }
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)),
                     0);
}

static void judge(struct fixture *f, const struct story *story, const char *model)
{
    int result = atls_appraisal_credential(
        f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &f->key);

    if (result == 0) {
        assert_true(atls_public_key_equal(&f->key, &f->credential.key));
    }
    while ((result = atls_appraisal_verdict(f->appraisal, &f->verdict)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_int_equal(result, 0);
    if (strcmp(f->verdict.reason, story->reason) != 0 || f->verdict.tier != story->tier ||
        f->verdict.accepted != (strcmp(story->reason, "ok") == 0) ||
        f->verdict.verifier_at_fault != story->at_fault) {
        fail_msg("%s, %s: expected %s (%s), came %s (%s): %s", model, story->what, story->reason,
                 atls_tier_name(story->tier), f->verdict.reason, atls_tier_name(f->verdict.tier),
                 f->verdict.detail);
    }
    const char *component =
        json_string_value(json_object_get(json_array_get(f->verdict.mismatches, 0), "component"));
    if (story->component && (!component || strcmp(component, story->component) != 0)) {
        fail_msg("%s, %s: expected a mismatch of %s, came %s", model, story->what, story->component,
                 component ? component : "none");
    }
}

static const struct story both_models[] = {
    {.what = "all is well",
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "ok",
     .tier = ATLS_TIER_AFFIRMING},
    {.what = "results of draft-ietf-rats-ear-03",
     .verifier = {"--ear-dialect", "draft-03"},
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "ok",
     .tier = ATLS_TIER_AFFIRMING},
    {.what = "nonces in base64",
     .verifier = {"--nonce-dialect", "base64"},
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "ok",
     .tier = ATLS_TIER_AFFIRMING},
    {.what = "400 components more",
     .device = {"--components", "400"},
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "unknown-component",
     .tier = ATLS_TIER_WARNING,
     .component = "M0001"},
    {.what = "one bit of firmware",
     .device = {"--tamper", "flip:FW:3"},
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "reference-value-mismatch",
     .tier = ATLS_TIER_WARNING,
     .component = "FW"},
    {.what = "one bit of firmware, warnings accepted",
     .device = {"--tamper", "flip:FW:3"},
     .accept = ATLS_TIER_WARNING,
     .reason = "ok",
     .tier = ATLS_TIER_WARNING},
    {.what = "old firmware",
     .device = {"--tamper", "version:FW:1.0.0"},
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "version-not-endorsed",
     .tier = ATLS_TIER_WARNING,
     .component = "FW"},
    {.what = "one component more",
     .device = {"--tamper", "extra:ROOTKIT"},
     .accept = ATLS_TIER_AFFIRMING,
     .reason = "unknown-component",
     .tier = ATLS_TIER_WARNING,
     .component = "ROOTKIT"},
    {.what = "debug lifecycle",
     .device = {"--lifecycle", "assembly-and-test"},
     .accept = ATLS_TIER_WARNING,
     .reason = "lifecycle-not-secured",
     .tier = ATLS_TIER_CONTRAINDICATED},
};

static void run_all(struct fixture *f, const struct story *story, size_t count, bool is_passport)
{
    endorse(f);
    for (size_t i = 0; i < count; i++, story++) {
        struct atls_faults faults = {.count = 0};
        meet(f, story, i % 2 ? ATLS_JSON : ATLS_CBOR, &faults);
        if (is_passport) {
            passport(f);
        } else {
            background_check(f);
        }
        judge(f, story, is_passport ? "passport" : "background check");
        release(f);
    }
}

static void test_background_check(void **state)
{
    run_all(*state, both_models, sizeof both_models / sizeof *both_models, false);
}

static void test_passport(void **state)
{
    run_all(*state, both_models, sizeof both_models / sizeof *both_models, true);
}

static const struct story check_only[] = {
    {.what = "a device nobody endorsed",
     .device = {"--seed", "12"},
     .accept = ATLS_TIER_WARNING,
     .reason = "unknown-attestation-key",
     .tier = ATLS_TIER_CONTRAINDICATED},
    {.what = "PAT signature",
     .fault = "pat-signature",
     .accept = ATLS_TIER_WARNING,
     .reason = "pat-signature-invalid",
     .tier = ATLS_TIER_CONTRAINDICATED},
    {.what = "KAT signature",
     .fault = "kat-signature",
     .accept = ATLS_TIER_WARNING,
     .reason = "kat-signature-invalid",
     .tier = ATLS_TIER_NONE},
    {.what = "linkage",
     .fault = "linkage",
     .accept = ATLS_TIER_WARNING,
     .reason = "linkage-mismatch",
     .tier = ATLS_TIER_NONE},
    {.what = "verifier answers 500",
     .verifier = {"--fault", "status=500"},
     .accept = ATLS_TIER_WARNING,
     .reason = "verifier-error",
     .tier = ATLS_TIER_NONE,
     .at_fault = true},
    {.what = "verifier answers garbage",
     .verifier = {"--fault", "garbage"},
     .accept = ATLS_TIER_WARNING,
     .reason = "verifier-garbage",
     .tier = ATLS_TIER_NONE,
     .at_fault = true},
    {.what = "verifier hangs",
     .verifier = {"--fault", "hang"},
     .accept = ATLS_TIER_WARNING,
     .reason = "verifier-timeout",
     .tier = ATLS_TIER_NONE,
     .at_fault = true},
    {.what = "verifier closes",
     .verifier = {"--fault", "close"},
     .accept = ATLS_TIER_WARNING,
     .reason = "verifier-unreachable",
     .tier = ATLS_TIER_NONE,
     .at_fault = true},
};

static void test_check_refused(void **state)
{
    run_all(*state, check_only, sizeof check_only / sizeof *check_only, false);
}

/* A result about evidence whose signatures do not hold attests no key. */
static const struct story passport_only[] = {
    {.what = "a device nobody endorsed",
     .device = {"--seed", "12"},
     .accept = ATLS_TIER_WARNING,
     .reason = "result-without-key",
     .tier = ATLS_TIER_NONE},
    {.what = "result garbage",
     .fault = "result-garbage",
     .accept = ATLS_TIER_WARNING,
     .reason = "malformed-result",
     .tier = ATLS_TIER_NONE},
    {.what = "result signature",
     .fault = "result-signature",
     .accept = ATLS_TIER_WARNING,
     .reason = "result-signature-invalid",
     .tier = ATLS_TIER_NONE},
    {.what = "result unsigned",
     .fault = "result-algorithm-none",
     .accept = ATLS_TIER_WARNING,
     .reason = "result-signature-invalid",
     .tier = ATLS_TIER_NONE},
    {.what = "result names no key",
     .fault = "result-without-key",
     .accept = ATLS_TIER_WARNING,
     .reason = "result-without-key",
     .tier = ATLS_TIER_NONE},
    {.what = "evidence of another session",
     .fault = "stale-nonce",
     .accept = ATLS_TIER_WARNING,
     .reason = "result-without-key",
     .tier = ATLS_TIER_NONE},
};

static void test_passport_refused(void **state)
{
    run_all(*state, passport_only, sizeof passport_only / sizeof *passport_only, true);
}

/* Evidence that comes after the verifier's session is over gets no verdict. */
static void test_session_expired(void **state)
{
    static const struct story late = {.what = "late evidence",
                                      .verifier = {"--session-lifetime", "1"},
                                      .accept = ATLS_TIER_WARNING,
                                      .reason = "session-expired",
                                      .tier = ATLS_TIER_NONE,
                                      .at_fault = true};
    struct fixture *f = *state;
    struct atls_faults faults = {.count = 0};

    endorse(f);
    meet(f, &late, ATLS_CBOR, &faults);
    background_check(f);
    usleep(1300000);
    judge(f, &late, "background check");
}

/* The device dies between two connections: the attester says so, and asks no verifier in vain. */
static void test_device_gone(void **state)
{
    static const struct story well = {.what = "device gone", .accept = ATLS_TIER_AFFIRMING};
    struct fixture *f = *state;
    struct atls_faults faults = {.count = 0};
    uint8_t challenge[32] = {3}, signature[ATLS_SIGNATURE_MAX];
    size_t size;

    endorse(f);
    meet(f, &well, ATLS_CBOR, &faults);
    assert_int_equal(
        atls_attester_evidence(f->attester, 1, ATLS_BYTES(challenge, 32), &f->credential), 0);
    test_process_stop(&f->device);
    assert_true(atls_attester_sign(f->attester, f->credential.key_handle, ATLS_BYTES(challenge, 32),
                                   signature, &size) > 0);
    assert_string_equal(atls_attester_reason(f->attester), "device-unavailable");
    atls_credential_clear(&f->credential);
    assert_true(atls_attester_evidence(f->attester, 2, ATLS_BYTES(challenge, 32), &f->credential) >
                0);
    assert_string_equal(atls_attester_reason(f->attester), "device-unavailable");
    int result;
    while ((result = atls_attester_result(f->attester, 3, &f->credential)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_true(result > 0);
    assert_string_equal(atls_attester_reason(f->attester), "device-unavailable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_background_check, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passport, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passport_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_session_expired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_device_gone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
