/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of hexadecimal and base64: RFC 4648's vectors, and every text that is not canonical. */
#include "rats/test/test-hex.h"

enum {
    URL = ATLS_BASE64URL,
    PADDED = ATLS_BASE64URL_PADDED,
    STANDARD = ATLS_BASE64,
    ANY = ATLS_BASE64_ANY,
    KINDS
};

/* RFC 4648 section 10, and bytes that use the characters in which the alphabets differ */
static const struct {
    const char *hex, *url, *padded, *standard;
} same[] = {
    {"", "", "", ""},
    {"66", "Zg", "Zg==", "Zg=="},
    {"666f", "Zm8", "Zm8=", "Zm8="},
    {"666f6f", "Zm9v", "Zm9v", "Zm9v"},
    {"666f6f62", "Zm9vYg", "Zm9vYg==", "Zm9vYg=="},
    {"666f6f6261", "Zm9vYmE", "Zm9vYmE=", "Zm9vYmE="},
    {"666f6f626172", "Zm9vYmFy", "Zm9vYmFy", "Zm9vYmFy"},
    {"fbefbe", "----", "----", "++++"},
    {"ffffff", "____", "____", "////"},
    {"fb", "-w", "-w==", "+w=="},
    {"ffff", "__8", "__8=", "//8="},
    {"000000", "AAAA", "AAAA", "AAAA"},
};

static void check_decode(enum atls_base64 kind, const char *text, int verdict,
                         struct atls_bytes expected)
{
    /* exactly its size, without the terminating zero */
    struct atls_bytes in = {malloc(strlen(text) + !*text), strlen(text)};
    uint8_t *data = NULL;
    size_t size = 999;
    int result;

    assert_non_null(in.data);
    memcpy((void *)(uintptr_t)in.data, text, in.size);
    result = atls_base64_decode(kind, in, &data, &size);
    test_verdict(text, result, verdict);
    if (result == 0) {
        assert_int_equal(size, expected.size);
        assert_memory_equal(data, expected.data, size);
        free(data);
    } else {
        assert_null(data);
        assert_int_equal(size, 999);
    }
    test_vector_free(in);
}

static void test_base64(void **state)
{
    for (size_t i = 0; i < COUNT(same); i++) {
        const char *const texts[] = {same[i].url, same[i].padded, same[i].standard};
        struct atls_bytes bytes = test_hex(same[i].hex);

        for (int kind = URL; kind < ANY; kind++) {
            char *text = atls_base64_encode((enum atls_base64)kind, bytes);

            assert_non_null(text);
            assert_string_equal(text, texts[kind]);
            check_decode((enum atls_base64)kind, text, 0, bytes);
            check_decode(ATLS_BASE64_ANY, text, 0, bytes);
            free(text);
        }
        test_vector_free(bytes);
    }
}

static const struct {
    const char *name, *text;
    bool taken[KINDS]; /* by which kinds */
} texts[] = {
    {"padding", "Zg==", {[PADDED] = true, [STANDARD] = true, [ANY] = true}},
    {"no padding", "Zg", {[URL] = true, [ANY] = true}},
    {"no padding, standard alphabet", "+w", {[ANY] = true}},
    {"half the padding", "Zg=", {false}},
    {"too much padding", "Zg===", {false}},
    {"padding alone", "=", {false}},
    {"padding alone", "==", {false}},
    {"padding alone", "====", {false}},
    {"padding of a whole group", "Zm9v=", {false}},
    {"padding of a whole group", "Zm9v==", {false}},
    {"padding of a whole group", "Zm9v====", {false}},
    {"padding too short for three", "Zm8==", {false}},
    {"padding inside", "Zg==Zg==", {false}},
    {"padding before", "==Zg", {false}},
    {"one character", "Z", {false}},
    {"one character of zero bits", "A", {false}},
    {"five characters, the last of zero bits", "Zm9vA", {false}},
    {"one character and padding", "Z===", {false}},
    {"five characters", "Zm9vZ", {false}},
    {"bits behind one byte", "Zh", {false}},
    {"bits behind one byte", "Zh==", {false}},
    {"bits behind one byte", "Z_==", {false}},
    {"bits behind two bytes", "Zm9", {false}},
    {"bits behind two bytes", "Zm9=", {false}},
    {"mixed alphabets", "-_+/", {false}},
    {"mixed alphabets", "AA+A_AAA", {false}},
    {"mixed alphabets", "AA_A+AAA", {false}},
    {"standard alphabet", "++++", {[STANDARD] = true, [ANY] = true}},
    {"URL alphabet", "----", {[URL] = true, [PADDED] = true, [ANY] = true}},
    {"newline", "Zm9v\n", {false}},
    {"newline inside", "Zm\n9v", {false}},
    {"blank", "Zm9v ", {false}},
    {"blank", " Zm9v", {false}},
    {"tab", "Zm\t9", {false}},
    {"full stop", "Zm9v.Zm9v", {false}},
    {"byte above 127", "Zm9\xff", {false}},
    {"UTF-8", "Zm\xc3\xbc", {false}},
    {"comma", ",,,,", {false}},
};

static void test_base64_refusals(void **state)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        for (int kind = URL; kind < KINDS; kind++) {
            struct atls_bytes text = atls_bytes_of_text(texts[i].text);
            uint8_t *data = NULL;
            size_t size;
            int result = atls_base64_decode((enum atls_base64)kind, text, &data, &size);
            char name[64];

            snprintf(name, sizeof name, "%s, kind %d", texts[i].name, kind);
            test_verdict(name, result, texts[i].taken[kind] ? 0 : ATLS_E_MALFORMED);
            if (result)
                assert_non_null(strstr(atls_error_clause(), "RFC 4648"));
            free(data);
        }
}

/* RFC 4648 section 3.3: which byte it was, counted from 0. */
static const struct {
    const char *text;
    size_t at;
    bool is_hex;
} places[] = {
    {"AAA!", 3, false},     {"!AAA", 0, false},   {"AAAA!AAA", 4, false}, {"AAAAAA!", 6, false},
    {"Zm9!", 3, false},     {"-+AA", 1, false},   {"_AAA/AAA", 4, false}, {"+-AA", 1, false},
    {"/AAA_AAA", 4, false}, {"AAAAA!", 5, false}, {"0g", 1, true},        {"g0", 0, true},
    {"gg", 0, true},        {"000g", 3, true},    {"00ff0G", 5, true},    {"@0", 0, true},
    {"0/", 1, true},        {"0:", 1, true},      {"a`", 1, true},
};

static void test_places(void **state)
{
    for (size_t i = 0; i < COUNT(places); i++) {
        struct atls_bytes text = atls_bytes_of_text(places[i].text);
        char at[32], byte[32];
        uint8_t *data;
        size_t size;
        int result = places[i].is_hex ? atls_hex_decode(text, &data, &size)
                                      : atls_base64_decode(ATLS_BASE64_ANY, text, &data, &size);

        test_verdict(places[i].text, result, ATLS_E_MALFORMED);
        snprintf(at, sizeof at, "offset %zu", places[i].at);
        snprintf(byte, sizeof byte, "byte 0x%02x", text.data[places[i].at]);
        if (!strstr(atls_error_text(), at) || !strstr(atls_error_text(), byte))
            fail_msg("%s: expected %s and %s, came %s", places[i].text, at, byte,
                     atls_error_text());
    }
}

/* What stands before a text is not its padding. */
static void test_base64_nothing(void **state)
{
    static const char padding[] = "=";

    for (int kind = URL; kind < KINDS; kind++) {
        uint8_t *data = NULL;
        size_t size = 1;

        test_verdict(
            "nothing, behind a padding character",
            atls_base64_decode((enum atls_base64)kind, ATLS_BYTES(padding + 1, 0), &data, &size),
            0);
        assert_int_equal(size, 0);
        free(data);
    }
}

/* A zero byte is a byte like others, and none of an alphabet. */
static void test_base64_zero_byte(void **state)
{
    uint8_t *data;
    size_t size;

    test_verdict("zero byte",
                 atls_base64_decode(ATLS_BASE64URL, ATLS_BYTES("Zm\0v", 4), &data, &size),
                 ATLS_E_MALFORMED);
}

/* Decoding takes exactly one text for each value: of all texts of four characters from a part of
 * the alphabet, those that are taken are encoded to themselves. */
static void test_base64_is_canonical(void **state)
{
    static const char characters[] = "AQgwx_-=";
    unsigned taken = 0;

    for (unsigned i = 0; i < 8 * 8 * 8 * 8; i++) {
        const char text[] = {characters[i & 7], characters[i >> 3 & 7], characters[i >> 6 & 7],
                             characters[i >> 9], '\0'};
        uint8_t *data;
        size_t size;
        char *again;

        if (atls_base64_decode(ATLS_BASE64URL_PADDED, atls_bytes_of_text(text), &data, &size))
            continue;
        taken++;
        again = atls_base64_encode(ATLS_BASE64URL_PADDED, ATLS_BYTES(data, size));
        assert_string_equal(again, text);
        free(again);
        free(data);
    }
    assert_in_range(taken, 7 * 7 * 7 * 7 + 1, 8 * 8 * 8 * 8 - 1);
}

static void test_round_trips(void **state)
{
    uint8_t bytes[256];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + 13);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct atls_bytes in = ATLS_BYTES(bytes, size);
        uint8_t *data;
        size_t decoded;
        char *text;

        for (int kind = URL; kind < ANY; kind++) {
            text = atls_base64_encode((enum atls_base64)kind, in);
            check_decode((enum atls_base64)kind, text, 0, in);
            free(text);
        }
        text = atls_hex_encode(in);
        assert_int_equal(strlen(text), 2 * size);
        assert_int_equal(atls_hex_decode(atls_bytes_of_text(text), &data, &decoded), 0);
        assert_true(atls_bytes_equal(ATLS_BYTES(data, decoded), in));
        free(data);
        free(text);
    }
}

static void test_hex_texts(void **state)
{
    static const struct {
        const char *text;
        int verdict;
        const char *again;
    } cases[] = {
        {"", 0, ""},
        {"00ff", 0, "00ff"},
        {"09afAF", 0, "09afaf"},
        {"0", ATLS_E_MALFORMED, ""},
        {"000", ATLS_E_MALFORMED, ""},
        {"0g", ATLS_E_MALFORMED, ""},
        {"g0", ATLS_E_MALFORMED, ""},
        {"/0", ATLS_E_MALFORMED, ""},
        {":0", ATLS_E_MALFORMED, ""},
        {"@0", ATLS_E_MALFORMED, ""},
        {"`0", ATLS_E_MALFORMED, ""},
        {"0x00", ATLS_E_MALFORMED, ""},
        {"00 0", ATLS_E_MALFORMED, ""},
        {"00:00", ATLS_E_MALFORMED, ""},
        {"00:0", ATLS_E_MALFORMED, ""},
        {"00\n", ATLS_E_MALFORMED, ""},
        {"-1", ATLS_E_MALFORMED, ""},
        {"\xff\xff", ATLS_E_MALFORMED, ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t *data = NULL;
        size_t size;
        int result = atls_hex_decode(atls_bytes_of_text(cases[i].text), &data, &size);

        test_verdict(cases[i].text, result, cases[i].verdict);
        if (result == 0) {
            char *again = atls_hex_encode(ATLS_BYTES(data, size));

            assert_string_equal(again, cases[i].again);
            free(again);
        }
        free(data);
    }
}

/* What stands behind a text is not looked at, nor is a text that no memory can hold. */
static void test_hex_sizes(void **state)
{
    uint8_t *data = NULL;
    size_t size;

    test_verdict("odd number of digits, a digit behind them",
                 atls_hex_decode(ATLS_BYTES("abcd", 3), &data, &size), ATLS_E_MALFORMED);
    assert_null(data);
    assert_null(atls_hex_encode(ATLS_BYTES("", SIZE_MAX / 2 + 1)));
    assert_null(atls_hex_encode(ATLS_BYTES("", SIZE_MAX)));
    assert_null(atls_base64_encode(ATLS_BASE64, ATLS_BYTES("", SIZE_MAX / 4 * 3 - 5)));
    assert_null(atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES("", SIZE_MAX)));
}

static void test_expected_bytes(void **state)
{
    static const struct {
        const char *expected, *came, *text; /* NULL: they are equal */
    } cases[] = {
        {"", "", NULL},
        {"ab", "ab", NULL},
        {"ab", "ac", "nonce: expected 6162, came 6163"},
        {"ab", "abc", "nonce: expected 6162, came 616263"},
        {"ab", "a", "nonce: expected 6162, came 61"},
        {"ab", "", "nonce: expected 6162, came nothing"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int result = atls_bytes_expect("clause 1", "nonce", atls_bytes_of_text(cases[i].expected),
                                       atls_bytes_of_text(cases[i].came));

        assert_int_equal(result, cases[i].text ? ATLS_E_MISMATCH : 0);
        if (!cases[i].text)
            continue;
        assert_string_equal(atls_error_text(), cases[i].text);
        assert_string_equal(atls_error_clause(), "clause 1");
    }
}

/* RFC 8259 section 2: these four and no others; a C library's isspace() knows two more. */
static void test_trim(void **state)
{
    static const struct {
        const char *text, *left;
    } cases[] = {
        {"", ""},          {" \t\r\n", ""},          {" a b ", "a b"}, {"\r\na", "a"},
        {"a\n", "a"},      {"a\v", "a\v"},           {"\fa", "\fa"},   {"a\xa0", "a\xa0"},
        {"a \v ", "a \v"}, {"\xc2\x85", "\xc2\x85"},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (!atls_bytes_is_text(atls_text_trim(atls_bytes_of_text(cases[i].text)), cases[i].left))
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_refusals),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_base64_zero_byte),
        cmocka_unit_test(test_base64_nothing),
        cmocka_unit_test(test_base64_is_canonical),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_hex_texts),
        cmocka_unit_test(test_hex_sizes),
        cmocka_unit_test(test_expected_bytes),
    };

    return cmocka_run_group_tests_name("encoding", tests, NULL, NULL);
}
