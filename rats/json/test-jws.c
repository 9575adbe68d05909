/* SPDX-License-Identifier: Apache-2.0 */
/* JWS: its compact form, signatures of every size, and libjose, which has to agree. */
#include "rats/json/test-jws.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact_form),
        cmocka_unit_test(test_signature_sizes),
        cmocka_unit_test(test_alg_of_another_curve),
        cmocka_unit_test(test_libjose_agrees),
    };

    return test_done(cmocka_run_group_tests_name("jws", tests, NULL, NULL));
}
