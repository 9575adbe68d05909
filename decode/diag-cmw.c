/* SPDX-License-Identifier: Apache-2.0 */
/* CMW in both serializations, down into what is wrapped; and the linkage of a CAB. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "rats/json/jws.h"

static const struct atls_diag_shape collection = {
    .kind = DIAG_MAP, .what = "CMW collection", .item = &atls_diag_cmw_record};

static void describe_type(const struct atls_cmw_type *type, char *text, size_t size)
{
    const struct atls_media_type *known;
    char name[200];

    if (type->is_content_format) {
        known = atls_media_type_by_content_format(type->content_format);
        snprintf(text, size, "content format %u (%s%s%s)", type->content_format,
                 known ? known->name : "unknown", known ? ": " : "", known ? known->what : "");
        return;
    }
    known = atls_media_type_by_name(type->media_type);
    snprintf(text, size, "%s%s%s%s", atls_diag_escape(name, sizeof(name), type->media_type),
             known ? " (" : "", known ? known->what : "", known ? ")" : "");
}

static bool is_known_type(const struct atls_cmw_type *type)
{
    return type->is_content_format ? atls_media_type_by_content_format(type->content_format) != NULL
                                   : atls_media_type_by_name(type->media_type) != NULL;
}

static void describe_indicator(unsigned indicator, char *text, size_t size)
{
    static const char *const names[] = {"reference values", "endorsements", "evidence",
                                        "attestation results", "appraisal policy"};
    size_t used;

    if (!indicator) {
        text[0] = '\0';
        return;
    }
    used = (size_t)snprintf(text, size, ", indicator %u", indicator);
    for (unsigned i = 0; i < 5 && used < size; i++)
        if (indicator & (1u << i))
            used += (size_t)snprintf(text + used, size - used, " %s", names[i]);
}

static void print_tree(struct atls_diag *d, const char *label, const struct atls_cmw *cmw);

static void print_entries(struct atls_diag *d, const struct atls_cmw *cmw)
{
    for (size_t i = 0; i < cmw->entry_count; i++) {
        const struct atls_cmw_entry *entry = &cmw->entries[i];
        char label[ATLS_DIAG_LABEL], text[96];

        if (entry->is_integer)
            snprintf(label, sizeof(label), "%" PRId64, entry->integer_label);
        else
            snprintf(label, sizeof(label), "\"%s\"",
                     atls_diag_escape(text, sizeof(text), entry->text_label));
        print_tree(d, label, entry->cmw);
    }
}

static void print_tree(struct atls_diag *d, const char *label, const struct atls_cmw *cmw)
{
    const char *serialization = cmw->serialization == ATLS_JSON ? "JSON" : "CBOR";
    char type[400], indicator[120];

    if (atls_diag_enter(d))
        return;
    if (cmw->form == ATLS_CMW_COLLECTION) {
        atls_diag_line(d, label, "collection (%zu), %s, type %s", cmw->entry_count, serialization,
                       cmw->collection_type.size
                           ? atls_diag_escape(type, sizeof(type), cmw->collection_type)
                           : "not given");
        d->depth++;
        print_entries(d, cmw);
    } else {
        describe_type(&cmw->type, type, sizeof(type));
        describe_indicator(cmw->indicator, indicator, sizeof(indicator));
        atls_diag_line(d, label, "%s, %s, %s%s", cmw->form == ATLS_CMW_TAG ? "tag" : "record",
                       serialization, type, indicator);
        d->depth++;
        const struct atls_evidence_format *format = atls_diag_format_of(cmw);
        if (format && format->print)
            atls_diag_evidence(d, format->print, cmw->value);
        else if (is_known_type(&cmw->type))
            atls_diag_message(d, NULL, cmw->value);
        else if (!atls_diag_guess(d, NULL, cmw->value)) /* its type is nobody's: opaque */
            atls_diag_bytes(d, NULL, cmw->value);
    }
    d->depth--;
    d->nested--;
}

static void print_malformed(struct atls_diag *d, struct atls_bytes in)
{
    enum atls_serialization serialization;
    json_t *json;

    if (!atls_cmw_sniff(in, &serialization) && serialization == ATLS_JSON) {
        json = json_loadb((const char *)in.data, in.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (json)
            atls_diag_json(d, NULL, json);
        json_decref(json);
    } else {
        atls_diag_cbor(d, in, NULL,
                       in.size && in.data[0] >> 5 == 5 ? &collection : &atls_diag_cmw_record);
    }
}

void atls_diag_cmw(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cmw *cmw;
    const struct atls_evidence_format *format;
    bool was_inside = d->printer.inside;
    int result = atls_cmw_parse(in, &cmw);

    if (result) {
        atls_diag_problem(d, result);
        print_malformed(d, in);
        return;
    }
    format = cmw->form == ATLS_CMW_COLLECTION ? atls_diag_format_of(cmw) : NULL;
    d->printer.inside = format != NULL;
    print_tree(d, NULL, cmw);
    if (format && format->check_collection)
        format->check_collection(&d->printer, cmw);
    d->printer.inside = was_inside;
    atls_cmw_free(cmw);
}

/* An array of a type and a byte string? Leaves the reader behind what it looked at. */
static bool is_record(struct atls_cbor_reader *r)
{
    enum atls_cbor_type type;
    size_t count;

    if (atls_cbor_peek(r) != ATLS_CBOR_ARRAY || atls_cbor_read_array(r, "record", &count) ||
        (count != SIZE_MAX && (count < 2 || count > 3)))
        return false;
    type = atls_cbor_peek(r);
    return (type == ATLS_CBOR_UINT || type == ATLS_CBOR_TEXT) && !atls_cbor_skip(r) &&
           atls_cbor_peek(r) == ATLS_CBOR_BYTES;
}

/* A map with the reserved name, or one whose first value is a record, a CMW tag or again such a
 * map. */
static bool is_collection(struct atls_cbor_reader *r, unsigned depth)
{
    struct atls_cbor_reader walk = *r;
    struct atls_bytes name;
    uint64_t tag;
    uint16_t content_format;
    size_t pairs;

    if (depth > ATLS_CMW_MAX_DEPTH || atls_cbor_peek(r) != ATLS_CBOR_MAP ||
        atls_cbor_read_map(r, "collection", &pairs) || !pairs)
        return false;
    atls_cbor_read_map(&walk, "collection", &pairs);
    while (pairs-- && atls_cbor_peek(&walk) != ATLS_CBOR_END) {
        if (atls_cbor_peek(&walk) == ATLS_CBOR_TEXT &&
            !atls_cbor_read_text(&walk, "label", &name)) {
            if (atls_bytes_is_text(name, ATLS_CMW_COLLECTION_TYPE))
                return true;
        } else if (atls_cbor_skip(&walk)) {
            break;
        }
        if (atls_cbor_skip(&walk))
            break;
    }
    if (atls_cbor_skip(r))
        return false;
    switch (atls_cbor_peek(r)) {
    case ATLS_CBOR_ARRAY:
        return is_record(r);
    case ATLS_CBOR_TAG:
        return !atls_cbor_read_tag(r, "tag", &tag) && !atls_cmw_tn_inverse(tag, &content_format);
    default:
        return is_collection(r, depth + 1);
    }
}

static bool is_json_record(const json_t *json)
{
    return json_is_array(json) && json_array_size(json) >= 2 && json_array_size(json) <= 3 &&
           json_is_string(json_array_get(json, 0)) && json_is_string(json_array_get(json, 1)) &&
           atls_media_type_valid(atls_json_bytes(json_array_get(json, 0)));
}

static bool is_json_cmw(struct atls_bytes in)
{
    json_t *json = json_loadb((const char *)in.data, in.size, JSON_ALLOW_NUL, NULL), *value;
    bool fits = is_json_record(json) || json_object_get(json, ATLS_CMW_COLLECTION_TYPE);
    const char *name;

    json_object_foreach(json, name, value) fits |= is_json_record(value);
    json_decref(json);
    return fits;
}

bool atls_diag_looks_like_cmw(struct atls_bytes in)
{
    struct atls_cbor_reader r = {.in = in, .rules = &atls_cbor_lenient};
    uint16_t content_format;
    uint64_t tag;

    if (!in.size || in.size > ATLS_CMW_MAX_SIZE)
        return false;
    if (in.data[0] == '{' || in.data[0] == '[' || isspace(in.data[0]))
        return is_json_cmw(in);
    switch (atls_cbor_peek(&r)) {
    case ATLS_CBOR_ARRAY:
        return is_record(&r);
    case ATLS_CBOR_TAG:
        return !atls_cbor_read_tag(&r, "tag", &tag) && !atls_cmw_tn_inverse(tag, &content_format);
    default:
        return is_collection(&r, 0);
    }
}
