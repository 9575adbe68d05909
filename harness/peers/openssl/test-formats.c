/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of binders and encodings, and what strict readers refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "binder.h"
#include "cbor.h"
#include "device.h"
#include "evidence.h"
#include "result.h"

/* The P-256 key of draft-bft-rats-kat's example, and RFC 8448 section 3 (SHA-256). */
#define SPKI                                                                                       \
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d7cc072de2205bdc1537a543d53c60a6acb62e" \
    "ccd890c7fa27c9e354089bbe13f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120"
#define HANDSHAKE_SECRET "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"
#define HELLOS_HASH "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8"
#define CLIENT_SECRET "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
#define SEAT_BINDER "1f90741f9e9e694ba56f8835439533b84d2b99b4d99de19dbba8d568afd1d1fb"
#define EXPORTED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define EXPAT_BINDING "9bea7d09340ba04b0886cb9093971fe3c04098ed4e05923ea93a2c59719af9f5"
#define KAK                                                                                        \
    "a401022001215820f0fffa7ba35e76e44ca1f5446d327c8382a5a40e5f29745df948346c7c88a5d32258207cb4c4" \
    "873cbb6f097562f61d5280768cd2cfe35fba97e997280dbaaae3af92fe"
#define LINKAGE "5ca3750daf829c30c20797eddb7949b1fd028c5408f2dd8650ad732327e3fb64"

static struct blob unhex(const char *text)
{
    struct blob blob = {NULL, 0, 0};
    assert_int_equal(hex_read(text, &blob), 0);
    return blob;
}

static void assert_hex(const uint8_t *data, size_t size, const char *expected)
{
    char *text = hex_of(BYTES(data, size));
    assert_string_equal(text, expected);
    free(text);
}

static void expand_label(void **state)
{
    struct blob secret = unhex(HANDSHAKE_SECRET), transcript = unhex(HELLOS_HASH);
    uint8_t out[32];
    assert_int_equal(hkdf_expand_label(EVP_sha256(), BLOB_BYTES(secret), "c hs traffic",
                                       BLOB_BYTES(transcript), out, sizeof out),
                     0);
    assert_hex(out, sizeof out, CLIENT_SECRET);
    blob_clear(&secret);
    blob_clear(&transcript);
}

static void binders(void **state)
{
    struct blob transcript = unhex(HELLOS_HASH), spki = unhex(SPKI), exported = unhex(EXPORTED);
    uint8_t out[HASH_MAX];
    size_t size;
    assert_int_equal(
        seat_binder_of_hash(EVP_sha256(), BLOB_BYTES(transcript), BLOB_BYTES(spki), out, &size), 0);
    assert_hex(out, size, SEAT_BINDER);
    assert_int_equal(
        expat_binding(EVP_sha256(), BLOB_BYTES(spki), BLOB_BYTES(exported), out, &size), 0);
    assert_hex(out, size, EXPAT_BINDING);
    blob_clear(&transcript);
    blob_clear(&spki);
    blob_clear(&exported);
}

static void linkage(void **state)
{
    struct blob kak = unhex(KAK);
    uint8_t out[HASH_MAX];
    size_t size;
    hash(EVP_sha256(), BLOB_BYTES(kak), out, &size);
    assert_hex(out, size, LINKAGE);
    blob_clear(&kak);
}

static void keys(void **state)
{
    struct blob spki = unhex(SPKI);
    struct public_key key, again;
    assert_int_equal(key_of_spki(BLOB_BYTES(spki), &key), 0);
    EVP_PKEY *pkey = key_pkey(&key);
    assert_int_equal(key_of_pkey(pkey, &again), 0);
    assert_true(key_equal(&key, &again));
    EVP_PKEY_free(pkey);
    spki.data[spki.size - 1] ^= 1; /* a point that is not on the curve */
    assert_int_equal(key_of_spki(BLOB_BYTES(spki), &key), -1);
    assert_int_equal(key_of_spki(BYTES(spki.data, spki.size - 1), &key), -1);
    blob_clear(&spki);
}

static void tag_numbers(void **state)
{
    static const struct {
        unsigned content_format;
        uint32_t tag;
    } rows[] = {{263, 1668547081},   {264, 1668547082},   {273, 1668547091},
                {30001, 1668576935}, {64999, 1668612070}, {0, 0x63740101}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(cmw_tag_number(rows[i].content_format), rows[i].tag);
        assert_int_equal(cmw_tag_inverse(rows[i].tag), rows[i].content_format);
    }
    assert_int_equal(cmw_tag_inverse(0x63740100), -1);
    assert_int_equal(cmw_tag_inverse(0x63740200), -1); /* in the range, and of no content format */
    assert_int_equal(cmw_tag_inverse(0x63750101), -1);
}

static void frames(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 253, 254, 255, 256, 508, 1000, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned every = 1; every <= 300; every += 299) {
            struct blob payload = {NULL, 0, 0}, line = {NULL, 0, 0}, back = {NULL, 0, 0};
            for (size_t j = 0; j < sizes[i]; j++)
                put_number(&payload, 1, j % every ? j % 255 + 1 : 0);
            frame_write(BLOB_BYTES(payload), &line);
            assert_int_equal(line.data[0], 0);
            assert_int_equal(line.data[line.size - 1], 0);
            assert_null(memchr(line.data + 1, 0, line.size - 2));
            struct bytes inner = BYTES(line.data + 1, line.size - 2);
            assert_int_equal(frame_read(inner, &back), 0);
            assert_true(bytes_equal(BLOB_BYTES(payload), BLOB_BYTES(back)));
            line.data[1 + inner.size / 2] ^= 0x41;
            back.size = 0;
            assert_int_equal(frame_read(inner, &back), -1);
            blob_clear(&payload);
            blob_clear(&line);
            blob_clear(&back);
        }
}

static void base64(void **state)
{
    static const struct {
        const char *text;
        bool strict, good;
    } rows[] = {{"AAEC", true, true},  {"-_8", true, true},    {"+/8=", false, true},
                {"-_8=", false, true}, {"-/8=", false, false}, {"+/8=", true, false},
                {"AAE=", true, false}, {"AAF", true, false},   {"A", true, false},
                {"AA==", false, true}, {"AB==", false, false}, {"AAE==", false, false},
                {"A A", true, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct blob out = {NULL, 0, 0};
        int result = base64_read(text_bytes(rows[i].text), rows[i].strict, &out);
        assert_int_equal(result, rows[i].good ? 0 : -1);
        blob_clear(&out);
    }
}

static void cbor_is_strict(void **state)
{
    static const struct {
        const char *hex;
        bool good, lenient; /* good where indefinite and long forms may be */
    } rows[] = {
        {"00", true, true},
        {"1817", false, true},   /* 23 in two bytes */
        {"190018", false, true}, /* 24 in three */
        {"a0", true, true},
        {"a201010202", true, true},
        {"a201010102", false, false}, /* a key twice */
        {"9f01ff", false, true},
        {"bf0101ff", false, true},
        {"5f4101ff", false, false}, /* a string in pieces */
        {"62c328", false, false},   /* no UTF-8 */
        {"63eda080", false, false}, /* a surrogate */
        {"4201", false, false},     /* truncated */
        {"0000", false, false},     /* something behind */
        {"ff", false, false},
        {"1c", false, false},
        {"f818", false, false},
        {"9bffffffffffffffff00", false, false}, /* a length that nothing backs */
        {"8181818181818181818181818181818181818100", false, false},
        {"bf01ff", false, false}, /* a key without its value */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct blob in = unhex(rows[i].hex);
        struct why why = {.reason = NULL};
        int strict = cbor_check(BLOB_BYTES(in), (struct cbor_rules){false, false}, "malformed-cbor",
                                "test", &why);
        assert_int_equal(strict, rows[i].good ? 0 : -1);
        assert_true(rows[i].good || strcmp(why.reason, "malformed-cbor") == 0);
        why.reason = NULL;
        assert_int_equal(cbor_check(BLOB_BYTES(in), (struct cbor_rules){true, true},
                                    "malformed-cbor", "test", &why),
                         rows[i].lenient ? 0 : -1);
        blob_clear(&in);
    }
}

static void wrappers(void **state)
{
    static const struct {
        const char *hex;
        bool good;
    } rows[] = {
        {"82190107"
         "4101",
         true},
        {"83190107"
         "410104",
         true},
        {"83190107"
         "410100",
         false}, /* an indicator of 0 */
        {"83190107"
         "41011820",
         false}, /* one beyond 31 */
        {"84190107"
         "41010401",
         false},
        {"81190107", false},
        {"82190107"
         "6101",
         false}, /* a text as the value */
        {"821a00010000"
         "4101",
         false}, /* no content format */
        {"8265612f6220"
         "4101",
         false}, /* no media type: a blank behind it */
        {"da63740209"
         "4101",
         true},
        {"da63740200"
         "4101",
         false},
        {"da63740209"
         "01",
         false},
        {"a0", false}, /* nothing in a collection */
        {"a1"
         "6161"
         "82190107"
         "4101",
         true},
        {"a1"
         "60"
         "82190107"
         "4101",
         false}, /* an empty label */
        {"a2"
         "6161"
         "82190107"
         "4101"
         "685f5f636d77635f74"
         "63613a62",
         true},
        {"a2"
         "6161"
         "82190107"
         "4101"
         "685f5f636d77635f74"
         "622e31",
         false}, /* relative */
        {"82190107"
         "410100",
         false}, /* a byte behind it */
        {"40", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct blob in = unhex(rows[i].hex);
        struct why why = {.reason = NULL};
        struct cmw *cmw = NULL;
        assert_int_equal(cmw_parse(BLOB_BYTES(in), &cmw, &why), rows[i].good ? 0 : -1);
        assert_true(rows[i].good || strcmp(why.reason, "malformed-cmw") == 0);
        cmw_free(cmw);
        blob_clear(&in);
    }
}

static void wrappers_in_json(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"[\"application/eat+cwt\",\"AQ\"]", true},
        {"[\"application/eat+cwt\",\"AQ\",4]", true},
        {"[\"application/eat+cwt\",\"AQ\",0]", false},
        {"[\"application/eat+cwt\",\"AQ==\"]", false},
        {"[263,\"AQ\"]", false}, /* content formats are CBOR's */
        {"[\"application/eat+cwt\"]", false},
        {"{}", false},
        {"{\"a\":[\"a/b\",\"AQ\"]}", true},
        {"{\"a\":[\"a/b\",\"AQ\"],\"a\":[\"a/b\",\"AQ\"]}", false},
        {" [\"a/b\",\"AQ\"]", false},
        {"[\"a/b\",\"AQ\"] x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct why why = {.reason = NULL};
        struct cmw *cmw = NULL;
        assert_int_equal(cmw_parse(text_bytes(rows[i].text), &cmw, &why), rows[i].good ? 0 : -1);
        cmw_free(cmw);
    }
}

/* What is written is read as what it was. */
static void round_trip(void **state)
{
    for (unsigned shape = 0; shape < 3; shape++) {
        struct blob out = {NULL, 0, 0};
        struct why why = {.reason = NULL};
        struct cmw *cmw;
        cmw_write(text_bytes("a result"), CF_EAT_JWT, shape == 2 ? 0 : CMW_RESULTS, shape == 1,
                  shape == 2, &out);
        assert_int_equal(cmw_parse(BLOB_BYTES(out), &cmw, &why), 0);
        assert_true(cmw_is(cmw, MT_EAT_JWT));
        assert_int_equal(cmw->form, shape == 2 ? CMW_TAG : CMW_RECORD);
        assert_true(bytes_are(BLOB_BYTES(cmw->value), "a result"));
        cmw_free(cmw);
        blob_clear(&out);
    }
}

static void results(void **state)
{
    static const struct {
        const char *claims; /* as JSON */
        const char *reason; /* NULL: it is read */
    } rows[] = {
        {"{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1,\"submods\":"
         "{\"a\":{\"ear.status\":\"affirming\"}}}",
         NULL},
        {"{\"eat_profile\":\"tag:ietf.org,2026:rats/ear#03\",\"iat\":1,\"submods\":"
         "{\"a\":{\"ear_status\":\"affirming\"}}}",
         NULL},
        {"{\"eat_profile\":\"x\",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"affirming\"}}}",
         "malformed-result"},
        {"{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1,\"submods\":{}}",
         "malformed-result"},
        {"{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1,\"submods\":"
         "{\"a\":{\"ear.status\":\"excellent\"}}}",
         "malformed-result"},
        {"{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"submods\":"
         "{\"a\":{\"ear.status\":\"affirming\"}}}",
         "malformed-result"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *claims = base64url_of(text_bytes(rows[i].claims)), jwt[1024];
        char *header = base64url_of(text_bytes("{\"alg\":\"ES256\"}"));
        struct why why = {.reason = NULL};
        struct result result;
        snprintf(jwt, sizeof jwt, "%s.%s.AQ", header, claims);
        int read = result_read(text_bytes(jwt), &result, &why);
        assert_int_equal(read, rows[i].reason ? -1 : 0);
        if (rows[i].reason)
            assert_string_equal(why.reason, rows[i].reason);
        else
            result_clear(&result);
        assert_false(result_unsecured(text_bytes(jwt)));
        free(header);
        header = base64url_of(text_bytes("{\"alg\":\"NONE\"}"));
        snprintf(jwt, sizeof jwt, "%s.%s.", header, claims);
        assert_true(result_unsecured(text_bytes(jwt)));
        free(header);
        free(claims);
    }
}

/* The worst of status and vector, by the tiers of draft-ietf-rats-ar4si. */
static void tiers(void **state)
{
    static const struct {
        const char *status;
        int claim;
        enum tier tier;
    } rows[] = {{"affirming", 2, TIER_AFFIRMING},
                {"affirming", 32, TIER_WARNING},
                {"affirming", 96, TIER_CONTRAINDICATED},
                {"affirming", 1, TIER_NONE},
                {"affirming", 0, TIER_AFFIRMING},
                {"affirming", -32, TIER_AFFIRMING},
                {"affirming", -33, TIER_WARNING},
                {"affirming", -97, TIER_CONTRAINDICATED},
                {"warning", 2, TIER_WARNING},
                {"none", 2, TIER_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[300], jwt[700];
        struct why why = {.reason = NULL};
        struct result result;
        snprintf(json, sizeof json,
                 "{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1,\"submods\":"
                 "{\"a\":{\"ear.status\":\"%s\",\"ear.trustworthiness-vector\":"
                 "{\"hardware\":%d}}}}",
                 rows[i].status, rows[i].claim);
        char *claims = base64url_of(text_bytes(json));
        snprintf(jwt, sizeof jwt, "eyJhbGciOiJFUzI1NiJ9.%s.AQ", claims);
        free(claims);
        assert_int_equal(result_read(text_bytes(jwt), &result, &why), 0);
        assert_int_equal(result.tier, rows[i].tier);
        result_clear(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expand_label), cmocka_unit_test(binders),
        cmocka_unit_test(linkage),      cmocka_unit_test(keys),
        cmocka_unit_test(tag_numbers),  cmocka_unit_test(frames),
        cmocka_unit_test(base64),       cmocka_unit_test(cbor_is_strict),
        cmocka_unit_test(wrappers),     cmocka_unit_test(wrappers_in_json),
        cmocka_unit_test(round_trip),   cmocka_unit_test(results),
        cmocka_unit_test(tiers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
