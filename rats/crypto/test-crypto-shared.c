/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what all crypto adapters share: candidates of a key, SubjectPublicKeyInfo, signatures in
 * DER, sizes. */
#include <errno.h>

#include "rats/crypto/crypto.h"
#include "rats/test/test-hex.h"
#include "rats/test/test-key.h"

static const struct atls_crypto *const crypto = &atls_crypto_hosted;

static void copy_hex(const char *hex, uint8_t *out, size_t size)
{
    struct atls_bytes bytes = test_hex(hex);

    assert_int_equal(bytes.size, size);
    memcpy(out, bytes.data, size);
    test_vector_free(bytes);
}

/* A device with a broken generator must not get a key. */
static int refuse_hmac(struct atls_bytes key, const struct atls_bytes *parts, size_t count,
                       uint8_t *macp)
{
    return atls_fail(-EIO, NULL, "no HMAC here");
}

static void test_candidate_passes_errors_on(void **state)
{
    const struct atls_crypto broken = {.hmac = refuse_hmac};
    uint8_t seed[32] = {0}, scalar[ATLS_COORDINATE_MAX] = {7}, before[ATLS_COORDINATE_MAX] = {7};

    assert_int_equal(atls_key_candidate(&broken, ATLS_P384, seed, 0, scalar), -EIO);
    assert_memory_equal(scalar, before, sizeof scalar);
}

/* RFC 2104's HMAC is asked once for each block of 32 bytes, and for no more: the last byte of its
 * text counts them. */
static unsigned hmac_calls;

static int counting_hmac(struct atls_bytes key, const struct atls_bytes *parts, size_t count,
                         uint8_t *macp)
{
    assert_int_equal(key.size, 32);
    assert_int_equal(count, 1);
    assert_int_equal(parts[0].size, 14);
    assert_int_equal(parts[0].data[13], hmac_calls);
    memset(macp, 0x10 + (int)hmac_calls, 32);
    hmac_calls++;
    return 0;
}

static void test_candidate_has_blocks(void **state)
{
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    const struct atls_crypto counting = {.hmac = counting_hmac};
    uint8_t seed[32] = {0}, scalar[ATLS_COORDINATE_MAX];

    for (unsigned i = 0; i < COUNT(curves); i++) {
        hmac_calls = 0;
        memset(scalar, 0, sizeof scalar);
        assert_int_equal(atls_key_candidate(&counting, curves[i], seed, 0, scalar), 0);
        assert_int_equal(hmac_calls, 1 + i);
        assert_int_equal(scalar[31], 0x10);
        assert_int_equal(scalar[32], i ? 0x11 : 0);
        assert_int_equal(scalar[47], i ? 0x11 : 0);
    }
}

/* A key is the first candidate in its range (SEC 1 section 3.2.1); each one begins from nothing,
 * and a generator of which ten are outside is broken. */
static unsigned refusals, asked;

static int refuse_some(struct atls_private_key *key)
{
    static const uint8_t nothing[ATLS_COORDINATE_MAX] = {0};

    assert_int_equal(key->public_key.curve, ATLS_P384);
    assert_memory_equal(key->public_key.x, nothing, sizeof nothing);
    assert_memory_equal(key->public_key.y, nothing, sizeof nothing);
    memset(key->public_key.x, 0xff, sizeof key->public_key.x);
    memset(key->public_key.y, 0xff, sizeof key->public_key.y);
    return asked++ == refusals ? 0 : ATLS_E_LIMIT;
}

static int no_memory(struct atls_private_key *key)
{
    asked++;
    return -ENOMEM;
}

static int no_random(uint8_t *bytesp, size_t count)
{
    assert_int_equal(count, 48);
    return atls_fail(-EIO, NULL, "no randomness here");
}

static void test_candidates(void **state)
{
    static const struct {
        unsigned refusals;
        int result;
    } cases[] = {{0, 0}, {1, 0}, {9, 0}, {10, -EIO}, {1000, -EIO}};
    const struct atls_crypto broken = {.hmac = refuse_hmac, .random = no_random};
    struct atls_private_key key;
    uint8_t seed[32] = {1}, scalar[ATLS_COORDINATE_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        refusals = cases[i].refusals;
        asked = 0;
        memset(&key, 0xa5, sizeof key);
        assert_int_equal(atls_key_make(crypto, ATLS_P384, seed, refuse_some, &key),
                         cases[i].result);
        assert_int_equal(asked, cases[i].result ? 10 : cases[i].refusals + 1);
        if (cases[i].result) {
            assert_non_null(strstr(atls_error_text(), "ten candidates"));
            assert_int_equal(key.d[0], 0xa5);
            continue;
        }
        assert_int_equal(atls_key_candidate(crypto, ATLS_P384, seed, cases[i].refusals, scalar), 0);
        assert_memory_equal(key.d, scalar, sizeof scalar);
    }
    asked = 0;
    assert_int_equal(atls_key_make(&broken, ATLS_P384, seed, refuse_some, &key), -EIO);
    assert_string_equal(atls_error_text(), "no HMAC here");
    assert_int_equal(atls_key_make(&broken, ATLS_P384, NULL, refuse_some, &key), -EIO);
    assert_string_equal(atls_error_text(), "no randomness here");
    assert_int_equal(asked, 0);
    assert_int_equal(atls_key_make(crypto, ATLS_P384, seed, no_memory, &key), -ENOMEM);
    assert_int_equal(asked, 1); /* another candidate would not help */
}

#define SPKI_P256                                                                                  \
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004"                                       \
    "d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13"                             \
    "f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120"

/* The key of the binders' known answers, and its hash as they use it */
static void test_spki(void **state)
{
    struct atls_bytes spki = test_hex(SPKI_P256);
    uint8_t encoded[ATLS_SPKI_MAX], digest[ATLS_HASH_MAX], expected[32];
    struct atls_private_key large;
    struct atls_public_key key, again;

    assert_int_equal(atls_spki_decode(spki, &key), 0);
    assert_int_equal(key.curve, ATLS_P256);
    assert_int_equal(key.x[0], 0xd7);
    assert_int_equal(key.y[31], 0x20);
    assert_int_equal(atls_spki_encode(&key, encoded), spki.size);
    assert_memory_equal(encoded, spki.data, spki.size);
    assert_int_equal(crypto->hash(ATLS_SHA256, &spki, 1, digest), 0);
    copy_hex("8adb14e36e119e135ae4d679efd9cd5e1f4c6a0a3e2aea89c59008fd09e89066", expected, 32);
    assert_memory_equal(digest, expected, 32);
    test_vector_free(spki);

    large = test_private_key(ATLS_P384, 1);
    assert_int_equal(atls_spki_encode(&large.public_key, encoded), 120);
    assert_int_equal(atls_spki_decode(ATLS_BYTES(encoded, 120), &again), 0);
    assert_true(atls_public_key_equal(&large.public_key, &again));
}

static void test_spki_refusals(void **state)
{
    struct atls_bytes spki = test_hex(SPKI_P256);
    uint8_t changed[ATLS_SPKI_MAX + 1] = {0};
    struct atls_public_key key;

    memcpy(changed, spki.data, spki.size);
    for (size_t size = 0; size <= sizeof changed; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* one step beyond would be seen */

        assert_non_null(exact);
        memcpy(exact, changed, size);
        test_verdict("size", atls_spki_decode(ATLS_BYTES(exact, size), &key),
                     size == 91 ? 0 : ATLS_E_MALFORMED);
        free(exact);
    }
    for (size_t i = 0; i < 27; i++) { /* every byte of the head: tags, lengths, OIDs, 04 */
        changed[i] ^= 1;
        test_verdict("head", atls_spki_decode(ATLS_BYTES(changed, 91), &key), ATLS_E_MALFORMED);
        changed[i] ^= 1;
    }
    test_vector_free(spki);
}

/* RFC 3279 section 2.2.3 in DER (X.690), as P-256 has it: NULL where it is refused. */
#define R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"
static const struct {
    const char *name, *der, *signature;
} forms[] = {
    {"RFC 6979 A.2.5 sample", "3046022100" R "022100" S, R S},
    {"small numbers", "3006020101020102", ZEROS "01" ZEROS "02"},
    {"r || s as it is", R S, NULL},
    {"a byte behind it", "300602010102010200", NULL},
    {"a byte behind the numbers", "300702010102010200", NULL},
    {"a byte too few", "30060201010201", NULL},
    {"one number", "3003020101", NULL},
    {"a third number", "3009020101020102020103", NULL},
    {"no sign byte (X.690 section 8.3.3)", "3045022100" R "0220" S, NULL},
    {"a zero too many (section 8.3.2)", "300702020001020102", NULL},
    {"a length in more bytes than needed (section 10.1)", "308106020101020102", NULL},
    {"of no certain length (section 10.1)", "30800201010201020000", NULL},
    {"a number of 257 bits", "3026022101" ZEROS "00020102", NULL},
    {"a number of 264 bits with a sign byte", "302702220081" ZEROS "00020102", NULL},
    {"a set", "3106020101020102", NULL},
};

static void test_signatures_of_der(void **state)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        uint8_t der[128], expected[64], signature[ATLS_SIGNATURE_MAX];
        size_t size = strlen(forms[i].der) / 2;

        copy_hex(forms[i].der, der, size);
        int result = atls_signature_of_der(ATLS_P256, ATLS_BYTES(der, size), signature);
        if (result != (forms[i].signature ? 0 : ATLS_E_MALFORMED))
            fail_msg("%s: came %d", forms[i].name, result);
        if (result)
            continue;
        copy_hex(forms[i].signature, expected, sizeof expected);
        assert_memory_equal(signature, expected, sizeof expected);
    }
    assert_int_equal(atls_signature_of_der(ATLS_P256, ATLS_BYTES(NULL, 0), (uint8_t[96]){0}),
                     ATLS_E_MALFORMED);
}

static void test_sizes(void **state)
{
    struct atls_public_key a = test_private_key(ATLS_P256, 1).public_key, b = a;

    assert_int_equal(atls_curve_size(ATLS_P256), 32);
    assert_int_equal(atls_curve_size(ATLS_P384), 48);
    assert_int_equal(atls_curve_hash(ATLS_P256), ATLS_SHA256);
    assert_int_equal(atls_curve_hash(ATLS_P384), ATLS_SHA384);
    assert_int_equal(atls_curve_cose_alg(ATLS_P256), ATLS_COSE_ES256);
    assert_int_equal(atls_curve_cose_alg(ATLS_P384), ATLS_COSE_ES384);
    assert_int_equal(atls_hash_size(ATLS_SHA256), 32);
    assert_int_equal(atls_hash_size(ATLS_SHA384), 48);
    assert_int_equal(atls_hash_size(ATLS_SHA512), 64);
    memset(b.x + 32, 0xff, 16); /* behind the coordinate: without meaning */
    assert_true(atls_public_key_equal(&a, &b));
    b.y[31] ^= 1;
    assert_false(atls_public_key_equal(&a, &b));
    b = a;
    b.curve = ATLS_P384;
    assert_false(atls_public_key_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidate_passes_errors_on),
        cmocka_unit_test(test_candidate_has_blocks),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_spki),
        cmocka_unit_test(test_spki_refusals),
        cmocka_unit_test(test_signatures_of_der),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests_name("crypto-shared", tests, NULL, NULL);
}
