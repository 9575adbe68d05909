/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON, on jansson. */
#include "rats/json/json.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

struct atls_bytes atls_json_skip_space(struct atls_bytes in)
{
    while (in.size &&
           (in.data[0] == ' ' || in.data[0] == '\t' || in.data[0] == '\n' || in.data[0] == '\r'))
        in = ATLS_BYTES(in.data + 1, in.size - 1);
    return in;
}

static int explain(const char *what, const char *once, const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return atls_fail(-ENOMEM, NULL, "%s: out of memory", what);
    case json_error_stack_overflow:
        return atls_fail(ATLS_E_LIMIT, "RFC 8259 section 9", "%s: nested too deep", what);
    case json_error_null_byte_in_key:
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "%s, at byte %d: a member's name with \\u0000 is not handled here", what,
                         error->position);
    case json_error_duplicate_key:
        return atls_fail(ATLS_E_MALFORMED, once, "%s, at byte %d: expected each member once: %s",
                         what, error->position, error->text);
    default:
        return atls_fail(ATLS_E_MALFORMED, "RFC 8259", "%s: expected JSON, at byte %d: %s", what,
                         error->position, error->text);
    }
}

int atls_json_load(struct atls_bytes text, const char *what, const char *once, json_t **jsonp)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    json_error_t error;

    if (text.size > ATLS_JSON_MAX_SIZE)
        return atls_fail(ATLS_E_LIMIT, NULL, "%s: expected at most %u bytes, came %zu", what,
                         ATLS_JSON_MAX_SIZE, text.size);
    if (text.size >= sizeof mark && memcmp(text.data, mark, sizeof mark) == 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8259 section 8.1",
                         "%s: a byte order mark came in front of the JSON text", what);
    json_t *json = json_loadb(text.size ? (const char *)text.data : "", text.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json)
        return explain(what, once, &error);
    *jsonp = json;
    return 0;
}

int atls_json_object(struct atls_bytes text, const char *what, json_t **objectp)
{
    json_t *json = NULL;
    int result = atls_json_load(text, what, "RFC 8259 section 4", &json);

    if (result)
        return result;
    if (!json_is_object(json)) {
        json_decref(json);
        return atls_fail(ATLS_E_MALFORMED, "RFC 8259 section 4", "%s: expected a JSON object",
                         what);
    }
    *objectp = json;
    return 0;
}

struct atls_bytes atls_json_bytes(const json_t *value)
{
    return json_is_string(value) ? ATLS_BYTES(json_string_value(value), json_string_length(value))
                                 : ATLS_BYTES(NULL, 0);
}

const char *atls_json_text(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

bool atls_json_is(const json_t *value, const char *text)
{
    return json_is_string(value) && atls_bytes_is_text(atls_json_bytes(value), text);
}
