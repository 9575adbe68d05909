/* SPDX-License-Identifier: Apache-2.0 */
/* JWS: its compact form, signatures of every size, and libjose, which has to agree. */
#include "rats/json/test-jws.h"

#include <errno.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"

static json_t *some_claims(void)
{
    json_t *claims = json_pack("{s:i, s:s}", "iat", 1700000000, "iss", "https://verifier.example");

    assert_non_null(claims);
    return claims;
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
    /* the signature may be empty: RFC 7515 section 7.1 with alg none, which is refused later */
    assert_int_equal(atls_jws_parse(atls_bytes_of_text("e30.e30."), &jws), 0);
    assert_int_equal(jws.signature_part.size, 0);
    atls_jws_clear(&jws);
    memset(large, 'A', ATLS_JWS_MAX_SIZE + 1);
    assert_int_equal(atls_jws_parse(ATLS_BYTES(large, ATLS_JWS_MAX_SIZE), &jws), ATLS_E_MALFORMED);
    assert_int_equal(atls_jws_parse(ATLS_BYTES(large, ATLS_JWS_MAX_SIZE + 1), &jws), ATLS_E_LIMIT);
    free(large);
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
        json_t *signer = test_jwk(rows[i].alg), *jwk = test_jwk_public(signer),
               *claims = some_claims();
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
    json_t *signer = test_jwk("ES256"), *jwk = test_jwk_public(signer);
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
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, parts, 2, digest), 0);
    assert_int_equal(atls_crypto_hosted.sign(&key, ATLS_BYTES(digest, 32), signature), 0);
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

/* libjose takes our signatures, and we take those of libjose. */
static void test_libjose_agrees(void **state)
{
    static const char *const algorithms[] = {"ES256", "ES384"};
    for (size_t i = 0; i < 2; i++) {
        json_t *jwk = test_jwk(algorithms[i]), *claims = some_claims();
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

/* RFC 7515 appendix A.3: ES256, with its key. */
#define A_3_KEY                                                                                    \
    "\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define A_3_SIGNATURE                                                                              \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static void test_example(void **state)
{
    static const char jwt[] =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ." A_3_SIGNATURE;
    json_t *jwk = json_of("{\"kty\":\"EC\"," A_3_KEY "}");
    struct atls_jws jws;

    assert_int_equal(atls_jws_parse(atls_bytes_of_text(jwt), &jws), 0);
    assert_int_equal(atls_jws_verify(&jws, jwk), 0);
    assert_int_equal(json_integer_value(json_object_get(jws.payload, "exp")), 1300819380);
    atls_jws_clear(&jws);
    json_decref(jwk);
}

/* A header's members, in the order in which they are asked for, under the key of appendix A.3. */
static void test_headers(void **state)
{
    static const struct {
        const char *header;
        int outcome;
        const char *clause, *words;
    } rows[] = {
        {"{\"alg\":7}", ATLS_E_MALFORMED, "RFC 7515 section 4.1.1",
         "alg: expected a string, another value came"},
        {"{\"alg\":null}", ATLS_E_MALFORMED, "RFC 7515 section 4.1.1", "another value came"},
        {"{\"alg\":\"ES256\\u0000\"}", ATLS_E_MALFORMED, "RFC 7515 section 4.1.1",
         "alg: expected a string without U+0000"},
        {"{}", ATLS_E_MALFORMED, "RFC 7515 section 4.1.1", "alg is missing"},
        {"{\"alg\":\"none\"}", ATLS_E_UNSUPPORTED, "RFC 8725 section 3.2", "nobody signed"},
        {"{\"alg\":\"None\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 3.1", "came None"},
        {"{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", ATLS_E_UNSUPPORTED,
         "RFC 7515 section 4.1.11", "no critical extension"},
        {"{\"alg\":\"ES256\",\"b64\":false}", ATLS_E_UNSUPPORTED, "RFC 7515 section 4.1.11",
         "no critical extension"},
        {"{\"crit\":[]}", ATLS_E_UNSUPPORTED, "RFC 7515 section 4.1.11", "no critical extension"},
        {"{\"alg\":\"ES512\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 3.1",
         "expected ES256 or ES384, came ES512"},
        {"{\"alg\":\"HS256\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 3.1", "came HS256"},
        {"{\"alg\":\"\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 3.1", "came "},
        {"{\"alg\":\"ES384\"}", ATLS_E_SIGNATURE, "RFC 7518 section 3.4",
         "ES384 does not fit the key's curve"},
        {"{\"alg\":\"ES256\"}", ATLS_E_SIGNATURE, "RFC 7515 section 5.2", "does not verify"},
    };
    json_t *jwk = json_of("{\"kty\":\"EC\"," A_3_KEY "}");

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *part = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(rows[i].header)), *jwt;
        struct atls_jws jws;

        assert_true(asprintf(&jwt, "%s.e30." A_3_SIGNATURE, part) > 0);
        assert_int_equal(atls_jws_parse(atls_bytes_of_text(jwt), &jws), 0);
        int result = atls_jws_verify(&jws, jwk);
        if (result != rows[i].outcome || strcmp(atls_error_clause(), rows[i].clause) != 0 ||
            !strstr(atls_error_text(), rows[i].words))
            fail_msg("%s: expected \"%s\" (%s), came \"%s\" (%s)", rows[i].header, rows[i].words,
                     rows[i].clause, atls_error_text(), atls_error_clause());
        atls_jws_clear(&jws);
        free(jwt);
        free(part);
    }
    json_decref(jwk);
}

#define X "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
#define Y "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define D ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""
#define EC "{\"kty\":\"EC\",\"crv\":\"P-256\","

/* RFC 7517 and RFC 7518 section 6.2, of the key of appendix A.3. */
static void test_keys(void **state)
{
    static const struct {
        const char *jwk;
        int outcome;
        const char *clause, *words;
    } rows[] = {
        {EC X Y "}", 0, "", ""},
        {EC X Y D "}", 0, "", ""},
        {EC X Y ",\"alg\":\"ES256\",\"use\":\"sig\",\"key_ops\":[\"sign\",\"verify\"]}", 0, "", ""},
        {"{}", ATLS_E_MALFORMED, "RFC 7517 section 4.1", "kty is missing"},
        {"{\"kty\":7}", ATLS_E_MALFORMED, "RFC 7517 section 4.1", "kty is missing"},
        {"{\"kty\":\"RSA\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 6.2", "came RSA"},
        {"{\"kty\":\"EC\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 6.2", "came nothing"},
        {"{\"kty\":\"EC\",\"crv\":\"P-521\"}", ATLS_E_UNSUPPORTED, "RFC 7518 section 6.2",
         "came P-521"},
        {EC Y "}", ATLS_E_MISSING, "RFC 7518 section 6.2", "JWK: x is missing"},
        {EC "\"x\":7," Y "}", ATLS_E_MISSING, "RFC 7518 section 6.2", "JWK: x is missing"},
        {EC X "\"z\":\"\"}", ATLS_E_MISSING, "RFC 7518 section 6.2", "JWK: y is missing"},
        {EC "\"x\":\"f8+O\"," Y "}", ATLS_E_MALFORMED, "RFC 7518 section 6.2",
         "JWK x: expected base64url without padding"},
        {EC X "\"y\":\"AA==\"}", ATLS_E_MALFORMED, "RFC 7518 section 6.2",
         "JWK y: expected base64url without padding"},
        {EC X "\"y\":\"\"}", ATLS_E_MALFORMED, "RFC 7518 section 6.2",
         "JWK y: expected 32 bytes, came 0"},
        {EC "\"x\":\"zc4ncPbEXUGDy-5v20t7WAczNXvp7xO6z248e9FURQ\"," Y "}", ATLS_E_MALFORMED,
         "RFC 7518 section 6.2", "JWK x: expected 32 bytes, came 31"},
        {EC "\"x\":\"A\"," Y "}", ATLS_E_MALFORMED, "RFC 7518 section 6.2",
         "JWK x: expected base64url without padding"},
        {EC X Y ",\"alg\":7}", ATLS_E_MALFORMED, "RFC 7517 section 4.4", "JWK alg"},
        {EC X Y ",\"alg\":\"ES384\"}", ATLS_E_UNTRUSTED, "RFC 7517 section 4.4",
         "for alg ES256, by its curve, it is for ES384"},
        {EC X Y ",\"use\":[]}", ATLS_E_MALFORMED, "RFC 7517 section 4.2", "JWK use"},
        {EC X Y ",\"use\":\"enc\"}", ATLS_E_UNTRUSTED, "RFC 7517 section 4.2", "its use is enc"},
        {EC X Y ",\"key_ops\":\"verify\"}", ATLS_E_MALFORMED, "RFC 7517 section 4.3",
         "an array of strings"},
        {EC X Y ",\"key_ops\":[\"verify\",7]}", ATLS_E_MALFORMED, "RFC 7517 section 4.3",
         "expected strings"},
        {EC X Y ",\"key_ops\":[\"verify\",\"sign\",\"verify\"]}", ATLS_E_MALFORMED,
         "RFC 7517 section 4.3", "each operation once"},
        {EC X Y ",\"key_ops\":[]}", ATLS_E_UNTRUSTED, "RFC 7517 section 4.3", "no \"verify\""},
        {EC X Y ",\"key_ops\":[\"sign\"]}", ATLS_E_UNTRUSTED, "RFC 7517 section 4.3",
         "no \"verify\""},
        {EC X Y ",\"key_ops\":[\"verify\",\"deriveKey\"]}", 0, "", ""},
        {EC X Y ",\"use\":\"sig\",\"key_ops\":[\"verify\",\"deriveKey\"]}", ATLS_E_UNTRUSTED,
         "RFC 7517 section 4.3", "more than sign and verify"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *jwk = json_of(rows[i].jwk);
        struct atls_public_key key = {.curve = 77};
        int result = atls_jwk_to_verification_key(jwk, &key);

        if (result != rows[i].outcome ||
            (result && (strcmp(atls_error_clause(), rows[i].clause) != 0 ||
                        !strstr(atls_error_text(), rows[i].words))))
            fail_msg("%s: expected %d, \"%s\" (%s), came %d, \"%s\" (%s)", rows[i].jwk,
                     rows[i].outcome, rows[i].words, rows[i].clause, result, atls_error_text(),
                     atls_error_clause());
        assert_int_equal(key.curve, result ? 77 : ATLS_P256);
        json_decref(jwk);
    }
}

/* RFC 7518 section 6.2.2.1: d is in [1, order - 1]. Nothing is signed with another one. */
static void test_signs_with_no_other_key(void **state)
{
    static const char *const scalars[] = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                          "__________________________________________8"};
    json_t *claims = some_claims();
    char *jwt = NULL;

    for (size_t i = 0; i < 2; i++) {
        json_t *jwk = json_of(EC X Y "}");

        assert_int_equal(json_object_set_new(jwk, "d", json_string(scalars[i])), 0);
        assert_int_equal(atls_jws_sign(claims, jwk, &jwt), -EIO);
        assert_null(jwt);
        json_decref(jwk);
    }
    json_decref(claims);
}

static void test_private_keys(void **state)
{
    static const struct {
        const char *jwk;
        int result;
    } rows[] = {
        {EC X Y D "}", 0},
        {EC X Y "}", -EINVAL},
        {EC X Y ",\"d\":\"AA\"}", -EINVAL},
        {EC X Y ",\"d\":7}", -EINVAL},
        {EC Y D "}", -EINVAL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *jwk = json_of(rows[i].jwk);
        struct atls_private_key key = {.public_key.curve = 77};
        int result = atls_jwk_to_private_key(jwk, &key);

        if (result != rows[i].result)
            fail_msg("%s: expected %d, came %d", rows[i].jwk, rows[i].result, result);
        assert_int_equal(key.public_key.curve, result ? 77 : ATLS_P256);
        if (result == 0) {
            assert_int_equal(key.d[0], 0x8e);
            assert_int_equal(key.d[31], 0xb2);
        } else
            assert_non_null(strstr(atls_error_text(), "expected a private EC key"));
        json_decref(jwk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact_form),
        cmocka_unit_test(test_signature_sizes),
        cmocka_unit_test(test_alg_of_another_curve),
        cmocka_unit_test(test_libjose_agrees),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_private_keys),
        cmocka_unit_test(test_signs_with_no_other_key),
    };

    return test_done(cmocka_run_group_tests_name("jws", tests, NULL, NULL));
}
