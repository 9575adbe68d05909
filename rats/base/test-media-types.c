/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the table of media types and of their comparison (RFC 9110 section 8.3.1). */
#include "rats/base/media-types.h"
#include "rats/test/test-hex.h"

#define FIFTEEN ";a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1"

static const struct {
    const char *a, *b;
    bool equal;
} pairs[] = {
    {"application/eat+cwt", "application/eat+cwt", true},
    {"application/eat+cwt", "Application/EAT+CWT", true},
    {"a/b;c=d", "a/b; c=d", true},
    {"a/b;c=d", "a/b \t;\t c=d", true},
    {"a/b;c=d", "a/b;C=d", true},
    {"a/b;c=d", "a/b;c=\"d\"", true},
    {"a/b;c=d", "a/b;c=\"\\d\"", true},
    {"a/b;c=\"d\\\"e\"", "a/b;c=\"\\d\\\"\\e\"", true},
    {"a/b;c=\"\"", "a/b;c=\"\"", true},
    {"a/b;c=d;e=f", "a/b;e=f;c=d", true},
    {"a/b" FIFTEEN ";p=1", "a/b;p=1" FIFTEEN, true}, /* as many as are read */
    {"a/b;c=d;", "a/b;c=d", true},
    {"a/b;;c=d; ;", "a/b;c=d", true},
    {"a/b;eat_profile=\"TAG:x\"", "a/b;eat_profile=\"tag:X\"", true},
    {"a/b;EAT_Profile=\"TAG:x\"", "a/b;eat_profile=\"tag:X\"", true},
    {ATLS_MT_PSA_RFC9783, "application/eat+cwt;eat_profile=\"tag:psacertified.org,2023:psa#tfm\"",
     true},
    {ATLS_MT_PSA_VERAISON, "application/eat-cwt;profile=\"http://arm.com/psa/2.0.0\"", true},

    {"application/eat+cwt", "application/eat+jwt", false},
    {"application/eat+cwt", "application/eat+cwt;a=b", false},
    {"application/eat+cwt", "application/eat+cw", false},
    {"application/eat+cwt", "application/eat-cwt", false},
    {"a/b;c=d", "a/b;c=D", false},
    {"a/b;profile=\"TAG:x\"", "a/b;profile=\"tag:X\"", false},
    {"a/b;c=d", "a/b;c=e", false},
    {"a/b;c=d", "a/b;c=dd", false},
    {"a/b;c=d", "a/b;e=d", false},
    {"a/b;c=d;e=f", "a/b;c=d", false},
    {"a/b;c=d;e=f", "a/b;c=f;e=d", false},
    {"a/b" FIFTEEN ";p=1", "a/b" FIFTEEN ";q=1", false},
    {"a/b;c=\"d \"", "a/b;c=d", false},
    {"a/b;c=\"\"", "a/b;c=d", false},
    {ATLS_MT_PSA_RFC9783, ATLS_MT_EAT_CWT, false},
    {ATLS_MT_PSA_RFC9783, ATLS_MT_PSA_VERAISON, false},
    /* no media types, not even equal to themselves */
    {"", "", false},
    {"a", "a", false},
    {"a/b;c", "a/b;c", false},
};

static void test_equal(void **state)
{
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct atls_bytes a = atls_bytes_of_text(pairs[i].a), b = atls_bytes_of_text(pairs[i].b);

        if (atls_media_type_equal(a, b) != pairs[i].equal ||
            atls_media_type_equal(b, a) != pairs[i].equal)
            fail_msg("%s and %s: expected %s", pairs[i].a, pairs[i].b,
                     pairs[i].equal ? "equal" : "different");
    }
}

static const struct {
    const char *name;
    bool valid;
} names[] = {
    {"a/b", true},
    {"application/vnd.veraison.cmw+cbor", true},
    {"!#$&-^_/.+", true},
    {"0aAzZ9/9zZaA0", true},
    {"a/b@", false},
    {"a/b[", false},
    {"a/`b", true}, /* a tchar */
    {"a/{b", false},
    {"a/b:", false},
    {"a/b;c=d", true},
    {"a/b ; c=d", true},
    {"a/b;c=\"d e\"", true},
    {"a/b;c=\"\xc3\xbc\"", true},
    {"a/b;c=\"\\\"\"", true},
    {"a/b;", true},
    {ATLS_MT_PSA_RFC9783, true},
    {"", false},
    {"/", false},
    {"a/", false},
    {"/b", false},
    {"a", false},
    {"a//b", false},
    {"a/b/c", false},
    {" a/b", false},
    {"a/b ", false},
    {"a /b", false},
    {"a/ b", false},
    {"a/b c", false},
    {"a/b;c", false},
    {"a/b;c=", false},
    {"a/b;=d", false},
    {"a/b;c =d", false},
    {"a/b;c= d", false},
    {"a/b;c=d e", false},
    {"a/b;c=\"", false},
    {"a/b;c=\"d", false},
    {"a/b;c=\"d\\\"", false},
    {"a/b;c=\"d\\", false},
    {"a/b;c=\"d\"e", false},
    {"a/b;c=\"\n\"", false},
    {"a/b;c=\"\x7f\"", false},
    {"a/b;c=d=e", false},
    {"a/b;c=d;C=e", false},
    {"a/b;c=d;c=d", false},
    {"a/b,c/d", false},
    {"a/\xc3\xbc", false},
    {"a/b\n", false},
    {"application/eat+cwt; eat_profile=tag:psacertified.org,2023:psa#tfm", false},
};

static void test_valid(void **state)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t size = strlen(names[i].name);
        uint8_t *exact = malloc(size ? size : 1);

        assert_non_null(exact);
        memcpy(exact, names[i].name, size);
        if (atls_media_type_valid(ATLS_BYTES(exact, size)) != names[i].valid)
            fail_msg("%s: expected %s", names[i].name, names[i].valid ? "valid" : "invalid");
        free(exact);
    }
    assert_false(atls_media_type_valid(ATLS_BYTES("a/b\0", 4)));
    assert_false(atls_media_type_valid(ATLS_BYTES("a/\0b", 4)));
}

#define TEN "abcdefghij"
#define HUNDRED_AND_TWENTY TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define NAMES "RFC 6838 section 4.2"
#define GRAMMAR "RFC 9193 section 6"

/* The type of a CMW record; the clause where it is none. */
static const struct {
    const char *name, *clause;
} types[] = {
    {"a/b", NULL},
    {"0/9", NULL},
    {"application/vnd.example.rats-conceptual-msg", NULL},
    {"a!#$&-^_.+/b!#$&-^_.+", NULL},
    {"a/b;c=d", NULL},
    {"a/b ; c=d", NULL},
    {"a/b  ;  c=d;e=f", NULL},
    {"a/b;c=\"\"", NULL},
    {"a/b;c=\"d e\"", NULL},
    {"a/b;c=\"\\\"\\\\\"", NULL},
    {"a/b;c=\"\\ \"", NULL},
    {"a/b;*'%|`~=*'%|`~", NULL},
    {HUNDRED_AND_TWENTY "1234567/" HUNDRED_AND_TWENTY "1234567", NULL},
    {"", NAMES},
    {"/b", NAMES},
    {"a/", NAMES},
    {"a", GRAMMAR},
    {"a%/b", NAMES},
    {"%/b", NAMES},
    {"a/b%", NAMES},
    {"a/%", NAMES},
    {"a*/b", NAMES},
    {"a/b'", NAMES},
    {"a/b~", NAMES},
    {"a|/b", NAMES},
    {"!a/b", NAMES},
    {"a/.b", NAMES},
    {"a/+b", NAMES},
    {"-/b", NAMES},
    {"a/_", NAMES},
    {"*/*", NAMES},
    {"a/b/c", GRAMMAR},
    {HUNDRED_AND_TWENTY "12345678/b", NAMES},
    {"a/" HUNDRED_AND_TWENTY "12345678", NAMES},
    {" a/b", NAMES},
    {"a/b ", GRAMMAR},
    {"a /b", GRAMMAR},
    {"a/ b", NAMES},
    {"a/b\t;c=d", GRAMMAR},
    {"a/b;\tc=d", GRAMMAR},
    {"a/b;", GRAMMAR},
    {"a/b; ", GRAMMAR},
    {"a/b; ;c=d", GRAMMAR},
    {"a/b;;c=d", GRAMMAR},
    {"a/b;c=d;", GRAMMAR},
    {"a/b;c", GRAMMAR},
    {"a/b;c=", GRAMMAR},
    {"a/b;=d", GRAMMAR},
    {"a/b;c =d", GRAMMAR},
    {"a/b;c= d", GRAMMAR},
    {"a/b;c=d e", GRAMMAR},
    {"a/b;c=\"d", GRAMMAR},
    {"a/b;c=\"d\"e", GRAMMAR},
    {"a/b;c=\"\t\"", GRAMMAR},
    {"a/b;c=\"\\\t\"", GRAMMAR},
    {"a/b;c=\"\x7f\"", GRAMMAR},
    {"a/b;c=\"\xc3\xbc\"", GRAMMAR},
    {"a/b;c=\"\\\xc3\xbc\"", GRAMMAR},
    {"a/\xc3\xbc", NAMES},
    {"a/b,c/d", GRAMMAR},
    {"a/b;c=d;C=e", "RFC 6838 section 4.3"},
};

static void test_check(void **state)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        size_t size = strlen(types[i].name);
        uint8_t *exact = malloc(size ? size : 1);

        assert_non_null(exact);
        memcpy(exact, types[i].name, size);
        int result = atls_media_type_check(ATLS_BYTES(exact, size));
        if (result != (types[i].clause ? ATLS_E_MALFORMED : 0) ||
            (result && strcmp(atls_error_clause(), types[i].clause) != 0))
            fail_msg("%s: expected %s, came %s (%s)", types[i].name,
                     types[i].clause ? types[i].clause : "success", atls_error_clause(),
                     atls_error_text());
        free(exact);
    }
    assert_int_equal(atls_media_type_check(ATLS_BYTES("a/b\0", 4)), ATLS_E_MALFORMED);
}

/* Every beginning of a valid one, in an allocation that ends there. */
static void test_truncated(void **state)
{
    static const char whole[] = "a/b ; c=\"d\\e\" ; f=g";

    for (size_t size = 0; size <= strlen(whole); size++) {
        uint8_t *exact = malloc(size ? size : 1);
        bool valid = size == 3 || size == 5 || size == 6 || size == 13 || size == 15 ||
                     size == 16 || size == 19;

        assert_non_null(exact);
        memcpy(exact, whole, size);
        if (atls_media_type_valid(ATLS_BYTES(exact, size)) != valid)
            fail_msg("%.*s: expected %s", (int)size, whole, valid ? "valid" : "invalid");
        free(exact);
    }
}

static void test_many_parameters(void **state)
{
    char name[65536] = "a/b";
    size_t used = 3;

    for (unsigned i = 0; i < 17; i++) {
        assert_true(atls_media_type_valid(ATLS_BYTES(name, used)) == (i <= 16));
        used += (size_t)snprintf(name + used, sizeof name - used, ";p%u=v", i);
    }
    assert_false(atls_media_type_valid(ATLS_BYTES(name, used)));
    memset(name + 3, ';', sizeof name - 3); /* empty parameters are allowed, and cost nothing */
    assert_true(atls_media_type_valid(ATLS_BYTES(name, sizeof name)));
}

static void test_table(void **state)
{
    for (size_t i = 0; i < atls_media_types_count; i++) {
        const struct atls_media_type *entry = &atls_media_types[i];
        struct atls_bytes name = atls_bytes_of_text(entry->name);

        assert_true(atls_media_type_valid(name));
        assert_int_equal(atls_media_type_check(name), 0);
        assert_ptr_equal(atls_media_type_by_name(name), entry); /* so none comes twice */
        if (entry->content_format >= 0)
            assert_ptr_equal(atls_media_type_by_content_format((unsigned)entry->content_format),
                             entry);
        assert_true(*entry->what);
    }
    assert_null(atls_media_type_by_content_format(64999));
    assert_null(atls_media_type_by_content_format((unsigned)-1));
}

static void test_lookups(void **state)
{
    static const struct {
        const char *name;
        int content_format; /* -1 none assigned, -2 not in the table */
    } cases[] = {
        {"application/eat+cwt", 263},
        {"APPLICATION/eat+cwt", 263},
        {"application/eat+jwt", 264},
        {"application/cmw+cbor", 273},
        {"application/cmw+json", 274},
        {"application/eat+cwt;eat_profile=\"tag:psacertified.org,2023:psa#tfm\"", 10003},
        {"application/eat+cwt; eat_profile=\"tag:example.com,2024:other\"", 263},
        {"application/psa-attestation-token", -1},
        {"application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\"", -1},
        {"application/eat-cwt; profile=\"http://arm.com/psa/3.0.0\"", -2},
        {"application/eat-cwt", -2},
        {"application/cose", -2},
        {"application/cose; cose-type=\"cose-sign1\"", 18},
        {"text/plain", -2},
        {"application/eat+cwt ", -2},
        {"", -2},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct atls_media_type *entry =
            atls_media_type_by_name(atls_bytes_of_text(cases[i].name));

        if ((entry ? entry->content_format : -2) != cases[i].content_format)
            fail_msg("%s: expected %d", cases[i].name, cases[i].content_format);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),     cmocka_unit_test(test_valid),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_many_parameters),
        cmocka_unit_test(test_table),     cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests_name("media-types", tests, NULL, NULL);
}
