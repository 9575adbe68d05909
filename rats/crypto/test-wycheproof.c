/* SPDX-License-Identifier: Apache-2.0 */
/* Project Wycheproof's vectors through every crypto adapter that was there to build with: each says
 * what the vector says, and all say it alike. ATLS_WYCHEPROOF names the directory of its files
 * (testvectors_v1 of github.com/C2SP/wycheproof); without that the tests are skipped. */
#include <jansson.h>

#include "rats/crypto/crypto.h"
#include "rats/test/test-hex.h"

#ifdef ATLS_TEST_BEARSSL
#include "rats/crypto/crypto-bearssl.h"
#endif

static const struct atls_crypto *const adapters[] = {
    &atls_crypto_gnutls,
#ifdef ATLS_TEST_OPENSSL
    &atls_crypto_openssl,
#endif
#ifdef ATLS_TEST_BEARSSL
    &atls_crypto_bearssl,
#endif
    NULL, /* ends them */
};

static json_t *load(const char *name)
{
    char path[4096];
    json_error_t error;

    snprintf(path, sizeof path, "%s/%s_test.json", test_directory("ATLS_WYCHEPROOF"), name);
    json_t *file = json_load_file(path, 0, &error);
    if (!file)
        fail_msg("%s: %s", path, error.text);
    return file;
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    if (!value)
        fail_msg("expected a text \"%s\" in a vector, came none", name);
    return value;
}

static struct atls_public_key key_of(enum atls_curve curve, const json_t *group)
{
    struct atls_public_key key = {.curve = curve};
    size_t size = atls_curve_size(curve);
    struct atls_bytes point = test_hex(text(json_object_get(group, "publicKey"), "uncompressed"));

    assert_int_equal(point.size, 1 + 2 * size);
    memcpy(key.x, point.data + 1, size);
    memcpy(key.y, point.data + 1 + size, size);
    test_vector_free(point);
    return key;
}

/* What an adapter says of one vector. */
static int verdict(const struct atls_crypto *crypto, const struct atls_public_key *key, bool der,
                   struct atls_bytes message, struct atls_bytes signature)
{
    uint8_t digest[ATLS_HASH_MAX], flat[ATLS_SIGNATURE_MAX];
    enum atls_hash alg = atls_curve_hash(key->curve);
    int result = crypto->hash(alg, &message, 1, digest);

    assert_int_equal(result, 0);
    if (der) {
        result = atls_signature_of_der(key->curve, signature, flat);
        signature = ATLS_BYTES(flat, 2 * atls_curve_size(key->curve));
    }
    return result ? result
                  : crypto->verify(key, ATLS_BYTES(digest, atls_hash_size(alg)), signature);
}

/* Good signatures that a library is known to refuse. Whoever makes one knows the private key, and
 * chose the message for it. */
static const struct {
    const char *adapter, *comment;
} refused[] = {
    /* nettle 3.8 adds two points that are the same one by the formula for different ones */
    {"GnuTLS", "point duplication during verification"},
};

static bool may_refuse(const char *adapter, const char *comment)
{
    for (size_t i = 0; i < COUNT(refused); i++)
        if (strcmp(refused[i].adapter, adapter) == 0 && strcmp(refused[i].comment, comment) == 0)
            return true;
    return false;
}

static void check(const json_t *test, const struct atls_public_key *key, bool der)
{
    bool valid = strcmp(text(test, "result"), "valid") == 0;
    struct atls_bytes message = test_hex(text(test, "msg"));
    struct atls_bytes signature = test_hex(text(test, "sig"));
    long long id = json_integer_value(json_object_get(test, "tcId"));
    const char *comment = text(test, "comment");
    int first = 0;

    for (size_t i = 0; adapters[i]; i++) {
        const char *name = adapters[i]->name;
        int result = verdict(adapters[i], key, der, message, signature);

        if (valid && result == ATLS_E_SIGNATURE && may_refuse(name, comment))
            continue;
        if ((result == 0) != valid)
            fail_msg("%s, tcId %lld (%s): expected %s, came %d: %s", name, id, comment,
                     text(test, "result"), result, atls_error_text());
        if (valid)
            continue;
        /* DER that is none is refused before any adapter; all refuse the rest for one reason. */
        if (result != ATLS_E_SIGNATURE && !(der && result == ATLS_E_MALFORMED))
            fail_msg("%s, tcId %lld (%s): came %d: %s", name, id, comment, result,
                     atls_error_text());
        if (i > 0 && result != first)
            fail_msg("tcId %lld: expected %d as of %s, came %d of %s", id, first, adapters[0]->name,
                     result, name);
        first = result;
    }
    test_vector_free(message);
    test_vector_free(signature);
}

static const struct {
    const char *name;
    enum atls_curve curve;
    bool der;
} files[] = {
    {"ecdsa_secp256r1_sha256_p1363", ATLS_P256, false},
    {"ecdsa_secp384r1_sha384_p1363", ATLS_P384, false},
    {"ecdsa_secp256r1_sha256", ATLS_P256, true},
    {"ecdsa_secp384r1_sha384", ATLS_P384, true},
};

static void test_ecdsa(void **state)
{
    for (size_t i = 0; i < COUNT(files); i++) {
        json_t *file = load(files[i].name), *group, *test;
        size_t at, of, checked = 0;

        json_array_foreach(json_object_get(file, "testGroups"), at, group)
        {
            struct atls_public_key key = key_of(files[i].curve, group);

            json_array_foreach(json_object_get(group, "tests"), of, test)
            {
                check(test, &key, files[i].der);
                checked++;
            }
        }
        assert_int_equal(checked, json_integer_value(json_object_get(file, "numberOfTests")));
        assert_true(checked > 100);
        json_decref(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ecdsa)};

    return test_done(cmocka_run_group_tests_name("wycheproof", tests, NULL, NULL));
}
