/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal as a table: what the evidence is, and what the verdict must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct test_device devices[3]; /* the third is not endorsed */
static struct atls_store *store;
static uint8_t nonce[32], other_nonce[32];

static int set_up(void **state)
{
    for (size_t i = 0; i < COUNT(devices); i++)
        test_device_make(&devices[i], (uint8_t)(10 + i));
    memset(nonce, 0x11, sizeof nonce);
    memset(other_nonce, 0x22, sizeof other_nonce);
    store = test_store(devices, 2);
    return 0;
}

static int tear_down(void **state)
{
    atls_store_close(store);
    return 0;
}

enum vector { /* the shapes that a trust vector can have */
              AFFIRMED,
              EXECUTABLES,
              LIFECYCLE,
              BOTH,
              FAILED,
};
static const int vectors[][ATLS_TRUST_CLAIM_COUNT] = {
    [AFFIRMED] = {2, 0, 2, 0, 2, 2, 2, 0},       [EXECUTABLES] = {2, 0, 33, 0, 2, 2, 2, 0},
    [LIFECYCLE] = {96, 0, 2, 0, 2, 96, 96, 0},   [BOTH] = {96, 0, 33, 0, 2, 96, 96, 0},
    [FAILED] = {99, 99, 99, 99, 99, 99, 99, 99},
};

#define BL                                                                                         \
    {                                                                                              \
        "BL", "1.0.0", 0xb1, 0x51                                                                  \
    }
#define FW                                                                                         \
    {                                                                                              \
        "FW", "2.3.0", 0xf2, 0x52                                                                  \
    }
#define CFG                                                                                        \
    {                                                                                              \
        "CFG", "7", 0xc3, 0x53                                                                     \
    }

struct row {
    const char *name;
    bool psa;       /* a bare token, else a CAB */
    bool prototype; /* and that as the prototype of 2022 has it */
    enum test_wrong wrong;
    uint8_t device, pat_device; /* index; PAT_DEVICE 0: the same */
    bool stale;
    uint16_t lifecycle;                  /* 0: secured */
    int32_t client_id;                   /* 0: that of the key attestation service */
    struct test_component components[5]; /* none: as endorsed */
    enum vector vector;
    const char *reason;
    const char *mismatches[3]; /* names in the order of the list */
};

static const struct row rows[] = {
    {.name = "CAB, good", .vector = AFFIRMED, .reason = "ok"},
    {.name = "PSA token, good", .psa = true, .vector = AFFIRMED, .reason = "ok"},
    {.name = "CAB of another endorsed device", .device = 1, .vector = AFFIRMED, .reason = "ok"},
    {.name = "RFC 9783 4.3.1: non-rot-debug leaves the root alone",
     .lifecycle = ATLS_PSA_NON_ROT_DEBUG,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "RFC 9783 4.3.1: low byte of the lifecycle is free",
     .lifecycle = ATLS_PSA_SECURED | 0x7f,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "components in another order",
     .components = {CFG, BL, FW},
     .vector = AFFIRMED,
     .reason = "ok"},
    /* what is measured */
    {.name = "RFC 9783 4.4.1: a digest that is endorsed for nothing",
     .components = {BL, {"FW", "2.3.0", 0xf3, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "the digest of another component",
     .components = {BL, {"FW", "2.3.0", 0xb1, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "another signer",
     .components = {BL, {"FW", "2.3.0", 0xf2, 0x53}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "two components differ: both are listed, the first gives the reason",
     .components = {{"BL", "1.0.0", 0x01, 0x51}, {"FW", "1.9.9", 0x02, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"BL", "FW"}},
    {.name = "the same component twice, once wrong",
     .components = {BL, FW, CFG, {"FW", "2.3.0", 0x44, 0x52}},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "downgraded: other version, other digest",
     .components = {BL, {"FW", "2.2.0", 0x77, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "version-not-endorsed",
     .mismatches = {"FW"}},
    {.name = "endorsed digest under a version that is not",
     .components = {BL, {"FW", "9.9.9", 0xf2, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "version-not-endorsed",
     .mismatches = {"FW"}},
    {.name = "a component nobody endorsed",
     .components = {BL, FW, CFG, {"SPY", "1", 0x66, 0x52}},
     .vector = EXECUTABLES,
     .reason = "unknown-component",
     .mismatches = {"SPY"}},
    {.name = "a component nobody endorsed, with an endorsed digest",
     .components = {BL, FW, CFG, {"SPY", "2.3.0", 0xf2, 0x52}},
     .vector = EXECUTABLES,
     .reason = "unknown-component",
     .mismatches = {"SPY"}},
    {.name = "names are compared whole and as they are",
     .components = {BL, {"fw", "2.3.0", 0xf2, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "unknown-component",
     .mismatches = {"fw", "FW"}},
    {.name = "an endorsed component that was not measured",
     .components = {BL, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    /* lifecycle */
    {.name = "RFC 9783 4.3.1: assembly and test",
     .lifecycle = ATLS_PSA_ASSEMBLY_AND_TEST,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: RoT provisioning",
     .lifecycle = ATLS_PSA_ROT_PROVISIONING,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: recoverable RoT debug",
     .lifecycle = ATLS_PSA_RECOVERABLE_ROT_DEBUG,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: decommissioned",
     .lifecycle = ATLS_PSA_DECOMMISSIONED,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: unknown",
     .lifecycle = ATLS_PSA_UNKNOWN | 1,
     .psa = true,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "software and lifecycle: the software gives the reason",
     .lifecycle = ATLS_PSA_DECOMMISSIONED,
     .components = {BL, {"FW", "2.3.0", 0xf3, 0x52}, CFG},
     .vector = BOTH,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    /* who signed, and what */
    {.name = "no trust anchor for the instance (CAB)",
     .device = 2,
     .vector = FAILED,
     .reason = "unknown-attestation-key"},
    {.name = "no trust anchor for the instance (PSA token)",
     .device = 2,
     .psa = true,
     .vector = FAILED,
     .reason = "unknown-attestation-key"},
    {.name = "RFC 9052 4.4: PAT signature",
     .wrong = TEST_PAT_SIGNATURE,
     .vector = FAILED,
     .reason = "pat-signature-invalid"},
    {.name = "RFC 9052 4.4: PSA token's signature",
     .psa = true,
     .wrong = TEST_PAT_SIGNATURE,
     .vector = FAILED,
     .reason = "pat-signature-invalid"},
    {.name = "KAT-06 3: KAT signature",
     .wrong = TEST_KAT_SIGNATURE,
     .vector = FAILED,
     .reason = "kat-signature-invalid"},
    {.name = "KAT-06 3: KAT signed by the IK",
     .wrong = TEST_KAT_BY_IK,
     .vector = FAILED,
     .reason = "kat-signature-invalid"},
    {.name = "KAT-06 3: PAT over another hash",
     .wrong = TEST_LINKAGE,
     .vector = FAILED,
     .reason = "linkage-mismatch"},
    {.name = "KAT-06 3: PAT of another endorsed device",
     .pat_device = 1,
     .vector = FAILED,
     .reason = "linkage-mismatch"},
    /* who asked for the PAT: anybody may have one over any hash */
    {.name = "RFC 9783 4.1.2: a PAT for the non-secure side in a CAB",
     .client_id = -1,
     .vector = FAILED,
     .reason = "platform-token-caller"},
    {.name = "RFC 9783 4.1.2: a PAT for another non-secure caller in a CAB",
     .client_id = INT32_MIN,
     .vector = FAILED,
     .reason = "platform-token-caller"},
    {.name = "RFC 9783 4.1.2: a PAT for another service of the secure side",
     .client_id = INT32_MAX,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "RFC 9783 4.1.2: a bare token names no key, the non-secure side may ask for it",
     .psa = true,
     .client_id = -1,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "a PAT for the non-secure side over another hash: the linkage comes first",
     .client_id = -1,
     .wrong = TEST_LINKAGE,
     .vector = FAILED,
     .reason = "linkage-mismatch"},
    {.name = "PAT of a device that is not endorsed",
     .pat_device = 2,
     .vector = FAILED,
     .reason = "unknown-attestation-key"},
    {.name = "KAT-06 3: the KAT answers another challenge",
     .stale = true,
     .vector = FAILED,
     .reason = "nonce-mismatch"},
    {.name = "RFC 9783 4.1.1: the PSA token answers another challenge",
     .psa = true,
     .stale = true,
     .vector = FAILED,
     .reason = "nonce-mismatch"},
    /* form */
    {.name = "PAT cut short",
     .wrong = TEST_PAT_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "PSA token cut short",
     .psa = true,
     .wrong = TEST_PAT_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "RFC 9052 4.2: PAT of three elements",
     .wrong = TEST_PAT_NOT_COSE,
     .vector = FAILED,
     .reason = "malformed-cose"},
    {.name = "RFC 9052 4.2: PSA token of three elements",
     .psa = true,
     .wrong = TEST_PAT_NOT_COSE,
     .vector = FAILED,
     .reason = "malformed-cose"},
    {.name = "PAT claims that are no CBOR",
     .wrong = TEST_PAT_CLAIMS_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "RFC 9783 4: PAT without claims",
     .wrong = TEST_PAT_CLAIMS_EMPTY,
     .vector = FAILED,
     .reason = "malformed-claims"},
    {.name = "RFC 9783 4: PSA token without claims",
     .psa = true,
     .wrong = TEST_PAT_CLAIMS_EMPTY,
     .vector = FAILED,
     .reason = "malformed-claims"},
    {.name = "KAT cut short",
     .wrong = TEST_KAT_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "RFC 9052 4.2: KAT of three elements",
     .wrong = TEST_KAT_NOT_COSE,
     .vector = FAILED,
     .reason = "malformed-cose"},
    {.name = "KAT-06 3: KAT without claims",
     .wrong = TEST_KAT_CLAIMS_EMPTY,
     .vector = FAILED,
     .reason = "malformed-claims"},
    {.name = "KAT-06 5: CAB without PAT",
     .wrong = TEST_NO_PAT,
     .vector = FAILED,
     .reason = "malformed-cmw"},
    {.name = "KAT-06 5: CAB without KAT",
     .wrong = TEST_NO_KAT,
     .vector = FAILED,
     .reason = "malformed-cmw"},
    {.name = "KAT-06 5: a collection in place of the PAT",
     .wrong = TEST_PAT_IS_COLLECTION,
     .vector = FAILED,
     .reason = "malformed-cmw"},
};

static struct test_recipe recipe_of(const struct row *row)
{
    struct test_recipe recipe = {
        .device = &devices[row->device],
        .pat_device = row->pat_device ? &devices[row->pat_device] : NULL,
        .nonce = row->stale ? ATLS_BYTES(other_nonce, 32) : ATLS_BYTES(nonce, 32),
        .lifecycle = row->lifecycle ? row->lifecycle : ATLS_PSA_SECURED,
        .client_id = row->client_id,
        .profile = ATLS_PSA_ARM_2,
        .wrong = row->wrong,
        .prototype = row->prototype,
    };

    if (row->components[0].name) {
        recipe.components = row->components;
        recipe.component_count = COUNT(row->components);
    }
    return recipe;
}

static void appraise(const char *media_type, struct atls_bytes body,
                     struct atls_evidence_verdict *appraisalp)
{
    assert_int_equal(
        test_appraise(store, media_type, body, ATLS_BYTES(nonce, sizeof nonce), appraisalp), 0);
}

static void check_mismatches(const struct row *row, const struct atls_evidence_verdict *appraisal)
{
    size_t count = 0;

    while (count < COUNT(row->mismatches) && row->mismatches[count])
        count++;
    assert_int_equal(json_array_size(appraisal->mismatches), count);
    for (size_t i = 0; i < count; i++) {
        json_t *mismatch = json_array_get(appraisal->mismatches, i);

        assert_string_equal(json_string_value(json_object_get(mismatch, "component")),
                            row->mismatches[i]);
        assert_true(json_is_array(json_object_get(mismatch, "expected")));
        assert_true(json_is_string(json_object_get(mismatch, "measured")));
    }
}

static void test_row(void **state)
{
    const struct row *row = *state;
    struct test_recipe recipe = recipe_of(row);
    struct atls_evidence_verdict appraisal;
    static uint8_t evidence[TEST_EVIDENCE_MAX];
    size_t size = row->psa ? test_psa_token(&recipe, evidence) : test_cab(&recipe, evidence);

    appraise(row->psa         ? "application/psa-attestation-token"
             : row->prototype ? "application/cmw"
                              : "application/cmw+cbor",
             ATLS_BYTES(evidence, size), &appraisal);
    if (strcmp(appraisal.reason, row->reason) != 0)
        fail_msg("expected %s, came %s: %s", row->reason, appraisal.reason, appraisal.detail);
    assert_memory_equal(appraisal.submods[0].trust_vector, vectors[row->vector], sizeof *vectors);
    assert_int_equal(appraisal.tier, row->vector == AFFIRMED      ? ATLS_TIER_AFFIRMING
                                     : row->vector == EXECUTABLES ? ATLS_TIER_WARNING
                                                                  : ATLS_TIER_CONTRAINDICATED);
    assert_string_equal(appraisal.submods[0].name, row->psa         ? "PSA_IOT"
                                                   : row->prototype ? "PSA_KAT_PROTOTYPE"
                                                                    : "PSA_KAT");
    check_mismatches(row, &appraisal);
    /* only a genuine KAT names an attested key, and only genuine evidence is repeated */
    assert_int_equal(appraisal.has_key, row->vector != FAILED && !row->psa);
    assert_int_equal(appraisal.submods[0].annotated_evidence != NULL, row->vector != FAILED);
    if (appraisal.has_key)
        assert_true(atls_public_key_equal(&appraisal.key, &devices[row->device].ik.public_key));
    assert_true(appraisal.detail[0] != 0);
    assert_null(strstr(appraisal.detail, "outside of")); /* no reference value is */
    atls_evidence_verdict_clear(&appraisal);
}

static void test_expected_and_measured(void **state)
{
    struct row row = {.components = {BL, {"FW", "2.3.0", 0xf3, 0x52}, CFG}};
    struct test_recipe recipe = recipe_of(&row);
    struct atls_evidence_verdict appraisal;
    uint8_t expected[32], measured[32];
    static uint8_t cab[TEST_EVIDENCE_MAX];
    json_t *wanted;

    memset(expected, 0xf2, sizeof expected);
    memset(measured, 0xf3, sizeof measured);
    appraise("application/cmw", ATLS_BYTES(cab, test_cab(&recipe, cab)), &appraisal);
    wanted = json_pack("[{s:s, s:[o], s:o}]", "component", "FW", "expected",
                       atls_json_hex(ATLS_BYTES(expected, 32)), "measured",
                       atls_json_hex(ATLS_BYTES(measured, 32)));
    assert_true(json_equal(appraisal.mismatches, wanted));
    json_decref(wanted);
    atls_evidence_verdict_clear(&appraisal);
}

/* A thousand wrong components: all judged, a bounded number listed, the summary counts. */
static void test_many_components(void **state)
{
    static struct test_component many[1000];
    static char names[1000][8];
    static uint8_t cab[TEST_EVIDENCE_MAX];
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    struct atls_evidence_verdict appraisal;

    for (size_t i = 0; i < 600; i++) {
        snprintf(names[i], sizeof names[i], "M%04zu", i);
        many[i] = (struct test_component){names[i], "1", 0x33, 0x44};
    }
    recipe.components = many;
    recipe.component_count = 600;
    appraise("application/cmw+cbor", ATLS_BYTES(cab, test_cab(&recipe, cab)), &appraisal);
    assert_string_equal(appraisal.reason, "unknown-component");
    assert_int_equal(json_array_size(appraisal.mismatches), ATLS_MISMATCHES_LISTED);
    assert_int_equal(json_integer_value(json_object_get(appraisal.submods[0].annotated_evidence,
                                                        "atls.software-component-count")),
                     600);
    atls_evidence_verdict_clear(&appraisal);
}

int main(void)
{
    static struct CMUnitTest tests[2 * COUNT(rows) + 20];
    static struct row prototypes[COUNT(rows)];
    size_t count = 0;
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_expected_and_measured),
        cmocka_unit_test(test_many_components),
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        tests[count++] = (struct CMUnitTest){.name = rows[i].name,
                                             .test_func = test_row,
                                             .initial_state = (void *)(uintptr_t)&rows[i]};
        if (rows[i].psa || rows[i].wrong >= TEST_NO_PAT)
            continue;
        prototypes[i] = rows[i]; /* the bundle of 2022 gets the same verdict */
        prototypes[i].prototype = true;
        tests[count++] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = test_row, .initial_state = &prototypes[i]};
    }
    memcpy(tests + count, others, sizeof others);
    count += COUNT(others);
    return _cmocka_run_group_tests("appraisal", tests, count, set_up, tear_down);
}
