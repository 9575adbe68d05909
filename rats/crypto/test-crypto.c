/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of a crypto adapter (of GnuTLS, or with ATLS_TEST_OPENSSL or ATLS_TEST_BEARSSL another) and
 * of what all adapters share. */
#include <errno.h>

#include "rats/crypto/crypto.h"
#include "rats/test/test-hex.h"

#ifdef ATLS_TEST_BEARSSL
#include "rats/crypto/crypto-bearssl.h"
#define TESTED atls_crypto_bearssl
#elif defined ATLS_TEST_OPENSSL
#define TESTED atls_crypto_openssl
#else
#define TESTED atls_crypto_gnutls
#endif

#define P256_ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static const struct atls_crypto *const crypto = &TESTED;

/* RFC 6979 A.2.5 (SHA-256) and A.2.6 (SHA-384) */
static const struct {
    const char *name;
    enum atls_curve curve;
    const char *d, *x, *y, *message, *signature;
} deterministic[] = {
    {"A.2.5 sample", ATLS_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299", "sample",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {"A.2.5 test", ATLS_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299", "test",
     "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
     "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
    {"A.2.6 sample", ATLS_P384,
     "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
     "96d5724e4c70a825f872c9ea60d2edf5",
     "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
     "def8f0ea9055866064a254515480bc13",
     "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
     "288b231c3ae0d4fe7344fd2533264720",
     "sample",
     "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
     "81a648152e44acf96e36dd1e80fabe46"
     "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f"
     "a329c145786e679e7b82c71a38628ac8"},
    {"A.2.6 test", ATLS_P384,
     "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
     "96d5724e4c70a825f872c9ea60d2edf5",
     "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
     "def8f0ea9055866064a254515480bc13",
     "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
     "288b231c3ae0d4fe7344fd2533264720",
     "test",
     "8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb"
     "0542a7f0812998da8f1dd3ca3cf023db"
     "ddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e0"
     "6a739f040649a667bf3b828246baa5a5"},
};

static void copy_hex(const char *hex, uint8_t *out, size_t size)
{
    struct atls_bytes bytes = test_hex(hex);

    assert_int_equal(bytes.size, size);
    memcpy(out, bytes.data, size);
    test_vector_free(bytes);
}

static struct atls_private_key example_key(size_t index)
{
    size_t size = atls_curve_size(deterministic[index].curve);
    struct atls_private_key key = {.public_key.curve = deterministic[index].curve};

    copy_hex(deterministic[index].d, key.d, size);
    copy_hex(deterministic[index].x, key.public_key.x, size);
    copy_hex(deterministic[index].y, key.public_key.y, size);
    return key;
}

static struct atls_bytes digest_of(enum atls_curve curve, const char *text, uint8_t *digest)
{
    const struct atls_bytes parts[] = {atls_bytes_of_text(text)};

    assert_int_equal(crypto->hash(atls_curve_hash(curve), parts, 1, digest), 0);
    return ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(curve)));
}

static void test_deterministic_signatures(void **state)
{
    for (size_t i = 0; i < COUNT(deterministic); i++) {
        struct atls_private_key key = example_key(i);
        uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX], expected[ATLS_SIGNATURE_MAX];
        size_t size = 2 * atls_curve_size(key.public_key.curve);
        struct atls_bytes input = digest_of(key.public_key.curve, deterministic[i].message, digest);
        struct atls_local_signer local = {crypto, &key};
        struct atls_signer signer = atls_signer_local(&local);

        copy_hex(deterministic[i].signature, expected, size);
        test_verdict(deterministic[i].name, crypto->sign(&key, input, signature), 0);
        assert_memory_equal(signature, expected, size);
        memset(signature, 0, sizeof signature);
        assert_int_equal(signer.curve, key.public_key.curve);
        test_verdict(deterministic[i].name, signer.sign(signer.context, input, signature), 0);
        assert_memory_equal(signature, expected, size);
        test_verdict(deterministic[i].name,
                     crypto->verify(&key.public_key, input, ATLS_BYTES(expected, size)), 0);
    }
}

/* Short r and s: DER drops the leading zeroes, COSE must not. */
static void test_signatures_keep_their_size(void **state)
{
    for (size_t i = 0; i < COUNT(deterministic); i += 2) {
        struct atls_private_key key = example_key(i);
        size_t size = atls_curve_size(key.public_key.curve);
        unsigned short_ones = 0;

        for (unsigned n = 0; n < 2000 && short_ones < 3; n++) {
            uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX];
            struct atls_bytes input;
            char text[16];

            snprintf(text, sizeof text, "%u", n);
            input = digest_of(key.public_key.curve, text, digest);
            assert_int_equal(crypto->sign(&key, input, signature), 0);
            if (signature[0] != 0 && signature[size] != 0)
                continue;
            short_ones++;
            assert_int_equal(
                crypto->verify(&key.public_key, input, ATLS_BYTES(signature, 2 * size)), 0);
        }
        assert_int_equal(short_ones, 3);
    }
}

static void test_every_flipped_bit_is_seen(void **state)
{
    struct atls_private_key key = example_key(0);
    uint8_t digest[ATLS_HASH_MAX], signature[64];
    struct atls_bytes input = digest_of(ATLS_P256, "sample", digest);

    copy_hex(deterministic[0].signature, signature, sizeof signature);
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        test_verdict("signature bit",
                     crypto->verify(&key.public_key, input, ATLS_BYTES(signature, 64)),
                     ATLS_E_SIGNATURE);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * 32; bit += 17) {
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        test_verdict("digest bit",
                     crypto->verify(&key.public_key, input, ATLS_BYTES(signature, 64)),
                     ATLS_E_SIGNATURE);
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* r and s must be in [1, order - 1], whatever they would verify to (SEC 1 section 4.1.4). */
static void test_refuses_signatures(void **state)
{
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char one[] = "0000000000000000000000000000000000000000000000000000000000000001";
    static const char ones[] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    static const struct {
        const char *name, *r, *s;
    } cases[] = {
        {"r = s = 0", zero, zero},
        {"r = 0", zero, one},
        {"s = 0", one, zero},
        {"r = order", P256_ORDER, one},
        {"s = order", one, P256_ORDER},
        {"r = s = order", P256_ORDER, P256_ORDER},
        {"r = s = 2^256 - 1", ones, ones},
        {"r = s = 1", one, one},
        {"to the point at infinity (SEC 1 section 4.1.4, step 6)",
         "28815b9a52dcc43d91fe0e07a91bb000f5f475306723ba5e6392aee8be90ee9c", one}, /* -digest / d */
        {"empty", "", ""},
        {"half", one, ""},
        {"a byte short", one, "00"},
    };
    struct atls_private_key key = example_key(0);
    uint8_t digest[ATLS_HASH_MAX];
    struct atls_bytes input = digest_of(ATLS_P256, "sample", digest);

    for (size_t i = 0; i < COUNT(cases); i++) {
        char hex[200];
        struct atls_bytes signature;

        snprintf(hex, sizeof hex, "%s%s", cases[i].r, cases[i].s);
        signature = test_hex(hex);
        test_verdict(cases[i].name, crypto->verify(&key.public_key, input, signature),
                     ATLS_E_SIGNATURE);
        test_vector_free(signature);
    }
}

#define P384_ORDER_HEAD                                                                            \
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"                             \
    "581a0db248b0a77aecec196accc529"

/* A private key, or a nonce, is in [1, order - 1] (SEC 1 section 3.2.1). */
static void test_scalars(void **state)
{
    static const struct {
        const char *name, *hex;
        bool in_range;
    } cases[] = {
        {"P-256: 0", "0000000000000000000000000000000000000000000000000000000000000000", false},
        {"P-256: 1", "0000000000000000000000000000000000000000000000000000000000000001", true},
        {"P-256: 2^248", "0100000000000000000000000000000000000000000000000000000000000000", true},
        {"P-256: order - 1", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
         true},
        {"P-256: order", P256_ORDER, false},
        {"P-256: order + 1", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
         false},
        {"P-384: order - 1", P384_ORDER_HEAD "72", true},
        {"P-384: order", P384_ORDER_HEAD "73", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct atls_bytes number = test_hex(cases[i].hex);
        enum atls_curve curve = number.size == 48 ? ATLS_P384 : ATLS_P256;

        assert_int_equal(number.size, atls_curve_size(curve));
        if (atls_scalar_in_range(curve, number.data) != cases[i].in_range)
            fail_msg("%s: expected that it is %sin range", cases[i].name,
                     cases[i].in_range ? "" : "not ");
        test_vector_free(number);
    }
}

/* RFC 9053 section 7.1.1: a point that is not on its curve is no key. */
static void test_refuses_points(void **state)
{
    uint8_t digest[ATLS_HASH_MAX], signature[64];
    struct atls_bytes input = digest_of(ATLS_P256, "sample", digest);

    copy_hex(deterministic[0].signature, signature, sizeof signature);
    for (unsigned i = 0; i < 5; i++) {
        struct atls_public_key key = example_key(0).public_key;

        if (i == 0)
            key.y[31] ^= 1;
        else if (i == 1)
            memset(key.x, 0, sizeof key.x), memset(key.y, 0, sizeof key.y);
        else if (i == 2)
            memset(key.x, 0xff, 32);
        else if (i == 3)
            memset(key.y, 0xff, 32);
        else
            memset(key.x, 0, 32), memset(key.y, 0, 32), key.x[31] = 1;
        test_verdict("point", crypto->verify(&key, input, ATLS_BYTES(signature, 64)),
                     ATLS_E_MALFORMED);
        test_verdict("point alone", crypto->check_point(&key), ATLS_E_MALFORMED);
    }
    for (unsigned i = 0; i < 3; i += 2) {
        struct atls_public_key key = example_key(i).public_key;

        test_verdict("good point", crypto->check_point(&key), 0);
        key.y[key.curve == ATLS_P384 ? 47 : 31] ^= 1;
        test_verdict("point beside the curve", crypto->check_point(&key), ATLS_E_MALFORMED);
    }
}

static void test_refuses_other_digests(void **state)
{
    struct atls_private_key small = example_key(0), large = example_key(2);
    uint8_t digest[ATLS_HASH_MAX] = {0}, signature[ATLS_SIGNATURE_MAX] = {0};

    assert_int_equal(crypto->sign(&small, ATLS_BYTES(digest, 48), signature), -EINVAL);
    assert_int_equal(crypto->sign(&small, ATLS_BYTES(digest, 0), signature), -EINVAL);
    assert_int_equal(crypto->sign(&large, ATLS_BYTES(digest, 32), signature), -EINVAL);
    assert_int_equal(
        crypto->verify(&small.public_key, ATLS_BYTES(digest, 20), ATLS_BYTES(signature, 64)),
        -EINVAL);
}

/* RFC 9053 section 2.1: r and s, each of the curve's size. What begins with a good signature, or is
 * the beginning of one, is none. */
static void test_refuses_other_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 32, 63, 65, 96, 128};
    uint8_t digest[ATLS_HASH_MAX], signature[128] = {0};
    struct atls_bytes input = digest_of(ATLS_P256, "sample", digest);
    struct atls_public_key key = example_key(0).public_key;

    copy_hex(deterministic[0].signature, signature, 64);
    assert_int_equal(crypto->verify(&key, input, ATLS_BYTES(signature, 64)), 0);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        test_verdict("size", crypto->verify(&key, input, ATLS_BYTES(signature, sizes[i])),
                     ATLS_E_SIGNATURE);
        assert_non_null(strstr(atls_error_text(), "expected 64 bytes"));
    }
}

static void test_other_keys_do_not_verify(void **state)
{
    struct atls_private_key key = example_key(0), other;
    uint8_t digest[ATLS_HASH_MAX], signature[64];
    struct atls_bytes input = digest_of(ATLS_P256, "sample", digest);

    copy_hex(deterministic[0].signature, signature, sizeof signature);
    assert_int_equal(crypto->make_key(ATLS_P256, NULL, &other), 0);
    assert_false(atls_public_key_equal(&key.public_key, &other.public_key));
    test_verdict("other key", crypto->verify(&other.public_key, input, ATLS_BYTES(signature, 64)),
                 ATLS_E_SIGNATURE);
}

/* FIPS 180-4 examples, whole and in pieces; RFC 4231 test case 2. */
static void test_hashes(void **state)
{
    static const struct {
        enum atls_hash hash;
        const char *digest;
    } hashes[] = {
        {ATLS_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {ATLS_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                      "8086072ba1e7cc2358baeca134c825a7"},
        {ATLS_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };
    const struct atls_bytes whole[] = {atls_bytes_of_text("abc")};
    const struct atls_bytes pieces[] = {ATLS_BYTES(NULL, 0), atls_bytes_of_text("a"),
                                        ATLS_BYTES("", 0), atls_bytes_of_text("bc")};
    const struct atls_bytes text[] = {atls_bytes_of_text("what do ya want "),
                                      atls_bytes_of_text("for nothing?")};
    uint8_t digest[ATLS_HASH_MAX], expected[ATLS_HASH_MAX];

    for (size_t i = 0; i < COUNT(hashes); i++) {
        size_t size = atls_hash_size(hashes[i].hash);

        copy_hex(hashes[i].digest, expected, size);
        assert_int_equal(crypto->hash(hashes[i].hash, whole, 1, digest), 0);
        assert_memory_equal(digest, expected, size);
        memset(digest, 0, sizeof digest);
        assert_int_equal(crypto->hash(hashes[i].hash, pieces, COUNT(pieces), digest), 0);
        assert_memory_equal(digest, expected, size);
    }
    copy_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", expected, 32);
    assert_int_equal(crypto->hmac(atls_bytes_of_text("Jefe"), text, COUNT(text), digest), 0);
    assert_memory_equal(digest, expected, 32);
}

static void test_random_bytes_differ(void **state)
{
    uint8_t a[32] = {0}, b[32] = {0};

    assert_int_equal(crypto->random(a, sizeof a), 0);
    assert_int_equal(crypto->random(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
}

/* A seed must make the same keys for ever and in every adapter: values of another implementation
 * (Python's hmac and cryptography). */
static void test_keys_of_a_seed(void **state)
{
    static const struct {
        enum atls_curve curve;
        const char *d, *x, *y;
    } keys[] = {
        {ATLS_P256, "bc848b7a003df8070866092898f588ec83effcc6f424328cd39fd2dc601ec956",
         "8976d088df00cc5d9a50d62e5ffa60363cecb7e0d3f638fbf4d4bb294eac1a7a",
         "ae317e7c8697b2b33accf2af50c47e3834763763fd0bad5a518a7195423566bb"},
        {ATLS_P384,
         "caad3b53c0786bd8d1a8dbfd8ecde9690e66c3c1d13e2b6c99d9293f9a802b19"
         "76bef2fa5512289ba1346960d703ab67",
         "c0380c2256ac1a0942cf58e1617c03c12b86c34f54855fe9438b7ed297cf722b"
         "b360860cdefbcfaaf49a27b507fe677c",
         "d6ff3c22ef9789e2cf1a9768c74a183ff25ae232c18d14a73db62f4fe156836c"
         "8727bba824f2ebd8ab8f076dbacb250d"},
    };
    uint8_t seed[32], scalar[ATLS_COORDINATE_MAX];

    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)i;
    for (size_t i = 0; i < COUNT(keys); i++) {
        size_t size = atls_curve_size(keys[i].curve);
        uint8_t expected[ATLS_COORDINATE_MAX];
        struct atls_private_key key;

        assert_int_equal(crypto->make_key(keys[i].curve, seed, &key), 0);
        assert_int_equal(key.public_key.curve, keys[i].curve);
        copy_hex(keys[i].d, expected, size);
        assert_memory_equal(key.d, expected, size);
        assert_int_equal(atls_key_candidate(crypto, keys[i].curve, seed, 0, scalar), 0);
        assert_memory_equal(scalar, expected, size);
        assert_int_equal(atls_key_candidate(crypto, keys[i].curve, seed, 1, scalar), 0);
        assert_memory_not_equal(scalar, expected, size);
        copy_hex(keys[i].x, expected, size);
        assert_memory_equal(key.public_key.x, expected, size);
        copy_hex(keys[i].y, expected, size);
        assert_memory_equal(key.public_key.y, expected, size);
    }
}

static void test_made_keys_sign(void **state)
{
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};

    for (size_t i = 0; i < 20; i++) {
        uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX], of_host[ATLS_SIGNATURE_MAX];
        struct atls_private_key key;
        struct atls_bytes input;

        assert_int_equal(crypto->make_key(curves[i % 2], NULL, &key), 0);
        input = digest_of(curves[i % 2], "text", digest);
        assert_int_equal(crypto->sign(&key, input, signature), 0);
        test_verdict("made key",
                     crypto->verify(&key.public_key, input,
                                    ATLS_BYTES(signature, 2 * atls_curve_size(curves[i % 2]))),
                     0);
        /* whichever adapter made it */
        assert_int_equal(atls_crypto_gnutls.sign(&key, input, of_host), 0);
        assert_memory_equal(signature, of_host, 2 * atls_curve_size(curves[i % 2]));
    }
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

static bool refuse_some(struct atls_private_key *key)
{
    static const uint8_t nothing[ATLS_COORDINATE_MAX] = {0};

    assert_int_equal(key->public_key.curve, ATLS_P384);
    assert_memory_equal(key->public_key.x, nothing, sizeof nothing);
    assert_memory_equal(key->public_key.y, nothing, sizeof nothing);
    memset(key->public_key.x, 0xff, sizeof key->public_key.x);
    memset(key->public_key.y, 0xff, sizeof key->public_key.y);
    return asked++ == refusals;
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

    large = example_key(2);
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

#ifndef ATLS_TEST_BEARSSL
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
#endif

static void test_sizes(void **state)
{
    struct atls_public_key a = example_key(0).public_key, b = a;

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
        cmocka_unit_test(test_deterministic_signatures),
        cmocka_unit_test(test_signatures_keep_their_size),
        cmocka_unit_test(test_every_flipped_bit_is_seen),
        cmocka_unit_test(test_refuses_signatures),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_refuses_points),
        cmocka_unit_test(test_refuses_other_digests),
        cmocka_unit_test(test_refuses_other_sizes),
        cmocka_unit_test(test_other_keys_do_not_verify),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_keys_of_a_seed),
        cmocka_unit_test(test_made_keys_sign),
        cmocka_unit_test(test_candidate_passes_errors_on),
        cmocka_unit_test(test_candidate_has_blocks),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_spki),
        cmocka_unit_test(test_spki_refusals),
#ifndef ATLS_TEST_BEARSSL
        cmocka_unit_test(test_signatures_of_der),
#endif
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
