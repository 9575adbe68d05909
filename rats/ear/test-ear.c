/* SPDX-License-Identifier: Apache-2.0 */
/* EAR and JWS: the published vectors, what is written is read again, and what must be refused. */
#include "rats/test/test-support.h"

#include <errno.h>
#include <string.h>

#include <jose/jose.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/jws.h"

static json_t *make_key(const char *alg)
{
    json_t *jwk = json_pack("{s:s}", "alg", alg);

    assert_true(jose_jwk_gen(NULL, jwk));
    return jwk;
}

static json_t *public_of(const json_t *jwk)
{
    struct atls_public_key key;

    assert_int_equal(atls_jwk_to_public_key(jwk, &key), 0);
    return atls_jwk_of_public_key(&key);
}

static const char claims_text[] =
    "{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1700000000,"
    "\"ear.verifier-id\":{\"developer\":\"d\",\"build\":\"b\"},"
    "\"eat_nonce\":\"AAECAwQFBgcICQoLDA0ODw==\","
    "\"submods\":{\"PSA_IOT\":{\"ear.status\":\"affirming\","
    "\"ear.trustworthiness-vector\":{\"hardware\":2},"
    "\"ear.appraisal-policy-id\":\"policy:1\"}}}";

static json_t *base_claims(void)
{
    json_t *claims = json_loads(claims_text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(claims);
    return claims;
}

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

static void test_claims(void **state)
{
    for (size_t i = 0; i < sizeof(claim_cases) / sizeof(*claim_cases); i++) {
        json_t *claims = base_claims(), *object = claims;
        struct atls_ear ear;
        int result;

        if (claim_cases[i].place != TOP)
            object = json_object_get(json_object_get(claims, "submods"), "PSA_IOT");
        if (claim_cases[i].place == VECTOR)
            object = json_object_get(object, "ear.trustworthiness-vector");
        if (claim_cases[i].value)
            json_object_set_new(
                object, claim_cases[i].name,
                json_loads(claim_cases[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        else
            json_object_del(object, claim_cases[i].name);
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

/* The dialect of the draft, where members of its own replace those of the base. */
static const struct {
    const char *name, *claims;
    int outcome;
    enum atls_tier worst;
} draft_rows[] = {
    {"base", "{}", 0, ATLS_TIER_AFFIRMING},
    {"overall status, worse", "{\"ear_status\":\"contraindicated\"}", 0, ATLS_TIER_CONTRAINDICATED},
    {"overall status, none", "{\"ear_status\":\"none\"}", 0, ATLS_TIER_NONE},
    {"overall status, better than a submod's",
     "{\"ear_status\":\"affirming\",\"submods\":{\"a\":{\"ear_status\":\"affirming\"},"
     "\"b\":{\"ear_status\":\"warning\"}}}",
     0, ATLS_TIER_WARNING},
    {"the worse submod comes first",
     "{\"submods\":{\"a\":{\"ear_status\":\"contraindicated\"},"
     "\"b\":{\"ear_status\":\"affirming\"}}}",
     0, ATLS_TIER_CONTRAINDICATED},
    {"a claim worse than its status",
     "{\"submods\":{\"a\":{\"ear_status\":\"affirming\",\"ear_trustworthiness_vector\":"
     "{\"hardware\":2,\"executables\":33}}}}",
     0, ATLS_TIER_WARNING},
    {"overall status, unknown", "{\"ear_status\":\"trusted\"}", ATLS_E_MALFORMED, 0},
    {"overall status, CBOR's number", "{\"ear_status\":96}", ATLS_E_MALFORMED, 0},
    {"a status of the other dialect is an unknown claim", "{\"ear.status\":\"warning\"}", 0,
     ATLS_TIER_AFFIRMING},
    {"exp, a fraction", "{\"exp\":1700000000.5}", ATLS_E_MALFORMED, 0},
    {"exp, an exponent", "{\"exp\":17e8}", ATLS_E_MALFORMED, 0},
    {"exp, a float without a fraction", "{\"exp\":1700000000.0}", ATLS_E_MALFORMED, 0},
    {"iat, a float", "{\"iat\":1700000000.0}", ATLS_E_MALFORMED, 0},
    {"nbf, a fraction (RFC 7519 section 2)", "{\"nbf\":1700000000.5}", 0, ATLS_TIER_AFFIRMING},
    {"exp, an integer", "{\"exp\":1700000000}", 0, ATLS_TIER_AFFIRMING},
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

/* A JWS made by hand: HEADER as it is, the payload, and a signature of 64 bytes or as given. */
static char *hand_made(const char *header, const char *payload, const char *signature)
{
    static const uint8_t zeros[64];
    char *h = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(header));
    char *p = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(payload));
    char *s = signature ? strdup(signature)
                        : atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(zeros, sizeof(zeros)));
    char *jwt = NULL;

    assert_true(asprintf(&jwt, "%s.%s.%s", h, p, s) > 0);
    free(h);
    free(p);
    free(s);
    return jwt;
}

static const struct {
    const char *clause, *header, *payload, *signature;
    int outcome;
} header_cases[] = {
    {"RFC7515 8", "{\"alg\":\"none\"}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7518 3.6", "{\"alg\":\"none\"}", NULL, "", ATLS_E_UNSUPPORTED},
    {"RFC7518 3.6", "{\"alg\":\"none\",\"crit\":[\"exp\"]}", NULL, "", ATLS_E_UNSUPPORTED},
    {"RFC7518 3.4", "{\"alg\":\"ES256\"}", NULL, "", ATLS_E_SIGNATURE},
    {"RFC7518 3.1", "{\"alg\":\"none\\u0000\"}", NULL, "", ATLS_E_MALFORMED},
    {"RFC7518 3.1", "{\"alg\":\"ES256\\u0000\"}", NULL, NULL, ATLS_E_MALFORMED},
    {"RFC8259 8.1", "\xef\xbb\xbf{\"alg\":\"ES256\"}", NULL, NULL, ATLS_E_MALFORMED},
    {"RFC8259 2", "\t{\"alg\":\"ES256\"}\n", NULL, NULL, ATLS_E_SIGNATURE},
    {"RFC8259 4", "{\"alg\":\"ES256\",\"a\\u0000\":1}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7518 3.1", "{\"alg\":\"HS256\"}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7518 3.1", "{\"alg\":\"RS256\"}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7518 3.1", "{\"alg\":\"ES512\"}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7518 3.1", "{\"alg\":\"es256\"}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7518 3.4", "{\"alg\":\"ES384\"}", NULL, NULL, ATLS_E_SIGNATURE},
    {"RFC7515 4.1.1", "{\"typ\":\"JWT\"}", NULL, NULL, ATLS_E_MALFORMED},
    {"RFC7515 4.1.1", "{\"alg\":5}", NULL, NULL, ATLS_E_MALFORMED},
    {"RFC7515 4.1.11", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", NULL, NULL,
     ATLS_E_UNSUPPORTED},
    {"RFC7797 6", "{\"alg\":\"ES256\",\"b64\":true}", NULL, NULL, ATLS_E_UNSUPPORTED},
    {"RFC7515 4", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", NULL, NULL, ATLS_E_MALFORMED},
    {"RFC7515 4", "[\"ES256\"]", NULL, NULL, ATLS_E_MALFORMED},
    {"RFC7515 4", "{\"alg\":\"ES256\"} ", "{\"a\":1}x", NULL, ATLS_E_MALFORMED},
    {"RFC7515 5.2", "{\"alg\":\"ES256\"}", NULL, NULL, ATLS_E_SIGNATURE},
    {"RFC7515 5.2", "{\"alg\":\"ES256\"}", NULL, "AAAA", ATLS_E_SIGNATURE},
    {"RFC7515 2", "{\"alg\":\"ES256\"}", NULL, "AAAA=", ATLS_E_MALFORMED},
    {"RFC7515 2", "{\"alg\":\"ES256\"}", NULL, "A\xff\xfe", ATLS_E_MALFORMED},
    {"RFC7515 7.1", "{\"alg\":\"ES256\"}", NULL, "AAAA.AAAA", ATLS_E_MALFORMED},
    {"RFC8259 4", "{\"alg\":\"ES256\"}", "{\"iat\":1,\"iat\":2}", NULL, ATLS_E_MALFORMED},
    {"RFC8259 8.1", "{\"alg\":\"ES256\"}", "{\"iss\":\"\xff\"}", NULL, ATLS_E_MALFORMED},
    {"RFC8259 7", "{\"alg\":\"ES256\"}", "{\"iss\":\"\\u0000\"}", NULL, ATLS_E_SIGNATURE},
    {"RFC7519 7.2", "{\"alg\":\"ES256\"}", "7", NULL, ATLS_E_MALFORMED},
};

static void test_headers(void **state)
{
    json_t *signer = make_key("ES256"), *jwk = public_of(signer);

    for (size_t i = 0; i < sizeof(header_cases) / sizeof(*header_cases); i++) {
        const char *payload = header_cases[i].payload ? header_cases[i].payload : claims_text;
        char *jwt = hand_made(header_cases[i].header, payload, header_cases[i].signature);
        struct atls_ear ear;
        int result = atls_ear_read(atls_bytes_of_text(jwt), jwk, &ear);

        if (result != header_cases[i].outcome)
            fail_msg("%s, %s: %s expected, %s came (%s)", header_cases[i].clause,
                     header_cases[i].header, atls_error_name(header_cases[i].outcome),
                     atls_error_name(result), atls_error_text());
        if (strstr(header_cases[i].header, "\"none\""))
            assert_string_equal(atls_error_clause(), "RFC 8725 section 3.2");
        free(jwt);
    }
    json_decref(jwk);
    json_decref(signer);
}

/* RFC 7515 section 7.1, and what the error says of each. */
static void test_compact_form(void **state)
{
    static const struct {
        const char *jws, *words;
    } bad[] = {
        {"", "three parts"},
        {".", "part 1 of 3 is empty"},
        {"..", "part 1 of 3 is empty"},
        {"a.b", "three parts"},
        {"a.b.c", "protected header: expected base64url"},
        {"e30.e30", "three parts"},
        {"e30..AAAA", "part 2 of 3 is empty"},
        {".e30.AAAA", "part 1 of 3 is empty"},
        {"e30..", "part 2 of 3 is empty"},
        {"e30 .e30.AAAA", "protected header: expected base64url"},
        {"e30.e30=.AAAA", "payload: expected base64url"},
        {"e30.e30.A+AA", "signature: expected base64url"},
        {"e30.e30.AAAA.x", "three parts"},
    };
    char *large = malloc(ATLS_JWS_MAX_SIZE + 2);
    struct atls_jws jws;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(atls_jws_parse(atls_bytes_of_text(bad[i].jws), &jws), ATLS_E_MALFORMED);
        if (!strstr(atls_error_text(), bad[i].words))
            fail_msg("\"%s\": expected \"%s\", came \"%s\"", bad[i].jws, bad[i].words,
                     atls_error_text());
    }
    memset(large, 'A', ATLS_JWS_MAX_SIZE + 1);
    assert_int_equal(atls_jws_parse(ATLS_BYTES(large, ATLS_JWS_MAX_SIZE), &jws), ATLS_E_MALFORMED);
    assert_int_equal(atls_jws_parse(ATLS_BYTES(large, ATLS_JWS_MAX_SIZE + 1), &jws), ATLS_E_LIMIT);
    free(large);
}

static void fill(struct atls_ear *ear, struct atls_ear_submod *submods, size_t count)
{
    static uint8_t nonce[] = "0123456789abcdef0123456789abcdef";

    *ear = (struct atls_ear){.issued_at = 1700000000,
                             .expires_at = 1700000300,
                             .not_before = 1699999990,
                             .issuer = (char *)"https://verifier.example",
                             .developer = (char *)"d",
                             .build = (char *)"b",
                             .nonce = nonce,
                             .nonce_size = 32,
                             .submods = submods,
                             .submod_count = count};
    submods[0].name = (char *)"PSA_IOT";
    submods[0].status = ATLS_TIER_AFFIRMING;
    submods[0].has_claim[ATLS_HARDWARE] = true;
    submods[0].trust_vector[ATLS_HARDWARE] = 2;
    submods[0].has_claim[ATLS_EXECUTABLES] = true;
    submods[0].trust_vector[ATLS_EXECUTABLES] = -1;
    submods[0].policy_id = (char *)"policy:test";
}

static void round_trip(enum atls_ear_dialect dialect, const char *alg)
{
    json_t *signer = make_key(alg), *jwk = public_of(signer), *other = make_key(alg);
    struct atls_ear_submod submods[2] = {0};
    struct atls_ear ear, read;
    char *jwt;

    fill(&ear, submods, 2);
    ear.dialect = dialect;
    assert_int_equal(atls_jwk_to_public_key(other, &submods[0].key), 0);
    submods[0].has_key = true;
    submods[0].policy_claims = json_pack("{s:s}", "atls.reason", "ok");
    submods[1].name = (char *)"second";
    submods[1].status = ATLS_TIER_CONTRAINDICATED;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), 0);
    assert_int_equal(atls_ear_read(atls_bytes_of_text(jwt), jwk, &read), 0);

    assert_int_equal(read.dialect, dialect);
    assert_int_equal(read.issued_at, ear.issued_at);
    assert_int_equal(read.expires_at, ear.expires_at);
    assert_int_equal(read.not_before, ear.not_before);
    assert_string_equal(read.issuer, ear.issuer);
    assert_int_equal(read.nonce_size, 32);
    assert_memory_equal(read.nonce, ear.nonce, 32);
    assert_int_equal(read.submod_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct atls_ear_submod *s = &read.submods[i];
        if (!strcmp(s->name, "second")) {
            assert_int_equal(s->status, ATLS_TIER_CONTRAINDICATED);
            assert_false(s->has_key);
            continue;
        }
        assert_int_equal(s->status, ATLS_TIER_AFFIRMING);
        assert_true(s->has_key && atls_public_key_equal(&s->key, &submods[0].key));
        assert_int_equal(s->trust_vector[ATLS_EXECUTABLES], -1);
        assert_string_equal(s->policy_id, "policy:test");
        assert_true(json_equal(s->policy_claims, submods[0].policy_claims));
        assert_null(s->annotated_evidence);
    }
    assert_int_equal(atls_ear_worst_tier(&read), ATLS_TIER_CONTRAINDICATED);
    atls_ear_clear(&read);

    /* Another key, and a changed character anywhere. */
    assert_int_equal(atls_ear_read(atls_bytes_of_text(jwt), other, &read), ATLS_E_SIGNATURE);
    for (size_t i = 0; i < strlen(jwt); i += 7) {
        char was = jwt[i];
        jwt[i] = was == 'A' ? 'Q' : 'A';
        assert_int_not_equal(atls_ear_read(atls_bytes_of_text(jwt), jwk, &read), 0);
        jwt[i] = was;
    }
    free(jwt);
    json_decref(submods[0].policy_claims);
    json_decref(other);
    json_decref(jwk);
    json_decref(signer);
}

static void test_round_trips(void **state)
{
    round_trip(ATLS_EAR_VERAISON, "ES256");
    round_trip(ATLS_EAR_VERAISON, "ES384");
    round_trip(ATLS_EAR_DRAFT_03, "ES256");
    round_trip(ATLS_EAR_DRAFT_03, "ES384");
    round_trip(ATLS_EAR_DRAFT_04, "ES256");
    round_trip(ATLS_EAR_DRAFT_04, "ES384");
}

static void test_keys(void **state)
{
    static const struct {
        const char *jwk;
        int outcome;
    } cases[] = {
        {"{}", ATLS_E_MALFORMED},
        {"{\"kty\":\"RSA\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-521\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\"}", ATLS_E_MISSING},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", ATLS_E_MALFORMED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A+==\",\"y\":\"AAAA\"}", ATLS_E_MALFORMED},
    };
    static const struct {
        const char *clause, *members;
        int outcome;
    } purposes[] = {
        {"RFC7517 4.2", "{\"use\":\"sig\"}", 0},
        {"RFC7517 4.2", "{\"use\":\"enc\"}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.2, case-sensitive", "{\"use\":\"SIG\"}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.2", "{\"use\":\"sig\\u0000\"}", ATLS_E_MALFORMED},
        {"RFC7517 4.2", "{\"use\":5}", ATLS_E_MALFORMED},
        {"RFC7517 4.2", "{\"use\":null}", ATLS_E_MALFORMED},
        {"RFC7517 4.2", "{\"use\":[\"sig\"]}", ATLS_E_MALFORMED},
        {"RFC7517 4.3", "{\"key_ops\":[\"verify\"]}", 0},
        {"RFC7517 4.3", "{\"key_ops\":[\"sign\",\"verify\"]}", 0},
        {"RFC7517 4.3, an operation of its own", "{\"key_ops\":[\"sign\"]}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.3", "{\"key_ops\":[\"deriveKey\"]}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.3", "{\"key_ops\":[]}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.3", "{\"key_ops\":\"verify\"}", ATLS_E_MALFORMED},
        {"RFC7517 4.3", "{\"key_ops\":{}}", ATLS_E_MALFORMED},
        {"RFC7517 4.3", "{\"key_ops\":null}", ATLS_E_MALFORMED},
        {"RFC7517 4.3", "{\"key_ops\":[\"verify\",1]}", ATLS_E_MALFORMED},
        {"RFC7517 4.3", "{\"key_ops\":[\"verify\",\"verify\"]}", ATLS_E_MALFORMED},
        {"RFC7517 4.3", "{\"use\":\"sig\",\"key_ops\":[\"verify\"]}", 0},
        {"RFC7517 4.3, consistent", "{\"use\":\"sig\",\"key_ops\":[\"verify\",\"encrypt\"]}",
         ATLS_E_UNTRUSTED},
        {"RFC7517 4.3, consistent", "{\"use\":\"enc\",\"key_ops\":[\"verify\"]}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.4", "{\"alg\":\"ES256\"}", 0},
        {"RFC7517 4.4", "{\"alg\":\"ES384\"}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.4", "{\"alg\":\"ECDH-ES\"}", ATLS_E_UNTRUSTED},
        {"RFC7517 4.4", "{\"alg\":7}", ATLS_E_MALFORMED},
        {"RFC7517 4.5, not looked at", "{\"kid\":7}", 0},
    };
    json_t *signer = make_key("ES256");
    struct atls_ear_submod submod = {0};
    struct atls_public_key key;
    struct atls_ear ear, read;
    char *jwt;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *jwk = json_loads(cases[i].jwk, 0, NULL);
        assert_int_equal(atls_jwk_to_public_key(jwk, &key), cases[i].outcome);
        assert_int_not_equal(atls_jws_sign(jwk, jwk, &jwt), 0);
        json_decref(jwk);
    }
    fill(&ear, &submod, 1);
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), 0);
    for (size_t i = 0; i < sizeof(purposes) / sizeof(*purposes); i++) {
        json_t *jwk = public_of(signer),
               *own = json_loads(purposes[i].members, JSON_ALLOW_NUL, NULL);
        int result;

        json_object_update(jwk, own);
        assert_int_equal(atls_jwk_to_verification_key(jwk, &key), purposes[i].outcome);
        result = atls_ear_read(atls_bytes_of_text(jwt), jwk, &read);
        if (result != purposes[i].outcome)
            fail_msg("%s, %s: %s expected, %s came", purposes[i].clause, purposes[i].members,
                     atls_error_name(purposes[i].outcome), atls_error_name(result));
        if (!result)
            atls_ear_clear(&read);
        json_decref(own);
        json_decref(jwk);
    }
    free(jwt);
    json_decref(signer);
}

/* RFC 7518 section 3.4: the signature has the size of its curve's, however it verifies. Each of
 * these begins with, or holds, the bytes of a good one. */
static void test_signature_sizes(void **state)
{
    static const struct {
        const char *alg;
        int change; /* bytes more or fewer */
        bool in_front;
        int outcome;
    } rows[] = {
        {"ES256", 0, false, 0},
        {"ES256", 1, false, ATLS_E_SIGNATURE},
        {"ES256", 1, true, ATLS_E_SIGNATURE},
        {"ES256", -1, false, ATLS_E_SIGNATURE},
        {"ES256", -32, false, ATLS_E_SIGNATURE},
        {"ES256", 32, false, ATLS_E_SIGNATURE},
        {"ES256", 64, false, ATLS_E_SIGNATURE},
        {"ES384", 0, false, 0},
        {"ES384", 2, false, ATLS_E_SIGNATURE},
        {"ES384", -2, false, ATLS_E_SIGNATURE},
        {"ES384", -32, false, ATLS_E_SIGNATURE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *signer = make_key(rows[i].alg), *jwk = public_of(signer), *claims = base_claims();
        uint8_t changed[256] = {0}, *signature;
        struct atls_jws jws;
        char *jwt;
        size_t size;

        assert_int_equal(atls_jws_sign(claims, signer, &jwt), 0);
        assert_int_equal(atls_jws_parse(atls_bytes_of_text(jwt), &jws), 0);
        assert_int_equal(atls_base64_decode(ATLS_BASE64URL, jws.signature_part, &signature, &size),
                         0);
        assert_int_equal(size, rows[i].alg[2] == '2' ? 64 : 96);
        memcpy(changed + (rows[i].in_front ? rows[i].change : 0), signature, size);
        char *text = atls_base64_encode(ATLS_BASE64URL,
                                        ATLS_BYTES(changed, (size_t)((int)size + rows[i].change)));
        jws.signature_part = atls_bytes_of_text(text);
        assert_int_equal(atls_jws_verify(&jws, jwk), rows[i].outcome);
        if (rows[i].outcome) /* by its size, before anything is verified */
            assert_non_null(strstr(atls_error_text(), "JWS signature: expected"));
        free(text);
        free(signature);
        atls_jws_clear(&jws);
        free(jwt);
        json_decref(claims);
        json_decref(jwk);
        json_decref(signer);
    }
}

/* RFC 7518 section 3.4: a signature that is good, under an alg of the other curve. */
static void test_alg_of_another_curve(void **state)
{
    json_t *signer = make_key("ES256"), *jwk = public_of(signer);
    struct atls_private_key key;
    static const char part[] = "eyJhbGciOiJFUzM4NCJ9"; /* {"alg":"ES384"} */
    uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX], *d;
    const struct atls_bytes parts[] = {atls_bytes_of_text(part), atls_bytes_of_text(".e30")};
    struct atls_jws jws;
    size_t size;
    char *text, *jwt;

    assert_int_equal(atls_jwk_to_public_key(signer, &key.public_key), 0);
    assert_int_equal(
        atls_base64_decode(ATLS_BASE64URL,
                           atls_bytes_of_text(json_string_value(json_object_get(signer, "d"))), &d,
                           &size),
        0);
    memcpy(key.d, d, size);
    free(d);
    assert_int_equal(atls_crypto_gnutls.hash(ATLS_SHA256, parts, 2, digest), 0);
    assert_int_equal(atls_crypto_gnutls.sign(&key, ATLS_BYTES(digest, 32), signature), 0);
    text = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(signature, 64));
    assert_true(asprintf(&jwt, "%s.e30.%s", part, text) > 0);
    assert_int_equal(atls_jws_parse(atls_bytes_of_text(jwt), &jws), 0);
    assert_int_equal(atls_jws_verify(&jws, jwk), ATLS_E_SIGNATURE);
    assert_string_equal(atls_error_clause(), "RFC 7518 section 3.4");
    atls_jws_clear(&jws);
    free(jwt);
    free(text);
    json_decref(jwk);
    json_decref(signer);
}

static void test_write_refuses(void **state)
{
    json_t *signer = make_key("ES256"), *jwk = public_of(signer);
    struct atls_ear_submod submod = {0};
    struct atls_ear ear;
    char *jwt;

    fill(&ear, &submod, 1);
    assert_int_equal(atls_ear_write(&ear, jwk, &jwt), -EINVAL); /* no private part */
    ear.submod_count = 0;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    fill(&ear, &submod, 1);
    ear.nonce_size = 7;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    fill(&ear, &submod, 1);
    ear.issued_at = 0;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    fill(&ear, &submod, 1);
    submod.trust_vector[ATLS_HARDWARE] = 128;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    fill(&ear, &submod, 1);
    submod.name = NULL;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    json_decref(jwk);
    json_decref(signer);
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
    assert_string_equal(atls_trust_claim_name(ATLS_SOURCED_DATA), "sourced-data");
    assert_string_equal(atls_trust_claim_name(ATLS_TRUST_CLAIM_COUNT), "unknown");
}

static void test_signed_vector(void **state)
{
    struct atls_bytes jwt = test_vector("ear/c-ear/ear.jwt");
    struct atls_bytes pem = test_vector("ear/c-ear/pkey.pem");
    struct atls_public_key key;
    struct atls_ear ear;
    json_t *jwk;

    assert_int_equal(atls_pem_read_public_key(pem, &key), 0);
    jwk = atls_jwk_of_public_key(&key);
    assert_int_equal(atls_ear_read(jwt, jwk, &ear), 0);
    assert_int_equal(ear.dialect, ATLS_EAR_VERAISON);
    assert_int_equal(ear.issued_at, 1666529184);
    assert_int_equal(ear.not_before, 1677247879);
    assert_string_equal(ear.developer, "https://veraison-project.org");
    assert_int_equal(ear.submod_count, 1);
    assert_string_equal(ear.submods[0].name, "PARSEC_TPM");
    assert_true(ear.submods[0].has_key);
    assert_int_equal(atls_ear_worst_tier(&ear), ATLS_TIER_AFFIRMING);
    atls_ear_clear(&ear);
    key.x[31] ^= 1; /* no longer on the curve */
    json_decref(jwk);
    jwk = atls_jwk_of_public_key(&key);
    assert_int_equal(atls_ear_read(jwt, jwk, &ear), ATLS_E_MALFORMED);
    json_decref(jwk);
    test_vector_free(jwt);
    test_vector_free(pem);
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

/* libjose takes our signatures, and we take those of libjose. */
static void test_libjose_agrees(void **state)
{
    static const char *const algorithms[] = {"ES256", "ES384"};
    for (size_t i = 0; i < 2; i++) {
        json_t *jwk = make_key(algorithms[i]), *claims = base_claims();
        char *jwt, *rest, *text;
        struct atls_jws jws;
        assert_int_equal(atls_jws_sign(claims, jwk, &jwt), 0);
        rest = text = strdup(jwt);
        const char *header = strsep(&rest, "."), *payload = strsep(&rest, ".");
        json_t *message = json_pack("{s:s, s:s, s:s}", "protected", header, "payload", payload,
                                    "signature", rest);
        assert_true(jose_jws_ver(NULL, message, NULL, jwk, false));
        json_decref(message);
        free(text);
        free(jwt);
        text = json_dumps(claims, JSON_COMPACT);
        char *encoded = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(text));
        message = json_pack("{s:s}", "payload", encoded);
        json_t *signature = json_pack("{s:{s:s}}", "protected", "alg", algorithms[i]);
        assert_true(jose_jws_sig(NULL, message, signature, jwk));
        assert_true(asprintf(&jwt, "%s.%s.%s",
                             json_string_value(json_object_get(message, "protected")), encoded,
                             json_string_value(json_object_get(message, "signature"))) > 0);
        assert_int_equal(atls_jws_parse(atls_bytes_of_text(jwt), &jws), 0);
        assert_int_equal(atls_jws_verify(&jws, jwk), 0);
        jws.payload_part.size--; /* one character less was not signed */
        assert_int_equal(atls_jws_verify(&jws, jwk), ATLS_E_SIGNATURE);
        atls_jws_clear(&jws);
        json_decref(signature);
        json_decref(message);
        json_decref(claims);
        json_decref(jwk);
        free(encoded);
        free(text);
        free(jwt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),          cmocka_unit_test(test_drafts),
        cmocka_unit_test(test_fractions),       cmocka_unit_test(test_audience),
        cmocka_unit_test(test_signature_sizes), cmocka_unit_test(test_alg_of_another_curve),
        cmocka_unit_test(test_headers),         cmocka_unit_test(test_compact_form),
        cmocka_unit_test(test_round_trips),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_write_refuses),   cmocka_unit_test(test_times),
        cmocka_unit_test(test_tiers),           cmocka_unit_test(test_libjose_agrees),
        cmocka_unit_test(test_signed_vector),   cmocka_unit_test(test_claim_vectors),
    };
    return test_done(cmocka_run_group_tests_name("ear", tests, NULL, NULL));
}
