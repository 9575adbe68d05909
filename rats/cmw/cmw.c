/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conceptual message wrappers as a tree: telling the serializations apart, and everything that
 * holds in both of them. Trees own all their bytes, because the JSON form has to be decoded anyway
 * and because evidence outlives the TLS record it came in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-tree.h"
#include "rats/json/json.h"

struct atls_cmw *atls_cmw_new(enum atls_cmw_form form, enum atls_serialization serialization)
{
    struct atls_cmw *cmw = calloc(1, sizeof *cmw);

    if (!cmw)
        return NULL;
    cmw->form = form;
    cmw->serialization = serialization;
    return cmw;
}

int atls_cmw_copy(struct atls_bytes bytes, struct atls_bytes *copyp)
{
    uint8_t *copy;

    if (bytes.size == 0) {
        *copyp = (struct atls_bytes){NULL, 0};
        return 0;
    }
    copy = malloc(bytes.size + 1);
    if (!copy)
        return atls_fail(-ENOMEM, NULL, "no memory for %zu bytes of a CMW", bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    *copyp = ATLS_BYTES(copy, bytes.size);
    return 0;
}

static void free_bytes(struct atls_bytes bytes)
{
    free((void *)bytes.data);
}

void atls_cmw_free(struct atls_cmw *cmw)
{
    if (!cmw)
        return;
    for (size_t i = 0; i < cmw->entry_count; i++) {
        free_bytes(cmw->entries[i].text_label);
        atls_cmw_free(cmw->entries[i].cmw); /* at most ATLS_CMW_MAX_DEPTH deep */
    }
    free(cmw->entries);
    free_bytes(cmw->type.media_type);
    free_bytes(cmw->value);
    free_bytes(cmw->collection_type);
    free(cmw);
}

int atls_cmw_set_media_type(struct atls_cmw *record, struct atls_bytes media_type)
{
    if (atls_media_type_check(media_type))
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE, "type of a CMW record: %s [%s]",
                         atls_error_text(), atls_error_clause());
    record->type.is_content_format = false;
    return atls_cmw_copy(media_type, &record->type.media_type);
}

int atls_cmw_set_indicator(struct atls_cmw *record, uint64_t indicator)
{
    if (indicator == 0)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "the indicator of a CMW record is 0; it must be left out instead");
    if (indicator > ATLS_IND_ALL)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected an indicator of 1 to %u, %llu came", ATLS_IND_ALL,
                         (unsigned long long)indicator);
    record->indicator = (unsigned)indicator;
    return 0;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* An object identifier in the dotted form of RFC 9999's CDDL: numbers without leading zeros, the
 * first one 0, 1 or 2. A relative one begins with a dot. */
static bool is_oid(const char *text)
{
    if (*text < '0' || *text > '2')
        return false;
    for (text++; *text; text += strspn(text, DIGITS)) {
        if (*text++ != '.')
            return false;
        if (strspn(text, DIGITS) == 0 || (*text == '0' && strspn(text, DIGITS) > 1))
            return false;
    }
    return true;
}

/* absolute-URI = scheme ":" hier-part [ "?" query ], RFC 3986 section 4.3: no fragment. */
static bool is_absolute_uri(const char *text)
{
    size_t scheme = strspn(text, LETTERS DIGITS "+-.");

    if (strspn(text, LETTERS) == 0 || text[scheme] != ':')
        return false;
    for (text += scheme + 1; *text; text += 3) { /* from one percent-encoding to the next */
        text += strspn(text, LETTERS DIGITS "-._~:/?[]@!$&'()*+,;=");
        if (*text == '\0')
            return true;
        if (*text != '%' || strspn(text + 1, DIGITS "abcdefABCDEF") < 2)
            return false;
    }
    return true;
}

int atls_cmw_set_collection_type(struct atls_cmw *collection, struct atls_bytes type)
{
    struct atls_bytes copy;
    const char *text;
    int result = atls_cmw_copy(type, &copy);

    if (result)
        return result;
    text = copy.data ? (const char *)copy.data : "";
    if (strlen(text) == type.size && (is_oid(text) || is_absolute_uri(text))) {
        collection->collection_type = copy;
        return 0;
    }
    result = atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                       "expected an absolute URI or object identifier as " ATLS_CMW_COLLECTION_TYPE
                       ", \"%.100s\" came",
                       text);
    free_bytes(copy);
    return result;
}

int atls_cmw_add_entry(struct atls_cmw *collection, struct atls_cmw_entry **entryp)
{
    size_t count = collection->entry_count;

    /* Grown in powers of two: the count is a power of two exactly when there is no room. */
    if ((count & (count - 1)) == 0) {
        size_t room = count ? 2 * count : 1;
        struct atls_cmw_entry *entries =
            reallocarray(collection->entries, room, sizeof *collection->entries);

        if (!entries)
            return atls_fail(-ENOMEM, NULL, "no memory for %zu entries of a CMW collection", room);
        collection->entries = entries;
    }
    *entryp = &collection->entries[count];
    memset(*entryp, 0, sizeof **entryp);
    collection->entry_count++;
    return 0;
}

int atls_cmw_set_text_label(struct atls_cmw_entry *entry, struct atls_bytes label)
{
    if (label.size == 0)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                         "a label of a CMW collection is empty");
    return atls_cmw_copy(label, &entry->text_label);
}

int atls_cmw_check_collection(const struct atls_cmw *collection)
{
    if (collection->entry_count == 0)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                         "a CMW collection holds no CMW");
    return 0;
}

int atls_cmw_check_depth(unsigned depth)
{
    if (depth > ATLS_CMW_MAX_DEPTH)
        return atls_fail(ATLS_E_LIMIT, ATLS_CMW_COLLECTION_CLAUSE,
                         "CMW collections are nested more than %d deep", ATLS_CMW_MAX_DEPTH);
    return 0;
}

static int check_writable_type(struct atls_bytes type)
{
    struct atls_cmw scratch = {.form = ATLS_CMW_COLLECTION};
    int result = type.size ? atls_cmw_set_collection_type(&scratch, type) : 0;

    free_bytes(scratch.collection_type);
    return result == ATLS_E_MALFORMED ? -EINVAL : result;
}

static int check_writable_record(const struct atls_cmw *cmw)
{
    if (cmw->indicator > ATLS_IND_ALL)
        return atls_fail(-EINVAL, ATLS_CMW_RECORD_CLAUSE, "a CMW indicator of %u", cmw->indicator);
    if (cmw->form == ATLS_CMW_TAG && (!cmw->type.is_content_format || cmw->indicator))
        return atls_fail(-EINVAL, ATLS_CMW_TAG_CLAUSE,
                         "a CMW tag has a content format and no indicator");
    if (!cmw->type.is_content_format && atls_media_type_check(cmw->type.media_type))
        return atls_fail(-EINVAL, ATLS_CMW_RECORD_CLAUSE, "a CMW record needs a media type");
    return 0;
}

int atls_cmw_check_writable(const struct atls_cmw *cmw, unsigned depth)
{
    int result = atls_cmw_check_depth(depth);

    if (result)
        return result;
    if ((unsigned)cmw->form > ATLS_CMW_COLLECTION)
        return atls_fail(-EINVAL, NULL, "a CMW of no known form (%d)", (int)cmw->form);
    if (cmw->form != ATLS_CMW_COLLECTION)
        return check_writable_record(cmw);
    if (cmw->entry_count == 0)
        return atls_fail(-EINVAL, ATLS_CMW_COLLECTION_CLAUSE, "a CMW collection holds no CMW");
    for (size_t i = 0; i < cmw->entry_count; i++) {
        const struct atls_cmw_entry *entry = &cmw->entries[i];

        if (!entry->is_integer &&
            (entry->text_label.size == 0 || !atls_bytes_is_utf8(entry->text_label) ||
             atls_bytes_is_text(entry->text_label, ATLS_CMW_COLLECTION_TYPE)))
            return atls_fail(-EINVAL, ATLS_CMW_COLLECTION_CLAUSE,
                             "a label of a CMW collection is empty, reserved or no text");
    }
    return check_writable_type(cmw->collection_type);
}

/*
 * The one-byte look-ahead of RFC 9999 section 3.4, behind the white space that may stand in front
 * of JSON (RFC 8259 section 2); in CBOR those four bytes are integers, and no CMW is one. It tells
 * more than needed here, since both halves check the structure anyway; but a first byte that it
 * does not list is no CMW, which refuses arrays and tags with longer heads than they need.
 */
int atls_cmw_sniff(struct atls_bytes in, enum atls_serialization *serializationp)
{
    struct atls_bytes json = atls_json_skip_space(in);
    uint8_t first;

    if (json.size == 0)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_DEMUX_CLAUSE, "expected a CMW, nothing came");
    first = in.data[0];
    if (json.data[0] == '[' || json.data[0] == '{')
        *serializationp = ATLS_JSON;
    else if (first == 0x82 || first == 0x83 || first == 0x9f || first == 0xda ||
             (first >= 0xa0 && first <= 0xbb) || first == 0xbf)
        *serializationp = ATLS_CBOR;
    else if (json.size >= 3 && memcmp(json.data, "\xef\xbb\xbf", 3) == 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8259 section 8.1",
                         "expected a CMW, came a byte order mark in front");
    else
        return atls_fail(
            ATLS_E_MALFORMED, ATLS_CMW_DEMUX_CLAUSE,
            "no CMW begins with the byte 0x%02x: expected a record (82, 83, 9f, 5b), a "
            "tag (da) or a collection (a0 to bb, bf, 7b)",
            json.data[0]);
    return 0;
}

int atls_cmw_parse(struct atls_bytes in, struct atls_cmw **cmwp)
{
    enum atls_serialization serialization;
    int result = atls_cmw_sniff(in, &serialization);

    return result ? result : atls_cmw_parse_as(serialization, in, cmwp);
}

int atls_cmw_parse_as(enum atls_serialization serialization, struct atls_bytes in,
                      struct atls_cmw **cmwp)
{
    enum atls_serialization seen;
    int result = atls_cmw_sniff(in, &seen);

    if (result)
        return result;
    if (seen != serialization)
        return atls_fail(
            ATLS_E_MALFORMED, "RFC 9999 section 4.4", "expected a CMW in %s here, one in %s came",
            serialization == ATLS_CBOR ? "CBOR" : "JSON", seen == ATLS_CBOR ? "CBOR" : "JSON");
    if (in.size > ATLS_CMW_MAX_SIZE)
        return atls_fail(ATLS_E_LIMIT, NULL, "a CMW of %zu bytes; at most %u are read", in.size,
                         ATLS_CMW_MAX_SIZE);
    return serialization == ATLS_CBOR ? atls_cmw_parse_cbor(in, cmwp)
                                      : atls_cmw_parse_json(in, cmwp);
}

struct atls_bytes atls_cmw_media_type(const struct atls_cmw *cmw)
{
    const struct atls_media_type *known;

    if (!cmw->type.is_content_format)
        return cmw->type.media_type; /* a collection has none */
    known = atls_media_type_by_content_format(cmw->type.content_format);
    return known ? atls_bytes_of_text(known->name) : ATLS_BYTES(NULL, 0);
}

bool atls_cmw_type_is(const struct atls_cmw *cmw, const char *media_type)
{
    return atls_media_type_equal(atls_cmw_media_type(cmw), atls_bytes_of_text(media_type));
}

const struct atls_cmw *atls_cmw_find(const struct atls_cmw *collection, const char *label)
{
    for (size_t i = 0; i < collection->entry_count; i++) { /* a record has none */
        const struct atls_cmw_entry *entry = &collection->entries[i];

        if (!entry->is_integer && atls_bytes_is_text(entry->text_label, label))
            return entry->cmw;
    }
    return NULL;
}

int atls_cmw_serialize(const struct atls_cmw *cmw, enum atls_serialization serialization,
                       uint8_t **outp, size_t *sizep)
{
    return serialization == ATLS_CBOR ? atls_cmw_serialize_cbor(cmw, outp, sizep)
                                      : atls_cmw_serialize_json(cmw, outp, sizep);
}
