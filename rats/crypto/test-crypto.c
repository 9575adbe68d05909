/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of a crypto adapter (of GnuTLS, or with ATLS_TEST_OPENSSL or ATLS_TEST_BEARSSL another) and
 * of what they make of a seed. */
#include <errno.h>

#include "rats/crypto/crypto.h"
#include "rats/test/test-hex.h"

#ifdef ATLS_TEST_BEARSSL
#include "rats/crypto/crypto-bearssl.h"
#define TESTED atls_crypto_bearssl
#elif defined ATLS_TEST_OPENSSL
#include "rats/crypto/ecdsa-openssl.h"
#include <openssl/err.h>
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

/* RFC 6979 section 2.3.4: the digest is taken modulo the order where it is beyond it, for the nonce
 * and for s. Values of another implementation (Python, with cryptography's curves). */
static const struct {
    const char *name;
    size_t key;   /* of deterministic[] */
    bool is_zero; /* modulo the order */
    const char *digest, *signature;
} edges[] = {
    {"0, P-256", 0, true, "0000000000000000000000000000000000000000000000000000000000000000",
     "68897a78df51058b490c6012251c95921abba96e2e488c8cc998942e440db9b7"
     "80587fb387363a1df2c9e83c00f8ca990fc0a55b5e470946499b82ca3b552a87"},
    {"order - 1, P-256", 0, false,
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
     "c675c43e829a5e838be6014515bcc7d82fb8d3053c770d32d322a9e9e35530e7"
     "49996eb95b9f4471484b96cd60fef80a14f6504ed7279e133404a61e1ab8aee5"},
    {"order, P-256", 0, true, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
     "68897a78df51058b490c6012251c95921abba96e2e488c8cc998942e440db9b7"
     "80587fb387363a1df2c9e83c00f8ca990fc0a55b5e470946499b82ca3b552a87"},
    {"order + 1, P-256", 0, false,
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
     "492aa14595fcebaf00d14fe37d582462b0ce38bbe670a245be44ff6fdd0d772d"
     "082b82545bb6902dec6fe354a3921e3efc909325731c3cf906c35c4089e3f860"},
    {"order + 255, P-256", 0, false,
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632650",
     "39840547efb703f9ce8337919a255d88af074a713555eb33b0eddd2b27d93f1e"
     "98efefeea766077c24596091353d96369fe9366de7d619c1131cbdf20eb10fbb"},
    {"all ones, P-256", 0, false,
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "1f2adbc54b88764c279f689fc9505959fc9e73e80dc20889a4e0be91865de75b"
     "9d109b65e2fbfc0ae42ba0b2e5f03670cd458cff4882df6783f3d93d607d1755"},
    {"0, P-384", 2, true,
     "0000000000000000000000000000000000000000000000000000000000000000"
     "00000000000000000000000000000000",
     "2d19392d60736ab6f511a7f4fe4db59b123b333bfb6a87b0b5abbe8bee6e177f"
     "bf42b91125671eb499c00a1e6be0c9b033e7f3906fa618b2c62eb8d638313f71"
     "0f47b86a09d1a47fd38d1856c0dc2a1ca08a00e01a1b684ac13d5e3dbe31ce97"},
    {"order - 1, P-384", 2, false,
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
     "581a0db248b0a77aecec196accc52972",
     "9343bbc6ca594091bfdc6ea2e8de41bd74c63c1d7ef3eac9131ab2afa5da6d95"
     "daec2099ac02bb88bd54825b0cac70a408cbc6f43f4975c42fcb5bb015481528"
     "7d6dc71b9561e882e090c15b9eb78450dee67663b6fbdddea0141a28192cf737"},
    {"order, P-384", 2, true,
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
     "581a0db248b0a77aecec196accc52973",
     "2d19392d60736ab6f511a7f4fe4db59b123b333bfb6a87b0b5abbe8bee6e177f"
     "bf42b91125671eb499c00a1e6be0c9b033e7f3906fa618b2c62eb8d638313f71"
     "0f47b86a09d1a47fd38d1856c0dc2a1ca08a00e01a1b684ac13d5e3dbe31ce97"},
    {"order + 1, P-384", 2, false,
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
     "581a0db248b0a77aecec196accc52974",
     "55120991397fecf4f5bab7a7e7844a2ae09ff02c4193e5f962c7d171650d27d7"
     "8a6d0a401ab6a08a2b50e491c879b6515c0d6bde5b7aa5b1911ff3cbf19d041f"
     "77112937fbb862b5c8e36e05b965166ac6fd5cddffadfb442f791372a70842cd"},
    {"order + 255, P-384", 2, false,
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
     "581a0db248b0a77aecec196accc52a72",
     "5202f5f4e4d9f2eb9f7e6f67d1f6c846a453de6ab976831893479eaf324feb82"
     "68467068a3f0d1b74ba953015c96aacf56a1d8098d5fc307414d6caf491751bd"
     "6af1f4b4f29d8ecafbbafaa4050493d4acddd1e00ab6349a618562d2cb83df19"},
    {"all ones, P-384", 2, false,
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffff",
     "d80ff7df60149e5cedb63fac36c3f0c16c47fbf93d40090804dbbaa45249ba8c"
     "11475f1b5844cdad9e2dd9528077dab8d3e3b8ed8c6bef24339475f39c4223a4"
     "98647c34f90a5ef26f6f6739bd81a8f9b9acf711f6c2a887a18c64ca2bda854e"},
};

static void test_digests_beyond_the_order(void **state)
{
    for (size_t i = 0; i < COUNT(edges); i++) {
        struct atls_private_key key = example_key(edges[i].key);
        uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX], expected[ATLS_SIGNATURE_MAX];
        size_t size = atls_curve_size(key.public_key.curve);

        copy_hex(edges[i].digest, digest, size);
        copy_hex(edges[i].signature, expected, 2 * size);
        test_verdict(edges[i].name, crypto->sign(&key, ATLS_BYTES(digest, size), signature), 0);
        assert_memory_equal(signature, expected, 2 * size);
#ifdef ATLS_TEST_BEARSSL
        /* multiplies by no zero: good signatures of digests that nobody finds are refused */
        int verdict = edges[i].is_zero ? ATLS_E_SIGNATURE : 0;
#else
        int verdict = 0;
#endif
        test_verdict(edges[i].name,
                     crypto->verify(&key.public_key, ATLS_BYTES(digest, size),
                                    ATLS_BYTES(expected, 2 * size)),
                     verdict);
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
#ifdef ATLS_TEST_OPENSSL
        struct atls_private_key key = {.public_key.curve = curve};

        memcpy(key.d, number.data, number.size);
        assert_int_equal(atls_openssl_complete(&key), cases[i].in_range ? 0 : ATLS_E_LIMIT);
#endif
        test_vector_free(number);
    }
}

/* A key outside of that range signs nothing. */
static void test_refuses_private_keys(void **state)
{
    static const char *const scalars[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", P256_ORDER,
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes input = digest_of(ATLS_P256, "sample", digest);

    for (size_t i = 0; i < COUNT(scalars); i++) {
        struct atls_private_key key = example_key(0);

        copy_hex(scalars[i], key.d, 32);
        test_verdict(scalars[i], crypto->sign(&key, input, signature), -EIO);
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
        test_verdict("point, and a signature of another size",
                     crypto->verify(&key, input, ATLS_BYTES(signature, 63)), ATLS_E_MALFORMED);
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
    /* no key and no text, of Python's hmac: a null pointer is no reason to go on with another key
     */
    copy_hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", expected, 32);
    assert_int_equal(crypto->hmac(ATLS_BYTES(NULL, 0), NULL, 0, digest), 0);
    assert_memory_equal(digest, expected, 32);
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

#ifdef ATLS_TEST_OPENSSL
/* A nonce for which s would be 0 is no failure: another one is to be taken (RFC 6979 section 3.2,
 * step h). The digest is -r * d of the first example, whose nonce RFC 6979 gives. */
static void test_a_nonce_that_makes_s_zero(void **state)
{
    struct atls_private_key key = example_key(0);
    uint8_t signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes nonce =
        test_hex("a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60");
    struct atls_bytes digest =
        test_hex("08ee301548cd9aa52ec3f69fd87f9c57bdf20e9f20419649d0e1b6c700f22e78");

    assert_int_equal(atls_openssl_sign(ATLS_P256, key.d, digest, nonce.data, signature),
                     ATLS_E_LIMIT);
    assert_int_equal(ERR_peek_last_error(), 0);
    test_vector_free(digest);
    test_vector_free(nonce);
}

/* What the library says, once: a lack of memory is told from what else it cannot do. */
static void test_library_failures(void **state)
{
    ERR_raise(ERR_LIB_EC, ERR_R_MALLOC_FAILURE);
    assert_int_equal(atls_openssl_fail("ECDSA key"), -ENOMEM);
    assert_string_equal(atls_error_text(), "ECDSA key: malloc failure");
    assert_int_equal(atls_openssl_fail("hash"), -EIO);
    assert_string_equal(atls_error_text(), "hash: OpenSSL does not say why");
    ERR_raise(ERR_LIB_EC, ERR_R_INTERNAL_ERROR);
    assert_int_equal(atls_openssl_fail("HMAC"), -EIO);
    assert_string_equal(atls_error_text(), "HMAC: internal error");
    assert_int_equal(ERR_peek_last_error(), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deterministic_signatures),
        cmocka_unit_test(test_digests_beyond_the_order),
        cmocka_unit_test(test_signatures_keep_their_size),
        cmocka_unit_test(test_every_flipped_bit_is_seen),
        cmocka_unit_test(test_refuses_signatures),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_refuses_private_keys),
        cmocka_unit_test(test_refuses_points),
        cmocka_unit_test(test_refuses_other_digests),
        cmocka_unit_test(test_refuses_other_sizes),
        cmocka_unit_test(test_other_keys_do_not_verify),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_keys_of_a_seed),
        cmocka_unit_test(test_made_keys_sign),
#ifdef ATLS_TEST_OPENSSL
        cmocka_unit_test(test_a_nonce_that_makes_s_zero),
        cmocka_unit_test(test_library_failures),
#endif
    };

    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
