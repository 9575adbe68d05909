/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same items with definite lengths, and strings in one piece, for readers that borrow strings
 * and count items. Nothing else changes: heads keep their width where they can.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-item.h"
#include "rats/cbor/cbor-write.h"

struct copy {
    struct atls_bytes in;
    size_t at;
    uint8_t *out; /* NULL: only walks */
    size_t used;
};

static void put(struct copy *c, const void *data, size_t size)
{
    if (c->out && size)
        memcpy(c->out + c->used, data, size);
    c->used += size;
}

static void put_head(struct copy *c, enum atls_cbor_type type, uint64_t argument)
{
    uint8_t head[ATLS_CBOR_HEAD_MAX];

    put(c, head, atls_cbor_head((unsigned)type, argument, head));
}

/* The input was checked: every item decodes, and nesting is bounded by the rules. */
static void copy_item(struct copy *c);

/* What follows up to the break, and how many items that are, in a walk of its own. */
static size_t count_items(const struct copy *c)
{
    struct copy walk = {.in = c->in, .at = c->at};
    struct atls_cbor_item item;
    size_t count = 0;

    while (atls_cbor_item_decode(walk.in, walk.at, &item) == 0 && item.type != ATLS_CBOR_END) {
        copy_item(&walk);
        count++;
    }
    return count;
}

static void copy_chunks(struct copy *c, enum atls_cbor_type type)
{
    struct atls_cbor_item chunk;
    size_t size = 0;

    for (size_t at = c->at;
         atls_cbor_item_decode(c->in, at, &chunk) == 0 && chunk.type != ATLS_CBOR_END;
         at += chunk.size)
        size += chunk.content.size;
    put_head(c, type, size);
    while (atls_cbor_item_decode(c->in, c->at, &chunk) == 0 && chunk.type != ATLS_CBOR_END) {
        put(c, chunk.content.data, chunk.content.size);
        c->at += chunk.size;
    }
    c->at++; /* the break */
}

static void copy_item(struct copy *c)
{
    struct atls_cbor_item item;
    bool container;
    size_t count;

    if (atls_cbor_item_decode(c->in, c->at, &item) != 0)
        return;
    container = item.type == ATLS_CBOR_ARRAY || item.type == ATLS_CBOR_MAP;
    if (!item.indefinite)
        put(c, c->in.data + c->at, item.size);
    c->at += item.indefinite ? item.head_size : item.size;
    if (item.indefinite && !container) {
        copy_chunks(c, item.type);
        return;
    }
    if (!container && item.type != ATLS_CBOR_TAG)
        return;
    count = item.type == ATLS_CBOR_TAG   ? 1
            : item.indefinite            ? count_items(c)
            : item.type == ATLS_CBOR_MAP ? 2 * (size_t)item.argument
                                         : (size_t)item.argument;
    if (item.indefinite)
        put_head(c, item.type, item.type == ATLS_CBOR_MAP ? count / 2 : count);
    while (count--)
        copy_item(c);
    c->at += item.indefinite; /* the break */
}

int atls_cbor_make_definite(struct atls_bytes in, const struct atls_cbor_rules *rules,
                            uint8_t **outp, size_t *sizep)
{
    struct atls_cbor_reader checked;
    struct copy c = {.in = in};
    int result = atls_cbor_open(&checked, in, rules, NULL);

    if (result)
        return result;
    copy_item(&c);
    c = (struct copy){.in = in, .out = malloc(c.used ? c.used : 1)};
    if (!c.out)
        return atls_fail(-ENOMEM, NULL, "CBOR: out of memory");
    copy_item(&c);
    *outp = c.out;
    *sizep = c.used;
    return 0;
}
