/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the CBOR reader. Beyond not crashing: what the strict rules take the lenient ones
 * take too; what was taken can be read to its end with calls of the right types; the strict form of
 * what was read is the same bytes, but for the order of map entries and floats.
 */
#include <stdlib.h>

#include "rats/cbor/cbor-item.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* Bytes of the deterministic heads and contents of what was read. */
struct total {
    size_t size;
};

static void add(struct total *total, uint64_t argument, size_t content)
{
    uint8_t head[ATLS_CBOR_HEAD_MAX];

    total->size += atls_cbor_head(0, argument, head) + content;
}

static void read_string(struct atls_cbor_reader *r, bool text, struct total *total)
{
    struct atls_bytes string;
    int result =
        text ? atls_cbor_read_text(r, "fuzz", &string) : atls_cbor_read_bytes(r, "fuzz", &string);

    if (result) { /* several chunks: only as a whole */
        MUST(r->rules->allow_indefinite);
        MUST(atls_cbor_skip(r) == 0);
        return;
    }
    MUST(!text || atls_bytes_is_utf8(string));
    MUST(string.data >= r->in.data && string.data + string.size <= r->in.data + r->in.size);
    add(total, string.size, string.size);
}

static void read_item(struct atls_cbor_reader *r, struct total *total);

static void read_container(struct atls_cbor_reader *r, bool map, struct total *total)
{
    size_t count;

    MUST((map ? atls_cbor_read_map(r, "fuzz", &count) : atls_cbor_read_array(r, "fuzz", &count)) ==
         0);
    if (count == SIZE_MAX) {
        while (!atls_cbor_at_break(r))
            read_item(r, total);
        return;
    }
    add(total, count, 0);
    for (size_t i = 0; i < (map ? 2 : 1) * count; i++)
        read_item(r, total);
}

static void read_other(struct atls_cbor_reader *r, struct total *total)
{
    struct atls_cbor_item item;

    MUST(atls_cbor_item_decode(r->in, r->at, &item) == 0);
    if (item.type == ATLS_CBOR_FLOAT) {
        struct atls_cbor_item wide = item;

        wide.argument = atls_cbor_item_double_bits(&item);
        wide.size = 9;
        MUST(atls_cbor_item_double_bits(&wide) == wide.argument);
        MUST(item.size == 9 || !atls_cbor_item_is_preferred(&wide));
    }
    MUST(atls_cbor_skip(r) == 0);
    total->size += item.size;
}

static void read_item(struct atls_cbor_reader *r, struct total *total)
{
    enum atls_cbor_type type = atls_cbor_peek(r);
    uint64_t number;
    int64_t integer;
    bool flag;

    switch (type) {
    case ATLS_CBOR_UINT:
        MUST(atls_cbor_read_uint(r, "fuzz", &number) == 0);
        add(total, number, 0);
        break;
    case ATLS_CBOR_NINT:
        if (atls_cbor_read_int(r, "fuzz", &integer) == 0) {
            MUST(integer < 0);
            add(total, (uint64_t)(-1 - integer), 0);
        } else
            read_other(r, total);
        break;
    case ATLS_CBOR_BYTES:
    case ATLS_CBOR_TEXT:
        read_string(r, type == ATLS_CBOR_TEXT, total);
        break;
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_MAP:
        read_container(r, type == ATLS_CBOR_MAP, total);
        break;
    case ATLS_CBOR_TAG:
        MUST(atls_cbor_read_tag(r, "fuzz", &number) == 0);
        add(total, number, 0);
        read_item(r, total); /* depth is bounded by the rules */
        break;
    case ATLS_CBOR_BOOL:
        MUST(atls_cbor_read_bool(r, "fuzz", &flag) == 0);
        total->size++;
        break;
    case ATLS_CBOR_NULL:
        MUST(atls_cbor_read_null(r, "fuzz") == 0);
        total->size++;
        break;
    case ATLS_CBOR_END:
        abort();
    default:
        read_other(r, total);
    }
}

static bool read_all(struct atls_bytes in, const struct atls_cbor_rules *rules)
{
    struct total total = {0};
    struct atls_cbor_reader r;

    if (atls_cbor_open(&r, in, rules, NULL))
        return false;
    read_item(&r, &total);
    MUST(atls_cbor_close(&r) == 0);
    if (!rules->allow_unpreferred)
        MUST(total.size == in.size);
    r.at = 0;
    MUST(atls_cbor_skip(&r) == 0);
    MUST(r.at == in.size);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    bool strict = read_all(in, &atls_cbor_strict);
    bool lenient = read_all(in, &atls_cbor_lenient);

    MUST(!strict || lenient);
    return 0;
}
