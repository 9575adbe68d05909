/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hellos are found in a stream however it is cut: records of any size, reads of any size, other
 * records in between; and what breaks the grammar ends the reading, not the connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/peers/linked/hellos.h"
#include "rats/base/error.h"

/* The session, which hellos.c tells of each hello. */
struct atls_session {
    unsigned told[ATLS_TRANSCRIPT_MESSAGES];
    size_t count;
    bool refuses; /* the first one that it is told of */
    const char *reason;
};
static struct atls_session session;

int session_fail(struct atls_session *s, const char *reason, int alert, const char *clause,
                 const char *detail)
{
    s->reason = reason;
    return -1;
}

int session_hello_message(struct atls_session *s, enum atls_handshake_type type,
                          struct atls_bytes message)
{
    s->told[s->count++] = type;
    return s->refuses ? -1 : 0;
}

static const uint8_t extensions[] = {0xff, 0x10, 0, 1, 7};

static size_t client_hello(uint8_t *out, uint8_t fill)
{
    struct atls_sink s = atls_sink_of(out, 256), *sink = &s;
    uint8_t random[32];
    memset(random, fill, sizeof random);
    atls_sink_u8(sink, 1);
    atls_sink_u24(sink, 2 + 32 + 1 + 4 + 2 + 2 + sizeof extensions);
    atls_sink_u16(sink, 0x0303);
    atls_sink_bytes(sink, ATLS_BYTES(random, 32));
    atls_sink_u8(sink, 0);       /* legacy_session_id */
    atls_sink_u16(sink, 2);      /* cipher_suites */
    atls_sink_u16(sink, 0x1302); /* TLS_AES_256_GCM_SHA384 */
    atls_sink_u16(sink, 0x0100); /* legacy_compression_methods */
    atls_sink_vector(sink, 2, ATLS_BYTES(extensions, sizeof extensions));
    return s.used;
}

static size_t server_hello(uint8_t *out, bool retry)
{
    static const uint8_t retry_random[32] = {0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11,
                                             0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
                                             0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E,
                                             0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};
    struct atls_sink s = atls_sink_of(out, 256), *sink = &s;
    uint8_t random[32];
    memset(random, 0x33, sizeof random);
    atls_sink_u8(sink, 2);
    atls_sink_u24(sink, 2 + 32 + 1 + 2 + 1 + 2);
    atls_sink_u16(sink, 0x0303);
    atls_sink_bytes(sink, ATLS_BYTES(retry ? retry_random : random, 32));
    atls_sink_u8(sink, 0);
    atls_sink_u16(sink, 0x1302);
    atls_sink_u8(sink, 0);
    atls_sink_u16(sink, 0);
    return s.used;
}

/* MESSAGE in records of PART bytes, handed over in reads of STEP bytes. */
static void feed(struct wire_hellos *c, bool sent, const uint8_t *message, size_t size, size_t part,
                 size_t step)
{
    uint8_t stream[2048];
    struct atls_sink sink = atls_sink_of(stream, sizeof stream);
    for (size_t at = 0; at < size; at += part) {
        size_t now = size - at < part ? size - at : part;
        atls_sink_u8(&sink, 22);
        atls_sink_u16(&sink, 0x0303);
        atls_sink_vector(&sink, 2, ATLS_BYTES(message + at, now));
    }
    assert_false(sink.overflow);
    for (size_t at = 0; at < sink.used; at += step)
        assert_int_equal(
            hellos_feed(c, sent,
                        ATLS_BYTES(stream + at, sink.used - at < step ? sink.used - at : step)),
            0);
}

static void start(struct wire_hellos *c)
{
    session = (struct atls_session){.count = 0};
    hellos_init(c, &session);
}

static void test_cut(void **state)
{
    static const uint8_t change_cipher_spec[] = {20, 3, 3, 0, 1, 1};
    uint8_t hello[256], answer[256];
    size_t hello_size = client_hello(hello, 0x11), answer_size = server_hello(answer, false);
    for (size_t part = 1; part <= hello_size; part += 7)
        for (size_t step = 1; step <= 64; step += 9) {
            struct wire_hellos c;
            struct atls_bytes random;
            start(&c);
            feed(&c, true, hello, hello_size, part, step);
            assert_false(c.over);
            assert_int_equal(
                hellos_feed(&c, false, ATLS_BYTES(change_cipher_spec, sizeof change_cipher_spec)),
                0);
            feed(&c, false, answer, answer_size, part, step);
            assert_true(c.over);
            assert_int_equal(session.count, 2);
            assert_int_equal(session.told[0], ATLS_HS_CLIENT_HELLO);
            assert_int_equal(session.told[1], ATLS_HS_SERVER_HELLO);
            assert_int_equal(c.transcript.size, hello_size + answer_size);
            assert_memory_equal(c.transcript.bytes, hello, hello_size);
            assert_int_equal(hellos_random(&c, &random), 0);
            assert_int_equal(random.data[0], 0x11);
            hellos_clear(&c);
        }
}

static void test_retry(void **state)
{
    uint8_t hello[256], answer[256];
    struct wire_hellos c;
    struct atls_bytes random;
    start(&c);
    feed(&c, false, hello, client_hello(hello, 0x11), 100, 50);
    feed(&c, true, answer, server_hello(answer, true), 100, 50);
    assert_int_equal(session.told[1], ATLS_HS_HELLO_RETRY_REQUEST);
    assert_false(c.over);
    feed(&c, false, hello, client_hello(hello, 0x22), 100, 50);
    feed(&c, true, answer, server_hello(answer, false), 100, 50);
    assert_true(c.over);
    assert_int_equal(c.transcript.count, 4);
    assert_int_equal(hellos_random(&c, &random), 0);
    assert_int_equal(random.data[0], 0x22); /* the newest */
    hellos_clear(&c);
}

/* What the session refuses ends the connection. */
static void test_refused(void **state)
{
    uint8_t hello[256], record[261] = {22, 3, 3, 0, 0};
    struct wire_hellos c;
    size_t size = client_hello(hello, 0x11);
    start(&c);
    session.refuses = true;
    record[4] = (uint8_t)size;
    memcpy(record + 5, hello, size);
    assert_int_equal(hellos_feed(&c, false, ATLS_BYTES(record, 5 + size)), -1);
    assert_int_equal(session.count, 1);
    hellos_clear(&c);
}

static void test_broken(void **state)
{
    static const uint8_t huge[] = {22, 3, 3, 0, 4, 1, 0xff, 0xff, 0xff};
    uint8_t answer[256];
    struct wire_hellos c;
    struct atls_bytes random;
    start(&c);
    assert_int_equal(hellos_random(&c, &random), ATLS_E_MISSING);
    assert_int_equal(hellos_feed(&c, false, ATLS_BYTES(huge, sizeof huge)), 0);
    assert_true(c.over);
    assert_int_equal(c.transcript.count, 0);
    hellos_clear(&c);
    start(&c); /* a ServerHello ahead of any ClientHello */
    feed(&c, false, answer, server_hello(answer, false), 100, 50);
    assert_true(c.over);
    assert_int_equal(c.transcript.count, 0);
    assert_null(session.reason);
    assert_int_equal(session.count, 0);
    hellos_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
