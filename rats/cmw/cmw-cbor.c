/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CBOR serialization of conceptual message wrappers. Recursion is bounded by the depth limit of
 * the format's reader, and every allocation by the size of the input.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cmw/cmw-tree.h"

/* RFC 9999 asks for no encoding but by the first byte, which tells CMWs from one another (section
 * 3.4, atls_cmw_sniff()), and RFC 8949 section 4.1 leaves the rest to it: heads may be long. The
 * depth is beyond ATLS_CMW_MAX_DEPTH, so that the limit is reported as what it is: one of CMWs. */
static const struct atls_cbor_rules cmw_rules = {
    .max_size = ATLS_CMW_MAX_SIZE,
    .max_depth = ATLS_CMW_MAX_DEPTH + 8,
    .max_items = 65536,
    .allow_indefinite = true,
    .allow_unpreferred = true,
};

static int parse_node(struct atls_cbor_reader *r, unsigned depth, struct atls_cmw **cmwp);

static int set_content_format(struct atls_cmw *record, uint64_t content_format)
{
    if (content_format > UINT16_MAX)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected a content format of at most 65535, %llu came",
                         (unsigned long long)content_format);
    record->type.is_content_format = true;
    record->type.content_format = (uint16_t)content_format;
    return 0;
}

static int parse_type(struct atls_cbor_reader *r, struct atls_cmw *record)
{
    struct atls_bytes media_type;
    uint64_t content_format;
    int result;

    switch (atls_cbor_peek(r)) {
    case ATLS_CBOR_UINT:
        result = atls_cbor_read_uint(r, "content format", &content_format);
        return result ? result : set_content_format(record, content_format);
    case ATLS_CBOR_TEXT:
        result = atls_cbor_read_text(r, "media type", &media_type);
        return result ? result : atls_cmw_set_media_type(record, media_type);
    default:
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                         "expected a media type (text) or content format (unsigned) as the type of "
                         "a CMW record");
    }
}

static int parse_value(struct atls_cbor_reader *r, struct atls_cmw *cmw)
{
    struct atls_bytes value;
    int result = atls_cbor_read_bytes(r, "value of a CMW", &value);

    return result ? result : atls_cmw_copy(value, &cmw->value);
}

static int parse_indicator(struct atls_cbor_reader *r, struct atls_cmw *record)
{
    uint64_t indicator;
    int result = atls_cbor_read_uint(r, "indicator of a CMW record", &indicator);

    return result ? result : atls_cmw_set_indicator(record, indicator);
}

static int parse_record(struct atls_cbor_reader *r, struct atls_cmw *record)
{
    size_t left, members = 0;
    int result;

    r->clause = ATLS_CMW_RECORD_CLAUSE;
    result = atls_cbor_read_array(r, "CMW record", &left);
    for (; !result && atls_cbor_next(r, &left); members++) {
        if (members == 0)
            result = parse_type(r, record);
        else if (members == 1)
            result = parse_value(r, record);
        else if (members == 2)
            result = parse_indicator(r, record);
        else
            result = atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                               "expected 2 or 3 members in a CMW record, more came");
    }
    if (!result && members < 2)
        result = atls_fail(ATLS_E_MALFORMED, ATLS_CMW_RECORD_CLAUSE,
                           "expected 2 or 3 members in a CMW record, %zu came", members);
    return result;
}

static int parse_tag(struct atls_cbor_reader *r, struct atls_cmw *tagged)
{
    uint64_t tag;
    int result;

    r->clause = ATLS_CMW_TAG_CLAUSE;
    result = atls_cbor_read_tag(r, "CMW tag", &tag);
    if (!result)
        result = atls_cmw_tn_inverse(tag, &tagged->type.content_format);
    if (result)
        return result;
    tagged->type.is_content_format = true;
    return parse_value(r, tagged);
}

static int parse_entry(struct atls_cbor_reader *r, unsigned depth, struct atls_cmw *collection)
{
    struct atls_cmw_entry *entry = NULL;
    struct atls_bytes label = {NULL, 0};
    int64_t number = 0;
    bool is_text = false;
    int result;

    r->clause = ATLS_CMW_COLLECTION_CLAUSE;
    switch (atls_cbor_peek(r)) {
    case ATLS_CBOR_TEXT:
        is_text = true;
        result = atls_cbor_read_text(r, "label of a CMW collection", &label);
        break;
    case ATLS_CBOR_UINT:
    case ATLS_CBOR_NINT:
        result = atls_cbor_read_int(r, "label of a CMW collection", &number);
        break;
    default:
        result = atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                           "expected text or an integer as a label of a CMW collection");
    }
    if (result)
        return result;
    if (is_text && atls_bytes_is_text(label, ATLS_CMW_COLLECTION_TYPE)) {
        result = atls_cbor_read_text(r, ATLS_CMW_COLLECTION_TYPE, &label);
        return result ? result : atls_cmw_set_collection_type(collection, label);
    }
    result = atls_cmw_add_entry(collection, &entry);
    if (result)
        return result;
    entry->is_integer = !is_text;
    entry->integer_label = number;
    if (is_text)
        result = atls_cmw_set_text_label(entry, label);
    return result ? result : parse_node(r, depth + 1, &entry->cmw);
}

static int parse_collection(struct atls_cbor_reader *r, unsigned depth, struct atls_cmw *collection)
{
    size_t left;
    int result = atls_cbor_read_map(r, "CMW collection", &left);

    while (!result && atls_cbor_next(r, &left))
        result = parse_entry(r, depth, collection);
    return result ? result : atls_cmw_check_collection(collection);
}

static int parse_node(struct atls_cbor_reader *r, unsigned depth, struct atls_cmw **cmwp)
{
    enum atls_cbor_type type = atls_cbor_peek(r);
    struct atls_cmw *cmw;
    int result = atls_cmw_check_depth(depth);

    if (result)
        return result;
    if (type != ATLS_CBOR_ARRAY && type != ATLS_CBOR_TAG && type != ATLS_CBOR_MAP)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CMW_COLLECTION_CLAUSE,
                         "expected a CMW: an array, a tag or a map");
    cmw = atls_cmw_new(type == ATLS_CBOR_ARRAY ? ATLS_CMW_RECORD
                       : type == ATLS_CBOR_TAG ? ATLS_CMW_TAG
                                               : ATLS_CMW_COLLECTION,
                       ATLS_CBOR);
    if (!cmw)
        return atls_fail(-ENOMEM, NULL, "no memory for a CMW");
    if (type == ATLS_CBOR_ARRAY)
        result = parse_record(r, cmw);
    else if (type == ATLS_CBOR_TAG)
        result = parse_tag(r, cmw);
    else
        result = parse_collection(r, depth, cmw);
    if (result) {
        atls_cmw_free(cmw);
        return result;
    }
    *cmwp = cmw;
    return 0;
}

/* A node is an item, behind which opening has found nothing. */
int atls_cmw_parse_cbor(struct atls_bytes in, struct atls_cmw **cmwp)
{
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, &cmw_rules, "RFC 9999 section 3");

    return result ? result : parse_node(&r, 1, cmwp);
}

/* The order of map keys in deterministic encoding, without encoding them: unsigned before negative
 * integers before text; each by magnitude, text by its size first since its head holds it. */
struct label {
    unsigned major;
    uint64_t argument;
    struct atls_bytes text;
    const struct atls_cmw *cmw; /* NULL: the collection's type */
};

static struct label label_of(const struct atls_cmw_entry *entry)
{
    if (!entry->is_integer)
        return (struct label){3, entry->text_label.size, entry->text_label, entry->cmw};
    if (entry->integer_label < 0)
        return (struct label){1, (uint64_t)(-1 - entry->integer_label), {NULL, 0}, entry->cmw};
    return (struct label){0, (uint64_t)entry->integer_label, {NULL, 0}, entry->cmw};
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_labels(const void *first, const void *second)
{
    const struct label *a = first, *b = second;
    int order = compare_numbers(a->major, b->major);

    if (!order)
        order = compare_numbers(a->argument, b->argument);
    return order || !a->text.size ? order : memcmp(a->text.data, b->text.data, a->text.size);
}

static int write_node(struct atls_cbor_writer *w, const struct atls_cmw *cmw, unsigned depth);

static int write_entry(struct atls_cbor_writer *w, const struct label *label,
                       struct atls_bytes collection_type, unsigned depth)
{
    if (label->major == 3)
        atls_cbor_write_text_bytes(w, label->text);
    else
        atls_cbor_write_int(w, label->major ? -1 - (int64_t)label->argument
                                            : (int64_t)label->argument);
    if (label->cmw)
        return write_node(w, label->cmw, depth + 1);
    atls_cbor_write_text_bytes(w, collection_type);
    return 0;
}

static int write_collection(struct atls_cbor_writer *w, const struct atls_cmw *collection,
                            unsigned depth)
{
    struct atls_bytes type = atls_bytes_of_text(ATLS_CMW_COLLECTION_TYPE);
    size_t count = collection->entry_count;
    struct label *labels = calloc(count + 1, sizeof *labels);
    int result = 0;

    if (!labels)
        return atls_fail(-ENOMEM, NULL, "no memory to sort the labels of a CMW collection");
    for (size_t i = 0; i < count; i++)
        labels[i] = label_of(&collection->entries[i]);
    if (collection->collection_type.size > 0)
        labels[count++] = (struct label){3, type.size, type, NULL};
    qsort(labels, count, sizeof *labels, compare_labels);
    atls_cbor_write_map(w, count);
    for (size_t i = 0; i < count && !result; i++)
        result = write_entry(w, &labels[i], collection->collection_type, depth);
    free(labels);
    return result;
}

static int write_node(struct atls_cbor_writer *w, const struct atls_cmw *cmw, unsigned depth)
{
    int result = atls_cmw_check_writable(cmw, depth);

    if (result)
        return result;
    switch (cmw->form) {
    case ATLS_CMW_RECORD:
        atls_cmw_write_record_type(w, &cmw->type, cmw->value, cmw->indicator);
        return 0;
    case ATLS_CMW_TAG:
        return atls_cmw_write_tag(w, cmw->type.content_format, cmw->value);
    default:
        return write_collection(w, cmw, depth);
    }
}

/* One pass to count, one to write: the writer does not allocate. Keys that are not in order, the
 * second one tells. */
int atls_cmw_serialize_cbor(const struct atls_cmw *cmw, uint8_t **outp, size_t *sizep)
{
    struct atls_cbor_writer w;
    struct atls_bytes written;
    uint8_t *out;
    size_t size;
    int result;

    atls_cbor_write_init(&w, NULL, 0);
    result = write_node(&w, cmw, 1);
    if (result)
        return result;
    size = w.used;
    out = malloc(size + 1);
    if (!out)
        return atls_fail(-ENOMEM, NULL, "no memory for a CMW of %zu bytes", size);
    atls_cbor_write_init(&w, out, size);
    result = write_node(&w, cmw, 1);
    if (!result)
        result = atls_cbor_write_done(&w, &written);
    if (result) {
        free(out);
        return result;
    }
    *outp = out;
    *sizep = size;
    return 0;
}
