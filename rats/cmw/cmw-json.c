/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON serialization of conceptual message wrappers, on jansson. A JSON CMW has no tags and no
 * content formats, so writing one translates those to records with media types.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-tree.h"
#include "rats/json/json.h"

static int parse_node(const json_t *json, unsigned depth, struct atls_cmw **cmwp);

static int parse_value(const json_t *json, struct atls_cmw *record)
{
    uint8_t *value;
    size_t size;
    int result;

    if (json_string_length(json) == 0) /* of what is no string, too */
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected base64url text, of one character at least, as the value of a "
                         "JSON CMW record");
    result = atls_base64_decode(ATLS_BASE64URL, atls_json_bytes(json), &value, &size);
    if (result == ATLS_E_MALFORMED)
        return atls_fail(result, ATLS_CMW_RECORD_CLAUSE, "value of a JSON CMW record: %s",
                         atls_error_text());
    if (result)
        return result;
    record->value = ATLS_BYTES(value, size);
    return 0;
}

static int parse_record(const json_t *json, struct atls_cmw *record)
{
    size_t members = json_array_size(json);
    const json_t *type = json_array_get(json, 0), *indicator = json_array_get(json, 2);
    int result;

    if (members < 2 || members > 3)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected 2 or 3 members in a CMW record, %zu came", members);
    if (!json_is_string(type))
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected a media type as the type of a JSON CMW record (content formats "
                         "are not used in JSON)");
    result = atls_cmw_set_media_type(record, atls_json_bytes(type));
    if (!result)
        result = parse_value(json_array_get(json, 1), record);
    if (result || members == 2)
        return result;
    if (!json_is_integer(indicator) || json_integer_value(indicator) < 0)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected an unsigned integer as the indicator of a CMW record");
    return atls_cmw_set_indicator(record, (uint64_t)json_integer_value(indicator));
}

static int parse_entry(const char *label, const json_t *json, unsigned depth,
                       struct atls_cmw *collection)
{
    struct atls_cmw_entry *entry;
    int result;

    if (strcmp(label, ATLS_CMW_COLLECTION_TYPE) == 0) {
        if (!json_is_string(json))
            return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                             "expected text as " ATLS_CMW_COLLECTION_TYPE);
        return atls_cmw_set_collection_type(collection, atls_json_bytes(json));
    }
    result = atls_cmw_add_entry(collection, &entry);
    if (!result)
        result = atls_cmw_set_text_label(entry, atls_bytes_of_text(label));
    return result ? result : parse_node(json, depth + 1, &entry->cmw);
}

static int parse_collection(const json_t *json, unsigned depth, struct atls_cmw *collection)
{
    const char *label;
    json_t *member;
    int result;

    json_object_foreach((json_t *)json, label, member)
    {
        result = parse_entry(label, member, depth, collection);
        if (result)
            return result;
    }
    return atls_cmw_check_collection(collection);
}

static int parse_node(const json_t *json, unsigned depth, struct atls_cmw **cmwp)
{
    struct atls_cmw *cmw;
    int result = atls_cmw_check_depth(depth);

    if (result)
        return result;
    if (!json_is_array(json) && !json_is_object(json))
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                         "expected a CMW: a JSON array or object");
    cmw = atls_cmw_new(json_is_array(json) ? ATLS_CMW_RECORD : ATLS_CMW_COLLECTION, ATLS_JSON);
    if (!cmw)
        return atls_fail(-ENOMEM, NULL, "no memory for a CMW");
    result = json_is_array(json) ? parse_record(json, cmw) : parse_collection(json, depth, cmw);
    if (result) {
        atls_cmw_free(cmw);
        return result;
    }
    *cmwp = cmw;
    return 0;
}

int atls_cmw_parse_json(struct atls_bytes in, struct atls_cmw **cmwp)
{
    json_t *json;
    int result = atls_json_load(in, "JSON CMW", ATLS_CMW_COLLECTION_CLAUSE, &json);

    if (result)
        return result;
    result = parse_node(json, 1, cmwp);
    json_decref(json);
    return result;
}

static int make_node(const struct atls_cmw *cmw, unsigned depth, json_t **jsonp);

/* The media type of a record or tag, as JSON needs it. */
static int media_type_of(const struct atls_cmw *cmw, struct atls_bytes *media_typep)
{
    struct atls_bytes media_type = atls_cmw_media_type(cmw);

    if (cmw->type.is_content_format && media_type.size == 0)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_CMW_RECORD_CLAUSE,
                         "no media type is known for content format %u, and JSON CMWs have no "
                         "content formats",
                         cmw->type.content_format);
    *media_typep = media_type;
    return 0;
}

static int make_record(const struct atls_cmw *cmw, json_t **jsonp)
{
    struct atls_bytes media_type = {NULL, 0};
    json_t *json = json_array();
    int result = media_type_of(cmw, &media_type);

    if (!result && cmw->value.size == 0)
        result = atls_fail(ATLS_E_UNSUPPORTED, ATLS_CMW_RECORD_CLAUSE,
                           "a CMW record without a message has no JSON form");
    if (result) {
        json_decref(json);
        return result;
    }
    bool made = json &&
                !json_array_append_new(
                    json, json_stringn((const char *)media_type.data, media_type.size)) &&
                !json_array_append_new(json, atls_json_base64(ATLS_BASE64URL, cmw->value));
    if (made && cmw->indicator)
        made = !json_array_append_new(json, json_integer(cmw->indicator));
    if (!made) {
        json_decref(json);
        return atls_fail(-ENOMEM, NULL, "no memory for a JSON CMW record");
    }
    *jsonp = json;
    return 0;
}

static int add_member(json_t *object, struct atls_bytes label, json_t *member)
{
    if (memchr(label.data, '\0', label.size)) {
        json_decref(member);
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_CMW_COLLECTION_CLAUSE,
                         "a label with a zero character cannot be written in JSON");
    }
    if (json_object_getn(object, (const char *)label.data, label.size)) {
        json_decref(member);
        return atls_fail(-EINVAL, ATLS_CMW_COLLECTION_CLAUSE,
                         "two labels of a CMW collection are equal");
    }
    if (json_object_setn_new(object, (const char *)label.data, label.size, member))
        return atls_fail(-ENOMEM, NULL, "no memory for a JSON CMW collection");
    return 0;
}

static int fill_collection(const struct atls_cmw *cmw, unsigned depth, json_t *object)
{
    struct atls_bytes type = cmw->collection_type;
    int result = 0;

    if (type.size > 0)
        result = add_member(object, atls_bytes_of_text(ATLS_CMW_COLLECTION_TYPE),
                            json_stringn((const char *)type.data, type.size));
    for (size_t i = 0; i < cmw->entry_count && !result; i++) {
        const struct atls_cmw_entry *entry = &cmw->entries[i];
        json_t *member;

        if (entry->is_integer)
            return atls_fail(ATLS_E_UNSUPPORTED, ATLS_CMW_COLLECTION_CLAUSE,
                             "the integer label %lld has no JSON form",
                             (long long)entry->integer_label);
        result = make_node(entry->cmw, depth + 1, &member);
        if (!result)
            result = add_member(object, entry->text_label, member);
    }
    return result;
}

static int make_node(const struct atls_cmw *cmw, unsigned depth, json_t **jsonp)
{
    json_t *object;
    int result = atls_cmw_check_writable(cmw, depth);

    if (result)
        return result;
    if (cmw->form != ATLS_CMW_COLLECTION)
        return make_record(cmw, jsonp);
    object = json_object();
    if (!object)
        return atls_fail(-ENOMEM, NULL, "no memory for a JSON CMW collection");
    result = fill_collection(cmw, depth, object);
    if (result) {
        json_decref(object);
        return result;
    }
    *jsonp = object;
    return 0;
}

int atls_cmw_serialize_json(const struct atls_cmw *cmw, uint8_t **outp, size_t *sizep)
{
    json_t *json;
    char *text;
    int result = make_node(cmw, 1, &json);

    if (result)
        return result;
    text = atls_json_write(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for the text of a JSON CMW");
    *outp = (uint8_t *)text;
    *sizep = strlen(text);
    return 0;
}
