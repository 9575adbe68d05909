/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest error of a thread, kept where it arose so that callers need not carry texts upwards.
 * Fixed storage: an out-of-memory error must be describable too.
 */
#include "rats/error.h"

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

static PER_THREAD char newest_text[512];
static PER_THREAD char newest_clause[96];

static const char *const outcome_names[] = {
    [ATLS_E_MALFORMED] = "malformed", [ATLS_E_UNSUPPORTED] = "unsupported",
    [ATLS_E_LIMIT] = "limit",         [ATLS_E_MISSING] = "missing",
    [ATLS_E_SIGNATURE] = "signature", [ATLS_E_MISMATCH] = "mismatch",
    [ATLS_E_EXPIRED] = "expired",     [ATLS_E_UNTRUSTED] = "untrusted",
    [ATLS_E_REFUSED] = "refused",     [ATLS_E_UNAVAILABLE] = "unavailable",
    [ATLS_E_AGAIN] = "again",
};

int atls_fail(int code, const char *clause, const char *format, ...)
{
    /* Built apart, so that the previous text or clause may be among the arguments. */
    char text[sizeof newest_text];
    char clause_copy[sizeof newest_clause];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    snprintf(clause_copy, sizeof clause_copy, "%s", clause ? clause : "");
    memcpy(newest_text, text, sizeof text);
    memcpy(newest_clause, clause_copy, sizeof clause_copy);
    return code;
}

const char *atls_error_text(void)
{
    return newest_text;
}

const char *atls_error_clause(void)
{
    return newest_clause;
}

const char *atls_error_name(int code)
{
    if (code == 0)
        return "success";
    if (code > 0) {
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
