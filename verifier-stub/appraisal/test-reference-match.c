/* SPDX-License-Identifier: Apache-2.0 */
/* Software components against reference values: what must be measured, and what is not compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/test/test-support.h"
#include "verifier-stub/appraisal/appraisal.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void check_match(struct atls_evidence_verdict *appraisal, const char *reason)
{
    bool fits = strcmp(reason, "ok") == 0;

    assert_string_equal(appraisal->reason ? appraisal->reason : "ok", reason);
    assert_int_equal(appraisal->submods[0].trust_vector[ATLS_EXECUTABLES], fits ? 2 : 33);
    atls_evidence_verdict_clear(appraisal);
}

static void match(const struct atls_psa_claims *claims, const struct atls_reference_value *values,
                  size_t count, struct atls_evidence_verdict *appraisal)
{
    struct atls_reference_set set;

    assert_int_equal(atls_reference_set_of(values, count, &set), 0);
    assert_int_equal(atls_match_components(claims, &set, appraisal), 0);
    atls_reference_set_clear(&set);
}

/* The references' own gaps: what a reference value does not give is not compared. */
static void test_partial_references(void **state)
{
    uint8_t digest[32];
    struct atls_psa_component component = {.type = atls_bytes_of_text("FW"),
                                           .value = ATLS_BYTES(digest, sizeof digest),
                                           .version = atls_bytes_of_text("2")};
    struct atls_psa_claims claims = {.components = &component, .component_count = 1};
    char name[] = "FW", other[] = "BL", version[] = "1";
    static const char mismatch[] = "reference-value-mismatch";
    const struct {
        char *name, *version;
        size_t signer_size;
        uint8_t fill;
        const char *reason, *words;
    } table[] = {
        {NULL, NULL, 0, 7, "ok", ""},
        {name, NULL, 0, 7, "ok", ""},
        {NULL, version, 0, 7, "version-not-endorsed", "is not among the endorsed ones"},
        {NULL, NULL, 0, 8, mismatch, "is no reference value"},
        {name, NULL, 0, 8, mismatch, "is no reference value"},
        {name, NULL, 32, 7, mismatch, "for another signer"}, /* one is endorsed, none measured */
        {other, NULL, 0, 7, "unknown-component", "no reference value has this name"},
    };

    memset(digest, 7, sizeof digest);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value value = {.name = table[i].name,
                                             .version = table[i].version,
                                             .digest_size = 32,
                                             .signer_id_size = table[i].signer_size};
        struct atls_evidence_verdict appraisal = {.reason = NULL};

        memset(value.digest, table[i].fill, 32);
        match(&claims, &value, 1, &appraisal);
        if (!strstr(appraisal.detail, table[i].words))
            fail_msg("expected \"%s\", came \"%s\"", table[i].words, appraisal.detail);
        check_match(&appraisal, table[i].reason);
    }
}

/* Executables are approved for what was measured, never for what was not. */
static void test_what_is_required(void **state)
{
    char bl[] = "BL", fw[] = "FW", version[] = "2";
    static const char mismatch[] = "reference-value-mismatch";
    const struct reference {
        char *name, *version;
        uint8_t fill;
    } A = {.fill = 1}, B = {.fill = 2}, BL_1 = {bl, NULL, 1}, BL_2 = {bl, NULL, 2},
      FW_2 = {fw, NULL, 2}, A_2 = {NULL, version, 1};
    const struct {
        const char *what;
        uint8_t measured[3]; /* bytes of BL, FW and a third one; 0: not there */
        const struct reference *endorsed[3];
        const char *reason;
        size_t mismatches;
    } table[] = {
        {"nothing measured, nothing endorsed", {0}, {NULL}, "unknown-component", 0},
        {"nothing measured, a name endorsed", {0}, {&BL_1}, mismatch, 1},
        {"nothing measured, a value without name endorsed", {0}, {&A}, mismatch, 1},
        {"nothing measured, two of them", {0}, {&A, &B}, mismatch, 2},
        {"nothing endorsed of this implementation", {1, 2}, {NULL}, "unknown-component", 2},
        {"all measured, without names", {1, 2}, {&A, &B}, "ok", 0},
        {"one without name left out", {1}, {&A, &B}, mismatch, 1},
        {"the other left out", {0, 2}, {&A, &B}, mismatch, 1},
        {"one without name measured under another version", {1}, {&A_2}, "version-not-endorsed", 2},
        {"with and without name", {1, 2}, {&BL_1, &B}, "ok", 0},
        {"named one measured, the other left out", {1}, {&BL_1, &B}, mismatch, 1},
        {"the other measured, named one left out", {0, 2}, {&BL_1, &B}, mismatch, 1},
        {"alternatives of one name", {2}, {&BL_1, &BL_2}, "ok", 0},
        {"one value, measured under two names", {1, 1}, {&A}, "ok", 0},
        {"a name endorsed twice, another left out", {1}, {&BL_1, &BL_2, &FW_2}, mismatch, 1},
        {"what is endorsed, and more", {1, 2, 3}, {&A, &B}, mismatch, 1},
        {"alternatives of one name, none measured: one component",
         {0},
         {&BL_1, &BL_2},
         mismatch,
         1},
        {"two names endorsed, none measured", {0}, {&BL_1, &FW_2}, mismatch, 2},
        {"alternatives beside a value without name", {0}, {&A, &BL_1, &BL_2}, mismatch, 2},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        static const char *const names[] = {"BL", "FW", "CFG"};
        uint8_t digests[3][32];
        struct atls_psa_component components[3] = {0};
        struct atls_reference_value values[3] = {0};
        struct atls_psa_claims claims = {.components = components};
        size_t count = 0;
        struct atls_evidence_verdict appraisal = {.reason = NULL};

        for (size_t j = 0; j < 3; j++) {
            memset(digests[j], table[i].measured[j], 32);
            if (table[i].measured[j])
                components[claims.component_count++] = (struct atls_psa_component){
                    .type = atls_bytes_of_text(names[j]), .value = ATLS_BYTES(digests[j], 32)};
            if (!table[i].endorsed[j])
                continue;
            values[count].name = table[i].endorsed[j]->name;
            values[count].version = table[i].endorsed[j]->version;
            values[count].digest_size = 32;
            memset(values[count++].digest, table[i].endorsed[j]->fill, 32);
        }
        match(&claims, values, count, &appraisal);
        if (json_array_size(appraisal.mismatches) != table[i].mismatches)
            fail_msg("%s: %zu mismatches", table[i].what, json_array_size(appraisal.mismatches));
        check_match(&appraisal, table[i].reason);
    }
}

/* The value behind the one that was found last is looked at first. It must be of this component all
 * the same, and where it is not, others are found still. */
static void test_next_value(void **state)
{
    char bl[] = "BL", fw[] = "FW", one[] = "1", two[] = "2";
    static const char mismatch[] = "reference-value-mismatch", unknown[] = "unknown-component";
    static const uint8_t first[32] = {1}, second[32] = {2};
    const struct atls_psa_component measured[] = {{.type = atls_bytes_of_text(bl),
                                                   .version = atls_bytes_of_text(one),
                                                   .value = ATLS_BYTES(first, 32),
                                                   .signer_id = ATLS_BYTES(first, 32)},
                                                  {.type = atls_bytes_of_text(fw),
                                                   .version = atls_bytes_of_text(one),
                                                   .value = ATLS_BYTES(second, 32),
                                                   .signer_id = ATLS_BYTES(first, 32)}};
    const struct atls_psa_claims claims = {.components = measured, .component_count = 2};
    const struct {
        const char *what;
        struct atls_reference_value values[3]; /* the second is looked at first for FW */
        const char *reason;
    } table[] = {
        {"in turn", {{.name = bl, .digest = {1}}, {.name = fw, .digest = {2}}}, "ok"},
        {"in another order", {{.name = fw, .digest = {2}}, {.name = bl, .digest = {1}}}, "ok"},
        {"another digest", {{.name = bl, .digest = {1}}, {.name = fw, .digest = {3}}}, mismatch},
        {"another version",
         {{.name = bl, .digest = {1}}, {.name = fw, .version = two, .digest = {2}}},
         "version-not-endorsed"},
        {"another version before this one",
         {{.name = bl, .digest = {1}},
          {.name = fw, .version = two, .digest = {2}},
          {.name = fw, .version = one, .digest = {2}}},
         "ok"},
        {"another signer",
         {{.name = bl, .digest = {1}},
          {.name = fw, .digest = {2}, .signer_id_size = 32, .signer_id = {2}}},
         mismatch},
        {"another signer before this one",
         {{.name = bl, .digest = {1}},
          {.name = fw, .digest = {2}, .signer_id_size = 32, .signer_id = {2}},
          {.name = fw, .digest = {2}, .signer_id_size = 32, .signer_id = {1}}},
         "ok"},
        {"of another time",
         {{.name = bl, .digest = {1}}, {.name = fw, .digest = {2}, .validity = {0, 1}}},
         unknown},
        {"another digest of the name, this one without a name",
         {{.name = bl, .digest = {1}}, {.name = fw, .digest = {3}}, {.digest = {2}}},
         "ok"},
        {"of a PCR", {{.name = bl, .digest = {1}}, {.name = fw, .digest = {2}, .pcr = 1}}, unknown},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value values[3];
        struct atls_evidence_verdict appraisal = {.reason = NULL};
        struct atls_reference_set set;
        size_t count = 0;

        for (; count < 3 && table[i].values[count].digest[0]; count++) {
            values[count] = table[i].values[count];
            values[count].digest_size = 32;
            if (!values[count].version)
                values[count].version = one;
        }
        assert_int_equal(atls_reference_set_of(values, count, &set), 0);
        set.times_count = true;
        set.now = 2;
        assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
        if (strcmp(appraisal.reason ? appraisal.reason : "ok", table[i].reason) != 0)
            fail_msg("%s: expected \"%s\", came \"%s\"", table[i].what, table[i].reason,
                     appraisal.reason ? appraisal.reason : "ok");
        atls_reference_set_clear(&set);
        check_match(&appraisal, table[i].reason);
    }
}

/* RFC 9783 4.4.1: the description names the hash algorithm, in the words of IANA's registry. */
static void test_hash_algorithms(void **state)
{
    static const struct {
        const char *description;
        enum atls_hash hash;
        const char *reason;
    } table[] = {
        {"sha-256", ATLS_SHA256, "ok"},
        {"", ATLS_SHA256, "ok"},
        {"TF-M_SHA256MemPreXIP", ATLS_SHA256, "ok"}, /* says nothing that is compared */
        {"sha-512", ATLS_SHA256, "reference-value-mismatch"},
        {"sha-256", ATLS_SHA384, "reference-value-mismatch"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value value = {.digest_size = 32, .digest_hash = table[i].hash};
        struct atls_psa_component component = {.type = atls_bytes_of_text("BL"),
                                               .value = ATLS_BYTES(value.digest, 32),
                                               .description =
                                                   atls_bytes_of_text(table[i].description)};
        struct atls_psa_claims claims = {.components = &component, .component_count = 1};
        struct atls_evidence_verdict appraisal = {.reason = NULL};

        match(&claims, &value, 1, &appraisal);
        check_match(&appraisal, table[i].reason);
    }
}

/* What an appraisal looks at grows with what was measured, not with what is endorsed: a class of
 * 30,000 values costs what one of 100 does, whether or not the evidence fits. */
enum { MEASURED = 3, LOOKS_MAX = 8 * MEASURED + 4 * ATLS_MISMATCHES_LISTED };

struct crowd {
    const char *what;
    bool named, versioned; /* the endorsed ones; else all are without */
    bool own_names;        /* each has another name, and none of them is measured */
    bool expired;          /* but those that are measured */
    const char *reason;
};

static const struct crowd crowds[] = {
    {"alternatives of three names", true, true, false, false, "ok"},
    {"alternatives without versions", true, false, false, false, "ok"},
    {"as many names, not measured", true, true, true, false, "reference-value-mismatch"},
    {"as many without a name, not measured", false, false, false, false,
     "reference-value-mismatch"},
    {"alternatives that expired before", true, true, false, true, "ok"},
};

static size_t looks_among(const struct crowd *crowd, size_t count)
{
    static const char *const names[MEASURED] = {"BL", "FW", "CFG"};
    struct atls_reference_value *values = calloc(count, sizeof *values);
    char(*texts)[16] = calloc(count, sizeof *texts);
    struct atls_psa_component components[MEASURED] = {0};
    struct atls_psa_claims claims = {.components = components, .component_count = MEASURED};
    struct atls_evidence_verdict appraisal = {.reason = NULL};
    struct atls_reference_set set;
    char version[] = "1";
    size_t looks = 0;

    assert_non_null(values);
    assert_non_null(texts);
    for (size_t i = 0; i < count; i++) {
        bool measured = i >= count - MEASURED;

        snprintf(texts[i], sizeof texts[i], crowd->own_names && !measured ? "%s-%zu" : "%s",
                 names[(count - 1 - i) % MEASURED], i);
        values[i].name = crowd->named || measured ? texts[i] : NULL;
        values[i].version = crowd->versioned || measured ? version : NULL;
        values[i].digest_size = 32;
        values[i].validity.not_after = crowd->expired && !measured ? 1 : 0;
        memcpy(values[i].digest, &i, sizeof i);
        if (measured)
            components[count - 1 - i] =
                (struct atls_psa_component){.type = atls_bytes_of_text(values[i].name),
                                            .version = atls_bytes_of_text(version),
                                            .value = {values[i].digest, 32}};
    }
    assert_int_equal(atls_reference_set_of(values, count, &set), 0);
    set.times_count = true;
    set.now = 2;
    set.visits = &looks;
    assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
    check_match(&appraisal, crowd->reason);
    atls_reference_set_clear(&set);
    free(values);
    free(texts);
    return looks;
}

static void test_looks_are_few(void **state)
{
    for (size_t i = 0; i < COUNT(crowds); i++) {
        const size_t few = looks_among(&crowds[i], 100), many = looks_among(&crowds[i], 30000);

        if (few != many || many > LOOKS_MAX || many < MEASURED)
            fail_msg("%s: expected 3 to %d looks in either class, came %zu among 100 and %zu "
                     "among 30,000",
                     crowds[i].what, LOOKS_MAX, few, many);
    }
}

/* A result names at most so many components, and of each so many digests; what is beyond that is
 * not even looked for. */
static void test_lists_are_bounded(void **state)
{
    enum { ENDORSED = ATLS_MISMATCHES_LISTED + 6, CAME = 2 * ATLS_MISMATCHES_LISTED };
    static struct atls_reference_value values[ENDORSED];
    static struct atls_psa_component components[CAME];
    const struct atls_psa_claims claims = {.components = components, .component_count = CAME};
    struct atls_evidence_verdict appraisal = {.reason = NULL};
    struct atls_reference_set set;
    static uint8_t wrong[32] = {0xff};
    char name[] = "FW";
    size_t looks = 0;

    for (size_t i = 0; i < ENDORSED; i++) {
        values[i].name = name;
        values[i].digest_size = 32;
        values[i].digest[0] = (uint8_t)i;
    }
    for (size_t i = 0; i < CAME; i++)
        components[i] = (struct atls_psa_component){.type = atls_bytes_of_text(name),
                                                    .value = ATLS_BYTES(wrong, 32)};
    assert_int_equal(atls_reference_set_of(values, ENDORSED, &set), 0);
    set.visits = &looks;
    assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
    assert_int_equal(json_array_size(appraisal.mismatches), ATLS_MISMATCHES_LISTED);
    for (size_t i = 0; i < ATLS_MISMATCHES_LISTED; i++) {
        const json_t *expected =
            json_object_get(json_array_get(appraisal.mismatches, i), "expected");

        assert_int_equal(json_array_size(expected), ATLS_MISMATCHES_LISTED);
    }
    assert_true(looks < (ATLS_MISMATCHES_LISTED + 1) * (ATLS_MISMATCHES_LISTED + 1) + 8 * CAME);
    assert_int_equal(
        atls_note_mismatch(&appraisal, "one more", json_array(), ATLS_BYTES(wrong, 32)), 0);
    assert_int_equal(json_array_size(appraisal.mismatches), ATLS_MISMATCHES_LISTED);
    atls_reference_set_clear(&set);
    check_match(&appraisal, "reference-value-mismatch");
}

/* What is endorsed for another time is not missed today (draft-ietf-rats-corim section 7.3). */
static void test_missing_of_another_time(void **state)
{
    static const struct {
        bool named;
        int64_t not_after;
        const char *reason;
    } table[] = {
        {true, 1, "ok"},
        {false, 1, "ok"},
        {true, 2, "reference-value-mismatch"},
        {false, 2, "reference-value-mismatch"},
    };
    char bl[] = "BL", fw[] = "FW";

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value values[2] = {
            {.name = bl, .digest_size = 32},
            {.name = table[i].named ? fw : NULL, .digest_size = 32, .digest = {9}}};
        const struct atls_psa_component component = {.type = atls_bytes_of_text(bl),
                                                     .value = ATLS_BYTES(values[0].digest, 32)};
        const struct atls_psa_claims claims = {.components = &component, .component_count = 1};
        struct atls_evidence_verdict appraisal = {.reason = NULL};
        struct atls_reference_set set;

        values[1].validity.not_after = table[i].not_after;
        assert_int_equal(atls_reference_set_of(values, 2, &set), 0);
        set.times_count = true;
        set.now = 2;
        assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
        atls_reference_set_clear(&set);
        check_match(&appraisal, table[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partial_references),
        cmocka_unit_test(test_what_is_required),
        cmocka_unit_test(test_next_value),
        cmocka_unit_test(test_hash_algorithms),
        cmocka_unit_test(test_looks_are_few),
        cmocka_unit_test(test_lists_are_bounded),
        cmocka_unit_test(test_missing_of_another_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
