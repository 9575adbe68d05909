/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binders against known answers: those of binders.json (SHA-256), and for SHA-384 and for readings
 * that it does not have values computed with Python's hashlib and hmac. Each wrong reading must
 * give another value than the right one.
 */
#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "rats/test/test-table.h"
#include "tls/profiles/profile.h"
#include "tls/wire/binder.h"
#include "tls/wire/test-rfc8448.h"
#include "tls/wire/transcript.h"

static json_t *known; /* binders.json */

static struct atls_bytes known_bytes(const char *object, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(known, object), name));

    assert_non_null(text);
    return test_hex(text);
}

static void expect(const char *object, const char *name, const uint8_t *came)
{
    struct atls_bytes value = known_bytes(object, name);

    test_same_bytes(ATLS_BYTES(came, value.size), value);
    test_vector_free(value);
}

static void expect_hex(const uint8_t *came, const char *hex)
{
    struct atls_bytes value = test_bytes(hex);

    test_same_bytes(ATLS_BYTES(came, value.size), value);
    test_vector_free(value);
}

/* What every case starts from; SHA-384 has made-up secrets of its own size. */
static struct inputs {
    enum atls_hash hash;
    struct atls_bytes handshake_secret, transcript_hash, spki, count_8, psk;
} sha256, sha384;
static uint8_t counted[256];

static void key_schedule(void **state)
{
    uint8_t secret[ATLS_HASH_MAX], digest[ATLS_HASH_MAX];
    struct atls_transcript t;
    struct atls_bytes hello = test_hex(RFC8448_CLIENT_HELLO),
                      answer = test_hex(RFC8448_SERVER_HELLO);

    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    assert_int_equal(atls_transcript_add(&t, 1, ATLS_BYTES(hello.data + 4, hello.size - 4)), 0);
    assert_int_equal(atls_transcript_add(&t, 2, ATLS_BYTES(answer.data + 4, answer.size - 4)), 0);
    assert_int_equal(atls_transcript_hash_hellos(&t, &atls_crypto_hosted, 0, digest), 0);
    expect("rfc8448", "transcript_hash_ch_sh", digest);
    assert_int_equal(atls_derive_secret(ATLS_SHA256, sha256.handshake_secret, "c hs traffic",
                                        ATLS_BYTES(digest, 32), secret),
                     0);
    expect("rfc8448", "client_handshake_traffic_secret", secret);
    assert_int_equal(atls_tls_exporter(&atls_crypto_hosted, ATLS_SHA256, sha256.handshake_secret,
                                       "EXPORTER-cmw-attestation", sha256.count_8, secret, 32),
                     0);
    expect_hex(secret, "789b53c0812962d7ec44de38cfed52f016ac309ada7c5d7a2a6b43ba5bb9ff2b");
    assert_int_equal(atls_tls_exporter(&atls_crypto_hosted, ATLS_SHA384, sha384.handshake_secret,
                                       "EXPORTER-cmw-attestation", sha384.count_8, secret, 32),
                     0);
    expect_hex(secret, "2012e573c8cdd42373b2762d20076bbd6c534fb72ae2b092ed6f2004cb42bb89");
    atls_transcript_clear(&t);
    test_vector_free(hello);
    test_vector_free(answer);
}

static void hmacs(void **state)
{
    struct atls_bytes key = atls_bytes_of_text("Jefe"),
                      data = atls_bytes_of_text("what do ya want for nothing?");
    uint8_t mac[ATLS_HASH_MAX];

    assert_int_equal(atls_hmac(ATLS_SHA256, key, data, mac), 0); /* RFC 4231 section 4.3 */
    expect_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(atls_hmac(ATLS_SHA384, key, data, mac), 0);
    expect_hex(mac, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                    "8e2240ca5e69e2c78b3239ecfab21649");
}

static void handshake_exporter_as_known(void **state)
{
    uint8_t secret[ATLS_HASH_MAX], derived[ATLS_HASH_MAX], empty[ATLS_HASH_MAX];

    assert_int_equal(atls_ta07_handshake_exporter_secret(ATLS_SHA256, sha256.handshake_secret,
                                                         sha256.transcript_hash, secret),
                     0);
    expect("tls_attestation_07", "handshake_exporter_secret", secret);
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, NULL, 0, empty), 0);
    assert_int_equal(atls_derive_secret(ATLS_SHA256, ATLS_BYTES(secret, 32), "attestation-binder",
                                        ATLS_BYTES(empty, 32), derived),
                     0);
    expect("tls_attestation_07", "derive_secret_attestation_binder", derived);
    assert_int_equal(atls_ta07_handshake_exporter_secret(ATLS_SHA384, sha384.handshake_secret,
                                                         sha384.transcript_hash, secret),
                     0);
    expect_hex(secret, "383a65a237267cfcf3990a1586a47a9b6567c71f381d4c8c1d541b29cdec939ac3332c56"
                       "e107b620b538e369627f9549");
}

/* A length other than the nonce's is the advertised one: it changes the value, not only its end. */
static void ta07_binders_as_known(void **state) /* R-TA-13 */
{
    json_t *rows = json_object_get(json_object_get(known, "tls_attestation_07"), "binder"), *row;
    size_t i;

    assert_int_equal(json_array_size(rows), 3);
    json_array_foreach(rows, i, row)
    {
        struct atls_bytes nonce = test_hex(json_string_value(json_object_get(row, "nonce")));
        struct atls_bytes value = test_hex(json_string_value(json_object_get(row, "value")));
        struct atls_ta07_reading reading = {
            .advertised_size = (size_t)json_integer_value(json_object_get(row, "length"))};
        uint8_t binder[ATLS_TA07_BINDER_MAX], other[ATLS_TA07_BINDER_MAX];
        size_t size;

        if (reading.advertised_size != nonce.size)
            reading.length = ATLS_TA07_ADVERTISED_SIZE;
        assert_int_equal(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, &reading,
                                          sha256.handshake_secret, sha256.transcript_hash, nonce,
                                          binder, &size),
                         0);
        test_same_bytes(ATLS_BYTES(binder, size), value);
        reading.secret = ATLS_TA07_HANDSHAKE_SECRET;
        assert_int_equal(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, &reading,
                                          sha256.handshake_secret, sha256.transcript_hash, nonce,
                                          other, &size),
                         0);
        assert_memory_not_equal(binder, other, value.size);
        reading.length = ATLS_TA07_ADVERTISED_SIZE;
        reading.secret = ATLS_TA07_HANDSHAKE_EXPORTER_SECRET;
        reading.advertised_size = value.size + 1;
        assert_int_equal(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, &reading,
                                          sha256.handshake_secret, sha256.transcript_hash, nonce,
                                          other, &size),
                         0);
        assert_int_equal(size, value.size + 1);
        assert_memory_not_equal(binder, other, value.size);
        test_vector_free(nonce);
        test_vector_free(value);
    }
}

static const struct ta07_row {
    const char *name;
    const struct inputs *in;
    size_t nonce_size;
    struct atls_ta07_reading reading;
    const char *binder;
} ta07_rows[] = {
    {"SHA-256, nonce of 32, prose",
     &sha256,
     32,
     {.secret = ATLS_TA07_HANDSHAKE_SECRET},
     "03192f146279925d349dd07c933b0ab91071fc4386703951b0780dc8cc285f85"},
    {"SHA-256, nonce of 8, advertised 64",
     &sha256,
     8,
     {.length = ATLS_TA07_ADVERTISED_SIZE, .advertised_size = 64},
     "e67c3cf47ab170e1b971654faac0b686f8e5584c3f147046142b1d8024b8f8b7"
     "01494537438f0fad76876cf58400b66a532d2013795bd81ea97ddf83b846fdf8"},
    {"SHA-384, nonce of 8", &sha384, 8, {0}, "ce4e2a75972f2191"},
    {"SHA-384, nonce of 32",
     &sha384,
     32,
     {0},
     "4ee9fa58e5926eab6bf1234db4fa56bcfb8630da6f4f6dac361a74e311b74214"},
    {"SHA-384, nonce of 8, advertised 64",
     &sha384,
     8,
     {.length = ATLS_TA07_ADVERTISED_SIZE, .advertised_size = 64},
     "f0e988e2004b0cd957a42d1db781c1ccf959b2155152e806232f0a9515f6adf2"
     "8f9fc9a9e0342dc8496cfd6b7bfa9e67d17fa341119cdb94a4c57a298ca83871"},
    {"SHA-384, nonce of 32, prose",
     &sha384,
     32,
     {.secret = ATLS_TA07_HANDSHAKE_SECRET},
     "cc2e716de330366806a382c604510d592de921a07aee257704f4f68ba22cb545"},
};

static void ta07_binders_computed(void **state)
{
    const struct ta07_row *row = *state;
    uint8_t binder[ATLS_TA07_BINDER_MAX];
    struct atls_bytes value = test_bytes(row->binder);
    size_t size;

    assert_int_equal(atls_ta07_binder(&atls_crypto_hosted, row->in->hash, &row->reading,
                                      row->in->handshake_secret, row->in->transcript_hash,
                                      ATLS_BYTES(counted, row->nonce_size), binder, &size),
                     0);
    test_same_bytes(ATLS_BYTES(binder, size), value);
    test_vector_free(value);
}

/* R-SE-10. */
static void seat_as_known(void **state) /* R-SE-10 */
{
    uint8_t base[ATLS_HASH_MAX], binder[ATLS_HASH_MAX], twice[ATLS_HASH_MAX], other[ATLS_HASH_MAX];
    struct atls_bytes spki = known_bytes("seat_early_attestation", "spki");

    assert_int_equal(atls_seat_attest_base(ATLS_SHA256, sha256.transcript_hash, base), 0);
    expect("seat_early_attestation", "attest_base", base);
    assert_int_equal(
        atls_public_key_hash(&atls_crypto_hosted, ATLS_SHA256, ATLS_EXPAT_SPKI, spki, other), 0);
    expect("seat_early_attestation", "spki_hash", other);
    assert_int_equal(atls_seat_binder(&atls_crypto_hosted, ATLS_SHA256, ATLS_BYTES(base, 32), spki,
                                      ATLS_SEAT_SHARED, binder),
                     0);
    expect("seat_early_attestation", "binder", binder);

    /* The transcript hash hashed again, as a Derive-Secret that takes messages would. */
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &sha256.transcript_hash, 1, twice), 0);
    assert_int_equal(atls_seat_attest_base(ATLS_SHA256, ATLS_BYTES(twice, 32), other), 0);
    expect("seat_early_attestation", "wrong_base_if_hashed_twice", other);
    assert_memory_not_equal(base, other, 32);
    assert_int_equal(atls_seat_binder(&atls_crypto_hosted, ATLS_SHA256, ATLS_BYTES(other, 32), spki,
                                      ATLS_SEAT_SHARED, other),
                     0);
    assert_memory_not_equal(binder, other, 32);
    test_vector_free(spki);
}

static void seat_sha384(void **state)
{
    uint8_t base[ATLS_HASH_MAX], binder[ATLS_HASH_MAX];

    assert_int_equal(atls_seat_attest_base(ATLS_SHA384, sha384.transcript_hash, base), 0);
    expect_hex(base, "c04eee913548d760f276fbc582593114e32422e3f03f6fcb5fc14ac930d006e6bbb48e13"
                     "ded8376bd830ce46340877e1");
    assert_int_equal(atls_seat_binder(&atls_crypto_hosted, ATLS_SHA384, ATLS_BYTES(base, 48),
                                      sha384.spki, ATLS_SEAT_SHARED, binder),
                     0);
    expect_hex(binder, "10b33a1be4ef71a57097f250178f857410a569cf9482353cd9ef9f6c94fa6d13c0b86067"
                       "8ad941847326e316728e6f78");
}

/* H9: separate binders are those of their own labels, and neither is the shared one. */
static void seat_roles(void **state)
{
    static const char *const labels[] = {"attestation", "attestation client", "attestation server"};
    uint8_t base[ATLS_HASH_MAX], binder[COUNT(labels)][ATLS_HASH_MAX], expected[ATLS_HASH_MAX];
    uint8_t digest[ATLS_HASH_MAX];

    assert_int_equal(atls_seat_attest_base(ATLS_SHA256, sha256.transcript_hash, base), 0);
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &sha256.spki, 1, digest), 0);
    for (unsigned i = 0; i < COUNT(labels); i++) {
        assert_int_equal(atls_seat_binder(&atls_crypto_hosted, ATLS_SHA256, ATLS_BYTES(base, 32),
                                          sha256.spki, (enum atls_seat_role)i, binder[i]),
                         0);
        assert_int_equal(atls_hkdf_expand_label(ATLS_SHA256, ATLS_BYTES(base, 32), labels[i],
                                                ATLS_BYTES(digest, 32), expected, 32),
                         0);
        assert_memory_equal(binder[i], expected, 32);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(binder[i], binder[j], 32);
    }
}

/* Every reading of a HelloRetryRequest is another binder (H5); the same key on both sides is not
 * (H9). */
static void seat_readings(void **state)
{
    static const char *const messages[] = {RFC8448_RETRY_CLIENT_HELLO_1, RFC8448_RETRY_REQUEST,
                                           RFC8448_RETRY_CLIENT_HELLO_2,
                                           RFC8448_RETRY_SERVER_HELLO};
    uint8_t binder[ATLS_RETRY_COUNT][ATLS_HASH_MAX], digest[ATLS_HASH_MAX], base[ATLS_HASH_MAX];
    struct atls_transcript t;

    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct atls_bytes m = test_hex(messages[i]);

        assert_int_equal(atls_transcript_add(&t, m.data[0], ATLS_BYTES(m.data + 4, m.size - 4)), 0);
        test_vector_free(m);
    }
    for (int i = 0; i < ATLS_RETRY_COUNT; i++) {
        assert_int_equal(
            atls_transcript_hash_hellos(&t, &atls_crypto_hosted, (enum atls_hello_retry)i, digest),
            0);
        assert_int_equal(atls_seat_attest_base(ATLS_SHA256, ATLS_BYTES(digest, 32), base), 0);
        assert_int_equal(atls_seat_binder(&atls_crypto_hosted, ATLS_SHA256, ATLS_BYTES(base, 32),
                                          sha256.spki, ATLS_SEAT_SHARED, binder[i]),
                         0);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(binder[i], binder[j], 32);
    }
    atls_transcript_clear(&t);
}

/* The values of R-EX-12 and R-EX-13. */
static const struct expat_row {
    const char *name;
    const struct inputs *in;
    enum atls_expat_key key;
    const char *in_file; /* its name in binders.json */
    const char *binding, *key_hash;
} expat_rows[] = {
    {"SHA-256, SPKI", &sha256, ATLS_EXPAT_SPKI, "binding_spki_reading",
     "9bea7d09340ba04b0886cb9093971fe3c04098ed4e05923ea93a2c59719af9f5",
     "8adb14e36e119e135ae4d679efd9cd5e1f4c6a0a3e2aea89c59008fd09e89066"},
    {"SHA-256, raw point", &sha256, ATLS_EXPAT_RAW_POINT, "binding_raw_point_reading",
     "c9ed1e76e5e218fa21c9337188eab9a0770a55a10a29da24bc7d71fa63df7db6",
     "5b1e7ab568eabd9c270245e183d10c80a526e25f980904d96f7440342a7398c3"},
    {"SHA-256, COSE_Key", &sha256, ATLS_EXPAT_COSE_KEY, NULL,
     "a7cbf2b547985d4bcd4eedb2fcc14a5d3c3380afbfd37b84047da6c36dc8700b", NULL},
    {"SHA-384, SPKI", &sha384, ATLS_EXPAT_SPKI, NULL,
     "9ae6fdd881d90d8a914647d6d124a97d9079a0ccc763b7fc72acdfb24ed1d6c798ae535924d5282f9cf4654b4ac8"
     "9cb7",
     "bbf4688c9739885849b2b9d63c97e1d881899ff3163d0d1dba16e8829a9f40bfa1978267b84d1153f0b636a2840f"
     "6aff"},
    {"SHA-384, raw point", &sha384, ATLS_EXPAT_RAW_POINT, NULL,
     "6ccb9562615eda89890ec6bd8eff84974787708d657b3e8689e4dfccdd7c0cc647b38f1164083077010fa7201b66"
     "f359",
     "4ebcf683737d8f5c8487943bcca9e3d449602da95eef0409ab41fea22ad0ba65a696349039ada830031601330746"
     "23ec"},
    {"SHA-384, COSE_Key", &sha384, ATLS_EXPAT_COSE_KEY, NULL,
     "b73c7112272358946b15ded93271f6e8c8d7849286067ab2ed5426344453135e433270c44159e7498501b56f6490"
     "f8d9",
     NULL},
};

static void expat_bindings(void **state) /* R-EX-12 */
{
    const struct expat_row *row = *state;
    struct atls_bytes exported = known_bytes("seat_expat", "exported_value"),
                      spki = known_bytes("seat_expat", "spki");
    uint8_t binding[ATLS_HASH_MAX];

    assert_int_equal(
        atls_expat_binding(&atls_crypto_hosted, row->in->hash, row->key, spki, exported, binding),
        0);
    expect_hex(binding, row->binding);
    if (row->in_file)
        expect("seat_expat", row->in_file, binding);
    if (row->key_hash) {
        assert_int_equal(
            atls_public_key_hash(&atls_crypto_hosted, row->in->hash, row->key, spki, binding), 0);
        expect_hex(binding, row->key_hash);
    }
    assert_int_equal(atls_expat_binding(&atls_crypto_hosted, row->in->hash, row->key, spki,
                                        ATLS_BYTES(exported.data, 31), binding),
                     -EINVAL);
    test_outcome(atls_expat_binding(&atls_crypto_hosted, row->in->hash, row->key,
                                    ATLS_BYTES(spki.data, 90), exported, binding),
                 row->key == ATLS_EXPAT_SPKI ? 0 : ATLS_E_MALFORMED, NULL);
    test_outcome(atls_expat_binding(&atls_crypto_hosted, row->in->hash, row->key,
                                    ATLS_BYTES(NULL, 0), exported, binding),
                 ATLS_E_MALFORMED, NULL);
    test_vector_free(exported);
    test_vector_free(spki);
}

/* Each label is another exported value, thus another binding (H7). */
static void expat_labels(void **state)
{
    static const char *const labels[] = {"EXPORTER-cmw-attestation", "Attestation",
                                         "Attestation Binding"};
    uint8_t values[COUNT(labels)][ATLS_EXPAT_EXPORTED_SIZE];

    for (unsigned i = 0; i < COUNT(labels); i++) {
        assert_string_equal(atls_expat_label_text((enum atls_expat_label)i), labels[i]);
        assert_int_equal(atls_tls_exporter(&atls_crypto_hosted, ATLS_SHA256,
                                           sha256.handshake_secret,
                                           atls_expat_label_text((enum atls_expat_label)i),
                                           sha256.count_8, values[i], sizeof values[i]),
                         0);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(values[i], values[j], sizeof values[i]);
    }
}

static const struct ta04_row {
    const char *name;
    const struct inputs *in;
    bool psk;
    const char *binder;
} ta04_rows[] = {
    {"SHA-256, no PSK", &sha256, false,
     "8432144ccbb5851c803ed86cc8749691c9c0a859e2f3bf87029f7b1a05039942"},
    {"SHA-256, PSK", &sha256, true,
     "e288d4afe805289fe176a692f107e9409dda499ddd13e483560f3b1e5d2eb8f7"},
    {"SHA-384, no PSK", &sha384, false,
     "7a73fef0bd440dcaabac9aca47890975e390fc9ed5cab1cbeeea72fde7ae5c54"},
    {"SHA-384, PSK", &sha384, true,
     "d3368de67f7f77e1736f5d10c8de4aa6a92ff4048594ff438c9e89252396b835"},
};

static void early_exporter(void **state)
{
    const struct ta04_row *row = *state;
    uint8_t binder[ATLS_TA04_BINDER_SIZE];

    assert_int_equal(atls_ta04_channel_binder(&atls_crypto_hosted, row->in->hash,
                                              row->psk ? row->in->psk : ATLS_BYTES(NULL, 0),
                                              row->in->transcript_hash, binder),
                     0);
    expect_hex(binder, row->binder);
}

static void challenges(void **state)
{
    uint8_t digest[ATLS_HASH_MAX], map[ATLS_TA03_MAP_MAX];
    struct atls_bytes written;

    for (int i = 0; i < 2; i++) {
        const struct inputs *in = i ? &sha384 : &sha256;
        struct atls_bytes fingerprint = ATLS_BYTES(digest, atls_hash_size(in->hash));

        assert_int_equal(
            atls_public_key_hash(&atls_crypto_hosted, in->hash, ATLS_EXPAT_SPKI, in->spki, digest),
            0);
        assert_int_equal(
            atls_ta03_challenge_map(in->count_8, fingerprint, in->transcript_hash, map, &written),
            0);
        if (!i)
            expect_hex(map, "a3014800010203040506070258208adb14e36e119e135ae4d679efd9cd5e1f4c6a0a"
                            "3e2aea89c59008fd09e89066035820860c06edc07858ee8e78f0e7428c58edd6b43f"
                            "2ca3e6e95f02ed063cf0e1cad8");
        assert_int_equal(atls_ta03_challenge(&atls_crypto_hosted, in->hash, in->count_8,
                                             fingerprint, in->transcript_hash, digest),
                         0);
        expect_hex(digest, i ? "e1ea18def6f631575a608f7a3fc8ed799d0edc68f27e8a2aa7d6d2b44a5de5ebb8"
                               "55e1ffd9765dde9b1a8054ebdef19f"
                             : "fcb207bffc376292cf2787ec994b6592525beb29324b168ca40952e4ffbed7bb");
    }
}

/* RFC 9711 section 4.1: evidence answers 64 bytes at most, be they a binder or the nonce itself. */
static const struct bind_row {
    const char *name;
    const struct atls_profile *profile;
    unsigned of_nonce; /* H27 */
    size_t nonce;
    bool has_answer; /* a ServerHello came */
    int outcome;
    const char *clause;
} bind_rows[] = {
    {"a binder of 8", &atls_profile_ta_07, 0, 8, true, 0, NULL},
    {"a binder of 64", &atls_profile_ta_07, 0, 64, true, 0, NULL},
    {"a binder of 65", &atls_profile_ta_07, 0, 65, true, ATLS_E_LIMIT, "RFC 9711 section 4.1"},
    {"no ServerHello", &atls_profile_ta_07, 0, 8, false, ATLS_E_MISSING, "RFC 8446 section 4.4.1"},
    {"no nonce", &atls_profile_ta_07, 1, 0, true, ATLS_E_MISSING, "RFC 9711 section 4.1"},
    {"a nonce of 1", &atls_profile_ta_07, 1, 1, true, 0, NULL},
    {"a nonce of 64", &atls_profile_ta_07, 1, 64, true, 0, NULL},
    {"a nonce of 65", &atls_profile_ta_07, 1, 65, true, ATLS_E_LIMIT, "RFC 9711 section 4.1"},
    {"seat-06", &atls_profile_seat_06, 0, 0, true, 0, NULL},
    {"seat-06 without ServerHello", &atls_profile_seat_06, 0, 0, false, ATLS_E_MISSING,
     "RFC 8446 section 4.4.1"},
};

static void profiles_bind(void **state)
{
    const struct bind_row *row = *state;
    struct atls_bytes hello = test_hex(RFC8448_CLIENT_HELLO),
                      answer = test_hex(RFC8448_SERVER_HELLO);
    const struct atls_variants variants = {.certificate_challenge = row->of_nonce};
    struct atls_transcript t;
    const struct atls_binding binding = {.transcript = &t,
                                         .variants = &variants,
                                         .attester = ATLS_SERVER,
                                         .spki = sha256.spki,
                                         .nonce = ATLS_BYTES(counted, row->nonce),
                                         .handshake_secret = sha256.handshake_secret};
    uint8_t challenge[ATLS_BINDER_MAX], binder[ATLS_TA07_BINDER_MAX];
    size_t size, expected = row->nonce;

    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    assert_int_equal(atls_transcript_add(&t, 1, ATLS_BYTES(hello.data + 4, hello.size - 4)), 0);
    if (row->has_answer)
        assert_int_equal(atls_transcript_add(&t, 2, ATLS_BYTES(answer.data + 4, answer.size - 4)),
                         0);
    test_outcome(row->profile->bind(&binding, challenge, &size), row->outcome, row->clause);
    if (row->outcome == 0 && row->profile == &atls_profile_seat_06) {
        expect("seat_early_attestation", "binder", challenge);
        assert_int_equal(size, 32);
    } else if (row->outcome == 0) {
        if (!row->of_nonce)
            assert_int_equal(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, NULL,
                                              sha256.handshake_secret, sha256.transcript_hash,
                                              binding.nonce, binder, &expected),
                             0);
        test_same_bytes(ATLS_BYTES(challenge, size),
                        row->of_nonce ? binding.nonce : ATLS_BYTES(binder, expected));
    }
    atls_transcript_clear(&t);
    test_vector_free(hello);
    test_vector_free(answer);
}

static const struct challenge_row {
    const char *name;
    size_t nonce, fingerprint, channel_binder;
    int outcome;
} challenge_rows[] = {
    {"smallest", 8, 16, 16, 0},
    {"largest", 64, 64, 64, 0},
    {"nonce of 7", 7, 32, 32, ATLS_E_LIMIT},
    {"nonce of 65", 65, 32, 32, ATLS_E_LIMIT},
    {"fingerprint of 15", 8, 15, 32, ATLS_E_LIMIT},
    {"fingerprint of 65", 8, 65, 32, ATLS_E_LIMIT},
    {"channel binder of 15", 8, 32, 15, ATLS_E_LIMIT},
    {"channel binder of 65", 8, 32, 65, ATLS_E_LIMIT},
};

static void bounds_of_challenges(void **state)
{
    const struct challenge_row *row = *state;
    uint8_t map[ATLS_TA03_MAP_MAX], digest[ATLS_HASH_MAX];
    struct atls_bytes nonce = ATLS_BYTES(counted, row->nonce),
                      fingerprint = ATLS_BYTES(counted, row->fingerprint),
                      channel_binder = ATLS_BYTES(counted, row->channel_binder), written;

    test_outcome(atls_ta03_challenge_map(nonce, fingerprint, channel_binder, map, &written),
                 row->outcome,
                 row->outcome ? "draft-fossati-tls-attestation-03 section 6.2" : NULL);
    test_outcome(atls_ta03_challenge(&atls_crypto_hosted, ATLS_SHA256, nonce, fingerprint,
                                     channel_binder, digest),
                 row->outcome, NULL);
}

static void refuses_other_sizes(void **state)
{
    struct atls_bytes hash_31 = ATLS_BYTES(counted, 31), hash_32 = ATLS_BYTES(counted, 32);
    struct atls_ta07_reading reading = {.length = ATLS_TA07_ADVERTISED_SIZE};
    uint8_t out[255 * 32 + 1], binder[ATLS_TA07_BINDER_MAX];
    char label[251];
    size_t size;

    memset(label, 'x', sizeof label);
    label[250] = '\0';
    assert_int_equal(atls_derive_secret(ATLS_SHA256, hash_31, "x", hash_32, out), -EINVAL);
    assert_int_equal(atls_derive_secret(ATLS_SHA256, hash_32, "x", hash_31, out), -EINVAL);
    assert_int_equal(atls_derive_secret(ATLS_SHA384, hash_32, "x", hash_32, out), -EINVAL);
    assert_int_equal(atls_seat_attest_base(ATLS_SHA384, hash_32, out), -EINVAL);
    assert_int_equal(
        atls_seat_binder(&atls_crypto_hosted, ATLS_SHA256, hash_31, hash_32, ATLS_SEAT_SHARED, out),
        -EINVAL);
    assert_int_equal(atls_seat_binder(&atls_crypto_hosted, ATLS_SHA256, hash_32,
                                      ATLS_BYTES(NULL, 0), ATLS_SEAT_SHARED, out),
                     -EINVAL);
    test_outcome(atls_hkdf_expand_label(ATLS_SHA256, hash_32, label, hash_32, out, 32),
                 ATLS_E_LIMIT, "RFC 8446 section 7.1");
    test_outcome(atls_hkdf_expand_label(ATLS_SHA256, hash_32, label + 1, hash_32, out, 32), 0,
                 NULL);
    test_outcome(
        atls_hkdf_expand_label(ATLS_SHA256, hash_32, "x", ATLS_BYTES(counted, 256), out, 32),
        ATLS_E_LIMIT, NULL);
    test_outcome(
        atls_hkdf_expand_label(ATLS_SHA256, hash_32, "x", ATLS_BYTES(counted, 255), out, 32), 0,
        NULL);
    test_outcome(atls_hkdf_expand_label(ATLS_SHA256, hash_32, "x", hash_32, out, sizeof out),
                 ATLS_E_LIMIT, NULL);
    test_outcome(atls_hkdf_expand_label(ATLS_SHA256, hash_32, "x", hash_32, out, sizeof out - 1), 0,
                 NULL);
    for (reading.advertised_size = 0; reading.advertised_size <= 256;
         reading.advertised_size += 256)
        test_outcome(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, &reading, hash_32, hash_32,
                                      hash_32, binder, &size),
                     ATLS_E_LIMIT, "draft-fossati-tls-attestation-07 section 6.2.1");
    reading.advertised_size = ATLS_TA07_BINDER_MAX;
    test_outcome(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, &reading, hash_32, hash_32,
                                  hash_32, binder, &size),
                 0, NULL);
    test_outcome(atls_ta07_binder(&atls_crypto_hosted, ATLS_SHA256, NULL, hash_32, hash_32,
                                  ATLS_BYTES(NULL, 0), binder, &size),
                 ATLS_E_LIMIT, NULL);
}

static void names_of_variants(void **state)
{
    unsigned value;

    for (unsigned variant = 0; variant < ATLS_VARIANT_COUNT; variant++) {
        const char *name;

        for (unsigned i = 0; (name = atls_variant_name((enum atls_variant)variant, i)); i++) {
            assert_int_equal(atls_variant_parse((enum atls_variant)variant, name, &value), 0);
            assert_int_equal(value, i);
        }
        test_outcome(atls_variant_parse((enum atls_variant)variant, "other", &value),
                     ATLS_E_UNSUPPORTED, NULL);
    }
    assert_null(atls_variant_name(ATLS_VARIANT_COUNT, 0));
    for (unsigned variant = 0; variant < ATLS_VARIANT_COUNT; variant++)
        assert_null(atls_variant_name((enum atls_variant)variant, 4));
}

static void set_up(void)
{
    const char *directory = getenv("ATLS_TESTDATA");
    char path[4096];

    for (size_t i = 0; i < sizeof counted; i++)
        counted[i] = (uint8_t)i;
    snprintf(path, sizeof path, "%s/binders.json", directory ? directory : ".");
    known = json_load_file(path, 0, NULL);
    if (!known) {
        fprintf(stderr, "%s: cannot be read (ATLS_TESTDATA names its directory)\n", path);
        exit(2);
    }
    sha256 = (struct inputs){
        .hash = ATLS_SHA256,
        .handshake_secret = known_bytes("rfc8448", "handshake_secret"),
        .transcript_hash = known_bytes("rfc8448", "transcript_hash_ch_sh"),
        .spki = known_bytes("seat_early_attestation", "spki"),
        .count_8 = ATLS_BYTES(counted, 8),
        .psk = ATLS_BYTES(counted + 0x20, 32),
    };
    sha384 = sha256;
    sha384.hash = ATLS_SHA384;
    sha384.handshake_secret = ATLS_BYTES(counted + 0x40, 48);
    sha384.transcript_hash = ATLS_BYTES(counted + 0x80, 48);
}

int main(void)
{
    static struct test_list list;
    int failed;

    set_up();
    TEST_ADD(&list, key_schedule);
    TEST_ADD(&list, hmacs);
    TEST_ADD(&list, handshake_exporter_as_known);
    TEST_ADD(&list, ta07_binders_as_known);
    TEST_ADD_ROWS(&list, ta07_binders_computed, ta07_rows);
    TEST_ADD(&list, seat_as_known);
    TEST_ADD(&list, seat_sha384);
    TEST_ADD(&list, seat_roles);
    TEST_ADD(&list, seat_readings);
    TEST_ADD_ROWS(&list, expat_bindings, expat_rows);
    TEST_ADD(&list, expat_labels);
    TEST_ADD_ROWS(&list, early_exporter, ta04_rows);
    TEST_ADD_ROWS(&list, profiles_bind, bind_rows);
    TEST_ADD(&list, challenges);
    TEST_ADD_ROWS(&list, bounds_of_challenges, challenge_rows);
    TEST_ADD(&list, refuses_other_sizes);
    TEST_ADD(&list, names_of_variants);
    failed = test_run("binder", &list);
    test_vector_free(sha256.handshake_secret);
    test_vector_free(sha256.transcript_hash);
    test_vector_free(sha256.spki);
    json_decref(known);
    return failed;
}
