/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check that a CBOR message passes before anything in it is believed: one walk over all items
 * with a fixed stack.
 *
 * Duplicate keys are found without trusting their encodings, because the lenient rules let equal
 * keys be written differently, and a map as a key may have its entries in any order. Each key is
 * rewritten in a canonical form of our own (never seen outside): scalars with shortest heads,
 * floats as binary64, strings in one piece, containers with a break at their end, maps sorted. Keys
 * that come in ascending order (those of deterministic encoding do) are compared with the one
 * before as they come; where any does not, all are sorted when the map ends, which costs n log n.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-item.h"
#include "rats/cbor/cbor-write.h"

enum { CANONICAL_BREAK = 0xff, TAG_POSITIVE_BIGNUM = 2, TAG_NEGATIVE_BIGNUM = 3 };

struct entry { /* of a map that is still open: places in the canonical bytes */
    size_t key, key_end, end;
    size_t at; /* place of the key in the message */
};

struct frame {
    enum atls_cbor_type type;
    bool indefinite, is_bignum;
    bool at_key;        /* a map, of which a key is to come or has begun */
    bool unsorted;      /* a map: some key was not behind the one before it */
    size_t at;          /* place of the head in the message */
    size_t left;        /* items still to come, where not indefinite */
    size_t first_entry; /* of a map */
    size_t canonical;   /* canonical bytes before this container */
};

struct check {
    struct atls_bytes in;
    size_t at;
    const struct atls_cbor_rules *rules;
    size_t items;
    unsigned depth;
    unsigned keys; /* how many open keys we are inside of: canonical bytes are made if any */
    bool complete;
    struct frame *frames; /* ATLS_CBOR_DEPTH_MAX of them */
    struct entry *entries;
    size_t entry_count, entry_capacity;
    uint8_t *canonical;
    size_t canonical_size, canonical_capacity;
    struct atls_cbor_widest widest;
};

static int fail_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "CBOR: no memory for the map keys");
}

static int grow(struct check *c, size_t size)
{
    size_t capacity = 2 * (c->canonical_size + size) + 64;
    uint8_t *grown = realloc(c->canonical, capacity);

    if (!grown)
        return fail_memory();
    c->canonical = grown;
    c->canonical_capacity = capacity;
    return 0;
}

/* Makes room for so much more of the canonical form. */
static inline int reserve(struct check *c, size_t size)
{
    return size <= c->canonical_capacity - c->canonical_size ? 0 : grow(c, size);
}

/* Appends to the canonical form, if we are inside a key. */
static int append(struct check *c, struct atls_bytes bytes)
{
    if (c->keys == 0 || bytes.size == 0)
        return 0;
    if (reserve(c, bytes.size))
        return -ENOMEM;
    memcpy(c->canonical + c->canonical_size, bytes.data, bytes.size);
    c->canonical_size += bytes.size;
    return 0;
}

static int append_head(struct check *c, unsigned major, uint64_t argument)
{
    if (c->keys == 0)
        return 0;
    if (reserve(c, ATLS_CBOR_HEAD_MAX))
        return -ENOMEM;
    c->canonical_size += atls_cbor_head(major, argument, c->canonical + c->canonical_size);
    return 0;
}

static int append_byte(struct check *c, uint8_t byte)
{
    if (c->keys == 0)
        return 0;
    if (reserve(c, 1))
        return -ENOMEM;
    c->canonical[c->canonical_size++] = byte;
    return 0;
}

/* A scalar other than a string. Values of simple values and floats do not meet: the float's first
 * byte is 0xfb, which begins no simple value. */
static int append_scalar(struct check *c, const struct atls_cbor_item *item)
{
    uint8_t bytes[9] = {0xfb};
    uint64_t bits;

    switch (item->type) {
    case ATLS_CBOR_UINT:
        return append_head(c, 0, item->argument);
    case ATLS_CBOR_NINT:
        return append_head(c, 1, item->argument);
    case ATLS_CBOR_FLOAT:
        bits = atls_cbor_item_double_bits(item);
        for (int i = 0; i < 8; i++)
            bytes[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
        return append(c, ATLS_BYTES(bytes, sizeof bytes));
    default: /* one form only */
        return append(c, ATLS_BYTES(c->in.data + c->at, item->size));
    }
}

static int push_entry(struct check *c)
{
    if (c->entry_count == c->entry_capacity) {
        size_t capacity = 2 * c->entry_capacity + 16;
        struct entry *grown = realloc(c->entries, capacity * sizeof *grown);

        if (!grown)
            return fail_memory();
        c->entries = grown;
        c->entry_capacity = capacity;
    }
    c->entries[c->entry_count++] = (struct entry){.key = c->canonical_size, .at = c->at};
    return 0;
}

static int compare_entries(const void *left, const void *right, void *canonical)
{
    const struct entry *a = left, *b = right;
    const uint8_t *bytes = canonical;
    size_t a_size = a->key_end - a->key, b_size = b->key_end - b->key;
    int order = bytes[a->key] - bytes[b->key]; /* no key is empty; most are one byte */

    if (order == 0)
        order = memcmp(bytes + a->key, bytes + b->key, a_size < b_size ? a_size : b_size);
    if (order)
        return order;
    return a_size < b_size ? -1 : a_size > b_size;
}

/* Puts the canonical entries of a map, which is part of a key, into the order they were sorted to.
 */
static int reorder(struct check *c, const struct entry *entries, size_t count, size_t start)
{
    size_t size = c->canonical_size - start, used = 0;
    uint8_t *sorted = malloc(size);

    if (!sorted)
        return fail_memory();
    for (size_t i = 0; i < count; i++) {
        size_t piece = entries[i].end - entries[i].key;

        memcpy(sorted + used, c->canonical + entries[i].key, piece);
        used += piece;
    }
    memcpy(c->canonical + start, sorted, size);
    free(sorted);
    return 0;
}

static int close_map(struct check *c, const struct frame *frame)
{
    size_t count = c->entry_count - frame->first_entry;
    struct entry *entries;
    int result = 0;

    c->entry_count = frame->first_entry;
    if (!frame->unsorted)
        return 0;
    entries = c->entries + frame->first_entry;
    qsort_r(entries, count, sizeof *entries, compare_entries, c->canonical);
    for (size_t i = 1; i < count; i++) {
        size_t first = entries[i - 1].at, second = entries[i].at;

        if (!c->rules->allow_repeated_keys &&
            compare_entries(&entries[i - 1], &entries[i], c->canonical) == 0)
            return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 5.6",
                             "CBOR: the map key at byte %zu is the same as that at byte %zu",
                             first > second ? first : second, first > second ? second : first);
    }
    if (c->keys > 0)
        result = reorder(c, entries, count, frame->canonical + 1);
    return result;
}

/* The innermost container is complete. */
static int close_frame(struct check *c)
{
    const struct frame *frame = &c->frames[--c->depth];
    int result = 0;

    if (frame->type == ATLS_CBOR_MAP)
        result = close_map(c, frame);
    if (c->depth == 1 && c->at - frame->at > c->widest.end - c->widest.at)
        c->widest = (struct atls_cbor_widest){frame->at, c->at};
    if (c->keys == 0)
        c->canonical_size = frame->canonical; /* keys of this map are no longer needed */
    return result ? result : append_byte(c, CANONICAL_BREAK);
}

static int begin_item(struct check *c)
{
    int result;

    if (c->depth == 0 || !c->frames[c->depth - 1].at_key)
        return 0;
    result = push_entry(c);
    if (result == 0)
        c->keys++;
    return result;
}

static int end_item(struct check *c)
{
    while (c->depth > 0) {
        struct frame *frame = &c->frames[c->depth - 1];
        int result;

        if (frame->type == ATLS_CBOR_MAP) {
            struct entry *entry = &c->entries[c->entry_count - 1];

            if (frame->at_key) {
                entry->key_end = c->canonical_size;
                c->keys--;
                if (c->entry_count - frame->first_entry > 1 &&
                    compare_entries(entry - 1, entry, c->canonical) >= 0)
                    frame->unsorted = true;
            }
            entry->end = c->canonical_size;
            frame->at_key = !frame->at_key;
        }
        if (frame->indefinite || --frame->left > 0)
            return 0;
        result = close_frame(c);
        if (result)
            return result;
    }
    c->complete = true;
    return 0;
}

static int check_break(struct check *c)
{
    struct frame *frame = c->depth > 0 ? &c->frames[c->depth - 1] : NULL;
    int result;

    if (!frame || !frame->indefinite)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.2.1",
                         "CBOR: a break at byte %zu, where nothing is of indefinite length", c->at);
    if (frame->type == ATLS_CBOR_MAP && !frame->at_key)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.2.2",
                         "CBOR: expected the value of a map key, came a break at byte %zu", c->at);
    c->at++;
    result = close_frame(c);
    return result ? result : end_item(c);
}

static int count_item(struct check *c)
{
    if (++c->items > c->rules->max_items)
        return atls_fail(ATLS_E_LIMIT, NULL, "CBOR: more than %zu items", c->rules->max_items);
    return 0;
}

static int check_utf8(const struct check *c, const struct atls_cbor_item *item, size_t at)
{
    if (item->type != ATLS_CBOR_TEXT || atls_bytes_is_utf8(item->content))
        return 0;
    return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.1",
                     "CBOR: the text string at byte %zu is not UTF-8", at);
}

static int check_preferred(const struct check *c, const struct atls_cbor_item *item, size_t at)
{
    if (c->rules->allow_unpreferred || atls_cbor_item_is_preferred(item))
        return 0;
    return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 4.1",
                     "CBOR: expected the shortest form of %s, came a longer one at byte %zu",
                     atls_cbor_type_name(item->type), at);
}

/* An indefinite-length string from its first byte to its break: all chunks are of its type and of
 * definite length (RFC 8949 section 3.2.3). Its canonical form is that of the joined string. */
static int check_chunks(struct check *c, enum atls_cbor_type type)
{
    struct atls_cbor_item chunk;
    size_t start = c->at + 1, at = start, total = 0;
    int result;

    for (;;) {
        result = atls_cbor_item_decode(c->in, at, &chunk);
        if (result == 0 && chunk.type == ATLS_CBOR_END)
            break;
        if (result == 0 && (chunk.type != type || chunk.indefinite))
            result =
                atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.2.3",
                          "CBOR: expected a chunk that is %s of definite length, came %s%s at byte "
                          "%zu",
                          atls_cbor_type_name(type), atls_cbor_type_name(chunk.type),
                          chunk.indefinite ? " of indefinite length" : "", at);
        if (result == 0)
            result = count_item(c);
        if (result == 0)
            result = check_preferred(c, &chunk, at);
        if (result == 0)
            result = check_utf8(c, &chunk, at);
        if (result)
            return result;
        total += chunk.content.size;
        at += chunk.size;
    }
    c->at = at + 1;
    result = append_head(c, type == ATLS_CBOR_TEXT ? 3 : 2, total);
    while (result == 0 && start < at) {
        result = atls_cbor_item_decode(c->in, start, &chunk);
        if (result == 0)
            result = append(c, chunk.content);
        start += chunk.size;
    }
    return result;
}

/* Number of items in a definite container; each needs a byte at least. */
static int count_content(struct check *c, const struct atls_cbor_item *item, size_t *countp)
{
    size_t left = c->in.size - c->at - item->size;
    size_t each = item->type == ATLS_CBOR_MAP ? 2 : 1;

    if (item->argument > left / each)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3",
                         "CBOR: %s at byte %zu announces %llu entries, %zu bytes are left",
                         atls_cbor_type_name(item->type), c->at, (unsigned long long)item->argument,
                         left);
    *countp = (size_t)item->argument * each;
    return 0;
}

static int open_frame(struct check *c, const struct atls_cbor_item *item)
{
    unsigned limit =
        c->rules->max_depth < ATLS_CBOR_DEPTH_MAX ? c->rules->max_depth : ATLS_CBOR_DEPTH_MAX;
    struct frame *frame = &c->frames[c->depth];
    int result = 0;

    if (c->depth == limit)
        return atls_fail(ATLS_E_LIMIT, NULL, "CBOR: nested deeper than %u, at byte %zu", limit,
                         c->at);
    *frame = (struct frame){.type = item->type,
                            .indefinite = item->indefinite,
                            .at_key = item->type == ATLS_CBOR_MAP,
                            .at = c->at,
                            .left = 1,
                            .first_entry = c->entry_count,
                            .canonical = c->canonical_size};
    if (item->type == ATLS_CBOR_TAG) {
        frame->is_bignum =
            item->argument == TAG_POSITIVE_BIGNUM || item->argument == TAG_NEGATIVE_BIGNUM;
        result = append_head(c, 6, item->argument);
    } else {
        if (!item->indefinite)
            result = count_content(c, item, &frame->left);
        if (result == 0)
            result = append_byte(c, item->type == ATLS_CBOR_MAP ? 0xbf : 0x9f);
    }
    if (result)
        return result;
    c->at += item->size;
    c->depth++;
    if (frame->indefinite || frame->left > 0)
        return 0;
    result = close_frame(c);
    return result ? result : end_item(c);
}

/* RFC 8949 section 3.4.3: no bignum for what fits an integer, and no leading zeroes. */
static int check_bignum(const struct check *c, const struct atls_cbor_item *item)
{
    if (c->rules->allow_unpreferred || c->depth == 0 || !c->frames[c->depth - 1].is_bignum ||
        item->type != ATLS_CBOR_BYTES)
        return 0;
    if (item->content.size > 8 && item->content.data[0] != 0)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.4.3",
                     "CBOR: the bignum at byte %zu has a shorter form", c->at);
}

static int check_string(struct check *c, const struct atls_cbor_item *item)
{
    int result;

    if (item->indefinite) {
        result = check_chunks(c, item->type);
        return result ? result : end_item(c);
    }
    result = check_utf8(c, item, c->at);
    if (result == 0)
        result = check_bignum(c, item);
    if (result == 0)
        result = append_head(c, item->type == ATLS_CBOR_TEXT ? 3 : 2, item->argument);
    if (result == 0)
        result = append(c, item->content);
    c->at += item->size;
    return result ? result : end_item(c);
}

/* Integers from -24 to 23, which most keys are: a byte that is also their canonical form. */
static bool at_small_integer(const struct check *c)
{
    return c->at < c->in.size && c->in.data[c->at] < 0x38 && (c->in.data[c->at] & 31) < 24;
}

static int check_small_integer(struct check *c)
{
    int result = count_item(c);

    if (result == 0)
        result = begin_item(c);
    if (result == 0)
        result = append_byte(c, c->in.data[c->at++]);
    return result ? result : end_item(c);
}

static int check_item(struct check *c)
{
    struct atls_cbor_item item;
    int result;

    if (at_small_integer(c))
        return check_small_integer(c);
    result = atls_cbor_item_decode(c->in, c->at, &item);
    if (result)
        return result;
    if (item.type == ATLS_CBOR_END)
        return check_break(c);
    result = count_item(c);
    if (result == 0 && item.indefinite && !c->rules->allow_indefinite)
        result =
            atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 4.2.1",
                      "CBOR: expected a definite length, came %s of indefinite length at byte %zu",
                      atls_cbor_type_name(item.type), c->at);
    if (result == 0)
        result = check_preferred(c, &item, c->at);
    if (result == 0)
        result = begin_item(c);
    if (result)
        return result;
    switch (item.type) {
    case ATLS_CBOR_BYTES:
    case ATLS_CBOR_TEXT:
        return check_string(c, &item);
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_MAP:
    case ATLS_CBOR_TAG:
        return open_frame(c, &item);
    default:
        result = append_scalar(c, &item);
        c->at += item.size;
        return result ? result : end_item(c);
    }
}

int atls_cbor_check(struct atls_bytes in, const struct atls_cbor_rules *rules,
                    struct atls_cbor_widest *widestp)
{
    struct frame frames[ATLS_CBOR_DEPTH_MAX];
    struct check c = {.in = in, .rules = rules, .frames = frames};
    int result = 0;

    if (in.size > rules->max_size)
        return atls_fail(ATLS_E_LIMIT, NULL, "CBOR: expected %zu bytes at most, came %zu",
                         rules->max_size, in.size);
    while (result == 0 && !c.complete)
        result = check_item(&c);
    free(c.entries);
    free(c.canonical);
    if (result == 0 && c.at != in.size)
        result = atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 5.3.1",
                           "CBOR: %zu bytes follow the item that ends at byte %zu", in.size - c.at,
                           c.at);
    if (result == 0)
        *widestp = c.widest;
    return result;
}
