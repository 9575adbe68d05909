/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulls items out of a message that atls_cbor_check() has been through. What remains to go wrong is
 * that the message says something else than its format wants.
 */
#include "rats/cbor/cbor-read.h"

#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-item.h"

const struct atls_cbor_rules atls_cbor_strict = {
    .max_size = 1u << 20, .max_depth = 16, .max_items = (size_t)1 << 17};
const struct atls_cbor_rules atls_cbor_lenient = {.max_size = 1u << 20,
                                                  .max_depth = 16,
                                                  .max_items = (size_t)1 << 17,
                                                  .allow_indefinite = true,
                                                  .allow_unpreferred = true};

int atls_cbor_open(struct atls_cbor_reader *r, struct atls_bytes in,
                   const struct atls_cbor_rules *rules, const char *clause)
{
    struct atls_cbor_widest widest = {0, 0};
    int result;

    if (!rules)
        rules = &atls_cbor_strict;
    result = atls_cbor_check(in, rules, &widest);
    if (result == 0)
        *r = (struct atls_cbor_reader){.in = in,
                                       .rules = rules,
                                       .clause = clause,
                                       .widest = widest.at,
                                       .widest_end = widest.end};
    return result;
}

enum atls_cbor_type atls_cbor_peek(const struct atls_cbor_reader *r)
{
    struct atls_cbor_item item;

    if (r->at >= r->in.size)
        return ATLS_CBOR_END;
    if (r->in.data[r->at] >> 5 <= ATLS_CBOR_TAG)
        return (enum atls_cbor_type)(r->in.data[r->at] >> 5);
    return atls_cbor_item_decode(r->in, r->at, &item) ? ATLS_CBOR_END : item.type;
}

/* Decodes the next item without moving; it must be of TYPE. */
static int expect(const struct atls_cbor_reader *r, const char *what, enum atls_cbor_type type,
                  struct atls_cbor_item *itemp)
{
    int result = atls_cbor_item_decode(r->in, r->at, itemp);
    enum atls_cbor_type came = result ? atls_cbor_peek(r) : itemp->type;

    if (came != type)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected %s, came %s at byte %zu", what,
                         atls_cbor_type_name(type), atls_cbor_type_name(came), r->at);
    return result;
}

/* An integer from 0 to 23, as keys are: its own head. */
static bool take_small(struct atls_cbor_reader *r, uint64_t *valuep)
{
    if (r->at >= r->in.size || r->in.data[r->at] >= 24)
        return false;
    *valuep = r->in.data[r->at++];
    return true;
}

int atls_cbor_read_uint(struct atls_cbor_reader *r, const char *what, uint64_t *valuep)
{
    struct atls_cbor_item item;
    int result;

    if (take_small(r, valuep))
        return 0;
    result = expect(r, what, ATLS_CBOR_UINT, &item);
    if (result)
        return result;
    r->at += item.size;
    *valuep = item.argument;
    return 0;
}

int atls_cbor_read_int(struct atls_cbor_reader *r, const char *what, int64_t *valuep)
{
    struct atls_cbor_item item;
    uint64_t small;
    bool negative;
    int result;

    if (take_small(r, &small)) {
        *valuep = (int64_t)small;
        return 0;
    }
    negative = atls_cbor_peek(r) == ATLS_CBOR_NINT;
    result = expect(r, what, negative ? ATLS_CBOR_NINT : ATLS_CBOR_UINT, &item);
    if (result)
        return result;
    if (item.argument > INT64_MAX)
        return atls_fail(ATLS_E_MALFORMED, r->clause,
                         "%s: expected an integer of 64 bits with its sign, came %s%llu at byte "
                         "%zu",
                         what, negative ? "-1-" : "", (unsigned long long)item.argument, r->at);
    r->at += item.size;
    *valuep = negative ? -1 - (int64_t)item.argument : (int64_t)item.argument;
    return 0;
}

/* An indefinite-length string can be borrowed only where it has one chunk at most. The input was
 * checked: every chunk decodes, and a break follows. */
static int read_chunk(struct atls_cbor_reader *r, const char *what, struct atls_bytes *valuep)
{
    struct atls_cbor_item chunk;
    struct atls_bytes value = ATLS_BYTES(r->in.data + r->at, 0);
    size_t at = r->at + 1;
    unsigned chunks = 0;

    while (atls_cbor_item_decode(r->in, at, &chunk) == 0 && chunk.type != ATLS_CBOR_END) {
        if (++chunks > 1)
            return atls_fail(ATLS_E_UNSUPPORTED, r->clause,
                             "%s: a string in several chunks at byte %zu", what, r->at);
        value = chunk.content;
        at += chunk.size;
    }
    r->at = at + 1; /* the break */
    *valuep = value;
    return 0;
}

static int read_string(struct atls_cbor_reader *r, const char *what, enum atls_cbor_type type,
                       struct atls_bytes *valuep)
{
    struct atls_cbor_item item;
    int result = expect(r, what, type, &item);

    if (result)
        return result;
    if (item.indefinite)
        return read_chunk(r, what, valuep);
    r->at += item.size;
    *valuep = item.content;
    return 0;
}

int atls_cbor_read_bytes(struct atls_cbor_reader *r, const char *what, struct atls_bytes *valuep)
{
    return read_string(r, what, ATLS_CBOR_BYTES, valuep);
}

int atls_cbor_read_text(struct atls_cbor_reader *r, const char *what, struct atls_bytes *valuep)
{
    return read_string(r, what, ATLS_CBOR_TEXT, valuep);
}

int atls_cbor_read_bool(struct atls_cbor_reader *r, const char *what, bool *valuep)
{
    struct atls_cbor_item item;
    int result = expect(r, what, ATLS_CBOR_BOOL, &item);

    if (result)
        return result;
    r->at += item.size;
    *valuep = item.argument != 0;
    return 0;
}

int atls_cbor_read_null(struct atls_cbor_reader *r, const char *what)
{
    struct atls_cbor_item item;
    int result = expect(r, what, ATLS_CBOR_NULL, &item);

    if (result == 0)
        r->at += item.size;
    return result;
}

int atls_cbor_read_float(struct atls_cbor_reader *r, const char *what, double *valuep)
{
    struct atls_cbor_item item;
    uint64_t bits;
    int result = expect(r, what, ATLS_CBOR_FLOAT, &item);

    if (result)
        return result;
    r->at += item.size;
    bits = atls_cbor_item_double_bits(&item);
    memcpy(valuep, &bits, sizeof *valuep);
    return 0;
}

int atls_cbor_read_tag(struct atls_cbor_reader *r, const char *what, uint64_t *tagp)
{
    struct atls_cbor_item item;
    int result = expect(r, what, ATLS_CBOR_TAG, &item);

    if (result)
        return result;
    r->at += item.size;
    *tagp = item.argument;
    return 0;
}

static int read_container(struct atls_cbor_reader *r, const char *what, enum atls_cbor_type type,
                          size_t *countp)
{
    struct atls_cbor_item item;
    int result = expect(r, what, type, &item);

    if (result)
        return result;
    r->at += item.size;
    *countp = item.indefinite ? SIZE_MAX : (size_t)item.argument;
    return 0;
}

int atls_cbor_read_array(struct atls_cbor_reader *r, const char *what, size_t *countp)
{
    return read_container(r, what, ATLS_CBOR_ARRAY, countp);
}

int atls_cbor_read_map(struct atls_cbor_reader *r, const char *what, size_t *countp)
{
    return read_container(r, what, ATLS_CBOR_MAP, countp);
}

bool atls_cbor_at_break(struct atls_cbor_reader *r)
{
    if (r->at >= r->in.size || r->in.data[r->at] != 0xff)
        return false;
    r->at++;
    return true;
}

bool atls_cbor_next(struct atls_cbor_reader *r, size_t *left)
{
    if (*left == SIZE_MAX)
        return !atls_cbor_at_break(r);
    if (*left == 0)
        return false;
    --*left;
    return true;
}

/* Items that must still come before ITEM is complete; SIZE_MAX: until the break. */
static size_t items_inside(const struct atls_cbor_item *item)
{
    if (item->indefinite)
        return SIZE_MAX;
    switch (item->type) {
    case ATLS_CBOR_ARRAY:
        return (size_t)item->argument;
    case ATLS_CBOR_MAP:
        return 2 * (size_t)item->argument;
    case ATLS_CBOR_TAG:
        return 1;
    default:
        return 0;
    }
}

int atls_cbor_skip(struct atls_cbor_reader *r)
{
    /* The check bounds the depth; an indefinite string adds one level for its chunks. */
    size_t left[ATLS_CBOR_DEPTH_MAX + 1];
    size_t at = r->at;
    unsigned depth = 0;

    if (r->widest_end > 0 && at == r->widest) {
        r->at = r->widest_end;
        return 0;
    }
    do {
        struct atls_cbor_item item;
        size_t inside;
        int result = atls_cbor_item_decode(r->in, at, &item);

        if (result)
            return result;
        at += item.size;
        inside = items_inside(&item);
        if (item.type == ATLS_CBOR_END) {
            if (depth == 0 || left[depth - 1] != SIZE_MAX)
                return atls_fail(ATLS_E_MALFORMED, r->clause,
                                 "expected an item, came a break at byte %zu", at - 1);
            depth--;
        } else if (inside > 0) {
            if (depth == sizeof left / sizeof *left)
                return atls_fail(ATLS_E_LIMIT, r->clause, "nested too deeply at byte %zu", at);
            left[depth++] = inside;
            continue;
        }
        while (depth > 0 && left[depth - 1] != SIZE_MAX && --left[depth - 1] == 0)
            depth--;
    } while (depth > 0);
    r->at = at;
    return 0;
}

int atls_cbor_read_encoded(struct atls_cbor_reader *r, struct atls_bytes *itemp)
{
    size_t start = r->at;
    int result = atls_cbor_skip(r);

    if (result == 0)
        *itemp = ATLS_BYTES(r->in.data + start, r->at - start);
    return result;
}

int atls_cbor_close(const struct atls_cbor_reader *r)
{
    if (r->at == r->in.size)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, r->clause, "expected the end at byte %zu, %zu bytes follow",
                     r->at, r->in.size - r->at);
}
