/* SPDX-License-Identifier: Apache-2.0 */
/* What formats share in being printed. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/format.h"
#include "rats/cbor/cbor-read.h"

#define TEXT_MAX 2048

void atls_print_line(struct atls_printer *printer, const char *label, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printer->ops->line(printer, label, text);
}

void atls_print_check(struct atls_printer *printer, int result, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printer->ops->check(printer, result, text);
}

void atls_print_finding(struct atls_printer *printer, const char *word, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printer->ops->finding(printer, word, text);
}

bool atls_claims_have(struct atls_bytes in, int64_t least, int64_t most)
{
    struct atls_cbor_reader r = {.in = in, .rules = &atls_cbor_lenient};
    size_t pairs;

    if (atls_cbor_peek(&r) != ATLS_CBOR_MAP || atls_cbor_read_map(&r, "claims", &pairs))
        return false;
    while (pairs--) {
        enum atls_cbor_type type = atls_cbor_peek(&r);
        int64_t key;

        if (type != ATLS_CBOR_UINT && type != ATLS_CBOR_NINT) {
            if (atls_cbor_skip(&r))
                return false;
        } else if (atls_cbor_read_int(&r, "key", &key)) {
            return false;
        } else if (key >= least && key <= most) {
            return true;
        }
        if (atls_cbor_skip(&r))
            return false;
    }
    return false;
}

bool atls_map_find(struct atls_cbor_reader *r, const char *name)
{
    struct atls_bytes text;
    size_t pairs;

    if (atls_cbor_peek(r) != ATLS_CBOR_MAP || atls_cbor_read_map(r, "map", &pairs))
        return false;
    while (atls_cbor_next(r, &pairs)) {
        if (atls_cbor_peek(r) != ATLS_CBOR_TEXT || atls_cbor_read_text(r, "name", &text))
            return false;
        if (atls_bytes_is_text(text, name))
            return true;
        if (atls_cbor_skip(r))
            return false;
    }
    return false;
}
