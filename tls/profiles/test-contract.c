/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles, alerts and code points of the C code are those of the contract, row by row. */
#include <stdio.h>
#include <string.h>

#include "program/contract.h"
#include "rats/test/test-table.h"
#include "tls/profiles/profile.h"

static const struct {
    const char *name;
    enum atls_carrier_name carrier;
    bool results;
} rows[] = {
#define ROW(id, name, carrier, results) {name, carrier, results},
    ATLS_CONTRACT_PROFILES(ROW)
#undef ROW
};
#define ROWS (sizeof rows / sizeof *rows)

/* What harness and peers are told of a profile is what its file has. */
static void test_profiles(void **state)
{
    size_t i = 0;
    for (const struct atls_profile *profile; (profile = atls_profiles[i]); i++) {
        if (i == ROWS)
            fail_msg("contract.yaml has no row for profile %s", profile->name);
        if (strcmp(profile->name, rows[i].name) != 0)
            fail_msg("contract.yaml: profile %s: its file has the name %s", rows[i].name,
                     profile->name);
        if (profile->carrier != rows[i].carrier)
            fail_msg("contract.yaml: profile %s: its file has another carrier", rows[i].name);
        if (profile->results != rows[i].results)
            fail_msg("contract.yaml: profile %s: its file says that it has %sresults", rows[i].name,
                     profile->results ? "" : "no ");
        assert_ptr_equal(atls_profile_by_name(rows[i].name), profile);
    }
    assert_int_equal(i, ROWS);
}

static void test_code_points(void **state)
{
    struct atls_code_points points;
    atls_code_points_default(&points);
#define ROW(id, name, kind, number)                                                                \
    assert_string_equal(atls_code_point_name(ATLS_CP_##id), name);                                 \
    assert_int_equal(points.value[ATLS_CP_##id], number);
    ATLS_CONTRACT_CODE_POINTS(ROW)
#undef ROW
#define ROW(number, name) assert_string_equal(atls_alert_name(&points, number), name);
    ATLS_CONTRACT_ALERTS(ROW)
#undef ROW
}

/* Each first reading is what a party reads that was told nothing. */
static void test_variants(void **state)
{
    static const struct {
        const char *name;
        const char *readings[ATLS_CONTRACT_READINGS_MAX + 1];
        const char *profiles[ATLS_CONTRACT_PROFILES_MAX + 1];
    } known[] = {
#define ROW(member, name, question, what, readings, profiles) {name, readings, profiles},
        ATLS_CONTRACT_VARIANTS(ROW)
#undef ROW
    };
    static const struct atls_variants defaults;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t r = 0; known[i].readings[r]; r++) {
            struct atls_variants variants = {0};
            char argument[128];
            snprintf(argument, sizeof argument, "%s=%s", known[i].name, known[i].readings[r]);
            assert_int_equal(atls_variants_set(&variants, argument), 0);
            assert_int_equal(memcmp(&variants, &defaults, sizeof defaults) == 0, r == 0);
            for (size_t p = 0; known[i].profiles[p]; p++)
                assert_int_equal(atls_variants_check(&variants, known[i].profiles[p]), 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
