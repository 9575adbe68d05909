/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the reader: its bounds on depth, size and time, and the pulling of items. */
#include <time.h>

#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"
#include "rats/test/test-hex.h"

enum { BAD = ATLS_E_MALFORMED };

static int check(const char *hex, const struct atls_cbor_rules *rules)
{
    struct atls_bytes in = test_hex(hex);
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, rules, NULL);

    if (result == 0) { /* and it can be stepped over */
        assert_int_equal(atls_cbor_skip(&r), 0);
        assert_int_equal(atls_cbor_close(&r), 0);
    }
    test_vector_free(in);
    return result;
}

/* OPEN, DEPTH times; INNER; CLOSE as often. */
static void nest(const char *open, const char *inner, const char *close, unsigned depth, char *hex,
                 size_t size)
{
    size_t used = 0;

    for (unsigned n = 0; n < depth; n++)
        used += (size_t)snprintf(hex + used, size - used, "%s", open);
    used += (size_t)snprintf(hex + used, size - used, "%s", inner);
    for (unsigned n = 0; n < depth; n++)
        used += (size_t)snprintf(hex + used, size - used, "%s", close);
    assert_in_range(used, 1, size - 1);
}

static void test_depth(void **state)
{
    static const struct {
        const char *open, *inner;
        const char *close;
    } kinds[] = {{"81", "00", ""},   {"a100", "00", ""},    {"c1", "00", ""},
                 {"81", "80", ""},   {"9f", "00", "ff"},    {"bf00", "00", "ff"},
                 {"a1", "00", "00"}, {"81", "5f4100ff", ""}};
    struct atls_cbor_rules deep = atls_cbor_lenient;

    for (size_t i = 0; i < COUNT(kinds); i++)
        for (unsigned depth = 1; depth < 200; depth++) {
            char hex[2000];
            unsigned used = depth + (strcmp(kinds[i].inner, "80") == 0);

            nest(kinds[i].open, kinds[i].inner, kinds[i].close, depth, hex, sizeof hex);
            test_verdict(hex, check(hex, &atls_cbor_lenient), used <= 16 ? 0 : ATLS_E_LIMIT);
            deep.max_depth = 3;
            test_verdict(hex, check(hex, &deep), used <= 3 ? 0 : ATLS_E_LIMIT);
            deep.max_depth = 1000; /* the reader's own bound */
            test_verdict(hex, check(hex, &deep), used <= 64 ? 0 : ATLS_E_LIMIT);
        }
}

/* 1 MiB of heads that each open a level must cost neither stack nor time. */
static void test_deep_bomb(void **state)
{
    static const uint8_t bombs[] = {0x81, 0x9f, 0xc1, 0xa1, 0xbf, 0xd8, 0x5f};
    size_t size = 1u << 20;
    uint8_t *data = malloc(size);

    assert_non_null(data);
    for (size_t i = 0; i < COUNT(bombs); i++) {
        struct atls_cbor_reader r;

        memset(data, bombs[i], size);
        assert_true(atls_cbor_open(&r, ATLS_BYTES(data, size), &atls_cbor_lenient, NULL) > 0);
    }
    free(data);
}

static void test_limits(void **state)
{
    struct atls_cbor_rules rules = atls_cbor_strict;

    rules.max_size = 4;
    test_verdict("4 bytes", check("83010203", &rules), 0);
    test_verdict("5 bytes", check("8401020304", &rules), ATLS_E_LIMIT);
    rules = atls_cbor_lenient;
    rules.max_items = 4;
    test_verdict("4 items", check("83010203", &rules), 0);
    test_verdict("5 items", check("8401020304", &rules), ATLS_E_LIMIT);
    test_verdict("4 items, map", check("a1018102", &rules), 0);
    test_verdict("5 items, tags", check("c1c1c1c101", &rules), ATLS_E_LIMIT);
    test_verdict("4 items, chunks", check("5f414141414141ff", &rules), 0);
    test_verdict("5 items, chunks", check("5f4141414141414141ff", &rules), ATLS_E_LIMIT);
    test_verdict("5 items, empty chunks", check("5f40404040ff", &rules), ATLS_E_LIMIT);
}

/* Seconds that opening takes; the verdict goes to *RESULTP. */
static double time_to_open(struct atls_bytes in, int *resultp)
{
    struct atls_cbor_reader r;
    struct timespec start, end;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    *resultp = atls_cbor_open(&r, in, &atls_cbor_lenient, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

/* As many keys as the limits allow: ascending, descending, with a long common beginning, equal. */
static void test_many_keys(void **state)
{
    enum { ASCENDING, DESCENDING, LONG, LAST_TWICE, KINDS };
    size_t count = 32000, capacity = 1u << 20;
    uint8_t *buffer = malloc(capacity);

    assert_non_null(buffer);
    for (int kind = 0; kind < KINDS; kind++) {
        size_t used = atls_cbor_head(5, count, buffer);
        double seconds;
        int result;

        for (size_t i = 0; i < count; i++) {
            size_t key = kind == DESCENDING ? count - 1 - i : i;

            if (kind == LAST_TWICE && i == count - 1)
                key = 0;
            if (kind == LONG) { /* 24 equal bytes first */
                used += atls_cbor_head(2, 28, buffer + used);
                memset(buffer + used, 'a', 24);
                used += 24;
                for (int byte = 3; byte >= 0; byte--)
                    buffer[used++] = (uint8_t)(key >> (8 * byte));
            } else
                used += atls_cbor_head(0, key, buffer + used);
            buffer[used++] = 0xf6;
        }
        assert_in_range(used, 0, capacity);
        seconds = time_to_open(ATLS_BYTES(buffer, used), &result);
        test_verdict("many keys", result, kind == LAST_TWICE ? BAD : 0);
        if (seconds > 2) /* a quadratic search takes some 10 s even without a sanitizer */
            fail_msg("kind %d took %.1f s", kind, seconds);
    }
    free(buffer);
}

/* Maps as keys of maps as keys, each sorted once more: the work stays bounded by size and depth. */
static void test_nested_map_keys(void **state)
{
    size_t capacity = 1u << 20, used = 0, count = 30000;
    uint8_t *buffer = malloc(capacity);
    double seconds;
    int result;

    assert_non_null(buffer);
    for (int level = 0; level < 15; level++)
        buffer[used++] = 0xa1;
    used += atls_cbor_head(5, count, buffer + used);
    for (size_t i = 0; i < count; i++) {
        used += atls_cbor_head(0, count - i, buffer + used);
        buffer[used++] = 0xf6;
    }
    for (int level = 0; level < 15; level++)
        buffer[used++] = 0xf6;
    seconds = time_to_open(ATLS_BYTES(buffer, used), &result);
    test_verdict("nested map keys", result, 0);
    assert_true(seconds < 2);
    free(buffer);
}

static void test_read_every_type(void **state)
{
    struct atls_bytes in = test_hex("8f1903e83903e74301020363616263f5f4f6d83d008101a102033b7fffffff"
                                    "ffffffff1b7ffffffffffffffff93c00f7e5");
    struct atls_cbor_reader r;
    struct atls_bytes bytes;
    uint64_t number;
    int64_t integer;
    size_t count;
    double real;
    bool flag;

    assert_int_equal(atls_cbor_open(&r, in, NULL, NULL), 0);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_ARRAY);
    assert_int_equal(atls_cbor_read_array(&r, "all", &count), 0);
    assert_int_equal(count, 15);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_UINT);
    assert_int_equal(atls_cbor_read_uint(&r, "a", &number), 0);
    assert_int_equal(number, 1000);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_NINT);
    assert_int_equal(atls_cbor_read_int(&r, "a", &integer), 0);
    assert_int_equal(integer, -1000);
    assert_int_equal(atls_cbor_read_bytes(&r, "a", &bytes), 0);
    assert_true(atls_bytes_equal(bytes, ATLS_BYTES("\1\2\3", 3)));
    assert_int_equal(atls_cbor_read_text(&r, "a", &bytes), 0);
    assert_true(atls_bytes_is_text(bytes, "abc"));
    assert_int_equal(atls_cbor_read_bool(&r, "a", &flag), 0);
    assert_true(flag);
    assert_int_equal(atls_cbor_read_bool(&r, "a", &flag), 0);
    assert_false(flag);
    assert_int_equal(atls_cbor_read_null(&r, "a"), 0);
    assert_int_equal(atls_cbor_read_tag(&r, "a", &number), 0);
    assert_int_equal(number, 61);
    assert_int_equal(atls_cbor_read_int(&r, "a", &integer), 0);
    assert_int_equal(integer, 0);
    assert_int_equal(atls_cbor_read_encoded(&r, &bytes), 0);
    assert_true(atls_bytes_equal(bytes, ATLS_BYTES("\x81\x01", 2)));
    assert_int_equal(atls_cbor_read_map(&r, "a", &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_read_int(&r, "a", &integer), 0);
    assert_true(integer == INT64_MIN);
    assert_int_equal(atls_cbor_read_int(&r, "a", &integer), 0);
    assert_true(integer == INT64_MAX);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_FLOAT);
    assert_int_equal(atls_cbor_read_float(&r, "a", &real), 0);
    assert_true(real == 1);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_UNDEFINED);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_SIMPLE);
    test_verdict("not at the end", atls_cbor_close(&r), BAD);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_END);
    assert_int_equal(atls_cbor_close(&r), 0);
    test_verdict("behind the end", atls_cbor_skip(&r), BAD);
    test_verdict("behind the end", atls_cbor_read_uint(&r, "a", &number), BAD);
    test_vector_free(in);
}

enum reading { UINT, INT, BYTES, TEXT, BOOL, NULLS, FLOAT, TAG, ARRAY, MAP, READINGS };

static int read_as(struct atls_cbor_reader *r, enum reading reading)
{
    struct atls_bytes bytes;
    uint64_t number;
    int64_t integer;
    size_t count;
    double real;
    bool flag;

    switch (reading) {
    case UINT:
        return atls_cbor_read_uint(r, "the field", &number);
    case INT:
        return atls_cbor_read_int(r, "the field", &integer);
    case BYTES:
        return atls_cbor_read_bytes(r, "the field", &bytes);
    case TEXT:
        return atls_cbor_read_text(r, "the field", &bytes);
    case BOOL:
        return atls_cbor_read_bool(r, "the field", &flag);
    case NULLS:
        return atls_cbor_read_null(r, "the field");
    case FLOAT:
        return atls_cbor_read_float(r, "the field", &real);
    case TAG:
        return atls_cbor_read_tag(r, "the field", &number);
    case ARRAY:
        return atls_cbor_read_array(r, "the field", &count);
    default:
        return atls_cbor_read_map(r, "the field", &count);
    }
}

/* Each item read as each type: right or refused, without moving, naming field and clause. */
static void test_read_wrong_types(void **state)
{
    static const struct {
        const char *hex;
        unsigned right; /* bits of enum reading */
    } items[] = {
        {"00", 1 << UINT | 1 << INT},
        {"1b8000000000000000", 1 << UINT},
        {"1bffffffffffffffff", 1 << UINT},
        {"20", 1 << INT},
        {"3b8000000000000000", 0},
        {"3bffffffffffffffff", 0},
        {"40", 1 << BYTES},
        {"60", 1 << TEXT},
        {"5fff", 1 << BYTES},
        {"7f6161ff", 1 << TEXT},
        {"f4", 1 << BOOL},
        {"f6", 1 << NULLS},
        {"f7", 0},
        {"e0", 0},
        {"f93c00", 1 << FLOAT},
        {"fa7f800000", 1 << FLOAT},
        {"fb7ff8000000000000", 1 << FLOAT},
        {"c100", 1 << TAG},
        {"80", 1 << ARRAY},
        {"9fff", 1 << ARRAY},
        {"a0", 1 << MAP},
        {"bfff", 1 << MAP},
    };

    for (size_t i = 0; i < COUNT(items); i++) {
        struct atls_bytes in = test_hex(items[i].hex);

        for (enum reading reading = UINT; reading < READINGS; reading++) {
            struct atls_cbor_reader r;
            bool right = items[i].right >> reading & 1;

            assert_int_equal(atls_cbor_open(&r, in, &atls_cbor_lenient, "RFC 1 section 2"), 0);
            test_verdict(items[i].hex, read_as(&r, reading), right ? 0 : BAD);
            assert_int_equal(r.at == 0, !right);
            if (!right) {
                assert_string_equal(atls_error_clause(), "RFC 1 section 2");
                assert_non_null(strstr(atls_error_text(), "the field"));
            }
        }
        test_vector_free(in);
    }
}

static void test_indefinite(void **state)
{
    struct atls_bytes in = test_hex("9f01bf0203ff5f42aabbff5f41aa41bbff5fffff");
    struct atls_cbor_reader r;
    struct atls_bytes bytes;
    uint64_t number;
    size_t count;

    assert_int_equal(atls_cbor_open(&r, in, &atls_cbor_lenient, NULL), 0);
    assert_int_equal(atls_cbor_read_array(&r, "a", &count), 0);
    assert_true(count == SIZE_MAX);
    assert_false(atls_cbor_at_break(&r));
    assert_int_equal(atls_cbor_read_uint(&r, "a", &number), 0);
    assert_int_equal(atls_cbor_read_map(&r, "a", &count), 0);
    assert_true(count == SIZE_MAX);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_peek(&r), ATLS_CBOR_END);
    test_verdict("skip a break", atls_cbor_skip(&r), BAD);
    assert_true(atls_cbor_at_break(&r));
    assert_int_equal(atls_cbor_read_bytes(&r, "a", &bytes), 0);
    assert_true(atls_bytes_equal(bytes, ATLS_BYTES("\xaa\xbb", 2)));
    test_verdict("two chunks", atls_cbor_read_bytes(&r, "a", &bytes), ATLS_E_UNSUPPORTED);
    assert_int_equal(atls_cbor_read_encoded(&r, &bytes), 0);
    assert_int_equal(bytes.size, 6);
    assert_int_equal(atls_cbor_read_bytes(&r, "a", &bytes), 0);
    assert_int_equal(bytes.size, 0);
    assert_true(atls_cbor_at_break(&r));
    assert_false(atls_cbor_at_break(&r));
    assert_int_equal(atls_cbor_close(&r), 0);
    test_vector_free(in);
}

/* The check remembers where the largest container lies, the first of several; what is skipped is
 * the same as by a walk. */
static void test_skip_of_the_widest(void **state)
{
    static const struct {
        const char *hex;
        size_t at, end;
    } inputs[] = {
        {"83010203", 0, 0},                   /* there is none */
        {"840182020383040506820708", 5, 9},   /* the first, the second or the third of three */
        {"84830102038204058206078101", 1, 5}, /* (and not what is within it) */
        {"a2830102030483050607820809", 1, 5}, /* a key; a value */
        {"a101820183020304", 2, 8},
        {"82820102820304", 1, 4}, /* of equal ones the first */
        {"9f82010283010203ff", 4, 8},
        {"829f0102ff9f010203ff", 5, 10},
        {"82c1820102c48101", 1, 5},
        {"8180", 1, 2},
        {"80", 0, 0},
        {"c1820102", 1, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct atls_bytes in = test_hex(inputs[i].hex);
        struct atls_cbor_reader r, walk;
        struct atls_bytes item, same;

        assert_int_equal(atls_cbor_open(&r, in, &atls_cbor_lenient, NULL), 0);
        assert_int_equal(r.widest, inputs[i].at);
        assert_int_equal(r.widest_end, inputs[i].end);
        r.at = 1; /* into the outermost one */
        walk = r;
        walk.widest = walk.widest_end = 0;
        while (atls_cbor_peek(&walk) != ATLS_CBOR_END) {
            assert_int_equal(atls_cbor_read_encoded(&r, &item), 0);
            assert_int_equal(atls_cbor_read_encoded(&walk, &same), 0);
            assert_ptr_equal(item.data, same.data);
            assert_int_equal(item.size, same.size);
        }
        assert_int_equal(r.at, walk.at);
        test_vector_free(in);
    }
}

/* And it is not walked through: whatever is in it by then, one step leads behind it. */
static void test_widest_is_one_step(void **state)
{
    struct atls_bytes in = test_hex("8383010203820405f6");
    struct atls_cbor_reader r;

    (void)state;
    assert_int_equal(atls_cbor_open(&r, in, NULL, NULL), 0);
    memset((void *)(uintptr_t)(in.data + 2), 0xff, 3);
    r.at = 1;
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(r.at, 5);
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(r.at, 8);
    test_vector_free(in);
}

/* A reader of what nothing has checked does not leave its room either. */
static void test_skip_is_bounded(void **state)
{
    uint8_t deep[200];
    struct atls_cbor_reader r = {.in = ATLS_BYTES(deep, sizeof deep), .clause = "clause 1"};

    (void)state;
    memset(deep, 0x81, sizeof deep);
    test_verdict("200 arrays", atls_cbor_skip(&r), ATLS_E_LIMIT);
    assert_string_equal(atls_error_clause(), "clause 1");
    assert_int_equal(r.at, 0);
}

/* What is wrong with bytes that are no item is told as what it is. */
static void test_reasons(void **state)
{
    static const struct {
        const char *hex, *text;
    } cases[] = {
        {"", "expected an item at byte 0, came the end"},
        {"18", "the item at byte 0 is longer than what is left"},
        {"1901", "the item at byte 0 is longer than what is left"},
        {"82015818", "the item at byte 2 is longer than what is left"},
        {"4201", "the item at byte 0 is longer than what is left"},
        {"f8", "the item at byte 0 is longer than what is left"},
        {"1c", "byte 0 is 0x1c, which begins no item"},
        {"81fc", "byte 1 is 0xfc, which begins no item"},
        {"f81f", "simple value 31 in two bytes, at byte 0"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct atls_bytes in = test_hex(cases[i].hex);
        struct atls_cbor_reader r;

        assert_int_equal(atls_cbor_open(&r, in, NULL, "clause 1"), ATLS_E_MALFORMED);
        if (!strstr(atls_error_text(), cases[i].text))
            fail_msg("%s: expected \"%s\", came \"%s\"", cases[i].hex, cases[i].text,
                     atls_error_text());
        test_vector_free(in);
    }
}

/* Reading on behind the last item is told by the clause of the format. */
static void test_read_at_the_end(void **state)
{
    struct atls_bytes in = test_hex("4101"), small = test_hex("01"), bytes;
    struct atls_cbor_reader r;
    uint64_t value;
    int64_t number;

    assert_int_equal(atls_cbor_open(&r, in, NULL, "clause 1"), 0);
    assert_int_equal(atls_cbor_read_bytes(&r, "first", &bytes), 0);
    assert_int_equal(atls_cbor_read_bytes(&r, "second", &bytes), ATLS_E_MALFORMED);
    assert_string_equal(atls_error_clause(), "clause 1");
    assert_non_null(strstr(atls_error_text(), "second: expected "));
    assert_non_null(strstr(atls_error_text(), "came the end at byte 2"));
    assert_int_equal(atls_cbor_open(&r, small, NULL, "clause 1"), 0);
    assert_int_equal(atls_cbor_read_uint(&r, "first", &value), 0);
    assert_int_equal(atls_cbor_read_uint(&r, "second", &value), ATLS_E_MALFORMED);
    assert_int_equal(atls_cbor_read_int(&r, "third", &number), ATLS_E_MALFORMED);
    assert_non_null(strstr(atls_error_text(), "third: expected "));
    test_vector_free(in);
    test_vector_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_read_at_the_end),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_deep_bomb),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_nested_map_keys),
        cmocka_unit_test(test_read_every_type),
        cmocka_unit_test(test_read_wrong_types),
        cmocka_unit_test(test_indefinite),
        cmocka_unit_test(test_skip_of_the_widest),
        cmocka_unit_test(test_widest_is_one_step),
        cmocka_unit_test(test_skip_is_bounded),
    };

    return cmocka_run_group_tests_name("cbor-read", tests, NULL, NULL);
}
