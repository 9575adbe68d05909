/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of bytes. Strict, because two texts for the same bytes let an attacker change a signed
 * or hashed message without changing what is decoded from it.
 */
#include "rats/base/encoding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

static const char standard_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool is_white_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct atls_bytes atls_text_trim(struct atls_bytes text)
{
    while (text.size && is_white_space(text.data[text.size - 1]))
        text.size--;
    while (text.size && is_white_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

char *atls_hex_encode(struct atls_bytes in)
{
    static const char digits[] = "0123456789abcdef";
    char *text;

    if (in.size > (SIZE_MAX - 1) / 2)
        return NULL;
    text = malloc(2 * in.size + 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < in.size; i++) {
        text[2 * i] = digits[in.data[i] >> 4];
        text[2 * i + 1] = digits[in.data[i] & 15];
    }
    text[2 * in.size] = '\0';
    return text;
}

int atls_bytes_expect(const char *clause, const char *what, struct atls_bytes expected,
                      struct atls_bytes came)
{
    char *one, *other;

    if (atls_bytes_equal_secret(expected, came))
        return 0;
    one = atls_hex_encode(expected);
    other = atls_hex_encode(came);
    atls_fail(ATLS_E_MISMATCH, clause, "%s: expected %s, came %s", what, one ? one : "?",
              other ? (*other ? other : "nothing") : "?");
    free(one);
    free(other);
    return ATLS_E_MISMATCH;
}

char *atls_base64_encode(enum atls_base64 kind, struct atls_bytes in)
{
    const char *alphabet = kind == ATLS_BASE64 ? standard_alphabet : url_alphabet;
    bool padded = kind == ATLS_BASE64 || kind == ATLS_BASE64URL_PADDED;
    char *text, *out;
    size_t i = 0;

    if (in.size > SIZE_MAX / 4 * 3 - 6)
        return NULL;
    out = text = malloc((in.size + 2) / 3 * 4 + 1);
    if (!text)
        return NULL;
    for (; in.size - i >= 3; i += 3, out += 4) {
        uint32_t group =
            (uint32_t)in.data[i] << 16 | (uint32_t)in.data[i + 1] << 8 | in.data[i + 2];

        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 63];
        out[2] = alphabet[group >> 6 & 63];
        out[3] = alphabet[group & 63];
    }
    if (in.size > i) { /* one byte, or two */
        bool two = in.size - i == 2;
        uint32_t group = (uint32_t)in.data[i] << 16 | (two ? (uint32_t)in.data[i + 1] << 8 : 0);

        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        if (two)
            *out++ = alphabet[group >> 6 & 63];
        for (int missing = two ? 1 : 2; padded && missing > 0; missing--)
            *out++ = '=';
    }
    *out = '\0';
    return text;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int atls_hex_decode(struct atls_bytes text, uint8_t **datap, size_t *sizep)
{
    uint8_t *data;

    if (text.size % 2)
        return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 8",
                         "hexadecimal: expected an even number of digits, came %zu", text.size);
    data = malloc(text.size / 2 + 1); /* never 0: what malloc(0) returns is not defined */
    if (!data)
        return atls_fail(-ENOMEM, NULL, "hexadecimal: no memory for %zu bytes", text.size / 2);
    for (size_t i = 0; i < text.size; i += 2) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);

        if (high < 0 || low < 0) {
            size_t at = high < 0 ? i : i + 1;

            free(data);
            return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 8",
                             "hexadecimal: expected a digit at offset %zu, came byte 0x%02x", at,
                             text.data[at]);
        }
        data[i / 2] = (uint8_t)(high << 4 | low);
    }
    *datap = data;
    *sizep = text.size / 2;
    return 0;
}

/* Which alphabet decodes TEXT: for ATLS_BASE64_ANY the one of its first telling character. */
static const char *choose_alphabet(enum atls_base64 kind, struct atls_bytes text)
{
    if (kind == ATLS_BASE64)
        return standard_alphabet;
    if (kind == ATLS_BASE64_ANY)
        for (size_t i = 0; i < text.size; i++) {
            if (text.data[i] == '+' || text.data[i] == '/')
                return standard_alphabet;
            if (text.data[i] == '-' || text.data[i] == '_')
                return url_alphabet;
        }
    return url_alphabet;
}

/* Takes the padding off; *DIGITSP is the number of characters before it. */
static int check_padding(enum atls_base64 kind, struct atls_bytes text, size_t *digitsp)
{
    size_t digits = text.size, padding;
    bool required = kind == ATLS_BASE64 || kind == ATLS_BASE64URL_PADDED;

    while (digits > 0 && text.size - digits < 2 && text.data[digits - 1] == '=')
        digits--;
    padding = text.size - digits;
    if (kind == ATLS_BASE64URL && padding > 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 3.2",
                         "base64url: expected no padding, came \"=\"");
    if (digits % 4 == 1)
        return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 4",
                         "base64: %zu characters encode no whole number of bytes", digits);
    if ((required || padding > 0) && (digits + padding) % 4 != 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 3.2",
                         "base64: expected padding to a multiple of 4, came %zu characters",
                         text.size);
    *digitsp = digits;
    return 0;
}

/* Value of each character, -1 for those outside ALPHABET. */
static void invert(const char *alphabet, int16_t values[256])
{
    for (size_t i = 0; i < 256; i++)
        values[i] = -1;
    for (int16_t i = 0; i < 64; i++)
        values[(uint8_t)alphabet[i]] = i;
}

static int refuse_character(struct atls_bytes text, size_t at, const int16_t values[256])
{
    while (values[text.data[at]] >= 0)
        at++;
    return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 3.3",
                     "base64: byte 0x%02x at offset %zu is not of the alphabet", text.data[at], at);
}

/* The last one to three characters. */
static int decode_rest(struct atls_bytes text, size_t at, size_t count, const int16_t values[256],
                       uint8_t *data)
{
    uint32_t pending = 0;

    for (size_t i = 0; i < count; i++) {
        int value = values[text.data[at + i]];

        if (value < 0)
            return refuse_character(text, at, values);
        pending = pending << 6 | (uint32_t)value;
    }
    pending <<= 6 * (4 - count);
    if (pending & (0xffffffu >> (count - 1) * 8))
        return atls_fail(ATLS_E_MALFORMED, "RFC 4648 section 3.5",
                         "base64: expected zero bits behind the last byte");
    data[0] = (uint8_t)(pending >> 16);
    if (count > 2)
        data[1] = (uint8_t)(pending >> 8);
    return 0;
}

/* Decodes DIGITS characters of TEXT into DATA, which has room for digits * 3 / 4 bytes. */
static int decode_digits(const char *alphabet, struct atls_bytes text, size_t digits, uint8_t *data)
{
    int16_t values[256];
    size_t at = 0;

    invert(alphabet, values);
    for (; digits - at >= 4; at += 4, data += 3) {
        const uint8_t *c = text.data + at;
        int32_t group = values[c[0]] * (1 << 18) | values[c[1]] * (1 << 12) |
                        values[c[2]] * (1 << 6) | values[c[3]]; /* negative where one is */

        if (group < 0)
            return refuse_character(text, at, values);
        data[0] = (uint8_t)(group >> 16);
        data[1] = (uint8_t)(group >> 8);
        data[2] = (uint8_t)group;
    }
    return digits > at ? decode_rest(text, at, digits - at, values, data) : 0;
}

int atls_base64_decode(enum atls_base64 kind, struct atls_bytes text, uint8_t **datap,
                       size_t *sizep)
{
    size_t digits = 0, size;
    uint8_t *data;
    int result = check_padding(kind, text, &digits);

    if (result)
        return result;
    size = digits / 4 * 3 + digits % 4 * 3 / 4;
    data = malloc(size + 1);
    if (!data)
        return atls_fail(-ENOMEM, NULL, "base64: no memory for %zu bytes", size);
    result = decode_digits(choose_alphabet(kind, text), text, digits, data);
    if (result) {
        free(data);
        return result;
    }
    *datap = data;
    *sizep = size;
    return 0;
}
