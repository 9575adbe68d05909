/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out how a message was written down. */
#include "decode/decode-input.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "decode/diag.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"

const char *atls_input_form_name(enum atls_input_form form)
{
    static const char *const names[] = {"auto", "binary", "hex", "base64"};
    return names[form];
}

static bool is_text(struct atls_bytes in)
{
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i] > 0x7e || (in.data[i] < 0x20 && !isspace(in.data[i])))
            return false;
    return true;
}

/* What stands between "-----BEGIN ...-----" and "-----END", where there is such armour. */
static struct atls_bytes strip_armour(struct atls_bytes text)
{
    const uint8_t *begin = memmem(text.data, text.size, "-----BEGIN ", 11), *body, *end;
    size_t left;

    if (!begin)
        return text;
    left = text.size - (size_t)(begin - text.data) - 11;
    body = memmem(begin + 11, left, "-----", 5);
    if (!body)
        return text;
    body += 5;
    left = text.size - (size_t)(body - text.data);
    end = memmem(body, left, "-----END", 8);
    return end ? ATLS_BYTES(body, (size_t)(end - body)) : text;
}

/* h'..' of CBOR's diagnostic notation */
static struct atls_bytes strip_quotes(struct atls_bytes text)
{
    if (text.size >= 3 && text.data[0] == 'h' && text.data[1] == '\'' &&
        text.data[text.size - 1] == '\'')
        return ATLS_BYTES(text.data + 2, text.size - 3);
    return text;
}

static int decode_hex(struct atls_bytes text, uint8_t **datap, size_t *sizep)
{
    uint8_t *digits = malloc(text.size + 1);
    size_t used = 0;
    int result;

    if (!digits)
        return atls_fail(-ENOMEM, NULL, "input: out of memory");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == '0' && i + 1 < text.size && (text.data[i + 1] | 0x20) == 'x')
            i++;
        else if (!isspace(c) && c != ':' && c != ',')
            digits[used++] = c;
    }
    result = atls_hex_decode(ATLS_BYTES(digits, used), datap, sizep);
    free(digits);
    return result;
}

static int decode_base64(struct atls_bytes text, uint8_t **datap, size_t *sizep)
{
    uint8_t *digits = malloc(text.size + 1);
    size_t used = 0;
    int result;

    if (!digits)
        return atls_fail(-ENOMEM, NULL, "input: out of memory");
    for (size_t i = 0; i < text.size; i++)
        if (!isspace(text.data[i]))
            digits[used++] = text.data[i];
    result = atls_base64_decode(ATLS_BASE64_ANY, ATLS_BYTES(digits, used), datap, sizep);
    free(digits);
    return result;
}

static int copy(struct atls_bytes text, uint8_t **datap, size_t *sizep)
{
    uint8_t *data = malloc(text.size + 1);

    if (!data)
        return atls_fail(-ENOMEM, NULL, "input: out of memory");
    if (text.size)
        memcpy(data, text.data, text.size);
    data[text.size] = 0;
    *datap = data;
    *sizep = text.size;
    return 0;
}

/* JSON, JWT, PEM of several blocks and of keys: messages that are text. */
static bool is_message_as_it_is(struct atls_bytes text)
{
    return !text.size || text.data[0] == '{' || text.data[0] == '[' ||
           (text.size > 3 && !memcmp(text.data, "eyJ", 3) && memchr(text.data, '.', text.size)) ||
           memmem(text.data, text.size, "KEY-----", 8) || atls_diag_pem_blocks(text) > 1;
}

/* The first reading that gives a known message; failing that, the first that is one at all. */
static int find_out(struct atls_bytes text, uint8_t **datap, size_t *sizep,
                    enum atls_input_form *formp)
{
    static const enum atls_input_form forms[] = {ATLS_INPUT_HEX, ATLS_INPUT_BASE64};
    uint8_t *data = NULL, *first = NULL;
    size_t size = 0, first_size = 0;
    bool known = false;
    enum atls_input_form first_form = ATLS_INPUT_BINARY;

    for (size_t i = 0; i < 2; i++) {
        int result = forms[i] == ATLS_INPUT_HEX ? decode_hex(strip_quotes(text), &data, &size)
                                                : decode_base64(strip_armour(text), &data, &size);

        if (result < 0) {
            free(first);
            return result;
        }
        if (result)
            continue;
        known = atls_diag_recognise(ATLS_BYTES(data, size)) != NULL;
        if (!first || known) {
            free(first);
            first = data;
            first_size = size;
            first_form = forms[i];
            if (known)
                break;
        } else {
            free(data);
        }
    }
    if (!first || (!known && atls_diag_is_armoured(text))) {
        free(first);
        return copy(text, datap, sizep);
    }
    *datap = first;
    *sizep = first_size;
    *formp = first_form;
    return 0;
}

int atls_input_decode(struct atls_bytes raw, enum atls_input_form form, uint8_t **datap,
                      size_t *sizep, enum atls_input_form *formp)
{
    struct atls_bytes text = atls_text_trim(raw);
    enum atls_input_form found = form == ATLS_INPUT_AUTO ? ATLS_INPUT_BINARY : form;
    int result;

    if (form == ATLS_INPUT_HEX)
        result = decode_hex(strip_quotes(text), datap, sizep);
    else if (form == ATLS_INPUT_BASE64)
        result = decode_base64(strip_armour(text), datap, sizep);
    else if (form == ATLS_INPUT_BINARY || !is_text(raw) || is_message_as_it_is(text))
        result = copy(raw, datap, sizep);
    else
        result = find_out(text, datap, sizep, &found);
    if (!result)
        *formp = found;
    return result;
}
