/* SPDX-License-Identifier: Apache-2.0 */
/* The claims of an EAR: what is taken of them, the published vectors, and what must be refused. */
#include "rats/ear/test-ear.h"

#include <string.h>

#include "rats/base/error.h"
#include "rats/json/json.h"

static json_t *base_claims(void)
{
    json_t *claims = json_loads(claims_text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(claims);
    return claims;
}

#define A16 "AAAAAAAAAAAAAAAA"

/* One member of the base claims replaced (or removed, VALUE NULL), at one of three places. */
enum place { TOP, SUBMOD, VECTOR };
static const struct {
    const char *clause;
    enum place place;
    const char *name, *value;
    int outcome;
} claim_cases[] = {
    {"base", TOP, "jti", "\"x\"", 0},
    {"EAT 4.1", TOP, "eat_nonce", "\"AAECAwQFBgcICQoLDA0ODw\"", 0},
    {"EAT 4.1, 8 bytes", TOP, "eat_nonce", "\"AAECAwQFBgc\"", 0},
    {"EAT 4.1, 64 bytes", TOP, "eat_nonce", "\"" A16 A16 A16 A16 A16 "AAAAAA\"", 0},
    {"EAT 4.1, 65 bytes", TOP, "eat_nonce", "\"" A16 A16 A16 A16 A16 "AAAAAAA\"", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", NULL, 0},
    {"RFC9711 4.3.1, as Veraison writes it", TOP, "iat", "1.7e+09", 0},
    {"RFC9711 4.3.1, as Veraison writes it", TOP, "iat", "1.666529184e+09", 0},
    {"RFC9711 4.3.1", TOP, "iat", "1700000000.5", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "exp", "1700000000.5", 0},
    {"RFC7519 2", TOP, "exp", "1.7e9", 0},
    {"RFC7519 2", TOP, "exp", "-1.5", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "exp", "1e16", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "exp", "9007199254740991", 0},
    {"RFC7519 2", TOP, "exp", "9007199254740992", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "exp", "0.5", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "nbf", "1699999999.5", 0},
    {"RFC7519 2", TOP, "nbf", "1", 0},
    {"RFC7519 2", TOP, "nbf", "[1]", ATLS_E_MALFORMED},
    {"RFC7519 4.1.3", TOP, "aud", "\"rp.example\"", 0},
    {"RFC7519 4.1.3", TOP, "aud", "[\"a\",\"b\"]", 0},
    {"RFC7519 4.1.3", TOP, "aud", "[]", 0},
    {"RFC7519 4.1.3", TOP, "aud", "7", ATLS_E_MALFORMED},
    {"RFC7519 4.1.3", TOP, "aud", "null", ATLS_E_MALFORMED},
    {"RFC7519 4.1.3", TOP, "aud", "{\"a\":\"b\"}", ATLS_E_MALFORMED},
    {"RFC7519 4.1.3", TOP, "aud", "[\"a\",7]", ATLS_E_MALFORMED},
    {"RFC7519 4.1.3", TOP, "aud", "[[\"a\"]]", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "ear.status", "\"warning\"", 0},
    {"EAR 3", TOP, "ear.status", "\"excellent\"", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "ear.status", "\"Affirming\"", ATLS_E_MALFORMED},
    {"EAR 3, the number is CBOR's", TOP, "ear.status", "96", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "ear.status", "null", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "ear.status", "\"affirming\\u0000\"", ATLS_E_MALFORMED},
    {"EAR 3, a name of the other dialect", TOP, "ear_status", "\"excellent\"", 0},
    {"RFC8259 7", TOP, "jti", "\"a\\u0000b\"", 0},
    {"RFC8259 7", SUBMOD, "ear.veraison.policy-claims", "{\"x\":\"\\u0000\"}", 0},
    {"RFC8259 7, a C string here", TOP, "iss", "\"a\\u0000b\"", ATLS_E_MALFORMED},
    {"RFC8259 7", SUBMOD, "ear.status", "\"affirming\\u0000\"", ATLS_E_MALFORMED},
    {"RFC8259 7", TOP, "eat_nonce", "\"AAECAwQFBgcICQoLDA0ODw\\u0000\"", ATLS_E_MALFORMED},
    {"RFC8259 7", TOP, "eat_profile", "\"tag:github.com,2023:veraison/ear\\u0000\"",
     ATLS_E_UNSUPPORTED},
    {"RFC8259 7", SUBMOD, "ear.appraisal-policy-id", "\"p\\u0000\"", ATLS_E_MALFORMED},
    {"AR4SI 2.3", VECTOR, "executables", "-128", 0},
    {"AR4SI 2.3", VECTOR, "executables", "127", 0},
    {"EAR 3", SUBMOD, "ear.trustworthiness-vector", NULL, 0},
    {"EAR 3", SUBMOD, "ear.unknown", "[1]", 0},
    {"EAR 3", TOP, "eat_profile", NULL, ATLS_E_MISSING},
    {"EAR 3", TOP, "eat_profile", "7", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "eat_profile", "\"tag:example.com,2023:other\"", ATLS_E_UNSUPPORTED},
    {"EAR 3", TOP, "eat_profile", "\"tag:ietf.org,2026:rats/ear#03\"", ATLS_E_MISSING},
    {"EAR-04 3", TOP, "eat_profile", "\"tag:ietf.org,2026:rats/ear#04\"", ATLS_E_MISSING},
    {"EAR-04 3", TOP, "eat_profile", "\"tag:ietf.org,2026:rats/ear#05\"", ATLS_E_UNSUPPORTED},
    {"EAR-04 3", TOP, "eat_profile", "\"tag:ietf.org,2026:rats/ear#4\"", ATLS_E_UNSUPPORTED},
    {"EAR-04 3", TOP, "eat_profile", "\"tag:ietf.org,2026:rats/ear\"", ATLS_E_UNSUPPORTED},
    {"RFC7519 4.1.6", TOP, "iat", NULL, ATLS_E_MISSING},
    {"RFC7519 2", TOP, "iat", "\"1700000000\"", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "iat", "-1", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "iat", "0", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "iat", "1e300", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "iat", "9223372036854775807", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "exp", "0", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "exp", "null", ATLS_E_MALFORMED},
    {"RFC7519 2", TOP, "nbf", "true", ATLS_E_MALFORMED},
    {"RFC7519 4.1.1", TOP, "iss", "{}", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "ear.verifier-id", NULL, ATLS_E_MISSING},
    {"EAR 3", TOP, "ear.verifier-id", "[]", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "ear.verifier-id", "{\"build\":\"b\"}", ATLS_E_MISSING},
    {"EAR 3", TOP, "ear.verifier-id", "{\"build\":1,\"developer\":\"d\"}", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "\"AAECAwQFBg\"", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "\"AAECAwQFBgcICQoLDA0ODx\"", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "\"AAECAwQFBgcICQoLDA0ODw=\"", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "\"AAECAwQFBgcICQoLDA0O+w\"", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "\"AA ECAwQFBgcICQoLDA0ODw\"", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "1", ATLS_E_MALFORMED},
    {"EAT 4.1", TOP, "eat_nonce", "[\"AAECAwQFBgcICQoLDA0ODw\"]", ATLS_E_UNSUPPORTED},
    {"EAR 3", TOP, "submods", NULL, ATLS_E_MISSING},
    {"EAR 3", TOP, "submods", "{}", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "submods", "[]", ATLS_E_MALFORMED},
    {"EAR 3", TOP, "submods", "{\"a\":1}", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.status", NULL, ATLS_E_MISSING},
    {"EAR 3", SUBMOD, "ear.status", "2", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.status", "\"Affirming\"", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.status", "\"\"", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.trustworthiness-vector", "[2]", ATLS_E_MALFORMED},
    {"AR4SI 2.3", VECTOR, "executables", "128", ATLS_E_MALFORMED},
    {"AR4SI 2.3", VECTOR, "executables", "-129", ATLS_E_MALFORMED},
    {"AR4SI 2.3", VECTOR, "executables", "2.0", ATLS_E_MALFORMED},
    {"AR4SI 2.3", VECTOR, "executables", "\"affirming\"", ATLS_E_MALFORMED},
    {"AR4SI 2.3", VECTOR, "sorcery", "2", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.appraisal-policy-id", "[\"p\"]", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.veraison.key-attestation", "{}", ATLS_E_MISSING},
    {"EAR 3", SUBMOD, "ear.veraison.key-attestation", "[]", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.veraison.key-attestation", "{\"akpub\":1}", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.veraison.key-attestation", "{\"akpub\":\"!\"}", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.veraison.key-attestation", "{\"akpub\":\"MFkw\"}", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.veraison.policy-claims", "\"x\"", ATLS_E_MALFORMED},
    {"EAR 3", SUBMOD, "ear.veraison.annotated-evidence", "1", ATLS_E_MALFORMED},
};

static json_t *claims_with(enum place place, const char *name, const char *value)
{
    json_t *claims = base_claims(), *object = claims;

    if (place != TOP)
        object = json_object_get(json_object_get(claims, "submods"), "PSA_IOT");
    if (place == VECTOR)
        object = json_object_get(object, "ear.trustworthiness-vector");
    if (value)
        json_object_set_new(object, name,
                            json_loads(value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    else
        json_object_del(object, name);
    return claims;
}

/* Where an error's clause is the same for several faults: which of them it tells of. */
static void test_told(void **state)
{
    static const struct {
        enum place place;
        const char *name, *value, *text;
    } cases[] = {
        {TOP, "eat_nonce", "1", "EAR eat_nonce: expected a string"},
        {TOP, "eat_nonce", "\"AA ECAwQFBgcICQoLDA0ODw\"", "EAR eat_nonce: expected base64url"},
        {TOP, "eat_nonce", "\"AAECAwQFBg\"", "EAR eat_nonce: expected 8 to 64 bytes, came 7"},
        {TOP, "iss", "7", "EAR iss: expected a string, another value came"},
        {TOP, "iss", "\"a\\u0000\"", "EAR iss: expected a string without U+0000"},
        {SUBMOD, "ear.status", "2",
         "EAR ear.status: expected none, affirming, warning or contraindicated, came another "
         "value"},
        {SUBMOD, "ear.veraison.key-attestation", "{\"akpub\":\"!\"}",
         "EAR akpub: expected base64url"},
        {VECTOR, "sorcery", "2", "EAR ear.trustworthiness-vector: unknown claim sorcery"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *claims = claims_with(cases[i].place, cases[i].name, cases[i].value);
        struct atls_ear ear;

        assert_int_equal(atls_ear_parse_claims(claims, &ear), ATLS_E_MALFORMED);
        assert_string_equal(atls_error_text(), cases[i].text);
        json_decref(claims);
    }
}

/* What is no object has no claims, whatever else it is. */
static void test_no_claims(void **state)
{
    static const char *const cases[] = {"[]", "[\"eat_profile\"]", "7", "\"x\"", "null"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *claims = json_loads(cases[i], JSON_DECODE_ANY, NULL);
        struct atls_ear ear;

        assert_int_equal(atls_ear_parse_claims(claims, &ear), ATLS_E_MALFORMED);
        assert_string_equal(atls_error_text(), "EAR: expected a JSON object");
        json_decref(claims);
    }
}

static void test_claims(void **state)
{
    for (size_t i = 0; i < sizeof(claim_cases) / sizeof(*claim_cases); i++) {
        json_t *claims =
            claims_with(claim_cases[i].place, claim_cases[i].name, claim_cases[i].value);
        struct atls_ear ear;
        int result;

        result = atls_ear_parse_claims(claims, &ear);
        if (result != claim_cases[i].outcome)
            fail_msg("%s, %s = %s: %s expected, %s came (%s)", claim_cases[i].clause,
                     claim_cases[i].name, claim_cases[i].value,
                     atls_error_name(claim_cases[i].outcome), atls_error_name(result),
                     atls_error_text());
        if (!result)
            atls_ear_clear(&ear);
        json_decref(claims);
    }
}

#define POLICIES(value)                                                                            \
    "{\"submods\":{\"a\":{\"ear_status\":\"affirming\",\"ear_appraisal_policy_ids\":" value "}}}"

/* The dialect of the draft, where members of its own replace those of the base. */
static const struct {
    const char *name, *claims;
    int outcome;
    enum atls_tier worst;
    const char *text; /* what is told of it, or NULL */
} draft_rows[] = {
    {"base", "{}", 0, ATLS_TIER_AFFIRMING, NULL},
    {"overall status, worse", "{\"ear_status\":\"contraindicated\"}", 0, ATLS_TIER_CONTRAINDICATED,
     NULL},
    {"overall status, none", "{\"ear_status\":\"none\"}", 0, ATLS_TIER_NONE, NULL},
    {"overall status, better than a submod's",
     "{\"ear_status\":\"affirming\",\"submods\":{\"a\":{\"ear_status\":\"affirming\"},"
     "\"b\":{\"ear_status\":\"warning\"}}}",
     0, ATLS_TIER_WARNING, NULL},
    {"the worse submod comes first",
     "{\"submods\":{\"a\":{\"ear_status\":\"contraindicated\"},"
     "\"b\":{\"ear_status\":\"affirming\"}}}",
     0, ATLS_TIER_CONTRAINDICATED, NULL},
    {"a claim worse than its status",
     "{\"submods\":{\"a\":{\"ear_status\":\"affirming\",\"ear_trustworthiness_vector\":"
     "{\"hardware\":2,\"executables\":33}}}}",
     0, ATLS_TIER_WARNING, NULL},
    {"overall status, unknown", "{\"ear_status\":\"trusted\"}", ATLS_E_MALFORMED, 0, NULL},
    {"overall status, CBOR's number", "{\"ear_status\":96}", ATLS_E_MALFORMED, 0, NULL},
    {"a status of the other dialect is an unknown claim", "{\"ear.status\":\"warning\"}", 0,
     ATLS_TIER_AFFIRMING, NULL},
    {"exp, a fraction", "{\"exp\":1700000000.5}", ATLS_E_MALFORMED, 0, NULL},
    {"exp, an exponent", "{\"exp\":17e8}", ATLS_E_MALFORMED, 0, NULL},
    {"exp, a float without a fraction", "{\"exp\":1700000000.0}", ATLS_E_MALFORMED, 0, NULL},
    {"iat, a float", "{\"iat\":1700000000.0}", ATLS_E_MALFORMED, 0, NULL},
    {"nbf, a fraction (RFC 7519 section 2)", "{\"nbf\":1700000000.5}", 0, ATLS_TIER_AFFIRMING,
     NULL},
    {"exp, an integer", "{\"exp\":1700000000}", 0, ATLS_TIER_AFFIRMING, NULL},
    {"policies", POLICIES("[\"p\",\"q\"]"), 0, ATLS_TIER_AFFIRMING, NULL},
    {"no policies", POLICIES("[]"), ATLS_E_MALFORMED, 0, "expected an array of strings"},
    {"a policy that stands by itself", POLICIES("\"p\""), ATLS_E_MALFORMED, 0,
     "expected an array of strings"},
    {"a policy that is an object", POLICIES("{\"p\":1}"), ATLS_E_MALFORMED, 0,
     "expected an array of strings"},
    {"a policy that is a number", POLICIES("[1]"), ATLS_E_MALFORMED, 0,
     "expected a string, another value came"},
};

static void read_draft(const char *profile, enum atls_ear_dialect dialect)
{
    for (size_t i = 0; i < sizeof(draft_rows) / sizeof(*draft_rows); i++) {
        json_t *claims = json_pack("{s:s, s:i, s:{s:s, s:s}, s:{s:{s:s}}}", "eat_profile", profile,
                                   "iat", 1700000000, "ear_verifier_id", "developer", "d", "build",
                                   "b", "submods", "a", "ear_status", "affirming");
        json_t *own = json_loads(draft_rows[i].claims, 0, NULL);
        struct atls_ear ear;
        int result;

        json_object_update(claims, own);
        result = atls_ear_parse_claims(claims, &ear);
        if (result != draft_rows[i].outcome)
            fail_msg("%s: %s expected, %s came (%s)", draft_rows[i].name,
                     atls_error_name(draft_rows[i].outcome), atls_error_name(result),
                     atls_error_text());
        if (draft_rows[i].text && !strstr(atls_error_text(), draft_rows[i].text))
            fail_msg("%s: \"%s\" expected, \"%s\" came", draft_rows[i].name, draft_rows[i].text,
                     atls_error_text());
        if (!result) {
            assert_int_equal(ear.dialect, dialect);
            if (atls_ear_worst_tier(&ear) != draft_rows[i].worst)
                fail_msg("%s: %s expected, %s came", draft_rows[i].name,
                         atls_tier_name(draft_rows[i].worst),
                         atls_tier_name(atls_ear_worst_tier(&ear)));
            atls_ear_clear(&ear);
        }
        json_decref(own);
        json_decref(claims);
    }
}

static void test_drafts(void **state)
{
    read_draft("tag:ietf.org,2026:rats/ear#03", ATLS_EAR_DRAFT_03);
    read_draft("tag:ietf.org,2026:rats/ear#04", ATLS_EAR_DRAFT_04);
}

/* RFC 7519 section 2: fractions are rounded so that a result is valid for less long. */
static void test_fractions(void **state)
{
    json_t *claims = base_claims();
    struct atls_ear ear;

    json_object_set_new(claims, "nbf", json_real(1700000000.5));
    json_object_set_new(claims, "exp", json_real(1700000010.5));
    assert_int_equal(atls_ear_parse_claims(claims, &ear), 0);
    assert_int_equal(ear.not_before, 1700000001);
    assert_int_equal(ear.expires_at, 1700000010);
    atls_ear_clear(&ear);
    json_object_set_new(claims, "nbf", json_real(1700000000)); /* a float of a whole number */
    assert_int_equal(atls_ear_parse_claims(claims, &ear), 0);
    assert_int_equal(ear.not_before, 1700000000);
    atls_ear_clear(&ear);
    json_decref(claims);
}

/* RFC 7519 section 4.1.3 */
static const struct {
    const char *name, *audience;
    const char *names[2];
    size_t count;
    bool is_for;
} audience_rows[] = {
    {"none, nobody asks", NULL, {NULL}, 0, true},
    {"none", NULL, {"rp"}, 1, true},
    {"one", "\"rp\"", {"rp"}, 1, true},
    {"second of two", "[\"other\",\"rp\"]", {"rp"}, 1, true},
    {"by a second name", "[\"rp2\"]", {"rp", "rp2"}, 2, true},
    {"another", "\"other\"", {"rp"}, 1, false},
    {"what stands behind the names", "\"rp2\"", {"rp", "rp2"}, 1, false},
    {"nobody", "[]", {"rp"}, 1, false},
    {"one, without a name of one's own", "\"rp\"", {NULL}, 0, false},
    {"case matters", "\"RP\"", {"rp"}, 1, false},
    {"longer by U+0000", "\"rp\\u0000\"", {"rp"}, 1, false},
    {"a beginning", "\"rp.example\"", {"rp"}, 1, false},
};

static void test_audience(void **state)
{
    for (size_t i = 0; i < sizeof(audience_rows) / sizeof(*audience_rows); i++) {
        json_t *claims = base_claims();
        struct atls_ear ear;

        if (audience_rows[i].audience)
            json_object_set_new(
                claims, "aud",
                json_loads(audience_rows[i].audience, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        assert_int_equal(atls_ear_parse_claims(claims, &ear), 0);
        if (atls_ear_is_for(&ear, audience_rows[i].names, audience_rows[i].count) !=
            audience_rows[i].is_for)
            fail_msg("%s", audience_rows[i].name);
        atls_ear_clear(&ear);
        json_decref(claims);
    }
}

static void test_times(void **state)
{
    static const struct {
        int64_t iat, nbf, exp, now, leeway, max_age;
        int outcome;
    } cases[] = {
        {1000, 0, 1300, 1000, 0, 9, 0},
        {1000, 0, 1300, 1299, 0, 9, 0},
        {1000, 0, 1300, 1300, 0, 9, ATLS_E_EXPIRED},
        {1000, 0, 1300, 1304, 5, 9, 0},
        {1000, 0, 1300, 1305, 5, 9, ATLS_E_EXPIRED},
        {1000, 0, 0, 1059, 0, 60, 0},
        {1000, 0, 0, 1060, 0, 60, ATLS_E_EXPIRED},
        {1000, 0, 0, 999, 0, 60, ATLS_E_EXPIRED},
        {1000, 0, 0, 995, 5, 60, 0},
        {1000, 1100, 1300, 1099, 0, 60, ATLS_E_EXPIRED},
        {1000, 1100, 1300, 1100, 0, 60, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct atls_ear ear = {
            .issued_at = cases[i].iat, .not_before = cases[i].nbf, .expires_at = cases[i].exp};
        assert_int_equal(atls_ear_check_time(&ear, cases[i].now, cases[i].leeway, cases[i].max_age),
                         cases[i].outcome);
    }
}

static void test_tiers(void **state)
{
    static const struct {
        int value;
        enum atls_tier tier;
    } cases[] = {{-128, 96}, {-97, 96}, {-96, 32}, {-33, 32}, {-32, 2}, {-2, 2},  {-1, 0},  {0, 0},
                 {1, 0},     {2, 2},    {31, 2},   {32, 32},  {95, 32}, {96, 96}, {127, 96}};
    static const struct {
        enum atls_tier status, worst;
        int value;
    } worst[] = {{2, 2, 2}, {2, 2, 0},   {2, 0, 1},    {2, 0, -1},  {2, 32, 33}, {2, 96, 99},
                 {0, 0, 2}, {32, 32, 2}, {32, 96, 96}, {96, 96, 2}, {0, 32, 32}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(atls_trust_claim_tier(cases[i].value), cases[i].tier);
    for (size_t i = 0; i < sizeof(worst) / sizeof(*worst); i++) {
        struct atls_ear_submod submods[2] = {{.status = ATLS_TIER_AFFIRMING},
                                             {.status = worst[i].status}};
        struct atls_ear ear = {.submods = submods, .submod_count = 2};

        submods[1].has_claim[ATLS_SOURCED_DATA] = true;
        submods[1].trust_vector[ATLS_SOURCED_DATA] = worst[i].value;
        assert_int_equal(atls_ear_worst_tier(&ear), worst[i].worst);
    }
    assert_int_equal(atls_ear_worst_tier(&(struct atls_ear){0}), ATLS_TIER_NONE);

    /* What is not there says nothing, whatever stands in its place. */
    struct atls_ear_submod none = {.status = ATLS_TIER_AFFIRMING,
                                   .trust_vector[ATLS_HARDWARE] = 96};
    struct atls_ear without = {
        .status = ATLS_TIER_CONTRAINDICATED, .submods = &none, .submod_count = 1};
    assert_int_equal(atls_ear_submod_tier(&none), ATLS_TIER_AFFIRMING);
    assert_int_equal(atls_ear_worst_tier(&without), ATLS_TIER_AFFIRMING);

    static const enum atls_tier by_trust[] = {ATLS_TIER_AFFIRMING, ATLS_TIER_NONE,
                                              ATLS_TIER_WARNING, ATLS_TIER_CONTRAINDICATED};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(atls_tier_is_worse(by_trust[i], by_trust[j]), i > j);
    assert_string_equal(atls_tier_name(ATLS_TIER_WARNING), "warning");
    assert_string_equal(atls_tier_name((enum atls_tier)3), "unknown");
    assert_string_equal(atls_ear_dialect_name(ATLS_EAR_DRAFT_04), "draft-04");
    assert_null(atls_ear_dialect_name(ATLS_EAR_DIALECTS));
    assert_string_equal(atls_trust_claim_name(ATLS_SOURCED_DATA), "sourced-data");
    assert_string_equal(atls_trust_claim_name(ATLS_TRUST_CLAIM_COUNT), "unknown");
}

static void test_claim_vectors(void **state)
{
    static const struct {
        const char *name;
        int outcome;
        enum atls_tier worst;
    } cases[] = {
        {"ear/veraison-ear/ear-claims.json", 0, ATLS_TIER_AFFIRMING},
        {"ear/veraison-ear/ear-claims-tv-ok.json", 0, ATLS_TIER_AFFIRMING},
        {"ear/veraison-ear/ear-claims-extension-ok.json", 0, ATLS_TIER_AFFIRMING},
        {"ear/veraison-ear/ear-claims-key-attestation-ok.json", 0, ATLS_TIER_AFFIRMING},
        {"ear/veraison-ear/ear-claims-key-attestation-ko.json", ATLS_E_MISSING, 0},
        {"ear/draft-03/ear-json-1.diag", 0, ATLS_TIER_CONTRAINDICATED},
        {"ear/draft-03/ear-json-2.diag", 0, ATLS_TIER_AFFIRMING},
        {"ear/draft-03/ext-teep-json-1.diag", 0, ATLS_TIER_CONTRAINDICATED},
        {"ear/draft-03/ext-veraison-json-1.diag", 0, ATLS_TIER_CONTRAINDICATED},
        /* The key in the draft's example is cut short: no SubjectPublicKeyInfo. */
        {"ear/draft-03/ext-veraison-json-2.diag", ATLS_E_MALFORMED, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct atls_bytes text = test_vector(cases[i].name);
        struct atls_ear ear;
        json_t *claims;
        int result;

        assert_int_equal(atls_json_object(text, cases[i].name, &claims), 0);
        result = atls_ear_parse_claims(claims, &ear);
        if (result != cases[i].outcome)
            fail_msg("%s: %s", cases[i].name, atls_error_text());
        if (!result) {
            assert_int_equal(atls_ear_worst_tier(&ear), cases[i].worst);
            atls_ear_clear(&ear);
        }
        json_decref(claims);
        test_vector_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),        cmocka_unit_test(test_drafts),
        cmocka_unit_test(test_fractions),     cmocka_unit_test(test_audience),
        cmocka_unit_test(test_times),         cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_claim_vectors), cmocka_unit_test(test_told),
        cmocka_unit_test(test_no_claims),
    };

    return test_done(cmocka_run_group_tests_name("ear", tests, NULL, NULL));
}
