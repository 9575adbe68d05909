/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest error of a thread, kept where it arose so that callers need not carry texts upwards.
 * Fixed storage: an out-of-memory error must be describable too. Whatever bytes of a peer a text
 * quotes, they are made printable here, once, so that it can go to a terminal and into JSON.
 */
#include "rats/base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Firmware has one thread and no thread-local storage; it builds with ATLS_SINGLE_THREAD. */
#ifdef ATLS_SINGLE_THREAD
#define PER_THREAD
#else
#define PER_THREAD _Thread_local
#endif

static PER_THREAD struct atls_error newest;

static const char *const outcome_names[] = {
    [0] = "success",
    [ATLS_E_MALFORMED] = "malformed",
    [ATLS_E_UNSUPPORTED] = "unsupported",
    [ATLS_E_LIMIT] = "limit",
    [ATLS_E_MISSING] = "missing",
    [ATLS_E_SIGNATURE] = "signature",
    [ATLS_E_MISMATCH] = "mismatch",
    [ATLS_E_EXPIRED] = "expired",
    [ATLS_E_UNTRUSTED] = "untrusted",
    [ATLS_E_REFUSED] = "refused",
    [ATLS_E_UNAVAILABLE] = "unavailable",
    [ATLS_E_AGAIN] = "again",
};

/* Writes BYTE as it is, or as \xNN where it is no printable ASCII. Returns how many bytes that
 * took. */
static size_t put_printable(unsigned char byte, char *to)
{
    static const char digits[] = "0123456789abcdef";

    if (byte >= 0x20 && byte < 0x7f) {
        to[0] = (char)byte;
        return 1;
    }
    to[0] = '\\';
    to[1] = 'x';
    to[2] = digits[byte >> 4];
    to[3] = digits[byte & 15];
    return 4;
}

void atls_printable(const char *from, size_t size, char *to, size_t capacity)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        char piece[4];
        size_t length = put_printable((unsigned char)from[i], piece);

        if (used + length >= capacity)
            break;
        memcpy(to + used, piece, length);
        used += length;
    }
    to[used] = '\0';
}

int atls_fail(int code, const char *clause, const char *format, ...)
{
    /* Built apart, so that the previous text or clause may be among the arguments. */
    char text[sizeof newest.text];
    char clause_copy[sizeof newest.clause];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    snprintf(clause_copy, sizeof clause_copy, "%s", clause ? clause : "");
    atls_printable(text, strlen(text), newest.text, sizeof newest.text);
    atls_printable(clause_copy, strlen(clause_copy), newest.clause, sizeof newest.clause);
    return code;
}

const char *atls_error_text(void)
{
    return newest.text;
}

const char *atls_error_clause(void)
{
    return newest.clause;
}

void atls_error_keep(struct atls_error *keptp)
{
    *keptp = newest;
}

void atls_error_restore(const struct atls_error *kept)
{
    newest = *kept;
}

const char *atls_error_name(int code)
{
    if (code >= 0) {
        size_t index = (size_t)code;
        bool known = index < sizeof outcome_names / sizeof *outcome_names && outcome_names[index];
        return known ? outcome_names[index] : "unknown";
    }
#ifdef __GLIBC__
    const char *text = strerrordesc_np(-code); /* strerror() may overwrite its storage */
#else
    const char *text = strerror(-code);
#endif
    return text ? text : "unknown";
}
