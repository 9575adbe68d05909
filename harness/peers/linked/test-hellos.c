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

#include "harness/peers/linked/peer.h"
#include "rats/base/error.h"

/* hellos.c calls this where there is no memory. */
int connection_fail(struct connection *c, const char *reason, int alert, const char *clause,
                    const char *detail)
{
    c->failure.reason = reason;
    return -1;
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
static void feed(struct connection *c, bool sent, const uint8_t *message, size_t size, size_t part,
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

static void clear(struct connection *c)
{
    free(c->streams[0].data);
    free(c->streams[1].data);
    atls_transcript_clear(&c->hellos);
}

static void start(struct connection *c)
{
    *c = (struct connection){.fd = -1};
    atls_transcript_init(&c->hellos, ATLS_TRANSCRIPT_MAX);
}

static void test_cut(void **state)
{
    static const uint8_t change_cipher_spec[] = {20, 3, 3, 0, 1, 1};
    uint8_t hello[256], answer[256];
    size_t hello_size = client_hello(hello, 0x11), answer_size = server_hello(answer, false);
    for (size_t part = 1; part <= hello_size; part += 7)
        for (size_t step = 1; step <= 64; step += 9) {
            struct connection c;
            struct atls_bytes random, block;
            start(&c);
            feed(&c, true, hello, hello_size, part, step);
            assert_false(c.hellos_over);
            assert_int_equal(
                hellos_feed(&c, false, ATLS_BYTES(change_cipher_spec, sizeof change_cipher_spec)),
                0);
            feed(&c, false, answer, answer_size, part, step);
            assert_true(c.hellos_over);
            assert_false(c.hrr);
            assert_int_equal(c.hellos.size, hello_size + answer_size);
            assert_memory_equal(c.hellos.bytes, hello, hello_size);
            assert_int_equal(hellos_client(&c, &random, &block), 0);
            assert_int_equal(random.data[0], 0x11);
            assert_true(atls_bytes_equal(block, ATLS_BYTES(extensions, sizeof extensions)));
            clear(&c);
        }
}

static void test_retry(void **state)
{
    uint8_t hello[256], answer[256];
    struct connection c;
    struct atls_bytes random, block;
    start(&c);
    feed(&c, false, hello, client_hello(hello, 0x11), 100, 50);
    feed(&c, true, answer, server_hello(answer, true), 100, 50);
    assert_true(c.hrr);
    assert_false(c.hellos_over);
    feed(&c, false, hello, client_hello(hello, 0x22), 100, 50);
    feed(&c, true, answer, server_hello(answer, false), 100, 50);
    assert_true(c.hellos_over);
    assert_int_equal(c.hellos.count, 4);
    assert_int_equal(hellos_client(&c, &random, &block), 0);
    assert_int_equal(random.data[0], 0x22); /* the newest */
    clear(&c);
}

static void test_broken(void **state)
{
    static const uint8_t huge[] = {22, 3, 3, 0, 4, 1, 0xff, 0xff, 0xff};
    uint8_t answer[256];
    struct connection c;
    struct atls_bytes random, block;
    start(&c);
    assert_int_equal(hellos_client(&c, &random, &block), ATLS_E_MISSING);
    assert_int_equal(hellos_feed(&c, false, ATLS_BYTES(huge, sizeof huge)), 0);
    assert_true(c.hellos_over);
    assert_int_equal(c.hellos.count, 0);
    clear(&c);
    start(&c); /* a ServerHello ahead of any ClientHello */
    feed(&c, false, answer, server_hello(answer, false), 100, 50);
    assert_true(c.hellos_over);
    assert_int_equal(c.hellos.count, 0);
    assert_null(c.failure.reason);
    clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
