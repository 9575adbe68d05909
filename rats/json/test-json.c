/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that is read strictly (RFC 8259), and written. */
#include "rats/test/test-table.h"

#include "rats/json/json.h"

static const struct row {
    const char *name, *text;
    size_t size; /* 0: to its end */
    int outcome;
    const char *clause, *words;
} rows[] = {
    {"an object", "{}", 0, 0, NULL, NULL},
    {"an array", "[1]", 0, 0, NULL, NULL},
    {"white space around it", "\r\n\t {} \r\n\t", 0, 0, NULL, NULL},
    {"U+0000 in a string", "[\"\\u0000\"]", 0, 0, NULL, NULL},
    {"the same member in two objects", "{\"a\":{\"a\":1}}", 0, 0, NULL, NULL},

    {"nothing", "", 0, ATLS_E_MALFORMED, "RFC 8259", "JWK: expected JSON, at byte 0"},
    {"white space alone", " ", 0, ATLS_E_MALFORMED, "RFC 8259", "JWK: expected JSON, at byte 1"},
    {"a number", "1", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON"},
    {"cut", "{\"a\":1", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON, at byte 6"},
    {"a second value", "{}{}", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON, at byte 3"},
    {"a zero behind it", "{}", 3, ATLS_E_MALFORMED, "RFC 8259", "expected JSON, at byte 3"},
    {"a comma too many", "[1,]", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON"},
    {"single quotes", "{'a':1}", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON"},
    {"no UTF-8 (section 8.1)", "[\"\xff\"]", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON"},
    {"half of a surrogate pair (section 8.2)", "[\"\\ud800\"]", 0, ATLS_E_MALFORMED, "RFC 8259",
     "expected JSON"},
    {"infinity", "[1e999]", 0, ATLS_E_MALFORMED, "RFC 8259", "expected JSON"},
    {"a byte order mark", "\xef\xbb\xbf{}", 0, ATLS_E_MALFORMED, "RFC 8259 section 8.1",
     "JWK: a byte order mark"},
    {"a byte order mark alone", "\xef\xbb\xbf", 0, ATLS_E_MALFORMED, "RFC 8259 section 8.1",
     "JWK: a byte order mark"},
    {"the beginning of a byte order mark", "\xef\xbb", 0, ATLS_E_MALFORMED, "RFC 8259",
     "expected JSON"},
    {"a byte order mark behind a blank", " \xef\xbb\xbf{}", 0, ATLS_E_MALFORMED, "RFC 8259",
     "expected JSON"},
    {"a member twice", "{\"a\":1,\"a\":1}", 0, ATLS_E_MALFORMED, "RFC 8259 section 4",
     "at byte 10: expected each member once"},
    {"a member twice, written differently", "{\"a\":1,\"\\u0061\":1}", 0, ATLS_E_MALFORMED,
     "RFC 8259 section 4", "expected each member once"},
    {"U+0000 in a member's name", "{\"a\\u0000\":1}", 0, ATLS_E_UNSUPPORTED, "",
     "a member's name with \\u0000 is not handled here"},
};

static void is_loaded(void **state)
{
    const struct row *row = *state;
    size_t size = row->size ? row->size : strlen(row->text);
    uint8_t *exact = malloc(size ? size : 1);
    json_t *json = NULL;

    assert_non_null(exact);
    memcpy(exact, row->text, size);
    test_outcome(atls_json_load(ATLS_BYTES(exact, size), "JWK", "RFC 8259 section 4", &json),
                 row->outcome, row->clause);
    if (row->outcome && !strstr(atls_error_text(), row->words))
        fail_msg("expected \"%s\", came \"%s\"", row->words, atls_error_text());
    assert_int_equal(json != NULL, row->outcome == 0);
    json_decref(json);
    free(exact);
}

/* What is no object, where one is due. */
static void is_object(void **state)
{
    static const char *const texts[] = {"[]", "[{}]", "\"{}\"", "null", "7"};
    json_t *json = NULL;

    for (size_t i = 0; i < COUNT(texts); i++) {
        test_outcome(atls_json_object(atls_bytes_of_text(texts[i]), "JWK", &json), ATLS_E_MALFORMED,
                     i < 2 ? "RFC 8259 section 4" : "RFC 8259");
        assert_null(json);
    }
    test_outcome(atls_json_object(atls_bytes_of_text("{\"a\":1,\"a\":2}"), "JWK", &json),
                 ATLS_E_MALFORMED, "RFC 8259 section 4");
    test_outcome(atls_json_object(atls_bytes_of_text("{\"a\":1}"), "JWK", &json), 0, NULL);
    assert_int_equal(json_object_size(json), 1);
    json_decref(json);
}

/* RFC 8259 section 9: "An implementation may set limits" on the size, and on the depth. */
static void has_limits(void **state)
{
    size_t size = ATLS_JSON_MAX_SIZE + 1;
    char *text = malloc(size);
    json_t *json = NULL;

    assert_non_null(text);
    memset(text, ' ', size);
    memcpy(text, "{}", 2);
    test_outcome(atls_json_load(ATLS_BYTES(text, size), "JWK", NULL, &json), ATLS_E_LIMIT, NULL);
    assert_string_equal(atls_error_text(), "JWK: expected at most 1048576 bytes, came 1048577");
    test_outcome(atls_json_load(ATLS_BYTES(text, size - 1), "JWK", NULL, &json), 0, NULL);
    json_decref(json);

    memset(text, '[', 100000);
    test_outcome(atls_json_load(ATLS_BYTES(text, 100000), "JWK", NULL, &json), ATLS_E_LIMIT,
                 "RFC 8259 section 9");
    assert_non_null(strstr(atls_error_text(), "JWK: nested too deep"));
    free(text);
}

/* More blocks of memory at once than are remembered without memory of their own; of the bad ones,
 * each has to be given back. */
static void takes_many_blocks(void **state)
{
    static const char *const ends[] = {"]", "", "}", "]]"};
    char text[16384];

    for (size_t end = 0; end < COUNT(ends); end++)
        for (int members = 1; members < 1500; members = members * 3 + 1) {
            size_t used = (size_t)snprintf(text, sizeof text, "[");
            json_t *json = NULL;

            for (int i = 0; i < members; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, "%s{\"%d\":[]}",
                                         i ? "," : "", i % 10);
            snprintf(text + used, sizeof text - used, "%s", ends[end]);
            test_outcome(atls_json_load(atls_bytes_of_text(text), "JWK", NULL, &json),
                         end ? ATLS_E_MALFORMED : 0, end ? "RFC 8259" : NULL);
            if (end == 0)
                assert_int_equal(json_array_size(json), members);
            json_decref(json);
        }
}

static void is_trimmed_in_front(void **state)
{
    static const struct {
        const char *text, *left;
    } texts[] = {
        {"", ""},       {" ", ""},      {" \t\r\n{ ", "{ "},        {"{", "{"},
        {"\v{", "\v{"}, {"\f ", "\f "}, {"\xc2\xa0{", "\xc2\xa0{"},
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        if (!atls_bytes_is_text(atls_json_skip_space(atls_bytes_of_text(texts[i].text)),
                                texts[i].left))
            fail_msg("row %zu", i);
    assert_int_equal(atls_json_skip_space(ATLS_BYTES("  {", 2)).size, 0);
}

/* As jansson writes it, at every size, so that room is made at each place. */
static void is_written(void **state)
{
    char string[700] = "";

    for (size_t size = 0; size + 1 < sizeof string; size++) {
        json_t *json = json_pack("{s:s, s:i}", "text", string, string[0] ? string : "n", 1);
        char *expected = json_dumps(json, JSON_COMPACT),
             *text = atls_json_write(json, JSON_COMPACT);

        assert_non_null(expected);
        assert_string_equal(text, expected);
        free(text);
        free(expected);
        json_decref(json);
        string[size] = 'a';
        string[size + 1] = '\0';
    }
    assert_null(atls_json_write(NULL, 0));
}

/* RFC 4648 sections 4 and 5; of no bytes, the empty string. */
static void bytes_are_base64(void **state)
{
    static const struct {
        enum atls_base64 kind;
        struct atls_bytes bytes;
        const char *text;
    } cases[] = {
        {ATLS_BASE64, {(const uint8_t *)"\xfb\xff", 2}, "+/8="},
        {ATLS_BASE64URL, {(const uint8_t *)"\xfb\xff", 2}, "-_8"},
        {ATLS_BASE64URL_PADDED, {(const uint8_t *)"\xfb\xff", 2}, "-_8="},
        {ATLS_BASE64, {NULL, 0}, ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *string = atls_json_base64(cases[i].kind, cases[i].bytes);

        assert_string_equal(json_string_value(string), cases[i].text);
        json_decref(string);
    }
}

/* An object with all of its members, or none. */
static void is_built_whole(void **state)
{
    json_t *object = json_object(), *array = json_array(), *kept;

    atls_json_add(&object, "a", json_integer(1));
    atls_json_add(&object, "b", json_integer(2));
    atls_json_append(&array, json_integer(3));
    assert_int_equal(json_integer_value(json_object_get(object, "a")), 1);
    assert_int_equal(json_object_size(object), 2);
    assert_int_equal(json_array_size(array), 1);
    kept = json_incref(object);
    atls_json_add(&object, "c", NULL);
    assert_null(object);
    assert_int_equal(kept->refcount, 1);
    json_decref(kept);
    atls_json_add(&object, "d", json_integer(4));
    assert_null(object);
    atls_json_append(&array, NULL);
    assert_null(array);
    atls_json_append(&array, json_integer(5));
    assert_null(array);
}

/* Strings are compared by their length; other values are none. */
static void strings_are_whole(void **state)
{
    json_t *whole = json_string("ab"), *zero = json_stringn("ab\0c", 4), *empty = json_string("");
    json_t *number = json_integer(7);

    assert_true(atls_json_is(whole, "ab"));
    assert_false(atls_json_is(whole, "a"));
    assert_false(atls_json_is(whole, "abc"));
    assert_false(atls_json_is(zero, "ab"));
    assert_false(atls_json_is(number, ""));
    assert_false(atls_json_is(NULL, ""));
    assert_true(atls_json_is(empty, ""));
    assert_string_equal(atls_json_text(whole), "ab");
    assert_string_equal(atls_json_text(empty), "");
    assert_null(atls_json_text(zero));
    assert_null(atls_json_text(number));
    assert_null(atls_json_text(NULL));
    test_same_bytes(atls_json_bytes(zero), ATLS_BYTES("ab\0c", 4));
    assert_null(atls_json_bytes(number).data);
    assert_null(atls_json_bytes(NULL).data);
    json_decref(whole);
    json_decref(zero);
    json_decref(empty);
    json_decref(number);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, is_loaded, rows);
    TEST_ADD(&list, is_object);
    TEST_ADD(&list, has_limits);
    TEST_ADD(&list, takes_many_blocks);
    TEST_ADD(&list, is_trimmed_in_front);
    TEST_ADD(&list, is_written);
    TEST_ADD(&list, bytes_are_base64);
    TEST_ADD(&list, is_built_whole);
    TEST_ADD(&list, strings_are_whole);
    return test_run("json", &list);
}
