/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the diagnostic printer: indentation, escaping, abbreviation, colours, check results. */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "decode/diag-tree.h"
#include "rats/base/error.h"

#define BYTES_WHOLE 66 /* byte strings up to this size are shown in full */
#define BYTES_ENDS 16
#define TEXT_WHOLE 240
#define INDENT "  "
#define LAST_SECOND 253402300799.0 /* of the year 9999 */

static void indent(struct atls_diag *d, const char *label)
{
    for (unsigned i = 0; i < d->depth; i++)
        fputs(INDENT, d->out);
    if (label)
        fprintf(d->out, "%s: ", label);
}

void atls_diag_line(struct atls_diag *d, const char *label, const char *format, ...)
{
    va_list arguments;

    indent(d, label);
    va_start(arguments, format);
    vfprintf(d->out, format, arguments);
    va_end(arguments);
    fputc('\n', d->out);
}

static void put_hex(FILE *out, struct atls_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(out, "%02x", bytes.data[i]);
}

/* Code points that could change how a terminal shows the rest: controls and bidi overrides. */
static bool is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

/* Size of the UTF-8 sequence at AT, 0 where there is none; its code point in *CODEP. */
static size_t utf8(struct atls_bytes text, size_t at, uint32_t *codep)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[at];
    size_t size = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;
    uint32_t code = size == 1 ? first : first & (0x7fu >> size);

    if (!size || text.size - at < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((text.data[at + i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text.data[at + i] & 0x3f);
    }
    if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *codep = code;
    return size;
}

/* One character as it may be shown; returns how many bytes of TEXT that were. */
static size_t escape_one(struct atls_bytes text, size_t at, bool quoted, char shown[12])
{
    uint32_t code = 0;
    size_t size = utf8(text, at, &code);

    if (!size) {
        snprintf(shown, 12, "\\x%02x", text.data[at]);
        return 1;
    }
    if (is_harmful(code)) {
        snprintf(shown, 12, code == '\n' ? "\\n" : "\\u%04x", (unsigned)code);
    } else if (quoted && (code == '"' || code == '\\')) {
        snprintf(shown, 12, "\\%c", (char)code);
    } else {
        memcpy(shown, text.data + at, size);
        shown[size] = '\0';
    }
    return size;
}

static const char *escape(char *buffer, size_t size, bool quoted, struct atls_bytes text)
{
    size_t used = 0;

    for (size_t at = 0; at < text.size;) {
        char shown[12];

        at += escape_one(text, at, quoted, shown);
        if (used + strlen(shown) + 4 > size) {
            memcpy(buffer + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(buffer + used, shown, strlen(shown));
        used += strlen(shown);
    }
    buffer[used] = '\0';
    return buffer;
}

const char *atls_diag_escape(char *buffer, size_t size, struct atls_bytes text)
{
    return escape(buffer, size, true, text);
}

static void put_text(struct atls_diag *d, struct atls_bytes text)
{
    size_t limit = d->keys.whole ? text.size : TEXT_WHOLE;
    size_t at = 0;

    fputc('"', d->out);
    while (at < text.size && at < limit) {
        char shown[12];

        at += escape_one(text, at, true, shown);
        fputs(shown, d->out);
    }
    if (at < text.size)
        fprintf(d->out, "\"... (%zu bytes)", text.size);
    else
        fputc('"', d->out);
}

void atls_diag_text(struct atls_diag *d, const char *label, struct atls_bytes text)
{
    indent(d, label);
    put_text(d, text);
    fputc('\n', d->out);
}

static bool is_printable(struct atls_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7e)
            return false;
    return bytes.size >= 4;
}

void atls_diag_bytes(struct atls_diag *d, const char *label, struct atls_bytes bytes)
{
    indent(d, label);
    fputs("h'", d->out);
    if (d->keys.whole || bytes.size <= BYTES_WHOLE) {
        put_hex(d->out, bytes);
    } else {
        put_hex(d->out, ATLS_BYTES(bytes.data, BYTES_ENDS));
        fputs("...", d->out);
        put_hex(d->out, ATLS_BYTES(bytes.data + bytes.size - BYTES_ENDS, BYTES_ENDS));
    }
    fprintf(d->out, "' (%zu byte%s)", bytes.size, bytes.size == 1 ? "" : "s");
    if (is_printable(bytes)) {
        fputc(' ', d->out);
        put_text(d, bytes);
    }
    fputc('\n', d->out);
}

void atls_diag_time(struct atls_diag *d, const char *label, double seconds)
{
    char text[40];
    struct tm broken_down;
    time_t whole;

    if (!(seconds >= 0 && seconds <= LAST_SECOND)) {
        atls_diag_line(d, label, "%.17g (no time of this era)", seconds);
        return;
    }
    whole = (time_t)seconds;
    if (!gmtime_r(&whole, &broken_down) ||
        !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &broken_down))
        text[0] = '\0';
    atls_diag_line(d, label, "%.17g (%s)", seconds, text);
}

static const char *colour(const struct atls_diag *d, const char *code)
{
    return d->keys.colour ? code : "";
}

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

const char *atls_diag_reason(char reason[ATLS_DIAG_REASON])
{
    return escape(reason, ATLS_DIAG_REASON, false, atls_bytes_of_text(atls_error_text()));
}

static void put_reason(FILE *out)
{
    char reason[ATLS_DIAG_REASON];

    fputs(atls_diag_reason(reason), out);
    if (*atls_error_clause())
        fprintf(out, " [%s]", atls_error_clause());
}

int atls_diag_problem(struct atls_diag *d, int code)
{
    indent(d, NULL);
    fprintf(d->out, "%s! %s%s: ", colour(d, RED), atls_error_name(code), colour(d, PLAIN));
    put_reason(d->out);
    fputc('\n', d->out);
    if (!d->problem)
        d->problem = code;
    return code;
}

int atls_diag_enter(struct atls_diag *d)
{
    if (d->nested >= ATLS_DIAG_DEPTH)
        return atls_diag_problem(
            d, atls_fail(ATLS_E_LIMIT, NULL, "nested deeper than %d", ATLS_DIAG_DEPTH));
    d->nested++;
    return 0;
}

void atls_diag_note(struct atls_diag *d, const char *format, ...)
{
    va_list arguments;

    indent(d, NULL);
    fputs("note: ", d->out);
    va_start(arguments, format);
    vfprintf(d->out, format, arguments);
    va_end(arguments);
    fputc('\n', d->out);
}

void atls_diag_check(struct atls_diag *d, int result, const char *format, ...)
{
    va_list arguments;

    d->has_checks = true;
    fprintf(d->checks, INDENT "%s%-11s%s ", colour(d, result ? RED : GREEN),
            result ? "FAILED" : "ok", colour(d, PLAIN));
    va_start(arguments, format);
    vfprintf(d->checks, format, arguments);
    va_end(arguments);
    if (result) {
        fputs(": ", d->checks);
        put_reason(d->checks);
    }
    fputc('\n', d->checks);
    if (result && !d->problem)
        d->problem = result;
}

void atls_diag_finding(struct atls_diag *d, const char *word, const char *format, ...)
{
    va_list arguments;

    d->has_checks = true;
    fprintf(d->checks, INDENT "%s%-11s%s ", colour(d, YELLOW), word, colour(d, PLAIN));
    va_start(arguments, format);
    vfprintf(d->checks, format, arguments);
    va_end(arguments);
    fputc('\n', d->checks);
}

const char *atls_diag_key_name(const struct atls_diag *d, const struct atls_public_key *key,
                               char name[ATLS_DIAG_KEY_NAME])
{
    uint8_t spki[ATLS_SPKI_MAX], digest[ATLS_HASH_MAX];
    struct atls_bytes part = ATLS_BYTES(spki, atls_spki_encode(key, spki));

    if (d->keys.crypto->hash(ATLS_SHA256, &part, 1, digest))
        snprintf(name, ATLS_DIAG_KEY_NAME, "?");
    for (size_t i = 0; i < 16; i++)
        snprintf(name + 2 * i, 3, "%02x", digest[i]);
    return name;
}
