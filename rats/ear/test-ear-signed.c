/* SPDX-License-Identifier: Apache-2.0 */
/* EAR as a signed JWT: what is written is read again, the published vector, and what must be
 * refused of headers and keys. */
#include "rats/json/test-jws.h"

#include <errno.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/crypto/pem.h"
#include "rats/ear/test-ear.h"

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
    json_t *signer = test_jwk("ES256"), *jwk = test_jwk_public(signer);

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
    json_t *signer = test_jwk(alg), *jwk = test_jwk_public(signer), *other = test_jwk(alg);
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
    json_t *signer = test_jwk("ES256");
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
        json_t *jwk = test_jwk_public(signer),
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

static void test_write_refuses(void **state)
{
    json_t *signer = test_jwk("ES256"), *jwk = test_jwk_public(signer);
    struct atls_ear_submod submod = {0};
    struct atls_ear ear;
    char *jwt;

    fill(&ear, &submod, 1);
    assert_int_equal(atls_ear_write(&ear, jwk, &jwt), -EINVAL); /* no private part */
    ear.submod_count = 0;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    fill(&ear, &submod, 1);
    ear.issued_at = 0;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    fill(&ear, &submod, 1);
    submod.name = NULL;
    assert_int_equal(atls_ear_write(&ear, signer, &jwt), -EINVAL);
    json_decref(jwk);
    json_decref(signer);
}

/* As the reader has its bounds: what is within them is written, and read again. */
static void test_write_bounds(void **state)
{
    static const struct {
        size_t nonce_size;
        int claim;
        bool good;
    } rows[] = {{7, 2, false},     {8, 2, true},     {64, 2, true},   {65, 2, false},
                {32, -129, false}, {32, -128, true}, {32, 127, true}, {32, 128, false}};
    uint8_t nonce[65] = {1};
    json_t *signer = test_jwk("ES256"), *jwk = test_jwk_public(signer);

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct atls_ear_submod submod = {0};
        struct atls_ear ear, read;
        char *jwt = NULL;

        fill(&ear, &submod, 1);
        ear.nonce = nonce;
        ear.nonce_size = rows[i].nonce_size;
        submod.trust_vector[ATLS_HARDWARE] = rows[i].claim;
        assert_int_equal(atls_ear_write(&ear, signer, &jwt), rows[i].good ? 0 : -EINVAL);
        if (rows[i].good) {
            assert_int_equal(atls_ear_read(atls_bytes_of_text(jwt), jwk, &read), 0);
            assert_int_equal(read.nonce_size, rows[i].nonce_size);
            assert_int_equal(read.submods[0].trust_vector[ATLS_HARDWARE], rows[i].claim);
            atls_ear_clear(&read);
        }
        free(jwt);
    }
    json_decref(jwk);
    json_decref(signer);
}

/* What is not there is left out: a submod of its status alone. */
static void test_write_the_least(void **state)
{
    struct atls_ear_submod submod = {.name = (char *)"a", .status = ATLS_TIER_NONE};
    struct atls_ear ear = {.dialect = ATLS_EAR_DRAFT_04,
                           .developer = (char *)"d",
                           .build = (char *)"b",
                           .issued_at = 1700000000,
                           .submods = &submod,
                           .submod_count = 1};
    json_t *expected =
        json_pack("{s:s, s:{s:s, s:s}, s:i, s:{s:{s:s}}}", "eat_profile",
                  "tag:ietf.org,2026:rats/ear#04", "ear_verifier_id", "developer", "d", "build",
                  "b", "iat", 1700000000, "submods", "a", "ear_status", "none");
    json_t *claims;

    assert_non_null(expected);
    assert_int_equal(atls_ear_claims(&ear, &claims), 0);
    assert_true(json_equal(claims, expected));
    json_decref(claims);
    json_decref(expected);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_signed_vector),
        cmocka_unit_test(test_write_bounds),
        cmocka_unit_test(test_write_the_least),
    };

    return test_done(cmocka_run_group_tests_name("ear-signed", tests, NULL, NULL));
}
