/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the writer: shortest heads, and every mistake that a caller can make. */
#include <errno.h>

#include "rats/cbor/cbor-write.h"
#include "rats/test/test-hex.h"

static void put_nothing(struct atls_cbor_writer *w)
{
}

static void put_uints(struct atls_cbor_writer *w)
{
    static const uint64_t values[] = {
        0,          23,           24, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32,
        UINT64_MAX, 1000000000000};

    atls_cbor_write_array(w, COUNT(values));
    for (size_t i = 0; i < COUNT(values); i++)
        atls_cbor_write_uint(w, values[i]);
}

static void put_ints(struct atls_cbor_writer *w)
{
    static const int64_t values[] = {-1,     -24,       -25,       -256, -257, -65536,
                                     -65537, INT64_MIN, INT64_MAX, 10,   0};

    atls_cbor_write_array(w, COUNT(values));
    for (size_t i = 0; i < COUNT(values); i++)
        atls_cbor_write_int(w, values[i]);
}

static void put_others(struct atls_cbor_writer *w)
{
    atls_cbor_write_tag(w, 61);
    atls_cbor_write_array(w, 9);
    atls_cbor_write_bytes(w, ATLS_BYTES("\1\2\3", 3));
    atls_cbor_write_bytes(w, ATLS_BYTES(NULL, 0));
    atls_cbor_write_text(w, "\xc3\xbc");
    atls_cbor_write_text(w, "");
    atls_cbor_write_bool(w, true);
    atls_cbor_write_bool(w, false);
    atls_cbor_write_null(w);
    atls_cbor_write_array(w, 0);
    atls_cbor_write_map(w, 0);
}

static void put_encoded(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_encoded(w, ATLS_BYTES("\x01", 1));
    atls_cbor_write_encoded(w, ATLS_BYTES("\x82\x02\x03", 3));
    atls_cbor_write_encoded(w, ATLS_BYTES("\x61k", 2));
    atls_cbor_write_null(w);
}

/* RFC 8949 section 4.2.1: its own example of the order of keys */
static void put_ordered_keys(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 8);
    atls_cbor_write_uint(w, 10);
    atls_cbor_write_null(w);
    atls_cbor_write_uint(w, 100);
    atls_cbor_write_null(w);
    atls_cbor_write_int(w, -1);
    atls_cbor_write_null(w);
    atls_cbor_write_text(w, "z");
    atls_cbor_write_null(w);
    atls_cbor_write_text(w, "aa");
    atls_cbor_write_null(w);
    atls_cbor_write_array(w, 1);
    atls_cbor_write_uint(w, 100);
    atls_cbor_write_null(w);
    atls_cbor_write_array(w, 1);
    atls_cbor_write_int(w, -1);
    atls_cbor_write_null(w);
    atls_cbor_write_bool(w, false);
    atls_cbor_write_null(w);
}

static void put_two_keys(struct atls_cbor_writer *w, int64_t first, int64_t second)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_int(w, first);
    atls_cbor_write_null(w);
    atls_cbor_write_int(w, second);
    atls_cbor_write_null(w);
}

static void put_descending_keys(struct atls_cbor_writer *w)
{
    put_two_keys(w, 2, 1);
}

static void put_equal_keys(struct atls_cbor_writer *w)
{
    put_two_keys(w, 1, 1);
}

static void put_negative_first(struct atls_cbor_writer *w)
{
    put_two_keys(w, -1, 1);
}

static void put_numeric_negative_order(struct atls_cbor_writer *w)
{
    put_two_keys(w, -2, -1);
}

static void put_numbers_by_size(struct atls_cbor_writer *w)
{
    put_two_keys(w, 300, 30);
}

static void put_longer_text_first(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_text(w, "aa");
    atls_cbor_write_null(w);
    atls_cbor_write_text(w, "b");
    atls_cbor_write_null(w);
}

static void put_deep_descending(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 1);
    atls_cbor_write_uint(w, 1);
    atls_cbor_write_array(w, 2);
    atls_cbor_write_null(w);
    put_two_keys(w, 2, 1);
}

/* The order of an outer map must survive inner ones. */
static void put_descending_around_map(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_uint(w, 5);
    put_two_keys(w, 1, 2);
    atls_cbor_write_uint(w, 4);
    atls_cbor_write_null(w);
}

static void put_equal_array_keys(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 2);
    for (int i = 0; i < 2; i++) {
        atls_cbor_write_array(w, 1);
        atls_cbor_write_uint(w, 1);
        atls_cbor_write_null(w);
    }
}

static void put_equal_tagged_keys(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 2);
    for (int i = 0; i < 2; i++) {
        atls_cbor_write_tag(w, 1);
        atls_cbor_write_uint(w, 1);
        atls_cbor_write_null(w);
    }
}

static void put_two_items(struct atls_cbor_writer *w)
{
    atls_cbor_write_null(w);
    atls_cbor_write_null(w);
}

static void put_item_behind_array(struct atls_cbor_writer *w)
{
    atls_cbor_write_array(w, 1);
    atls_cbor_write_null(w);
    atls_cbor_write_null(w);
}

static void put_item_behind_empty(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 0);
    atls_cbor_write_null(w);
}

static void put_short_array(struct atls_cbor_writer *w)
{
    atls_cbor_write_array(w, 2);
    atls_cbor_write_null(w);
}

static void put_key_alone(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 1);
    atls_cbor_write_null(w);
}

static void put_short_inner(struct atls_cbor_writer *w)
{
    atls_cbor_write_array(w, 2);
    atls_cbor_write_array(w, 2);
    atls_cbor_write_null(w);
    atls_cbor_write_null(w);
}

static void put_tag_alone(struct atls_cbor_writer *w)
{
    atls_cbor_write_tag(w, 18);
}

static void put_tag_last(struct atls_cbor_writer *w)
{
    atls_cbor_write_array(w, 1);
    atls_cbor_write_tag(w, 18);
}

static void put_empty_encoded(struct atls_cbor_writer *w)
{
    atls_cbor_write_encoded(w, ATLS_BYTES(NULL, 0));
}

static void put_encoded_behind(struct atls_cbor_writer *w)
{
    atls_cbor_write_null(w);
    atls_cbor_write_encoded(w, ATLS_BYTES("\xf6", 1));
}

static void put_bad_text(struct atls_cbor_writer *w)
{
    atls_cbor_write_text(w, "\xc3(");
}

static void put_huge_map(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, SIZE_MAX / 2 + 1);
}

static void put_largest_map(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, SIZE_MAX / 2);
}

static void put_nested(struct atls_cbor_writer *w, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        atls_cbor_write_array(w, 1);
    atls_cbor_write_null(w);
}

static void put_deepest(struct atls_cbor_writer *w)
{
    put_nested(w, ATLS_CBOR_WRITE_DEPTH);
}

static void put_too_deep(struct atls_cbor_writer *w)
{
    put_nested(w, ATLS_CBOR_WRITE_DEPTH + 1);
}

static const struct {
    const char *name;
    void (*put)(struct atls_cbor_writer *w);
    int verdict;
    const char *hex, *text; /* what is written, or what the error must say; the place is that of
                             * the first mistake: nothing is written behind it */
} cases[] = {
    {"unsigned integers", put_uints, 0,
     "8b0017181818ff19010019ffff1a000100001affffffff1b00000001000000001bffffffffffffffff"
     "1b000000e8d4a51000",
     ""},
    {"integers", put_ints, 0,
     "8b2037381838ff39010039ffff3a000100003b7fffffffffffffff1b7fffffffffffffff0a00", ""},
    {"other types", put_others, 0, "d83d89430102034062c3bc60f5f4f680a0", ""},
    {"encoded items", put_encoded, 0, "a201820203616bf6", ""},
    {"RFC 8949 4.2.1 order", put_ordered_keys, 0,
     "a80af61864f620f6617af6626161f6811864f68120f6f4f6", ""},
    {"the deepest", put_deepest, 0, "818181818181818181818181f6", ""},

    {"nothing", put_nothing, -EINVAL, "", "fewer items than announced, at byte 0"},
    {"descending keys", put_descending_keys, -EINVAL, "", "map keys out of order, at byte 4"},
    {"equal keys", put_equal_keys, -EINVAL, "", "duplicate map key, at byte 4"},
    {"-1 before 1", put_negative_first, -EINVAL, "", "map keys out of order, at byte 4"},
    {"-2 before -1", put_numeric_negative_order, -EINVAL, "", "map keys out of order, at byte 4"},
    {"300 before 30", put_numbers_by_size, -EINVAL, "", "map keys out of order, at byte 7"},
    {"\"aa\" before \"b\"", put_longer_text_first, -EINVAL, "", "map keys out of order, at byte 7"},
    {"descending keys, deep", put_deep_descending, -EINVAL, "", "map keys out of order, at byte 8"},
    {"descending keys around a map", put_descending_around_map, -EINVAL, "",
     "map keys out of order, at byte 8"},
    {"equal arrays as keys", put_equal_array_keys, -EINVAL, "", "duplicate map key, at byte 6"},
    {"equal tagged keys", put_equal_tagged_keys, -EINVAL, "", "duplicate map key, at byte 6"},
    {"two items", put_two_items, -EINVAL, "", "an item behind the end of the message, at byte 1"},
    {"an item behind an array", put_item_behind_array, -EINVAL, "",
     "an item behind the end of the message, at byte 2"},
    {"an item behind an empty map", put_item_behind_empty, -EINVAL, "",
     "an item behind the end of the message, at byte 1"},
    {"an array too short", put_short_array, -EINVAL, "", "fewer items than announced, at byte 2"},
    {"a key without its value", put_key_alone, -EINVAL, "",
     "fewer items than announced, at byte 2"},
    {"an inner array complete, the outer not", put_short_inner, -EINVAL, "",
     "fewer items than announced, at byte 4"},
    {"a tag alone", put_tag_alone, -EINVAL, "", "fewer items than announced, at byte 1"},
    {"a tag at the end of an array", put_tag_last, -EINVAL, "",
     "fewer items than announced, at byte 2"},
    {"an encoded item behind another", put_encoded_behind, -EINVAL, "",
     "an item behind the end of the message, at byte 1"},
    {"an empty encoded item", put_empty_encoded, -EINVAL, "",
     "an encoded item of no bytes, at byte 0"},
    {"text that is not UTF-8", put_bad_text, -EINVAL, "", "text that is not UTF-8, at byte 0"},
    {"a map of too many pairs", put_huge_map, -EINVAL, "",
     "a map of more pairs than there are bytes, at byte 0"},
    {"a map of as many pairs as can be told", put_largest_map, -EINVAL, "",
     "fewer items than announced, at byte 9"},
    {"too deep", put_too_deep, -EINVAL, "", "containers nested too deeply, at byte 13"},
};

static void test_write(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct atls_bytes out = {NULL, 12345}, expected = test_hex(cases[i].hex);
        struct atls_cbor_writer w;
        uint8_t buffer[256];

        atls_cbor_write_init(&w, buffer, sizeof buffer);
        cases[i].put(&w);
        test_verdict(cases[i].name, atls_cbor_write_done(&w, &out), cases[i].verdict);
        if (cases[i].verdict) {
            assert_int_equal(out.size, 12345);
            assert_string_equal(atls_error_clause(), "RFC 8949 section 4.2.1");
            if (strcmp(atls_error_text() + strlen("CBOR writer: "), cases[i].text) != 0)
                fail_msg("%s: expected \"%s\", came \"%s\"", cases[i].name, cases[i].text,
                         atls_error_text());
        } else {
            assert_int_equal(out.size, expected.size);
            assert_memory_equal(out.data, expected.data, out.size);
        }
        test_vector_free(expected);
    }
}

/* Counting gives the size that is then needed; one byte less is refused, and nothing is overrun. */
static void test_sizes(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct atls_bytes out = {NULL, 0};
        struct atls_cbor_writer w;
        size_t needed;

        if (cases[i].verdict)
            continue;
        atls_cbor_write_init(&w, NULL, 0);
        cases[i].put(&w);
        assert_int_equal(atls_cbor_write_done(&w, &out), 0);
        needed = out.size;
        assert_int_equal(needed, strlen(cases[i].hex) / 2);
        for (size_t capacity = 1; capacity <= needed; capacity++) {
            uint8_t *exact = malloc(capacity);

            assert_non_null(exact);
            atls_cbor_write_init(&w, exact, capacity);
            cases[i].put(&w);
            test_verdict(cases[i].name, atls_cbor_write_done(&w, &out),
                         capacity < needed ? ATLS_E_LIMIT : 0);
            assert_int_equal(w.used, needed);
            free(exact);
        }
    }
}

/* The first mistake is the one that is told. */
static void test_keeps_first_error(void **state)
{
    struct atls_cbor_writer w;
    struct atls_bytes out;
    uint8_t buffer[16];

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    put_two_keys(&w, 1, 1);
    atls_cbor_write_text(&w, "\xff");
    put_nested(&w, 100);
    assert_int_equal(atls_cbor_write_done(&w, &out), -EINVAL);
    assert_non_null(strstr(atls_error_text(), "duplicate"));
    assert_int_equal(atls_cbor_write_done(&w, &out), -EINVAL);
}

/* What was told of the keys is told where the buffer ends behind the second one, too: they can be
 * compared. Where it ends before that, no more is known than that it is too small. */
static void test_keys_at_the_end_of_the_buffer(void **state)
{
    static const struct {
        size_t capacity;
        int result;
    } rows[] = {{3, ATLS_E_LIMIT}, {4, -EINVAL}, {5, -EINVAL}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *exact = malloc(rows[i].capacity);
        struct atls_cbor_writer w;
        struct atls_bytes out;

        assert_non_null(exact);
        atls_cbor_write_init(&w, exact, rows[i].capacity);
        put_descending_keys(&w);
        assert_int_equal(atls_cbor_write_done(&w, &out), rows[i].result);
        free(exact);
    }
}

static void test_heads(void **state)
{
    static const struct {
        unsigned major;
        uint64_t argument;
        const char *hex;
    } heads[] = {{0, 0, "00"},
                 {2, 23, "57"},
                 {3, 24, "7818"},
                 {4, 255, "98ff"},
                 {5, 256, "b90100"},
                 {6, 65535, "d9ffff"},
                 {6, 65536, "da00010000"},
                 {1, UINT32_MAX, "3affffffff"},
                 {7, 22, "f6"},
                 {0, UINT64_C(1) << 32, "1b0000000100000000"}};

    for (size_t i = 0; i < COUNT(heads); i++) {
        struct atls_bytes expected = test_hex(heads[i].hex);
        uint8_t head[ATLS_CBOR_HEAD_MAX];

        assert_int_equal(atls_cbor_head(heads[i].major, heads[i].argument, head), expected.size);
        assert_memory_equal(head, expected.data, expected.size);
        test_vector_free(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_keeps_first_error),
        cmocka_unit_test(test_keys_at_the_end_of_the_buffer),
        cmocka_unit_test(test_heads),
    };

    return cmocka_run_group_tests_name("cbor-write", tests, NULL, NULL);
}
