/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request, looked at once more; see http-head.h. */
#include "verifier-stub/http/http-head.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libmicrohttpd that refuses control characters, line folding and bare line feeds by itself. */
#define STRICT_VERSION 0x00097701

struct head {
    unsigned hosts, lengths, codings;
    bool chunked;      /* the only coding of the last line */
    bool ends_chunked; /* the last coding of the last line */
    bool plausible;    /* fields lie one behind the other, as they came */
    size_t size;       /* of the lines that are seen */
    struct atls_http_flaw *flaw;
};

__attribute__((format(printf, 3, 4))) static void complain(struct head *head, unsigned status,
                                                           const char *format, ...)
{
    va_list arguments;

    if (head->flaw->status)
        return;
    head->flaw->status = status;
    va_start(arguments, format);
    vsnprintf(head->flaw->text, sizeof head->flaw->text, format, arguments);
    va_end(arguments);
}

static size_t trimmed(const char *value, size_t size)
{
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    return size;
}

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("!#$%&'*+-.^_`|~", text[i]))
            return false;
    }
    return size > 0;
}

static bool is_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_number(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return size > 0;
}

/* uri-host [":" port] (RFC 3986 section 3.2.2); empty where the target has no authority. */
static bool is_host(const char *text, size_t size)
{
    size_t at = 0;

    if (size > 0 && text[0] == '[') {
        while (at < size && (isxdigit((unsigned char)text[at]) || strchr("[:.vV", text[at])))
            at++;
        if (at == size || text[at++] != ']')
            return false;
    } else {
        while (at < size &&
               (isalnum((unsigned char)text[at]) || strchr("-._~%!$&'()*+,;=", text[at])))
            at++;
    }
    return at == size ||
           (text[at] == ':' && (at + 1 == size || is_number(text + at + 1, size - at - 1)));
}

/* Absolute-path and query (RFC 3986 sections 3.3 and 3.4). */
static bool is_path(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool is_byte = text[i] == '%' && size - i > 2 && isxdigit((unsigned char)text[i + 1]) &&
                       isxdigit((unsigned char)text[i + 2]);

        if (!isalnum((unsigned char)text[i]) && !strchr("-._~!$&'()*+,;=:@/?", text[i]) && !is_byte)
            return false;
    }
    return true;
}

static bool is_named(const char *name, size_t size, const char *wanted)
{
    return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

/* Is the last element of a list this one? */
static bool ends_in(const char *list, size_t size, const char *wanted)
{
    size_t at = size;

    while (at > 0 && list[at - 1] != ',' && list[at - 1] != ' ' && list[at - 1] != '\t')
        at--;
    return is_named(list + at, size - at, wanted);
}

static enum MHD_Result look(void *context, enum MHD_ValueKind kind, const char *name,
                            size_t name_size, const char *value, size_t value_size)
{
    struct head *head = context;
    size_t size;

    if (!value)
        value = "";
    size = trimmed(value, value_size);
    head->plausible = head->plausible && value > name + name_size;
    head->size += head->plausible ? (size_t)(value - name) + value_size + 2 : 0;
    if (!is_token(name, name_size))
        complain(head, 400, "the name of a field is no token [RFC 9110 section 5.1]");
    if (!is_text(value, value_size))
        complain(head, 400, "a control character in a field [RFC 9110 section 5.5]");
    if (is_named(name, name_size, "Host")) {
        head->hosts++;
        if (!is_host(value, size))
            complain(head, 400, "Host: expected a host and perhaps a port [RFC 9112 section 3.2]");
    } else if (is_named(name, name_size, "Content-Length")) {
        head->lengths++;
        if (!is_number(value, size))
            complain(head, 400, "Content-Length: expected one number [RFC 9112 section 6.3]");
    } else if (is_named(name, name_size, "Transfer-Encoding")) {
        head->codings++;
        head->chunked = is_named(value, size, "chunked");
        head->ends_chunked = ends_in(value, size, "chunked");
    }
    return MHD_YES;
}

/* Older versions take a zero byte in the head for the end of its line, and show nothing of what is
 * behind. But they say how long the head was: what they show must add up to that. */
static void check_size(struct MHD_Connection *connection, const char *method, const char *target,
                       const char *version, struct head *head)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t line = strlen(method) + 1 + strlen(target) + 1 + strlen(version) + 2;

    if (MHD_VERSION >= STRICT_VERSION || !info)
        return;
    if (!head->plausible || info->header_size != line + head->size + 2)
        complain(
            head, 400,
            "a zero byte, a folded line or a bare line feed in the head [RFC 9112 section 2.2, "
            "RFC 9110 section 5.5]");
}

static void check_framing(struct head *head, bool is_1_1)
{
    if (head->lengths > 1)
        complain(head, 400, "Content-Length came %u times [RFC 9112 section 6.3]", head->lengths);
    if (head->codings && head->lengths)
        complain(head, 400,
                 "Content-Length beside Transfer-Encoding [RFC 9112 section 6.3]: which of them "
                 "ends the body?");
    if (head->codings && !is_1_1)
        complain(head, 400, "Transfer-Encoding in HTTP/1.0 [RFC 9112 section 6.1]");
    if (head->codings && !head->ends_chunked)
        complain(head, 400,
                 "Transfer-Encoding does not end in chunked [RFC 9112 section 6.3]: where does the "
                 "body end?");
    if (head->codings > 1 || (head->codings && !head->chunked))
        complain(head, 501,
                 "Transfer-Encoding: chunked is the only one here [RFC 9112 section 6.1]");
}

/* The rest of an absolute-form behind "http://" or "https://"; NULL of another form. */
static const char *behind_scheme(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(target, schemes[i], strlen(schemes[i])) == 0)
            return target + strlen(schemes[i]);
    }
    return NULL;
}

/* One of the four forms of a target (RFC 9112 section 3.2); user information is an error (RFC 9110
 * section 4.2.4). */
static bool is_target(const char *method, const char *target)
{
    const char *authority = behind_scheme(target);
    size_t size = authority ? strcspn(authority, "/?") : strlen(target);

    if (authority)
        return size > 0 && authority[0] != ':' && is_host(authority, size) &&
               is_path(authority + size, strlen(authority + size));
    if (strcmp(method, "CONNECT") == 0)
        return size > 0 && is_host(target, size);
    if (strcmp(target, "*") == 0)
        return strcmp(method, "OPTIONS") == 0;
    return target[0] == '/' && is_path(target, size);
}

static void check_line(struct head *head, const char *method, const char *target)
{
    if (!is_token(method, strlen(method)))
        complain(head, 400, "the method is no token [RFC 9110 section 9.1]");
    if (!is_target(method, target))
        complain(head, 400,
                 "the target is none of the four forms, or has a character that must be written "
                 "%%XX [RFC 9112 section 3.2, RFC 3986 section 3]");
}

void atls_http_check_head(struct MHD_Connection *connection, const char *method, const char *target,
                          const char *version, struct atls_http_flaw *flawp)
{
    struct head head = {.plausible = true, .flaw = flawp};
    bool is_1_1 = strcmp(version, "HTTP/1.0") != 0; /* or later: RFC 9110 section 2.5 */

    *flawp = (struct atls_http_flaw){0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look, &head);
    check_line(&head, method, target);
    check_size(connection, method, target, version, &head);
    check_framing(&head, is_1_1);
    if (head.hosts > 1 || (is_1_1 && head.hosts == 0))
        complain(&head, 400, "Host: expected once, came %u times [RFC 9112 section 3.2]",
                 head.hosts);
}

const char *atls_http_path(const char *target)
{
    const char *authority = behind_scheme(target);

    if (!authority)
        return target;
    authority += strcspn(authority, "/?");
    return *authority == '/' ? authority : "/";
}

struct collected {
    const char *name;
    char *list; /* or NULL */
    unsigned count;
    bool failed;
};

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *name,
                               size_t name_size, const char *value, size_t value_size)
{
    struct collected *collected = context;
    char *longer = NULL;

    if (!is_named(name, name_size, collected->name))
        return MHD_YES;
    collected->count++;
    if (asprintf(&longer, "%s%s%.*s", collected->list ? collected->list : "",
                 collected->list ? ", " : "", (int)trimmed(value ? value : "", value_size),
                 value ? value : "") < 0) {
        collected->failed = true;
        return MHD_NO;
    }
    free(collected->list);
    collected->list = longer;
    return MHD_YES;
}

static struct collected collect_all(struct MHD_Connection *connection, const char *name)
{
    struct collected collected = {.name = name};

    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, &collected);
    return collected;
}

char *atls_http_list(struct MHD_Connection *connection, const char *name, bool *failedp)
{
    struct collected collected = collect_all(connection, name);

    *failedp |= collected.failed;
    return collected.list;
}

char *atls_http_single(struct MHD_Connection *connection, const char *name, bool *failedp,
                       bool *twicep)
{
    struct collected collected = collect_all(connection, name);

    *failedp |= collected.failed;
    *twicep |= collected.count > 1;
    return collected.list;
}

size_t atls_http_unescape(void *context, struct MHD_Connection *connection, char *text)
{
    return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}
