/* SPDX-License-Identifier: Apache-2.0 */
/* The table of code points: its defaults, what may override them and what may not. */
#include <errno.h>

#include "rats/test/test-table.h"
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "tls/wire/code-points.h"

struct row {
    const char *name, *json;
    int outcome;
    enum atls_code_point point; /* looked at where the outcome is 0 */
    uint16_t value;
};

static const struct row rows[] = {
    {"nothing overridden", "{}", 0, ATLS_CP_EVIDENCE_REQUEST, 0xFF10},
    {"a number", "{\"evidence_request\": 65400}", 0, ATLS_CP_EVIDENCE_REQUEST, 65400},
    {"an extension of number 0", "{\"evidence_request\": 0}", 0, ATLS_CP_EVIDENCE_REQUEST, 0},
    {"a hexadecimal text", "{\"cmw_attestation\": \"0xFFFF\"}", 0, ATLS_CP_CMW_ATTESTATION, 0xFFFF},
    {"the draft's literal 60", "{\"attestation_evidence\": 60}", 0, ATLS_CP_ATTESTATION_EVIDENCE,
     60},
    {"two extensions change places", "{\"evidence_request\": 65297, \"evidence_proposal\": 65296}",
     0, ATLS_CP_EVIDENCE_PROPOSAL, 0xFF10},
    {"an alert that others share", "{\"attestation_failed\": 50}", 0, ATLS_CP_ATTESTATION_FAILED,
     50},
    {"largest certificate type", "{\"certificate_type_attestation\": 255}", 0,
     ATLS_CP_CERTIFICATE_TYPE_ATTESTATION, 255},
    {"empty input", "", ATLS_E_MALFORMED, 0, 0},
    {"no JSON", "{evidence_request: 1}", ATLS_E_MALFORMED, 0, 0},
    {"an array", "[65300]", ATLS_E_MALFORMED, 0, 0},
    {"behind the object", "{} {}", ATLS_E_MALFORMED, 0, 0},
    {"an unknown name", "{\"evidence_requests\": 1}", ATLS_E_MALFORMED, 0, 0},
    {"a name twice", "{\"evidence_request\": 1, \"evidence_request\": 2}", ATLS_E_MALFORMED, 0, 0},
    {"renegotiation_info", "{\"results_request\": 65281}", ATLS_E_LIMIT, 0, 0},
    {"renegotiation_info in hexadecimal", "{\"results_request\": \"0xff01\"}", ATLS_E_LIMIT, 0, 0},
    {"an extension beyond 16 bits", "{\"results_request\": 65536}", ATLS_E_LIMIT, 0, 0},
    {"a number beyond all", "{\"results_request\": 4294967296}", ATLS_E_LIMIT, 0, 0},
    {"a negative number", "{\"results_request\": -1}", ATLS_E_LIMIT, 0, 0},
    {"a fraction", "{\"results_request\": 1.5}", ATLS_E_LIMIT, 0, 0},
    {"a boolean", "{\"results_request\": true}", ATLS_E_LIMIT, 0, 0},
    {"a text that is no number", "{\"results_request\": \"soon\"}", ATLS_E_LIMIT, 0, 0},
    {"a text with blanks", "{\"results_request\": \" 1\"}", ATLS_E_LIMIT, 0, 0},
    {"an alert beyond 8 bits", "{\"unsupported_evidence\": 256}", ATLS_E_LIMIT, 0, 0},
    {"close_notify", "{\"unsupported_evidence\": 0}", ATLS_E_LIMIT, 0, 0},
    {"a certificate type beyond 8 bits", "{\"certificate_type_attestation\": 256}", ATLS_E_LIMIT, 0,
     0},
    {"two extensions on one number", "{\"evidence_request\": 65297}", ATLS_E_LIMIT, 0, 0},
};

static void overridden(void **state)
{
    const struct row *row = *state;
    struct atls_code_points points, untouched;
    atls_code_points_default(&points);
    untouched = points;
    int came = atls_code_points_override(&points, atls_bytes_of_text(row->json));
    test_outcome(came, row->outcome, NULL);
    if (came == ATLS_E_MALFORMED) { /* what is no JSON is called so, and nothing else is */
        json_t *json = json_loads(row->json, JSON_REJECT_DUPLICATES, NULL);
        assert_int_equal(strcmp(atls_error_clause(), "RFC 8259") == 0, !json);
        json_decref(json);
    }
    if (came == 0)
        assert_int_equal(points.value[row->point], row->value);
    else
        assert_memory_equal(&points, &untouched, sizeof points);
}

static void defaults_are_distinct_and_private(void **state)
{
    struct {
        struct atls_code_points points;
        uint16_t behind;
    } both = {.behind = 0x5a5a};
    atls_code_points_default(&both.points);
    const struct atls_code_points points = both.points;
    assert_int_equal(both.behind, 0x5a5a);
    for (enum atls_code_point i = ATLS_CP_EVIDENCE_REQUEST; i <= ATLS_CP_CMW_ATTESTATION; i++) {
        assert_in_range(points.value[i], 0xFF00, 0xFFFF); /* RFC 8446 section 11 */
        assert_int_not_equal(points.value[i], 0xFF01);
        for (enum atls_code_point j = ATLS_CP_EVIDENCE_REQUEST; j < i; j++)
            assert_int_not_equal(points.value[i], points.value[j]);
    }
    assert_string_equal(atls_code_point_name(ATLS_CP_REMOTE_ATTESTATION), "remoteAttestation");
    assert_string_equal(atls_code_point_name(ATLS_CODE_POINT_COUNT), "unknown");
}

static void extensions_have_names(void **state)
{
    static const char name[] = "remoteAttestation";
    for (enum atls_code_point i = ATLS_CP_EVIDENCE_REQUEST; i <= ATLS_CP_CMW_ATTESTATION; i++) {
        const char *known = atls_code_point_name(i);
        assert_int_equal(atls_extension_by_name(known, strlen(known)), i);
    }
    /* Not by a part, not with more behind it, and not what names an alert. */
    assert_int_equal(atls_extension_by_name(name, sizeof name - 2), ATLS_CODE_POINT_COUNT);
    assert_int_equal(atls_extension_by_name(name, sizeof name), ATLS_CODE_POINT_COUNT);
    assert_int_equal(atls_extension_by_name("remoteattestation", 17), ATLS_CODE_POINT_COUNT);
    assert_int_equal(atls_extension_by_name("attestation_failed", 18), ATLS_CODE_POINT_COUNT);
    assert_int_equal(atls_extension_by_name("", 0), ATLS_CODE_POINT_COUNT);
}

static void a_file(void **state)
{
    static const struct {
        const char *text;
        int result;
    } files[] = {
        {"{\"remoteAttestation\": 65400}", 0},
        {"{\"remoteAttestation\": 65400}\n", 0},
        {"{\"nobody\": 65300}", ATLS_E_MALFORMED},
        {"", ATLS_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct atls_code_points points;
        char path[64];
        int fd = memfd_create("code-points", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, files[i].text, strlen(files[i].text)), strlen(files[i].text));
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        atls_code_points_default(&points);
        assert_int_equal(atls_code_points_load(&points, path), files[i].result);
        assert_int_equal(points.value[ATLS_CP_REMOTE_ATTESTATION] == 65400, files[i].result == 0);
        close(fd);
    }
}

static void alerts_have_names(void **state)
{
    struct atls_code_points points;
    atls_code_points_default(&points);
    assert_string_equal(atls_alert_name(&points, 224), "unsupported_evidence");
    assert_string_equal(atls_alert_name(&points, 226), "attestation_failed");
    assert_string_equal(atls_alert_name(&points, 51), "decrypt_error");
    assert_string_equal(atls_alert_name(&points, 223), "unknown");
    points.value[ATLS_CP_ATTESTATION_FAILED] = 50; /* the own name goes before */
    assert_string_equal(atls_alert_name(&points, 50), "attestation_failed");
}

static void a_file_that_is_not_there(void **state)
{
    struct atls_code_points points;
    atls_code_points_default(&points);
    assert_int_equal(atls_code_points_load(&points, "/nonexistent/code-points.json"), -ENOENT);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD(&list, defaults_are_distinct_and_private);
    TEST_ADD(&list, extensions_have_names);
    TEST_ADD(&list, a_file);
    TEST_ADD(&list, alerts_have_names);
    TEST_ADD(&list, a_file_that_is_not_there);
    TEST_ADD_ROWS(&list, overridden, rows);
    return test_run("code points", &list);
}
