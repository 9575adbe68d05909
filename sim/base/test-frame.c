/* SPDX-License-Identifier: Apache-2.0 */
/* The frame codec and the link on a bad line: lost, garbled, split and invented bytes. */
#include "sim/test-support.h"

#include "sim/device/link.h"

#define PAYLOAD 700
#define CAPACITY (PAYLOAD + 4)

struct line {
    struct atls_frame_decoder decoder;
    uint8_t buffer[CAPACITY];
    unsigned complete, bad;
    struct atls_bytes last;
};

static void init_line(struct line *line, size_t capacity)
{
    memset(line, 0, sizeof *line);
    atls_frame_decoder_init(&line->decoder, line->buffer, capacity);
}

static void feed(struct line *line, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        switch (atls_frame_push(&line->decoder, bytes[i], &line->last)) {
        case ATLS_FRAME_COMPLETE:
            line->complete++;
            break;
        case ATLS_FRAME_BAD:
            line->bad++;
            break;
        case ATLS_FRAME_NOTHING:
            break;
        }
}

static size_t encode(struct atls_bytes payload, uint8_t *out, size_t capacity)
{
    size_t size;
    assert_int_equal(atls_frame_encode(&payload, 1, out, capacity, &size), 0);
    return size;
}

static void test_crc_known_answers(void **state)
{
    struct atls_bytes parts[] = {ATLS_BYTES("12345", 5), ATLS_BYTES("6789", 4)};
    assert_int_equal(atls_crc32(parts, 2), 0xcbf43926);
    assert_int_equal(atls_crc32(parts, 0), 0);
}

/* Cheshire and Baker's rules, byte by byte (before the CRC joins them). */
static void test_encoding_known_answer(void **state)
{
    static const uint8_t expected[] = {0, 2, 0x11, 1, 6, 0x22, 0xa4, 0x91, 0xc7, 0xcd, 0};
    static const uint8_t payload[] = {0x11, 0, 0, 0x22};
    struct atls_bytes bytes = ATLS_BYTES(payload, sizeof payload);
    uint32_t crc = atls_crc32(&bytes, 1);
    uint8_t out[32], plain[sizeof expected];
    size_t size = encode(bytes, out, sizeof out);
    memcpy(plain, expected, sizeof plain);
    for (unsigned i = 0; i < 4; i++)
        plain[6 + i] = (uint8_t)(crc >> (24 - 8 * i));
    assert_int_equal(size, sizeof plain);
    assert_memory_equal(out, plain, size);
}

/* Payloads of every size around the block limits of 254 bytes, of zeroes, of none, and mixed. */
static void test_round_trips(void **state)
{
    static uint8_t payload[PAYLOAD], out[ATLS_FRAME_ENCODED_MAX(PAYLOAD)];
    struct line line;
    for (unsigned kind = 0; kind < 3; kind++)
        for (size_t size = 0; size <= PAYLOAD; size++) {
            size_t encoded;
            for (size_t i = 0; i < size; i++)
                payload[i] = kind == 0 ? 0 : kind == 1 ? 0xff : (uint8_t)(i * 7 % 5);
            encoded = encode(ATLS_BYTES(payload, size), out, ATLS_FRAME_ENCODED_MAX(size));
            assert_null(memchr(out + 1, 0, encoded - 2));
            init_line(&line, size + 4);
            feed(&line, out, encoded);
            assert_int_equal(line.complete, 1);
            assert_int_equal(line.bad, 0);
            assert_true(atls_bytes_equal(line.last, ATLS_BYTES(payload, size)));
        }
}

static void test_encode_without_room(void **state)
{
    uint8_t out[64];
    struct atls_bytes payload = ATLS_BYTES("abc\0def", 7);
    size_t needed = encode(payload, out, sizeof out), size = 4711;
    for (size_t capacity = 0; capacity < needed; capacity++)
        assert_int_equal(atls_frame_encode(&payload, 1, out, capacity, &size), ATLS_E_LIMIT);
    assert_int_equal(size, 4711);
}

static const struct atls_bytes sample = {(const uint8_t *)"\1\1sess\0\0\0\7 a message", 20};
static const struct atls_bytes follower = {(const uint8_t *)"the next", 8};

/* After anything at all, the next frame must come through. */
static void expect_resync(struct line *line)
{
    uint8_t out[64];
    unsigned complete = line->complete;
    feed(line, out, encode(follower, out, sizeof out));
    assert_true(line->complete > complete); /* perhaps the one before, whose end was lost, too */
    assert_true(atls_bytes_equal(line->last, follower));
}

static void test_garbled_at_every_byte(void **state)
{
    uint8_t good[64], bad[64];
    size_t size = encode(sample, good, sizeof good);
    for (size_t at = 0; at < size; at++)
        for (unsigned value = 0; value < 256; value++) {
            struct line line;
            memcpy(bad, good, size);
            bad[at] = (uint8_t)value;
            init_line(&line, CAPACITY);
            feed(&line, bad, size);
            if (value == good[at])
                assert_int_equal(line.complete, 1);
            else if (at > 0 && at < size - 1)
                assert_int_equal(line.complete, 0);
            if (line.complete)
                assert_true(atls_bytes_equal(line.last, sample) || at == size - 1);
            expect_resync(&line);
        }
}

static void test_dropped_at_every_byte(void **state)
{
    uint8_t good[64];
    size_t size = encode(sample, good, sizeof good);
    for (size_t from = 0; from < size; from++)
        for (size_t count = 1; count <= size - from; count++) {
            struct line line;
            init_line(&line, CAPACITY);
            feed(&line, good, from);
            feed(&line, good + from + count, size - from - count);
            /* only the delimiters at the ends may go missing without harm */
            if (from > 0 && from + count < size)
                assert_int_equal(line.complete, 0);
            expect_resync(&line);
        }
}

static void test_bytes_invented(void **state)
{
    uint8_t good[64];
    size_t size = encode(sample, good, sizeof good);
    for (size_t at = 1; at < size; at++)
        for (unsigned value = 0; value < 256; value++) {
            uint8_t noise = (uint8_t)value;
            struct line line;
            init_line(&line, CAPACITY);
            feed(&line, good, at);
            feed(&line, &noise, 1);
            feed(&line, good + at, size - at);
            if (at > 1 && at < size - 1)
                assert_int_equal(line.complete, 0);
            expect_resync(&line);
        }
}

static void test_too_large_is_survived(void **state)
{
    static uint8_t payload[PAYLOAD], out[ATLS_FRAME_ENCODED_MAX(PAYLOAD)];
    struct line line;
    size_t size = encode(ATLS_BYTES(payload, PAYLOAD), out, sizeof out);
    for (size_t capacity = sizeof "the next" + 4; capacity < CAPACITY; capacity += 19) {
        init_line(&line, capacity);
        feed(&line, out, size);
        assert_int_equal(line.complete, 0);
        assert_int_equal(line.bad, 1);
        expect_resync(&line);
    }
}

static void test_silence_and_short_frames(void **state)
{
    static const uint8_t zeroes[100], shorts[] = {1, 0, 2, 9, 0, 4, 1, 2, 3, 0, 5, 1, 2, 3, 0};
    struct line line;
    init_line(&line, CAPACITY);
    feed(&line, zeroes, sizeof zeroes);
    assert_int_equal(line.complete + line.bad, 0);
    feed(&line, shorts, sizeof shorts);
    assert_int_equal(line.complete, 0);
    assert_int_equal(line.bad, 4);
    expect_resync(&line);
}

/* The device's end of a link. */
struct device_end {
    struct atls_link link;
    uint8_t payload[256], answer[300];
    unsigned done, repeated, bad;
    struct atls_bytes request;
};

static void init_device(struct device_end *d)
{
    memset(d, 0, sizeof *d);
    atls_link_init(&d->link, d->payload, sizeof d->payload, d->answer, sizeof d->answer);
}

static void deliver(struct device_end *d, uint32_t session, uint32_t sequence, const char *message)
{
    struct atls_link_header header = {ATLS_LINK_REQUEST, session, sequence};
    uint8_t out[300];
    size_t size;
    assert_int_equal(atls_link_encode(&header, atls_bytes_of_text(message), out, sizeof out, &size),
                     0);
    for (size_t i = 0; i < size; i++)
        switch (atls_link_push(&d->link, out[i], &d->request)) {
        case ATLS_LINK_DO:
            d->done++;
            assert_int_equal(atls_link_answer(&d->link, d->request), 0);
            break;
        case ATLS_LINK_REPEAT:
            d->repeated++;
            break;
        case ATLS_LINK_BAD:
            d->bad++;
            break;
        case ATLS_LINK_NOTHING:
            break;
        }
}

static void test_link_does_each_request_once(void **state)
{
    static const struct {
        const char *what;
        uint32_t session, sequence;
        unsigned done, repeated;
    } steps[] = {
        {"first", 5, 1, 1, 0},
        {"the same again", 5, 1, 1, 1},
        {"and again", 5, 1, 1, 2},
        {"the next", 5, 2, 2, 2},
        {"a late duplicate of the first", 5, 1, 2, 2},
        {"one that skips numbers", 5, 9, 3, 2},
        {"the next again, late", 5, 2, 3, 2},
        {"its repetition", 5, 9, 3, 3},
        {"another client, same number", 6, 9, 4, 3},
        {"its repetition", 6, 9, 4, 4},
        {"another client, lower number", 7, 1, 5, 4},
    };
    struct device_end d;
    init_device(&d);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        deliver(&d, steps[i].session, steps[i].sequence, steps[i].what);
        assert_case(steps[i].what, (int)d.done, (int)steps[i].done);
        assert_case(steps[i].what, (int)d.repeated, (int)steps[i].repeated);
    }
}

static void test_link_answers_carry_the_number(void **state)
{
    struct atls_link_header header;
    struct atls_bytes payload = {0}, message;
    struct device_end d;
    struct line line;
    init_device(&d);
    init_line(&line, CAPACITY);
    deliver(&d, 0x01020304, 0xfffffffe, "hello");
    feed(&line, d.link.answer, d.link.answer_size);
    payload = line.last;
    assert_int_equal(line.complete, 1);
    assert_int_equal(atls_link_decode(payload, &header, &message), 0);
    assert_int_equal(header.kind, ATLS_LINK_ANSWER);
    assert_int_equal(header.session, 0x01020304);
    assert_int_equal(header.sequence, 0xfffffffe);
    assert_true(atls_bytes_is_text(message, "hello"));
}

static void test_link_headers_refused(void **state)
{
    static const struct {
        const char *what, *payload;
        size_t size;
        int outcome;
    } cases[] = {
        {"empty", "", 0, ATLS_E_MALFORMED},
        {"version only", "\1", 1, ATLS_E_MALFORMED},
        {"cut in the session", "\1\1ses", 5, ATLS_E_MALFORMED},
        {"cut in the sequence", "\1\1sess123", 9, ATLS_E_MALFORMED},
        {"version 0", "\0\1sess1234x", 11, ATLS_E_UNSUPPORTED},
        {"version 2", "\2\1sess1234x", 11, ATLS_E_UNSUPPORTED},
        {"kind 0", "\1\0sess1234x", 11, ATLS_E_MALFORMED},
        {"kind 3", "\1\3sess1234x", 11, ATLS_E_MALFORMED},
        {"no message", "\1\1sess1234", 10, 0},
        {"answer", "\1\2sess1234x", 11, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_link_header header;
        struct atls_bytes message, payload = ATLS_BYTES(cases[i].payload, cases[i].size);
        uint8_t out[64];
        size_t size = encode(payload, out, sizeof out);
        struct device_end d;
        assert_case(cases[i].what, atls_link_decode(payload, &header, &message), cases[i].outcome);
        init_device(&d);
        for (size_t j = 0; j < size; j++)
            if (atls_link_push(&d.link, out[j], &d.request) == ATLS_LINK_DO)
                d.done++;
        assert_case(cases[i].what, (int)d.done, cases[i].outcome == 0 && payload.data[1] == 1);
    }
}

static void test_link_answer_too_large(void **state)
{
    static uint8_t message[400];
    struct device_end d;
    init_device(&d);
    deliver(&d, 1, 1, "x");
    assert_int_equal(atls_link_answer(&d.link, ATLS_BYTES(message, sizeof message)), ATLS_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_known_answers),
        cmocka_unit_test(test_encoding_known_answer),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_encode_without_room),
        cmocka_unit_test(test_garbled_at_every_byte),
        cmocka_unit_test(test_dropped_at_every_byte),
        cmocka_unit_test(test_bytes_invented),
        cmocka_unit_test(test_too_large_is_survived),
        cmocka_unit_test(test_silence_and_short_frames),
        cmocka_unit_test(test_link_does_each_request_once),
        cmocka_unit_test(test_link_answers_carry_the_number),
        cmocka_unit_test(test_link_headers_refused),
        cmocka_unit_test(test_link_answer_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
