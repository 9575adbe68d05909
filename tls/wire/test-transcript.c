/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcripts against RFC 8448 (with and without HelloRetryRequest), the four readings of a
 * HelloRetryRequest against each other, and every message that may not come where it comes.
 */
#include <errno.h>

#include "rats/test/test-table.h"
#include "tls/wire/test-rfc8448.h"
#include "tls/wire/transcript.h"

#define CH "01 000001 aa"
#define CH_2 "01 000001 bb"
#define VERSION "0303"
#define RANDOM "a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928"
#define RETRY "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
#define SH "02 000028" VERSION RANDOM "00 1301 00 0000"
#define SH_384 "02 000028" VERSION RANDOM "00 1302 00 0000"
#define HRR "02 000028" VERSION RETRY "00 1301 00 0000"
#define HRR_AS_6 "06 000028" VERSION RETRY "00 1301 00 0000"
#define EE "08 000002 0000"
#define CERT "0b 000004 00000000"

/* Adds messages that are written one behind the other; the outcome of the first that is refused. */
static int add_all(struct atls_transcript *t, const char *text)
{
    struct atls_bytes all = test_bytes(text);
    struct atls_cursor c = atls_cursor_of(all, NULL);
    int result = 0;

    while (c.left && !result) {
        struct atls_bytes body;
        uint8_t type;

        assert_int_equal(atls_cursor_u8(&c, "type", &type), 0);
        assert_int_equal(atls_cursor_vector(&c, "body", 3, 0, 0xffffff, &body), 0);
        result = atls_transcript_add(t, type, body);
    }
    test_vector_free(all);
    return result;
}

static struct atls_transcript made(const char *text)
{
    struct atls_transcript t;

    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    test_outcome(add_all(&t, text), 0, NULL);
    return t;
}

static void expect_hash(const struct atls_transcript *t, enum atls_hello_retry reading,
                        size_t count, const char *expected)
{
    uint8_t digest[ATLS_HASH_MAX];
    struct atls_bytes known = test_bytes(expected);

    test_outcome(atls_transcript_hash(t, &atls_crypto_hosted, reading, count, digest), 0, NULL);
    test_same_bytes(ATLS_BYTES(digest, known.size), known);
    test_vector_free(known);
}

static void hashes_as_rfc_8448_has_it(void **state)
{
    struct atls_transcript t = made(RFC8448_CLIENT_HELLO RFC8448_SERVER_HELLO EE CERT);
    struct atls_bytes known = test_bytes(RFC8448_HELLOS_HASH);
    uint8_t digest[ATLS_HASH_MAX];
    size_t count;

    for (int reading = 0; reading < ATLS_RETRY_COUNT; reading++) {
        assert_int_equal(atls_transcript_hash_hellos(&t, &atls_crypto_hosted,
                                                     (enum atls_hello_retry)reading, digest),
                         0);
        test_same_bytes(ATLS_BYTES(digest, known.size), known);
    }
    assert_int_equal(atls_transcript_hellos(&t, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(atls_transcript_before(&t, ATLS_HS_CERTIFICATE, &count), 0);
    assert_int_equal(count, 3);
    test_vector_free(known);
    atls_transcript_clear(&t);
}

/* The values other than that of RFC 8448 are from Python's hashlib over the same messages. */
static const struct reading_row {
    const char *name;
    enum atls_hello_retry reading;
    const char *hash;
} reading_rows[] = {
    {"message-hash", ATLS_RETRY_MESSAGE_HASH, RFC8448_RETRY_HELLOS_HASH},
    {"all", ATLS_RETRY_ALL, "fcc7a96d151dc56816d8a338376a525d90b73b279f80e52fc86ad7c8a810a284"},
    {"first-hello", ATLS_RETRY_FIRST_HELLO,
     "69a0dbecd69a728d4e3b3f44845f71e246d581edeefaccbb88dc7e7b09422bbc"},
    {"second-hello", ATLS_RETRY_SECOND_HELLO,
     "548426b1ad8a159988eb12448fd5df942d4dfad37dd1c47c8708372908931965"},
};

static void reads_a_retry(void **state)
{
    const struct reading_row *row = *state;
    struct atls_transcript t = made(RFC8448_RETRY_CLIENT_HELLO_1 RFC8448_RETRY_REQUEST
                                        RFC8448_RETRY_CLIENT_HELLO_2 RFC8448_RETRY_SERVER_HELLO);
    enum atls_hello_retry reading;
    size_t count;

    assert_true(t.retried);
    assert_int_equal(atls_transcript_hellos(&t, &count), 0);
    assert_int_equal(count, 4);
    expect_hash(&t, row->reading, 4, row->hash);
    assert_string_equal(atls_hello_retry_name(row->reading), row->name);
    assert_int_equal(atls_hello_retry_parse(row->name, &reading), 0);
    assert_int_equal(reading, row->reading);
    atls_transcript_clear(&t);
}

static void a_retry_may_be_named_6(void **state)
{
    struct atls_transcript a = made(CH HRR CH_2 SH), b = made(CH HRR_AS_6 CH_2 SH);

    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.bytes, b.bytes, a.size);
    atls_transcript_clear(&a);
    atls_transcript_clear(&b);
}

/* Prefixes behind the hellos differ in the same way, and the first ClientHello never does. */
static void readings_reach_later_prefixes(void **state)
{
    struct atls_transcript t = made(CH HRR CH_2 SH EE CERT);
    uint8_t digest[ATLS_RETRY_COUNT][ATLS_HASH_MAX];

    for (size_t count = 4; count <= 6; count++)
        for (int i = 0; i < ATLS_RETRY_COUNT; i++) {
            assert_int_equal(atls_transcript_hash(&t, &atls_crypto_hosted, (enum atls_hello_retry)i,
                                                  count, digest[i]),
                             0);
            for (int j = 0; j < i; j++)
                assert_memory_not_equal(digest[i], digest[j], 32);
        }
    for (int i = 0; i < ATLS_RETRY_COUNT; i++) {
        assert_int_equal(
            atls_transcript_hash(&t, &atls_crypto_hosted, (enum atls_hello_retry)i, 1, digest[i]),
            0);
        assert_memory_equal(digest[i], digest[0], 32);
    }
    for (size_t count = 2; count <= 3; count++) {
        assert_int_equal(
            atls_transcript_hash(&t, &atls_crypto_hosted, ATLS_RETRY_FIRST_HELLO, count, digest[0]),
            -EINVAL);
        assert_int_equal(atls_transcript_hash(&t, &atls_crypto_hosted, ATLS_RETRY_SECOND_HELLO,
                                              count, digest[0]),
                         -EINVAL);
        assert_int_equal(atls_transcript_hash(&t, &atls_crypto_hosted, ATLS_RETRY_MESSAGE_HASH,
                                              count, digest[0]),
                         0);
    }
    atls_transcript_clear(&t);
}

static const struct order_row {
    const char *name, *messages;
    int outcome; /* of the last of them */
    const char *clause;
} order_rows[] = {
    {"hellos", CH SH, 0, NULL},
    {"a retry", CH HRR CH_2 SH EE, 0, NULL},
    {"first no ClientHello", SH, ATLS_E_MALFORMED, "RFC 8446 section 4"},
    {"first EncryptedExtensions", EE, ATLS_E_MALFORMED, "RFC 8446 section 4"},
    {"two ClientHellos", CH CH_2, ATLS_E_MALFORMED, "RFC 8446 section 4"},
    {"EncryptedExtensions without ServerHello", CH EE, ATLS_E_MALFORMED, "RFC 8446 section 4"},
    {"two HelloRetryRequests", CH HRR CH_2 HRR, ATLS_E_MALFORMED, "RFC 8446 section 4.1.4"},
    {"ServerHello behind HelloRetryRequest", CH HRR SH, ATLS_E_MALFORMED, "RFC 8446 section 4"},
    {"another suite than in HelloRetryRequest", CH HRR CH_2 SH_384, ATLS_E_MISMATCH,
     "RFC 8446 section 4.1.4"},
    {"ClientHello behind ServerHello", CH SH CH_2, ATLS_E_MALFORMED, "RFC 8446 section 4.1"},
    {"ServerHello behind ServerHello", CH SH SH, ATLS_E_MALFORMED, "RFC 8446 section 4.1"},
    {"HelloRetryRequest behind ServerHello", CH SH HRR, ATLS_E_MALFORMED, "RFC 8446 section 4.1"},
    {"a message_hash", CH SH "fe 000001 00", ATLS_E_MALFORMED, "RFC 8446 section 4"},
    {"a ServerHello without random", CH "02 000002 0303", ATLS_E_MALFORMED,
     "RFC 8446 section 4.1.3"},
    {"a ServerHello that ends in its session id", CH "02 000024" VERSION RANDOM "20 aa",
     ATLS_E_MALFORMED, "RFC 8446 section 4.1.3"},
    {"a session id of 33 bytes", CH "02 000044" VERSION RANDOM "21" RANDOM "bb", ATLS_E_MALFORMED,
     "RFC 8446 section 4.1.3"},
    {"a ServerHello without suite", CH "02 000023" VERSION RANDOM "00", ATLS_E_MALFORMED,
     "RFC 8446 section 4.1.3"},
};

static void keeps_the_order(void **state)
{
    const struct order_row *row = *state;
    struct atls_transcript t;
    size_t size;

    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    test_outcome(add_all(&t, row->messages), row->outcome, row->clause);
    size = t.size;
    if (row->outcome != 0) { /* and it was not added */
        assert_int_equal(size, t.count ? t.end[t.count - 1] : 0);
        assert_true(t.count < 4);
    }
    atls_transcript_clear(&t);
}

static const struct suite_row {
    const char *name, *suite;
    int outcome;
    enum atls_hash hash;
} suite_rows[] = {
    {"TLS_AES_128_GCM_SHA256", "1301", 0, ATLS_SHA256},
    {"TLS_AES_256_GCM_SHA384", "1302", 0, ATLS_SHA384},
    {"TLS_CHACHA20_POLY1305_SHA256", "1303", 0, ATLS_SHA256},
    {"TLS_AES_128_CCM_SHA256", "1304", 0, ATLS_SHA256},
    {"TLS_AES_128_CCM_8_SHA256", "1305", 0, ATLS_SHA256},
    {"suite 0x1306", "1306", ATLS_E_UNSUPPORTED, 0},
    {"suite 0x0000", "0000", ATLS_E_UNSUPPORTED, 0},
    {"a suite of TLS 1.2", "c02f", ATLS_E_UNSUPPORTED, 0},
};

static void takes_the_hash_of_the_suite(void **state)
{
    const struct suite_row *row = *state;
    uint8_t digest[ATLS_HASH_MAX];
    struct atls_transcript t;
    enum atls_hash hash;
    char text[256];

    snprintf(text, sizeof text, "%s02000028" VERSION RANDOM "00%s000000", CH, row->suite);
    t = made(text);
    test_outcome(atls_transcript_alg(&t, &hash), row->outcome,
                 row->outcome ? "RFC 8446 appendix B.4" : NULL);
    if (row->outcome == 0)
        assert_int_equal(hash, row->hash);
    test_outcome(atls_transcript_hash_hellos(&t, &atls_crypto_hosted, 0, digest), row->outcome,
                 NULL);
    atls_transcript_clear(&t);
}

static void sha384_everywhere(void **state)
{
    struct atls_transcript plain = made(CH SH_384),
                           retried = made("01 000001 aa 02 000028" VERSION RETRY
                                          "00 1302 00 0000 01 000001 bb" SH_384);

    /* From Python's hashlib. */
    expect_hash(&plain, ATLS_RETRY_MESSAGE_HASH, 2,
                "0a5f4486cb08f761792f442267530ee49fe78b1faa7582d1f6257053c47f1d4b579e6cef8f23656c98"
                "839133f5660cc3");
    expect_hash(&retried, ATLS_RETRY_MESSAGE_HASH, 4,
                "cfd841deadd563b1bf76fc818746a0450a8e9f8e063e508f3c385dd2ee318003c19d56de8b2ee0497e"
                "b513e0763773c7");
    atls_transcript_clear(&plain);
    atls_transcript_clear(&retried);
}

static void leaves_out_what_is_no_part(void **state)
{
    struct atls_transcript t = made(CH SH EE CERT);
    size_t size = t.size;

    test_outcome(add_all(&t, "04 000001 00 18 000001 00"), 0, NULL);
    assert_int_equal(t.size, size);
    assert_int_equal(t.count, 4);
    atls_transcript_clear(&t);
}

static void forgets_what_comes_later(void **state)
{
    struct atls_transcript t = made(CH SH EE CERT), same = made(CH SH EE);
    size_t count;

    atls_transcript_truncate(&t, 9);
    assert_int_equal(t.count, 4);
    atls_transcript_truncate(&t, 3);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.size, same.size);
    assert_memory_equal(t.bytes, same.bytes, t.size);
    atls_transcript_truncate(&t, 0); /* never the hellos */
    assert_int_equal(t.count, 2);
    test_outcome(add_all(&t, EE), 0, NULL);
    assert_int_equal(t.size, same.size);
    assert_memory_equal(t.bytes, same.bytes, t.size);
    atls_transcript_truncate(&t, 2);
    test_outcome(atls_transcript_before(&t, ATLS_HS_ENCRYPTED_EXTENSIONS, &count), ATLS_E_MISSING,
                 NULL);
    atls_transcript_clear(&t);
    assert_null(t.bytes);
    assert_int_equal(t.count + t.size, 0);
    atls_transcript_clear(&same);
}

static void is_bounded(void **state)
{
    static uint8_t big[70000];
    static const uint8_t header[] = {11, (sizeof big - 4) >> 16, (sizeof big - 4) >> 8 & 0xff,
                                     (sizeof big - 4) & 0xff};
    struct atls_transcript t;
    enum atls_hash hash;
    size_t count;

    atls_transcript_init(&t, 5);
    test_outcome(add_all(&t, CH), 0, NULL);
    test_outcome(add_all(&t, SH), ATLS_E_LIMIT, NULL);
    atls_transcript_clear(&t);

    t = made(CH SH);
    t.most = t.size + sizeof big;
    test_outcome(atls_transcript_add(&t, 11, ATLS_BYTES(big, sizeof big)), ATLS_E_LIMIT, NULL);
    test_outcome(atls_transcript_add(&t, 11, ATLS_BYTES(big, sizeof big - 4)), 0, NULL);
    assert_memory_equal(t.bytes + t.end[1], header, sizeof header);
    test_outcome(atls_transcript_add(&t, 20, ATLS_BYTES(NULL, 0)), ATLS_E_LIMIT, NULL);
    test_outcome(atls_transcript_add(&t, 255, ATLS_BYTES(NULL, 0)), ATLS_E_LIMIT, NULL);
    test_outcome(atls_transcript_add(&t, 256, ATLS_BYTES(NULL, 0)), ATLS_E_MALFORMED, NULL);
    /* Sizes that a header can say, and cannot: only the size is looked at. */
    test_outcome(atls_transcript_add(&t, 11, ATLS_BYTES(big, 0xffffff)), ATLS_E_LIMIT, NULL);
    test_outcome(atls_transcript_add(&t, 11, ATLS_BYTES(big, 0x1000000)), ATLS_E_MALFORMED, NULL);
    atls_transcript_clear(&t);

    /* The room doubles, and not before it is full. */
    t = made(CH SH);
    test_outcome(atls_transcript_add(&t, 11, ATLS_BYTES(big, 2048 - 4 - t.size)), 0, NULL);
    assert_int_equal(t.capacity, 2048);
    test_outcome(atls_transcript_add(&t, 20, ATLS_BYTES(NULL, 0)), 0, NULL);
    assert_int_equal(t.capacity, 4096);
    atls_transcript_clear(&t);

    t = made(CH SH);
    for (size_t i = 2; i < ATLS_TRANSCRIPT_MESSAGES; i++)
        test_outcome(add_all(&t, EE), 0, NULL);
    test_outcome(add_all(&t, EE), ATLS_E_LIMIT, NULL);
    atls_transcript_clear(&t);

    t = made(CH);
    test_outcome(atls_transcript_alg(&t, &hash), ATLS_E_MISSING, NULL);
    test_outcome(atls_transcript_hellos(&t, &count), ATLS_E_MISSING, NULL);
    test_outcome(atls_transcript_before(&t, ATLS_HS_CERTIFICATE, &count), ATLS_E_MISSING, NULL);
    atls_transcript_clear(&t);
}

/* The first call fails, and no other. */
static int hash_that_fails_once(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                                uint8_t *digestp)
{
    static bool failed;

    if (!failed) {
        failed = true;
        return atls_fail(-EIO, NULL, "no hash");
    }
    return atls_crypto_hosted.hash(alg, parts, count, digestp);
}

static void a_hash_within_the_hash_may_fail(void **state)
{
    struct atls_transcript t = made(CH HRR CH_2 SH);
    struct atls_crypto crypto = atls_crypto_hosted;
    uint8_t digest[ATLS_HASH_MAX];

    crypto.hash = hash_that_fails_once;
    test_outcome(atls_transcript_hash_hellos(&t, &crypto, ATLS_RETRY_MESSAGE_HASH, digest), -EIO,
                 NULL);
    atls_transcript_clear(&t);
}

static void refuses_what_is_not_there(void **state)
{
    struct atls_transcript t = made(CH SH), retried = made(CH HRR CH_2 SH);
    uint8_t digest[ATLS_HASH_MAX];
    enum atls_hello_retry reading;

    assert_int_equal(atls_transcript_hash(&t, &atls_crypto_hosted, 0, 0, digest), -EINVAL);
    assert_int_equal(atls_transcript_hash(&t, &atls_crypto_hosted, 0, 3, digest), -EINVAL);
    test_outcome(atls_hello_retry_parse("third-hello", &reading), ATLS_E_UNSUPPORTED,
                 "RFC 8446 section 4.4.1");
    assert_null(atls_hello_retry_name(ATLS_RETRY_COUNT));
    assert_int_equal(
        atls_transcript_hash(&retried, &atls_crypto_hosted, ATLS_RETRY_COUNT, 4, digest), -EINVAL);
    atls_transcript_clear(&t);
    atls_transcript_clear(&retried);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, hashes_as_rfc_8448_has_it);
    TEST_ADD_ROWS(&list, reads_a_retry, reading_rows);
    TEST_ADD(&list, a_retry_may_be_named_6);
    TEST_ADD(&list, readings_reach_later_prefixes);
    TEST_ADD_ROWS(&list, keeps_the_order, order_rows);
    TEST_ADD_ROWS(&list, takes_the_hash_of_the_suite, suite_rows);
    TEST_ADD(&list, sha384_everywhere);
    TEST_ADD(&list, leaves_out_what_is_no_part);
    TEST_ADD(&list, forgets_what_comes_later);
    TEST_ADD(&list, is_bounded);
    TEST_ADD(&list, a_hash_within_the_hash_may_fail);
    TEST_ADD(&list, refuses_what_is_not_there);
    return test_run("transcript", &list);
}
