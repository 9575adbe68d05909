/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder that notes what it is told; see test-printer.h. */
#include "formats/test/test-printer.h"

#include <string.h>

#include "rats/base/error.h"

static struct test_printer *printer_of(struct atls_printer *lent)
{
    return (struct test_printer *)(void *)lent;
}

static void __attribute__((format(printf, 2, 3)))
note(struct atls_printer *lent, const char *format, ...)
{
    struct test_printer *printer = printer_of(lent);
    const size_t room = sizeof printer->noted;
    va_list arguments;

    printer->used += (size_t)snprintf(printer->noted + printer->used, room - printer->used, "%*s",
                                      (int)(2 * printer->depth), "");
    va_start(arguments, format);
    printer->used +=
        (size_t)vsnprintf(printer->noted + printer->used, room - printer->used, format, arguments);
    va_end(arguments);
    assert_true(printer->used + 1 < room);
    printer->noted[printer->used++] = '\n';
    printer->noted[printer->used] = '\0';
}

static void note_failure(struct atls_printer *lent, int code)
{
    struct test_printer *printer = printer_of(lent);

    if (code < 0 && !printer->worst)
        printer->worst = code;
}

static const char *label_of(const char *label)
{
    return label ? label : "-";
}

/* "32 bytes 6161": of none, "0 bytes" */
static const char *tell(struct atls_bytes in, char text[48])
{
    size_t used = (size_t)snprintf(text, 48, "%zu bytes", in.size);

    for (size_t i = 0; i < 2 && i < in.size; i++)
        used += (size_t)snprintf(text + used, 48 - used, "%s%02x", i ? "" : " ", in.data[i]);
    return text;
}

static void line(struct atls_printer *lent, const char *label, const char *text)
{
    note(lent, "%s: %s", label_of(label), text);
}

/* Signatures, and what is made of them, are others in each run. */
static void bytes(struct atls_printer *lent, const char *label, struct atls_bytes in)
{
    char text[48];

    if (label && (strcmp(label, "r") == 0 || strcmp(label, "s") == 0))
        note(lent, "%s: a number", label);
    else if (label && strcmp(label, "extraData") == 0)
        note(lent, "%s: %zu bytes", label, in.size);
    else
        note(lent, "%s: %s", label_of(label), tell(in, text));
}

static void message(struct atls_printer *lent, const char *label, struct atls_bytes in)
{
    char text[48];

    note(lent, "%s: message of %s%s%s", label_of(label), tell(in, text),
         lent->inside ? ", inside" : "", lent->kat ? ", in a dialect" : "");
}

static void check(struct atls_printer *lent, int result, const char *text)
{
    note(lent, "%s %s", result ? atls_error_name(result) : "ok", text);
    note_failure(lent, result);
}

static void finding(struct atls_printer *lent, const char *word, const char *text)
{
    note(lent, "%s: %s", word, text);
}

static int problem(struct atls_printer *lent, int code)
{
    note(lent, "! %s (%s)", atls_error_name(code), atls_error_clause());
    note_failure(lent, code);
    return code;
}

static const char *reason(struct atls_printer *lent)
{
    return atls_error_clause();
}

static void nonce(struct atls_printer *lent, const char *what, struct atls_bytes in)
{
    char text[48];

    note(lent, "nonce of %s: %s", what, tell(in, text));
}

static const char *key_name(struct atls_printer *lent, const struct atls_public_key *key,
                            char name[ATLS_PRINTED_KEY_MAX])
{
    snprintf(name, ATLS_PRINTED_KEY_MAX, "%s", test_key_name(printer_of(lent)->source, key));
    return name;
}

static void indent(struct atls_printer *lent, int by)
{
    printer_of(lent)->depth += (unsigned)by;
}

static void cbor(struct atls_printer *lent, const char *label, struct atls_bytes in)
{
    char text[48];

    note(lent, "%s: CBOR of %s", label_of(label), tell(in, text));
}

static void signature(struct atls_printer *lent, const char *what, const char *clause,
                      int (*verify)(const void *context, const struct atls_public_key *key),
                      const void *context)
{
    const struct test_source *source = printer_of(lent)->source;

    note(lent, "signature of %s (%s): by its key %s, by another %s", what, clause,
         atls_error_name(verify(context, &source->pak.public_key)),
         atls_error_name(verify(context, &source->other.public_key)));
}

void test_printer_init(struct test_printer *printer, const struct test_source *source)
{
    static const struct atls_printer_ops ops = {
        line,   bytes, message,  check,  finding, problem,
        reason, nonce, key_name, indent, cbor,    signature,
    };

    memset(printer, 0, sizeof *printer);
    printer->lent = (struct atls_printer){.ops = &ops, .crypto = &atls_crypto_hosted};
    printer->source = source;
}
