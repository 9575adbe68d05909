/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of COSE_Key: what is taken, what is refused and by which clause, and keys written again. */
#include "rats/cose/cose.h"
#include "rats/test/test-hex.h"
#include "rats/test/test-key.h"

#define X_256 "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define Y_256 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define X_384                                                                                      \
    "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480" \
    "bc13"
#define Y_384                                                                                      \
    "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd253326" \
    "4"                                                                                            \
    "720"
#define X_256_CUT /* without its first byte */                                                     \
    "fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define KEY_256 "01022001215820" X_256 "225820" Y_256

static const struct {
    const char *clause, *name, *hex;
    int verdict;
} keys[] = {
    {"RFC 9053 7.1.1", "P-256", "a4" KEY_256, 0},
    {"RFC 9053 7.1.1", "P-384", "a401022002215830" X_384 "225830" Y_384, 0},
    {"RFC 9053 7.1.1", "another order", "a4225820" Y_256 "215820" X_256 "20010102", 0},
    {"RFC 9052 7.1", "kid, alg and key_ops", "a7" KEY_256 "0241610326048102", 0},
    {"RFC 9052 7.1", "alg ES256", "a5" KEY_256 "0326", 0},
    {"RFC 9864 2.1", "alg ESP256, the same with the curve in its name", "a5" KEY_256 "0328", 0},
    {"RFC 9052 7.1", "alg ES384 with P-256", "a5" KEY_256 "033822", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg ES512", "a5" KEY_256 "033823", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg ESP384 with P-256", "a5" KEY_256 "033832", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg ES256K", "a5" KEY_256 "03382e", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg EdDSA", "a5" KEY_256 "0327", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg ECDH-ES + HKDF-256", "a5" KEY_256 "033818", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg HMAC 256/256", "a5" KEY_256 "0305", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg 0", "a5" KEY_256 "0300", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg that would be -7 in 32 bits", "a5" KEY_256 "033b0000000100000006",
     ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg a text", "a5" KEY_256 "03654553323536", ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "alg an array", "a5" KEY_256 "038126", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "alg a byte string", "a5" KEY_256 "034126", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "alg a float", "a5" KEY_256 "03f9c700", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "alg null", "a5" KEY_256 "03f6", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "alg ES384 with P-384",
     "a50102200221"
     "5830" X_384 "225830" Y_384 "033822",
     0},
    {"RFC 9052 7.1", "alg ES256 with P-384",
     "a50102200221"
     "5830" X_384 "225830" Y_384 "0326",
     ATLS_E_UNTRUSTED},
    {"RFC 9053 2.1", "key_ops verify", "a5" KEY_256 "048102", 0},
    {"RFC 9053 2.1", "key_ops sign and verify", "a5" KEY_256 "04820102", 0},
    {"RFC 9053 2.1", "key_ops a text and verify", "a5" KEY_256 "0482617802", 0},
    {"RFC 9053 2.1", "key_ops of indefinite length", "a5" KEY_256 "049f02ff", 0},
    {"RFC 9053 2.1", "key_ops sign", "a5" KEY_256 "048101", ATLS_E_UNTRUSTED},
    {"RFC 9053 2.1", "key_ops derive key", "a5" KEY_256 "048107", ATLS_E_UNTRUSTED},
    {"RFC 9053 2.1", "key_ops MAC verify", "a5" KEY_256 "04810a", ATLS_E_UNTRUSTED},
    {"RFC 9053 2.1", "key_ops -2", "a5" KEY_256 "048121", ATLS_E_UNTRUSTED},
    {"RFC 9053 2.1", "key_ops verify by its name in a JWK", "a5" KEY_256 "048166766572696679",
     ATLS_E_UNTRUSTED},
    {"RFC 9052 7.1", "key_ops empty", "a5" KEY_256 "0480", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "key_ops empty, indefinite", "a5" KEY_256 "049fff", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "key_ops an integer", "a5" KEY_256 "0402", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "key_ops a text", "a5" KEY_256 "0466766572696679", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "key_ops of byte strings", "a5" KEY_256 "04814102", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "key_ops verify and a map", "a5" KEY_256 "048202a0", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "key_ops null", "a5" KEY_256 "04f6", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "kid a text", "a5" KEY_256 "026161", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "kid an integer", "a5" KEY_256 "0201", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "Base IV", "a5" KEY_256 "054161", 0},
    {"RFC 9052 7.1", "Base IV a text", "a5" KEY_256 "056161", ATLS_E_MALFORMED},
    {"RFC 9052 7.1", "a text label", "a5" KEY_256 "6178a0", 0},
    {"RFC 9053 7.1.1", "private", "a5" KEY_256 "235820" X_256, ATLS_E_MALFORMED},
    {"RFC 9053 7.1.1", "compressed", "a401022001215820" X_256 "22f5", ATLS_E_UNSUPPORTED},
    {"RFC 9053 7.1.1", "y null", "a401022001215820" X_256 "22f6", ATLS_E_MALFORMED},
    {"RFC 9053 7.1.1", "x a text",
     "a40102200121"
     "6161"
     "225820" Y_256,
     ATLS_E_MALFORMED},
    {"RFC 9053 7.1.1", "kty OKP", "a301012006215820" X_256, ATLS_E_UNSUPPORTED},
    {"RFC 9053 7.1.1", "kty 0", "a401002001215820" X_256 "225820" Y_256, ATLS_E_UNSUPPORTED},
    {"RFC 9053 7", "kty a text",
     "a401614520"
     "01215820" X_256 "225820" Y_256,
     ATLS_E_UNSUPPORTED},
    {"RFC 9053 7.1", "crv P-521", "a401022003215820" X_256 "225820" Y_256, ATLS_E_UNSUPPORTED},
    {"RFC 9053 7.1", "crv a text",
     "a401022061"
     "31215820" X_256 "225820" Y_256,
     ATLS_E_UNSUPPORTED},
    {"RFC 9053 7.1.1", "crv P-384 with short coordinates", "a401022002215820" X_256 "225820" Y_256,
     ATLS_E_MALFORMED},
    {"RFC 9053 7.1.1", "crv P-256 with long coordinates", "a401022001215830" X_384 "225830" X_384,
     ATLS_E_MALFORMED},
    {"RFC 9053 7.1.1", "x without its leading zero", "a40102200121581f" X_256_CUT "225820" Y_256,
     ATLS_E_MALFORMED},
    {"RFC 9053 7.1.1", "empty x",
     "a4010220012140"
     "225820" Y_256,
     ATLS_E_MALFORMED},
    {"RFC 9052 7", "no kty", "a32001215820" X_256 "225820" Y_256, ATLS_E_MISSING},
    {"RFC 9053 7.1.1", "no crv", "a30102215820" X_256 "225820" Y_256, ATLS_E_MISSING},
    {"RFC 9053 7.1.1", "no x", "a301022001225820" Y_256, ATLS_E_MISSING},
    {"RFC 9053 7.1.1", "no y", "a301022001215820" X_256, ATLS_E_MISSING},
    {"RFC 9052 7", "empty", "a0", ATLS_E_MISSING},
    {"RFC 9052 7", "an array", "80", ATLS_E_MALFORMED},
    {"RFC 9052 7", "a byte string", "41a0", ATLS_E_MALFORMED},
    {"RFC 9052 7", "kty twice", "a5" KEY_256 "0102", ATLS_E_MALFORMED},
    {"RFC 9052 7", "a label that is null", "a5" KEY_256 "f601", ATLS_E_MALFORMED},
};

static int read_key(struct atls_bytes in, struct atls_public_key *keyp)
{
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, &atls_cbor_lenient, NULL);

    if (result == 0)
        result = atls_cose_key_read(&r, keyp);
    return result ? result : atls_cbor_close(&r);
}

static void test_keys(void **state)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct atls_bytes in = test_hex(keys[i].hex);
        struct atls_public_key key = {.curve = 77};
        char name[128];
        int result = read_key(in, &key);

        snprintf(name, sizeof name, "%s, %s", keys[i].clause, keys[i].name);
        test_verdict(name, result, keys[i].verdict);
        assert_int_equal(key.curve == 77, result != 0);
        test_vector_free(in);
    }
}

static void test_keys_return(void **state)
{
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    struct atls_bytes expected = test_hex("a4" KEY_256), out;
    struct atls_public_key key, again;
    struct atls_cbor_writer w;
    uint8_t buffer[128];

    assert_int_equal(read_key(expected, &key), 0);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cose_key_write(&w, &key);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    assert_true(atls_bytes_equal(out, expected));
    test_vector_free(expected);
    for (uint8_t i = 0; i < 20; i++) {
        key = test_private_key(curves[i % 2], i).public_key;
        atls_cbor_write_init(&w, buffer, sizeof buffer);
        atls_cose_key_write(&w, &key);
        assert_int_equal(atls_cbor_write_done(&w, &out), 0);
        assert_int_equal(read_key(out, &again), 0);
        assert_true(atls_public_key_equal(&key, &again));
    }
}

/* Of an error whose clause others have as well, what it says. */
static void test_words(void **state)
{
    static const struct {
        const char *hex, *words;
    } rows[] = {
        {"a5" KEY_256 "03654553323536",
         "alg: expected -7, with which the key is used, came a text"},
        {"a5" KEY_256 "033822", "alg: expected -7, with which the key is used, came -35"},
        {"a501022002215830" X_384 "225830" Y_384 "0326", "alg: expected -35"},
        {"a40102200121581f" X_256_CUT "225820" Y_256, "of 32 bytes, came 31 and 32"},
        {"a401022001215820" X_256 "22581f" X_256_CUT, "of 32 bytes, came 32 and 31"},
        {"a401022001215820" X_256 "225821" Y_256 "00", "of 32 bytes, came 32 and 33"},
        {"a401022002215830" X_384 "225820" Y_256, "of 48 bytes, came 48 and 32"},
        {"a32001215820" X_256 "225820" Y_256, "kty is not there"},
        {"a30102215820" X_256 "225820" Y_256, "crv is not there"},
        {"a301022001225820" Y_256, "x is not there"},
        {"a301022001215820" X_256, "y is not there"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_hex(rows[i].hex);
        struct atls_public_key key;

        assert_true(read_key(in, &key) > 0);
        if (!strstr(atls_error_text(), rows[i].words))
            fail_msg("expected \"%s\", came \"%s\"", rows[i].words, atls_error_text());
        test_vector_free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_return),
        cmocka_unit_test(test_words),
    };

    return test_done(cmocka_run_group_tests_name("cose-key", tests, NULL, NULL));
}
