/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks CBOR and prints it, with the names that a shape gives to keys and values. It decodes head
 * by head and does not rely on the input having been checked: a message is printed as far as it
 * goes.
 */
#include <inttypes.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-item.h"
#include "rats/cmw/cmw.h"
#include "rats/ear/ear.h"
#include "rats/tokens/psa.h"

#define RFC8949 "RFC 8949 section 3"

static const struct atls_diag_shape plain = {DIAG_PLAIN, NULL, NULL, 0, NULL, NULL};

static const struct atls_diag_shape *item_shape(const struct atls_diag_shape *shape)
{
    return shape->item ? shape->item : &plain;
}

static int decode(struct atls_diag *d, const struct atls_cbor_reader *r,
                  struct atls_cbor_item *itemp)
{
    int e;

    if (r->at >= r->in.size)
        e = atls_fail(ATLS_E_MALFORMED, RFC8949, "CBOR ends at byte %zu, expected an item", r->at);
    else
        e = atls_cbor_item_decode(r->in, r->at, itemp);
    return e ? atls_diag_problem(d, e) : 0;
}

static void integer(struct atls_diag *d, const char *label, const struct atls_diag_shape *shape,
                    const struct atls_cbor_item *item)
{
    bool negative = item->type == ATLS_CBOR_NINT;
    int64_t value = negative ? -1 - (int64_t)item->argument : (int64_t)item->argument;
    const char *name = NULL;

    if (item->argument > INT64_MAX) {
        atls_diag_line(d, label, "%s%" PRIu64, negative ? "-1 - " : "", item->argument);
        return;
    }
    if (shape->kind == DIAG_TIME) {
        atls_diag_time(d, label, (double)value);
        return;
    }
    if (shape->kind == DIAG_NAMED)
        name = atls_diag_name_of(shape->names, value);
    else if (shape->kind == DIAG_LIFECYCLE && value >= 0 && value <= UINT16_MAX)
        name = atls_psa_lifecycle_name((uint16_t)value);
    else if (shape->kind == DIAG_TIER && value >= -128 && value <= 127)
        name = atls_tier_name(atls_trust_claim_tier((int)value));
    if (shape->kind == DIAG_LIFECYCLE && name)
        atls_diag_line(d, label, "0x%04" PRIx64 " %s", (uint64_t)value, name);
    else
        atls_diag_line(d, label, "%" PRId64 "%s%s", value, name ? " " : "", name ? name : "");
}

static void floating(struct atls_diag *d, const char *label, const struct atls_diag_shape *shape,
                     const struct atls_cbor_item *item)
{
    uint64_t bits = atls_cbor_item_double_bits(item);
    double value;

    memcpy(&value, &bits, sizeof(value));
    if (shape->kind == DIAG_TIME)
        atls_diag_time(d, label, value);
    else
        atls_diag_line(d, label, "%.17g (float)", value);
}

static void uuid(struct atls_diag *d, const char *label, struct atls_bytes b)
{
    const uint8_t *u = b.data;

    atls_diag_line(d, label, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
                   u[13], u[14], u[15]);
}

/* The embedded item takes the line of the string: "payload <458 bytes>: claims (9)". */
static void embedded(struct atls_diag *d, const char *label, const struct atls_diag_shape *shape,
                     struct atls_bytes content)
{
    char extended[ATLS_DIAG_LABEL + 32];

    if (!content.size) { /* an empty protected header */
        atls_diag_bytes(d, label, content);
        return;
    }
    snprintf(extended, sizeof(extended), "%s%s<%zu bytes>", label ? label : "", label ? " " : "",
             content.size);
    atls_diag_cbor(d, content, extended, item_shape(shape));
}

static void bytes(struct atls_diag *d, const char *label, const struct atls_diag_shape *shape,
                  struct atls_bytes content)
{
    switch (shape->kind) {
    case DIAG_EMBEDDED:
        embedded(d, label, shape, content);
        break;
    case DIAG_MESSAGE:
        atls_diag_message(d, label, content);
        break;
    case DIAG_PAYLOAD:
        atls_diag_payload(d, label, content);
        break;
    case DIAG_NAMED: /* bytes where crv has a name: k of a symmetric key has the same label */
    case DIAG_SECRET:
        atls_diag_line(d, label, "private, not shown (%zu bytes)", content.size);
        break;
    case DIAG_UUID:
        if (content.size == 16)
            uuid(d, label, content);
        else
            atls_diag_bytes(d, label, content);
        break;
    default:
        atls_diag_bytes(d, label, content);
    }
}

/* A string of indefinite length: its chunks, each a line. */
static int chunks(struct atls_diag *d, struct atls_cbor_reader *r, const char *label, bool is_text,
                  bool is_secret)
{
    int e = 0;

    atls_diag_line(d, label, "%s in chunks", is_text ? "text" : "bytes");
    d->depth++;
    while (!atls_cbor_at_break(r)) {
        struct atls_cbor_item item;

        e = decode(d, r, &item);
        if (!e && (item.type != (is_text ? ATLS_CBOR_TEXT : ATLS_CBOR_BYTES) || item.indefinite))
            e = atls_diag_problem(d, atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.2.3",
                                               "chunk of another type at byte %zu", r->at));
        if (e)
            break;
        if (is_secret)
            atls_diag_line(d, NULL, "private, not shown");
        else if (is_text)
            atls_diag_text(d, NULL, item.content);
        else
            atls_diag_bytes(d, NULL, item.content);
        r->at += item.size;
    }
    d->depth--;
    return e;
}

static void media_type(char *label, size_t size, uint64_t tag)
{
    uint16_t content_format;
    const struct atls_media_type *type;

    if (atls_cmw_tn_inverse(tag, &content_format))
        return;
    type = atls_media_type_by_content_format(content_format);
    snprintf(label, size, " content format %u%s%s", content_format, type ? " " : "",
             type ? type->name : "");
}

static int tagged(struct atls_diag *d, struct atls_cbor_reader *r, const char *label,
                  const struct atls_diag_shape *shape, const struct atls_cbor_item *item)
{
    const struct atls_diag_tag *known = atls_diag_tag(item->argument);
    char meaning[96] = "", extended[ATLS_DIAG_LABEL];

    if (known)
        snprintf(meaning, sizeof(meaning), " %s", known->name);
    else
        media_type(meaning, sizeof(meaning), item->argument);
    snprintf(extended, sizeof(extended), "%s%stag %" PRIu64 "%s", label ? label : "",
             label ? ": " : "", item->argument, meaning);
    r->at += item->size;
    if (known && known->shape)
        shape = known->shape;
    return atls_diag_cbor_item(d, r, extended, shape);
}

static const struct atls_diag_field *field_of(const struct atls_diag_shape *shape,
                                              const struct atls_cbor_item *key)
{
    bool negative = key->type == ATLS_CBOR_NINT;

    if (shape->kind != DIAG_MAP || key->argument > INT64_MAX)
        return NULL;
    for (size_t i = 0; i < shape->count; i++) {
        const struct atls_diag_field *field = &shape->fields[i];

        if (field->text_key
                ? key->type == ATLS_CBOR_TEXT && atls_bytes_is_text(key->content, field->name)
                : (key->type == ATLS_CBOR_UINT || negative) &&
                      field->key ==
                          (negative ? -1 - (int64_t)key->argument : (int64_t)key->argument))
            return field;
    }
    return NULL;
}

static void label_of(char *label, const struct atls_diag_field *field,
                     const struct atls_cbor_item *key)
{
    char text[96];

    if (key->type == ATLS_CBOR_TEXT) {
        snprintf(label, ATLS_DIAG_LABEL, "\"%s\"",
                 atls_diag_escape(text, sizeof(text), key->content));
        return;
    }
    snprintf(text, sizeof(text), key->type == ATLS_CBOR_NINT ? "-%" PRIu64 : "%" PRIu64,
             key->argument + (key->type == ATLS_CBOR_NINT));
    snprintf(label, ATLS_DIAG_LABEL, field ? "%s (%s)" : "%s%s", field ? field->name : "key ",
             text);
}

static int pair(struct atls_diag *d, struct atls_cbor_reader *r,
                const struct atls_diag_shape *shape)
{
    const struct atls_diag_field *field;
    const struct atls_diag_shape *value = shape->kind == DIAG_MAP ? item_shape(shape) : &plain;
    struct atls_cbor_item key = {.type = ATLS_CBOR_END};
    char label[ATLS_DIAG_LABEL];
    int e = decode(d, r, &key);

    if (e)
        return e;
    if (key.indefinite ||
        (key.type != ATLS_CBOR_UINT && key.type != ATLS_CBOR_NINT && key.type != ATLS_CBOR_TEXT)) {
        e = atls_diag_cbor_item(d, r, "key", &plain);
        return e ? e : atls_diag_cbor_item(d, r, "value", value);
    }
    field = field_of(shape, &key);
    label_of(label, field, &key);
    r->at += key.size;
    return atls_diag_cbor_item(d, r, label, field && field->shape ? field->shape : value);
}

static int element(struct atls_diag *d, struct atls_cbor_reader *r,
                   const struct atls_diag_shape *shape, size_t index)
{
    char label[24];

    if (shape->kind == DIAG_TUPLE && index < shape->count)
        return atls_diag_cbor_item(d, r, shape->fields[index].name,
                                   shape->fields[index].shape ? shape->fields[index].shape
                                                              : &plain);
    snprintf(label, sizeof(label), "[%zu]", index);
    return atls_diag_cbor_item(d, r, label, shape->kind == DIAG_LIST ? item_shape(shape) : &plain);
}

/* Does a map begin here that has kty and crv? Then it is a COSE_Key, wherever it is,
 * and its private parts must not be shown. */
static bool is_cose_key(struct atls_cbor_reader r)
{
    bool has_type = false, has_parameter = false;
    size_t pairs;

    if (atls_cbor_read_map(&r, "map", &pairs))
        return false;
    while (pairs-- && (!has_type || !has_parameter)) {
        enum atls_cbor_type type = atls_cbor_peek(&r);
        int64_t key = 0;

        if ((type != ATLS_CBOR_UINT && type != ATLS_CBOR_NINT) ||
            atls_cbor_read_int(&r, "key", &key))
            return false;
        has_type |= key == ATLS_COSE_KEY_KTY && atls_cbor_peek(&r) == ATLS_CBOR_UINT;
        has_parameter |= key == ATLS_COSE_KEY_CRV;
        if (atls_cbor_skip(&r))
            return false;
    }
    return has_type && has_parameter;
}

static int container(struct atls_diag *d, struct atls_cbor_reader *r, const char *label,
                     const struct atls_diag_shape *given, const struct atls_cbor_item *item)
{
    bool is_map = item->type == ATLS_CBOR_MAP;
    const struct atls_diag_shape *shape =
        is_map && !given->fields && is_cose_key(*r) ? &atls_diag_cose_key : given;
    bool fits =
        is_map ? shape->kind == DIAG_MAP : shape->kind == DIAG_LIST || shape->kind == DIAG_TUPLE;
    const char *what = fits && shape->what ? shape->what : is_map ? "map" : "array";
    int e = 0;

    if (item->indefinite)
        atls_diag_line(d, label, "%s (indefinite length)", what);
    else
        atls_diag_line(d, label, "%s (%" PRIu64 ")", what, item->argument);
    r->at += item->size;
    d->depth++;
    for (size_t i = 0; !e && (item->indefinite || i < item->argument); i++) {
        if (item->indefinite && atls_cbor_at_break(r))
            break;
        e = is_map ? pair(d, r, fits ? shape : &plain) : element(d, r, fits ? shape : &plain, i);
    }
    d->depth--;
    return e;
}

static void simple(struct atls_diag *d, const char *label, const struct atls_cbor_item *item)
{
    switch (item->type) {
    case ATLS_CBOR_BOOL:
        atls_diag_line(d, label, item->argument ? "true" : "false");
        break;
    case ATLS_CBOR_NULL:
        atls_diag_line(d, label, "null");
        break;
    case ATLS_CBOR_UNDEFINED:
        atls_diag_line(d, label, "undefined");
        break;
    default:
        atls_diag_line(d, label, "simple(%" PRIu64 ")", item->argument);
    }
}

static int item_of_any_type(struct atls_diag *d, struct atls_cbor_reader *r, const char *label,
                            const struct atls_diag_shape *shape)
{
    struct atls_cbor_item item;
    int e = decode(d, r, &item);

    if (e)
        return e;
    switch (item.type) {
    case ATLS_CBOR_TAG:
        return tagged(d, r, label, shape, &item);
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_MAP:
        return container(d, r, label, shape, &item);
    case ATLS_CBOR_END:
        return atls_diag_problem(d, atls_fail(ATLS_E_MALFORMED, RFC8949,
                                              "a break at byte %zu where an item is due", r->at));
    default:
        break;
    }
    r->at += item.size;
    if (item.indefinite)
        return chunks(d, r, label, item.type == ATLS_CBOR_TEXT, shape->kind == DIAG_SECRET);
    if (item.type == ATLS_CBOR_TEXT)
        atls_diag_text(d, label, item.content);
    else if (item.type == ATLS_CBOR_BYTES)
        bytes(d, label, shape, item.content);
    else if (item.type == ATLS_CBOR_UINT || item.type == ATLS_CBOR_NINT)
        integer(d, label, shape, &item);
    else if (item.type == ATLS_CBOR_FLOAT)
        floating(d, label, shape, &item);
    else
        simple(d, label, &item);
    return 0;
}

int atls_diag_cbor_item(struct atls_diag *d, struct atls_cbor_reader *r, const char *label,
                        const struct atls_diag_shape *shape)
{
    int e = atls_diag_enter(d);

    if (e)
        return e;
    e = item_of_any_type(d, r, label, shape);
    d->nested--;
    return e;
}

int atls_diag_cbor(struct atls_diag *d, struct atls_bytes in, const char *label,
                   const struct atls_diag_shape *shape)
{
    struct atls_cbor_reader walk = {.in = in, .rules = &atls_cbor_lenient}, checked;
    char reason[ATLS_DIAG_REASON];
    int e = atls_diag_cbor_item(d, &walk, label, shape ? shape : &plain);

    if (e)
        return e;
    /* What the walk does not see: duplicate keys, bytes behind the item, texts that are no UTF-8.
     */
    e = atls_cbor_open(&checked, in, &atls_cbor_lenient, RFC8949);
    if (e)
        return atls_diag_problem(d, e);
    if (atls_cbor_open(&checked, in, &atls_cbor_strict, RFC8949))
        atls_diag_note(d, "not in preferred encoding: %s", atls_diag_reason(reason));
    return 0;
}
