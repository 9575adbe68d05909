/* SPDX-License-Identifier: Apache-2.0 */
/* The wrapper in both serializations; JSON by jansson. */
#include "cmw.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cbor.h"

#define CLAUSE "RFC 9999 section 3"
#define COLLECTION_TYPE "__cmwc_t"
#define DEPTH_MAX 4
#define SIZE_LIMIT (1u << 20)
#define INDICATOR_MAX 31u
#define TN_BASE 0x63740101u
#define BAD(why, ...) refuse((why), "malformed-cmw", CLAUSE, __VA_ARGS__)

static const struct {
    unsigned content_format;
    const char *media_type;
} types[] = {
    {CF_EAT_CWT, MT_EAT_CWT}, {CF_EAT_JWT, MT_EAT_JWT},       {273, MT_CMW_CBOR},
    {274, MT_CMW_JSON},       {CF_PSA_TOKEN, MT_PSA_RFC9783},
};

void cmw_free(struct cmw *cmw)
{
    if (!cmw)
        return;
    for (size_t i = 0; i < cmw->count; i++)
        cmw_free(cmw->members[i]);
    free(cmw->members);
    free(cmw->label);
    free(cmw->media_type);
    free(cmw->collection_type);
    blob_clear(&cmw->value);
    free(cmw);
}

static struct cmw *make(enum cmw_form form, bool json)
{
    struct cmw *cmw = allocate(sizeof *cmw);
    cmw->form = form;
    cmw->json = json;
    return cmw;
}

uint32_t cmw_tag_number(unsigned content_format)
{
    return TN_BASE + content_format / 255 * 256 + content_format % 255;
}

long cmw_tag_inverse(uint64_t tag)
{
    if (tag < TN_BASE || tag > 0x6374ffff || ((tag - TN_BASE) & 0xff) == 0xff)
        return -1;
    return (long)((tag - TN_BASE) / 256 * 255 + (tag - TN_BASE) % 256);
}

const char *cmw_serialization_word(struct bytes in)
{
    uint8_t first = in.size ? in.data[0] : 0;
    if (first == '[' || first == '{')
        return "json";
    bool cbor = first == 0x82 || first == 0x83 || first == 0x9f || first == 0xda ||
                (first >= 0xa0 && first <= 0xbb) || first == 0xbf;
    return cbor ? "cbor" : NULL;
}

const char *cmw_form_word(struct bytes in)
{
    uint8_t first = in.size ? in.data[0] : 0;
    if (first == '[' || (first >= 0x80 && first <= 0x9f))
        return "record";
    if (first == '{' || (first >= 0xa0 && first <= 0xbf))
        return "collection";
    return first == 0xda ? "tag" : NULL;
}

/* type/subtype and parameters (RFC 9110 section 8.3.1): enough of a look to refuse what is none. */
static bool is_media_type(const char *text)
{
    static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "!#$%&'*+-.^_`|~";
    size_t type = strspn(text, token);
    if (type == 0 || text[type] != '/')
        return false;
    text += type + 1;
    size_t subtype = strspn(text, token);
    text += subtype;
    while (subtype > 0 && *text) {
        text += strspn(text, " \t");
        if (*text++ != ';')
            return false;
        text += strspn(text, " \t");
        size_t name = strspn(text, token);
        if (name == 0 || text[name] != '=')
            return false;
        text += name + 1;
        bool quoted = *text == '"';
        size_t size = quoted ? strcspn(text + 1, "\"\\") + 2 : strspn(text, token);
        if (size == 0 || strlen(text) < size || (quoted && text[size - 1] != '"'))
            return false;
        text += size;
    }
    return subtype > 0;
}

/* A URI with a scheme, or an OID in dots: absolute either way. */
static bool is_collection_type(const char *text)
{
    static const char digits[] = "0123456789";
    static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.";
    size_t size = strspn(text, more);
    if (isalpha((unsigned char)text[0]) && text[size] == ':') {
        for (text += size + 1; *text; text++)
            if (*text <= ' ' || *text > '~' || strchr("\"#<>\\^`{|}", *text))
                return false;
        return true;
    }
    if (*text < '0' || *text > '2')
        return false;
    for (text++; *text; text += strspn(text, digits))
        if (*text++ != '.' || strspn(text, digits) == 0 ||
            (*text == '0' && strspn(text, digits) > 1))
            return false;
    return true;
}

static int set_type(struct cmw *cmw, struct bytes text, struct why *why)
{
    cmw->media_type = text_copy(text);
    if (strlen(cmw->media_type) == text.size && is_media_type(cmw->media_type))
        return 0;
    return BAD(why, "the type of a record is no media type");
}

static int set_indicator(struct cmw *cmw, uint64_t indicator, struct why *why)
{
    if (indicator == 0 || indicator > INDICATOR_MAX)
        return BAD(why, "the indicator of a record has 1 to %u as its value, came %llu",
                   INDICATOR_MAX, (unsigned long long)indicator);
    cmw->indicator = (unsigned)indicator;
    return 0;
}

static int set_collection_type(struct cmw *cmw, struct bytes text, struct why *why)
{
    cmw->collection_type = text_copy(text);
    if (strlen(cmw->collection_type) == text.size && is_collection_type(cmw->collection_type))
        return 0;
    return BAD(why, COLLECTION_TYPE " is an absolute URI or object identifier");
}

static void add(struct cmw *cmw, struct cmw *member)
{
    struct cmw **members = allocate((cmw->count + 1) * sizeof *members);
    if (cmw->count)
        memcpy(members, cmw->members, cmw->count * sizeof *members);
    members[cmw->count++] = member;
    free(cmw->members);
    cmw->members = members;
}

static int read_cbor(const struct cbor_item *item, unsigned depth, struct cmw **cmwp,
                     struct why *why);

static int read_record(const struct cbor_item *item, struct cmw *cmw, struct why *why)
{
    struct bytes in = item->content;
    struct cbor_item members[4];
    size_t count = 0;
    while (in.size > 0 && count < 4)
        members[count++] = cbor_item(&in);
    if (count < 2 || count > 3)
        return BAD(why, "a record has 2 or 3 members, %zu%s came", count,
                   count > 3 ? " or more" : "");
    if (members[0].major == CBOR_UINT && members[0].argument <= UINT16_MAX)
        cmw->content_format = (unsigned)members[0].argument;
    else if (members[0].major != CBOR_TEXT)
        return BAD(why, "the type of a record is a media type or a content format of 16 bits");
    else if (set_type(cmw, members[0].content, why))
        return -1;
    if (members[1].major != CBOR_BYTES)
        return BAD(why, "the value of a record is a byte string");
    put(&cmw->value, members[1].content);
    if (count == 2)
        return 0;
    if (members[2].major != CBOR_UINT)
        return BAD(why, "the indicator of a record is an unsigned integer");
    return set_indicator(cmw, members[2].argument, why);
}

static int read_tag(const struct cbor_item *item, struct cmw *cmw, struct why *why)
{
    struct bytes in = item->content;
    struct cbor_item value = cbor_item(&in);
    long format = cmw_tag_inverse(item->argument);
    if (format < 0 || value.major != CBOR_BYTES)
        return BAD(why, "a tag has the number of a content format, and a byte string inside");
    cmw->content_format = (unsigned)format;
    put(&cmw->value, value.content);
    return 0;
}

static int read_collection(const struct cbor_item *item, unsigned depth, struct cmw *cmw,
                           struct why *why)
{
    for (struct bytes in = item->content; in.size > 0;) {
        struct cbor_item label = cbor_item(&in), value = cbor_item(&in);
        struct cmw *member;
        if (label.major != CBOR_TEXT && label.major != CBOR_UINT && label.major != CBOR_NINT)
            return BAD(why, "a label of a collection is text or an integer");
        if (label.major == CBOR_TEXT && bytes_are(label.content, COLLECTION_TYPE)) {
            if (value.major != CBOR_TEXT)
                return BAD(why, COLLECTION_TYPE " is text");
            if (set_collection_type(cmw, value.content, why))
                return -1;
            continue;
        }
        if (label.major == CBOR_TEXT && label.content.size == 0)
            return BAD(why, "a label of a collection is empty");
        if (read_cbor(&value, depth + 1, &member, why))
            return -1;
        member->label = label.major == CBOR_TEXT ? text_copy(label.content) : NULL;
        add(cmw, member);
    }
    return cmw->count > 0 ? 0 : BAD(why, "a collection holds one wrapper at least");
}

static int read_cbor(const struct cbor_item *item, unsigned depth, struct cmw **cmwp,
                     struct why *why)
{
    if (depth > DEPTH_MAX)
        return BAD(why, "collections are nested more than %d deep", DEPTH_MAX);
    if (item->major != CBOR_ARRAY && item->major != CBOR_TAG && item->major != CBOR_MAP)
        return BAD(why, "a wrapper is an array, a tag or a map");
    struct cmw *cmw = make(item->major == CBOR_ARRAY ? CMW_RECORD
                           : item->major == CBOR_TAG ? CMW_TAG
                                                     : CMW_COLLECTION,
                           false);
    int result = cmw->form == CMW_RECORD ? read_record(item, cmw, why)
                 : cmw->form == CMW_TAG  ? read_tag(item, cmw, why)
                                         : read_collection(item, depth, cmw, why);
    if (result)
        cmw_free(cmw);
    else
        *cmwp = cmw;
    return result;
}

static struct bytes json_bytes(const json_t *string)
{
    return BYTES(json_string_value(string), json_string_length(string));
}

static int read_json_record(const json_t *json, struct cmw *cmw, struct why *why)
{
    const json_t *type = json_array_get(json, 0), *value = json_array_get(json, 1),
                 *indicator = json_array_get(json, 2);
    size_t count = json_array_size(json);
    if (count < 2 || count > 3)
        return BAD(why, "a record has 2 or 3 members, %zu came", count);
    if (!json_is_string(type) || set_type(cmw, json_bytes(type), why))
        return BAD(why, "the type of a record in JSON is a media type");
    if (!json_is_string(value) || json_string_length(value) == 0 ||
        base64_read(json_bytes(value), true, &cmw->value))
        return BAD(why, "the value of a record in JSON is base64url without padding");
    if (count == 2)
        return 0;
    if (!json_is_integer(indicator) || json_integer_value(indicator) < 0)
        return BAD(why, "the indicator of a record is an unsigned integer");
    return set_indicator(cmw, (uint64_t)json_integer_value(indicator), why);
}

static int read_json(json_t *json, unsigned depth, struct cmw **cmwp, struct why *why)
{
    const char *label;
    json_t *value;
    if (depth > DEPTH_MAX)
        return BAD(why, "collections are nested more than %d deep", DEPTH_MAX);
    if (!json_is_array(json) && !json_is_object(json))
        return BAD(why, "a wrapper is an array or an object");
    struct cmw *cmw = make(json_is_array(json) ? CMW_RECORD : CMW_COLLECTION, true);
    int result = json_is_array(json) ? read_json_record(json, cmw, why) : 0;
    json_object_foreach(json, label, value)
    {
        struct cmw *member;
        if (result)
            break;
        if (strcmp(label, COLLECTION_TYPE) == 0) {
            result = json_is_string(value) ? set_collection_type(cmw, json_bytes(value), why)
                                           : BAD(why, COLLECTION_TYPE " is text");
        } else if (!*label) {
            result = BAD(why, "a label of a collection is empty");
        } else if (!(result = read_json(value, depth + 1, &member, why))) {
            member->label = text_copy(text_bytes(label));
            add(cmw, member);
        }
    }
    if (!result && cmw->form == CMW_COLLECTION && cmw->count == 0)
        result = BAD(why, "a collection holds one wrapper at least");
    if (result)
        cmw_free(cmw);
    else
        *cmwp = cmw;
    return result;
}

int cmw_parse(struct bytes in, struct cmw **cmwp, struct why *why)
{
    const char *serialization = cmw_serialization_word(in);
    if (!serialization)
        return BAD(why, "no CMW begins like this: expected a record, a tag or a collection");
    if (in.size > SIZE_LIMIT)
        return BAD(why, "a CMW of more than %u bytes", SIZE_LIMIT);
    if (strcmp(serialization, "cbor") == 0) {
        if (cbor_check(in, (struct cbor_rules){.indefinite = true}, "malformed-cmw", CLAUSE, why))
            return -1;
        struct cbor_item item = cbor_item(&in);
        return read_cbor(&item, 1, cmwp, why);
    }
    json_error_t error;
    json_t *json = json_loadb((const char *)in.data, in.size, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return BAD(why, "JSON: %s", error.text);
    int result = read_json(json, 1, cmwp, why);
    json_decref(json);
    return result;
}

const struct cmw *cmw_member(const struct cmw *collection, const char *label)
{
    for (size_t i = 0; i < collection->count; i++)
        if (collection->members[i]->label && strcmp(collection->members[i]->label, label) == 0)
            return collection->members[i];
    return NULL;
}

/* Quotes and blanks around parameters mean nothing in the few types that are compared here. */
bool media_type_equal(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, "\" \t");
        b += strspn(b, "\" \t");
        if (!*a || !*b || tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return !*a && !*b;
    }
}

bool cmw_is(const struct cmw *cmw, const char *media_type)
{
    if (cmw->form == CMW_COLLECTION)
        return false;
    const char *own = cmw->media_type;
    for (size_t i = 0; !own && i < sizeof types / sizeof *types; i++)
        if (types[i].content_format == cmw->content_format)
            own = types[i].media_type;
    return own && media_type_equal(own, media_type);
}

static json_t *json_record(const char *type, struct bytes value, unsigned indicator)
{
    char *text = base64url_of(value);
    json_t *record = indicator ? json_pack("[s, s, i]", type, text, (int)indicator)
                               : json_pack("[s, s]", type, text);
    free(text);
    return record;
}

static void put_json(struct blob *out, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    if (text)
        put(out, text_bytes(text));
    free(text);
    json_decref(json);
}

void cmw_write(struct bytes value, unsigned content_format, unsigned indicator, bool json, bool tag,
               struct blob *out)
{
    if (json) {
        put_json(out, json_record(content_format == CF_EAT_JWT ? MT_EAT_JWT : MT_EAT_CWT, value,
                                  indicator));
    } else if (tag) {
        cbor_put_head(out, CBOR_TAG, cmw_tag_number(content_format));
        cbor_put_bytes(out, value);
    } else {
        cbor_put_head(out, CBOR_ARRAY, indicator ? 3 : 2);
        cbor_put_head(out, CBOR_UINT, content_format);
        cbor_put_bytes(out, value);
        if (indicator)
            cbor_put_head(out, CBOR_UINT, indicator);
    }
}

int cmw_to_json(struct bytes cbor, struct blob *out, struct why *why)
{
    struct cmw *cmw;
    if (cmw_parse(cbor, &cmw, why))
        return -1;
    json_t *object = json_object();
    int result = cmw->form == CMW_COLLECTION ? 0 : BAD(why, "expected a collection");
    if (cmw->collection_type)
        json_object_set_new(object, COLLECTION_TYPE, json_string(cmw->collection_type));
    for (size_t i = 0; i < cmw->count && !result; i++) {
        const struct cmw *member = cmw->members[i];
        if (!member->label || member->form == CMW_COLLECTION || !member->media_type)
            result = BAD(why, "a member that has no form in JSON");
        else
            json_object_set_new(
                object, member->label,
                json_record(member->media_type, BLOB_BYTES(member->value), member->indicator));
    }
    cmw_free(cmw);
    if (result)
        json_decref(object);
    else
        put_json(out, object);
    return result;
}
