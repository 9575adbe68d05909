/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the cursor and the sink: nothing is read or written beyond, nothing moves on failure. */
#include "rats/base/bytes.h"
#include "rats/test/test-hex.h"

enum step { U8 = 100, U16, U24, U32, END };

/* One step on a cursor: a TLS vector of PREFIX bytes, a take (PREFIX 0), or one of enum step. */
static const struct {
    const char *name, *hex;
    unsigned prefix;
    size_t least, most; /* take: LEAST bytes */
    int verdict;
    uint32_t value; /* of an integer, or the size of what is taken */
    size_t left;
} steps[] = {
    {"u8", "ff00", U8, 0, 0, 0, 0xff, 1},
    {"u16", "010203", U16, 0, 0, 0, 0x0102, 1},
    {"u24", "01020304", U24, 0, 0, 0, 0x010203, 1},
    {"u32", "fffefdfc", U32, 0, 0, 0, 0xfffefdfc, 0},
    {"take", "0102", 0, 1, 0, 0, 1, 1},
    {"take all", "0102", 0, 2, 0, 0, 2, 0},
    {"take nothing", "01", 0, 0, 0, 0, 0, 1},
    {"take nothing of nothing", "", 0, 0, 0, 0, 0, 0},
    {"end", "", END, 0, 0, 0, 0, 0},
    {"vector, 1", "02616263", 1, 0, 255, 0, 2, 1},
    {"vector, 1, empty", "00", 1, 0, 255, 0, 0, 0},
    {"vector, 2", "0001ff", 2, 1, 65535, 0, 1, 0},
    {"vector, 3", "000001ff", 3, 1, 0xffffff, 0, 1, 0},
    {"vector at its least", "080102030405060708", 1, 8, 255, 0, 8, 0},
    {"vector at its most", "020102", 1, 0, 2, 0, 2, 0},

    {"u8 of nothing", "", U8, 0, 0, ATLS_E_MALFORMED, 0, 0},
    {"u16 of 1", "01", U16, 0, 0, ATLS_E_MALFORMED, 0, 1},
    {"u24 of 2", "0102", U24, 0, 0, ATLS_E_MALFORMED, 0, 2},
    {"u32 of 3", "010203", U32, 0, 0, ATLS_E_MALFORMED, 0, 3},
    {"take too much", "0102", 0, 3, 0, ATLS_E_MALFORMED, 0, 2},
    {"take the most", "0102", 0, SIZE_MAX, 0, ATLS_E_MALFORMED, 0, 2},
    {"take of nothing", "", 0, 1, 0, ATLS_E_MALFORMED, 0, 0},
    {"end before the end", "00", END, 0, 0, ATLS_E_MALFORMED, 0, 1},
    {"vector without a length", "", 1, 0, 255, ATLS_E_MALFORMED, 0, 0},
    {"vector with half a length", "00", 2, 0, 65535, ATLS_E_MALFORMED, 0, 1},
    {"vector with two thirds of a length", "0000", 3, 0, 0xffffff, ATLS_E_MALFORMED, 0, 2},
    {"vector longer than what is left", "0201", 1, 0, 255, ATLS_E_MALFORMED, 0, 2},
    {"vector much longer", "ffffff01", 3, 0, 0xffffff, ATLS_E_MALFORMED, 0, 4},
    {"vector below its least", "0701020304050607", 1, 8, 255, ATLS_E_MALFORMED, 0, 8},
    {"vector empty where it may not be", "0000", 2, 1, 65535, ATLS_E_MALFORMED, 0, 2},
    {"vector above its most", "03010203", 1, 0, 2, ATLS_E_MALFORMED, 0, 4},
};

static int make_step(struct atls_cursor *c, size_t i, uint32_t *valuep)
{
    struct atls_bytes bytes = {NULL, 0};
    uint8_t byte = 0;
    uint16_t word = 0;
    int result;

    switch (steps[i].prefix) {
    case U8:
        result = atls_cursor_u8(c, "field", &byte);
        *valuep = byte;
        return result;
    case U16:
        result = atls_cursor_u16(c, "field", &word);
        *valuep = word;
        return result;
    case U24:
        return atls_cursor_u24(c, "field", valuep);
    case U32:
        return atls_cursor_u32(c, "field", valuep);
    case END:
        return atls_cursor_end(c, "field");
    case 0:
        result = atls_cursor_take(c, "field", steps[i].least, &bytes);
        break;
    default:
        result =
            atls_cursor_vector(c, "field", steps[i].prefix, steps[i].least, steps[i].most, &bytes);
    }
    *valuep = (uint32_t)bytes.size;
    return result;
}

static void test_cursor(void **state)
{
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct atls_bytes in = test_hex(steps[i].hex);
        struct atls_cursor c = atls_cursor_of(in, "RFC 8446 section 3.4");
        uint32_t value = 0;

        test_verdict(steps[i].name, make_step(&c, i, &value), steps[i].verdict);
        assert_int_equal(value, steps[i].value);
        assert_int_equal(c.left, steps[i].left);
        assert_ptr_equal(c.at, in.data + in.size - c.left);
        if (steps[i].verdict) {
            assert_string_equal(atls_error_clause(), "RFC 8446 section 3.4");
            assert_non_null(strstr(atls_error_text(), "field"));
        }
        test_vector_free(in);
    }
}

static void test_cursor_of_nothing(void **state)
{
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(NULL, 0), NULL);
    struct atls_bytes bytes = {NULL, 7};

    assert_int_equal(atls_cursor_take(&c, "x", 0, &bytes), 0);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(atls_cursor_end(&c, "x"), 0);
}

static void test_sink(void **state)
{
    struct atls_bytes expected = test_hex("01020304050607080910"
                                          "02616200020102000000"),
                      out;
    uint8_t buffer[64];
    struct atls_sink s = atls_sink_of(buffer, sizeof buffer);

    atls_sink_u8(&s, 0x01);
    atls_sink_u16(&s, 0x0203);
    atls_sink_u24(&s, 0x040506);
    atls_sink_u32(&s, 0x07080910);
    atls_sink_vector(&s, 1, atls_bytes_of_text("ab"));
    atls_sink_vector(&s, 2, ATLS_BYTES("\1\2", 2));
    atls_sink_vector(&s, 3, ATLS_BYTES(NULL, 0));
    atls_sink_bytes(&s, ATLS_BYTES(NULL, 0));
    assert_int_equal(atls_sink_done(&s, &out), 0);
    assert_true(atls_bytes_equal(out, expected));
    test_vector_free(expected);
}

static void put_u8(struct atls_sink *s)
{
    atls_sink_u8(s, 1);
}

static void put_u16(struct atls_sink *s)
{
    atls_sink_u16(s, 1);
}

static void put_u24(struct atls_sink *s)
{
    atls_sink_u24(s, 1);
}

static void put_u32(struct atls_sink *s)
{
    atls_sink_u32(s, 1);
}

static void put_bytes(struct atls_sink *s)
{
    atls_sink_bytes(s, ATLS_BYTES("abc", 3));
}

static void put_vector(struct atls_sink *s)
{
    atls_sink_vector(s, 2, ATLS_BYTES("abc", 3));
}

static void test_sink_overflow(void **state)
{
    static const struct {
        void (*put)(struct atls_sink *s);
        size_t size;
    } puts[] = {{put_u8, 1},  {put_u16, 2},   {put_u24, 3},
                {put_u32, 4}, {put_bytes, 3}, {put_vector, 5}};

    for (size_t i = 0; i < COUNT(puts); i++)
        for (size_t capacity = 0; capacity <= puts[i].size; capacity++) {
            uint8_t *exact = malloc(capacity ? capacity : 1);
            struct atls_sink s = atls_sink_of(exact, capacity);
            struct atls_bytes out = {NULL, 99};
            int expected = capacity < puts[i].size ? ATLS_E_LIMIT : 0;

            assert_non_null(exact);
            puts[i].put(&s);
            test_verdict("sink", atls_sink_done(&s, &out), expected);
            assert_int_equal(out.size, expected ? 99 : puts[i].size);
            if (expected) { /* sticky, even where a smaller piece would fit */
                atls_sink_bytes(&s, ATLS_BYTES(NULL, 0));
                assert_int_equal(atls_sink_done(&s, &out), ATLS_E_LIMIT);
            }
            free(exact);
        }
}

/* What does not fit its length field must not be cut to it. */
static void test_sink_refuses_big_values(void **state)
{
    static const struct {
        size_t size;
        unsigned prefix;
        int verdict;
    } cases[] = {{255, 1, 0},
                 {256, 1, ATLS_E_LIMIT},
                 {65535, 2, 0},
                 {65536, 2, ATLS_E_LIMIT},
                 {65536, 3, 0}};
    static uint8_t in[65536], buffer[65536 + 3];
    struct atls_bytes out;
    struct atls_sink s;

    for (size_t i = 0; i < COUNT(cases); i++) {
        s = atls_sink_of(buffer, sizeof buffer);
        atls_sink_vector(&s, cases[i].prefix, ATLS_BYTES(in, cases[i].size));
        test_verdict("vector", atls_sink_done(&s, &out), cases[i].verdict);
    }
    s = atls_sink_of(buffer, sizeof buffer);
    atls_sink_u24(&s, 0x1000000);
    test_verdict("u24", atls_sink_done(&s, &out), ATLS_E_LIMIT);
}

static void test_equality(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } pairs[] = {{"", "", true},      {"61", "61", true},      {"6100", "6100", true},
                 {"61", "62", false}, {"61", "6161", false},   {"", "00", false},
                 {"00", "", false},   {"6100", "6101", false}, {"0061", "0161", false}};

    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct atls_bytes a = test_hex(pairs[i].a), b = test_hex(pairs[i].b);

        assert_int_equal(atls_bytes_equal(a, b), pairs[i].equal);
        assert_int_equal(atls_bytes_equal_secret(a, b), pairs[i].equal);
        test_vector_free(a);
        test_vector_free(b);
    }
    assert_true(atls_bytes_equal(ATLS_BYTES(NULL, 0), ATLS_BYTES("", 0)));
    assert_true(atls_bytes_equal_secret(ATLS_BYTES(NULL, 0), ATLS_BYTES("", 0)));
    assert_true(atls_bytes_is_text(ATLS_BYTES("abc", 3), "abc"));
    assert_false(atls_bytes_is_text(ATLS_BYTES("abc", 2), "abc"));
    assert_false(atls_bytes_is_text(ATLS_BYTES("abc\0", 4), "abc"));
    assert_true(atls_bytes_is_text(ATLS_BYTES(NULL, 0), ""));
    assert_int_equal(atls_bytes_of_text("abc").size, 3);
    assert_int_equal(atls_bytes_of_text(NULL).size, 0);
}

/* RFC 3629 section 4: the first and the last of each length, and what stands beside them. */
static const struct {
    const char *what, *hex;
    bool valid;
} utf8[] = {
    {"U+0000", "00", true},
    {"U+007F", "7f", true},
    {"a byte that only goes on", "80", false},
    {"overlong, two bytes", "c1bf", false},
    {"U+0080", "c280", true},
    {"U+07FF", "dfbf", true},
    {"two bytes, the second begins another", "dfc0", false},
    {"two bytes, the second is ASCII", "df7f", false},
    {"two bytes, one is there", "df", false},
    {"overlong, three bytes", "e09fbf", false},
    {"U+0800", "e0a080", true},
    {"U+1000", "e18080", true},
    {"U+D7FF", "ed9fbf", true},
    {"U+D800, a surrogate", "eda080", false},
    {"U+E000", "ee8080", true},
    {"U+FFFF", "efbfbf", true},
    {"three bytes, the third begins another", "efbfc0", false},
    {"three bytes, two are there", "efbf", false},
    {"overlong, four bytes", "f08fbfbf", false},
    {"U+10000", "f0908080", true},
    {"U+40000", "f1808080", true},
    {"U+10FFFF", "f48fbfbf", true},
    {"U+110000", "f4908080", false},
    {"four bytes, the fourth is ASCII", "f48fbf7f", false},
    {"four bytes, three are there", "f48fbf", false},
    {"beyond", "f5808080", false},
    {"never there", "ff", false},
    {"one behind the other", "61dfbf62", true},
    {"the last one broken", "61dfbfdf", false},
};

static void test_utf8(void **state)
{
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++) {
        struct atls_bytes in = test_hex(utf8[i].hex);

        if (atls_bytes_is_utf8(in) != utf8[i].valid)
            fail_msg("%s (%s): expected %s", utf8[i].what, utf8[i].hex,
                     utf8[i].valid ? "valid" : "not valid");
        test_vector_free(in);
    }
    assert_true(atls_bytes_is_utf8(ATLS_BYTES(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_cursor_of_nothing),
        cmocka_unit_test(test_sink),
        cmocka_unit_test(test_sink_overflow),
        cmocka_unit_test(test_sink_refuses_big_values),
        cmocka_unit_test(test_equality),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
