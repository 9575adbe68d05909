/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON, and writing it, on jansson: both without memory, too. */
#include "rats/json/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

struct atls_bytes atls_json_skip_space(struct atls_bytes in)
{
    while (in.size &&
           (in.data[0] == ' ' || in.data[0] == '\t' || in.data[0] == '\n' || in.data[0] == '\r'))
        in = ATLS_BYTES(in.data + 1, in.size - 1);
    return in;
}

/* jansson's parser cannot go on without memory: it takes a token that it has no room for as a bad
 * one, or drops bytes of a string and then looks for its end (strbuffer_append_byte() of its
 * lexer). So it never learns of a lack: parsing is left then, and the blocks that it had taken are
 * given back here. */
#define BLOCKS 256 /* of a text that needs more, they are remembered in memory that is taken */
static _Thread_local struct {
    bool parsing;
    jmp_buf lacking;
    void **blocks, *first[BLOCKS];
    size_t count, capacity;
} parser;

static bool remember(void *block)
{
    if (parser.count == parser.capacity) {
        void **grown = malloc(2 * parser.capacity * sizeof *grown);

        if (!grown)
            return false;
        memcpy(grown, parser.blocks, parser.count * sizeof *grown);
        if (parser.blocks != parser.first)
            free(parser.blocks);
        parser.blocks = grown;
        parser.capacity *= 2;
    }
    parser.blocks[parser.count++] = block;
    return true;
}

/* What is given back was mostly taken last. */
static void forget(const void *block)
{
    for (size_t i = parser.count; i-- > 0;)
        if (parser.blocks[i] == block) {
            parser.blocks[i] = NULL;
            break;
        }
    while (parser.count > 0 && !parser.blocks[parser.count - 1])
        parser.count--;
}

static void *take(size_t size)
{
    void *block = malloc(size);

    if (parser.parsing && (!block || !remember(block))) {
        free(block);
        longjmp(parser.lacking, 1);
    }
    return block;
}

static void give_back(void *block)
{
    if (parser.parsing && block)
        forget(block);
    free(block);
}

__attribute__((constructor)) static void take_for_jansson(void)
{
    json_set_alloc_funcs(take, give_back);
}

static json_t *end_parsing(json_t *json)
{
    parser.parsing = false;
    for (size_t i = 0; !json && i < parser.count; i++)
        free(parser.blocks[i]);
    if (parser.blocks != parser.first)
        free(parser.blocks);
    return json;
}

json_t *atls_json_loadb(struct atls_bytes text, size_t flags, json_error_t *error)
{
    parser.blocks = parser.first;
    parser.capacity = BLOCKS;
    parser.count = 0;
    parser.parsing = true;
    if (setjmp(parser.lacking) == 0)
        return end_parsing(
            json_loadb(text.size ? (const char *)text.data : "", text.size, flags, error));
    snprintf(error->text, sizeof error->text - 1, "out of memory");
    error->text[sizeof error->text - 1] = json_error_out_of_memory;
    return end_parsing(NULL);
}

struct text {
    char *data;
    size_t size, capacity;
    bool lacking;
};

/* Of a member's name jansson's writer does not ask whether it was added (dump_string() in its
 * printer), so that is remembered. */
static int add(const char *data, size_t size, void *context)
{
    struct text *text = context;

    if (text->lacking || size >= text->capacity - text->size) {
        size_t capacity = 2 * (text->size + size) + 128;
        char *grown = text->lacking ? NULL : realloc(text->data, capacity);

        if (!grown) {
            text->lacking = true;
            return -1;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
    return 0;
}

char *atls_json_write(const json_t *json, size_t flags)
{
    struct text text = {0};

    if (json_dump_callback(json, add, &text, flags) == 0 && !text.lacking)
        return text.data;
    free(text.data);
    return NULL;
}

json_t *atls_json_base64(enum atls_base64 kind, struct atls_bytes bytes)
{
    char *text = atls_base64_encode(kind, bytes);
    json_t *string = text ? json_string(text) : NULL;

    free(text);
    return string;
}

static void keep_if(bool added, json_t **jsonp)
{
    if (added)
        return;
    json_decref(*jsonp);
    *jsonp = NULL;
}

void atls_json_add(json_t **objectp, const char *name, json_t *value)
{
    keep_if(json_object_set_new(*objectp, name, value) == 0, objectp);
}

void atls_json_append(json_t **arrayp, json_t *value)
{
    keep_if(json_array_append_new(*arrayp, value) == 0, arrayp);
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
    json_t *json = atls_json_loadb(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
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
