/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CBOR item at a time, through libcbor's stateless decoder. What that leaves out is here: heads
 * of one or two bytes, simple values and small tags (it refuses all unassigned ones), which form of
 * a number was used, and the bits of a float.
 */
#include "rats/cbor/cbor-item.h"

#include <cbor.h>

#include "rats/base/error.h"

enum { MAJOR_SIMPLE = 7, INFO_BYTE = 24 }; /* INFO_BYTE: the argument is in the next byte */

static void set(void *context, enum atls_cbor_type type, uint64_t argument)
{
    struct atls_cbor_item *item = context;

    item->type = type;
    item->argument = argument;
}

static void set_indefinite(void *context, enum atls_cbor_type type)
{
    struct atls_cbor_item *item = context;

    item->type = type;
    item->indefinite = true;
}

static void set_string(void *context, enum atls_cbor_type type, cbor_data data, size_t size)
{
    struct atls_cbor_item *item = context;

    set(context, type, size);
    item->content = ATLS_BYTES(data, size);
}

static void on_uint16(void *context, uint16_t value)
{
    set(context, ATLS_CBOR_UINT, value);
}

static void on_uint32(void *context, uint32_t value)
{
    set(context, ATLS_CBOR_UINT, value);
}

static void on_uint64(void *context, uint64_t value)
{
    set(context, ATLS_CBOR_UINT, value);
}

static void on_nint16(void *context, uint16_t value)
{
    set(context, ATLS_CBOR_NINT, value);
}

static void on_nint32(void *context, uint32_t value)
{
    set(context, ATLS_CBOR_NINT, value);
}

static void on_nint64(void *context, uint64_t value)
{
    set(context, ATLS_CBOR_NINT, value);
}

static void on_bytes(void *context, cbor_data data, size_t size)
{
    set_string(context, ATLS_CBOR_BYTES, data, size);
}

static void on_text(void *context, cbor_data data, size_t size)
{
    set_string(context, ATLS_CBOR_TEXT, data, size);
}

static void on_chunked_bytes(void *context)
{
    set_indefinite(context, ATLS_CBOR_BYTES);
}

static void on_chunked_text(void *context)
{
    set_indefinite(context, ATLS_CBOR_TEXT);
}

static void on_array(void *context, size_t count)
{
    set(context, ATLS_CBOR_ARRAY, count);
}

static void on_map(void *context, size_t count)
{
    set(context, ATLS_CBOR_MAP, count);
}

static void on_open_array(void *context)
{
    set_indefinite(context, ATLS_CBOR_ARRAY);
}

static void on_open_map(void *context)
{
    set_indefinite(context, ATLS_CBOR_MAP);
}

static void on_tag(void *context, uint64_t tag)
{
    set(context, ATLS_CBOR_TAG, tag);
}

static void on_bool(void *context, bool value)
{
    set(context, ATLS_CBOR_BOOL, value);
}

static void on_null(void *context)
{
    set(context, ATLS_CBOR_NULL, 0);
}

static void on_undefined(void *context)
{
    set(context, ATLS_CBOR_UNDEFINED, 0);
}

static void on_break(void *context)
{
    set(context, ATLS_CBOR_END, 0);
}

/* The bits are read afterwards: a conversion would lose the payload of a NaN. */
static void on_float(void *context, float value)
{
    (void)value;
    set(context, ATLS_CBOR_FLOAT, 0);
}

static void on_double(void *context, double value)
{
    (void)value;
    set(context, ATLS_CBOR_FLOAT, 0);
}

static const struct cbor_callbacks callbacks = {
    /* of heads of more than two bytes */
    .uint16 = on_uint16,     .uint32 = on_uint32,
    .uint64 = on_uint64,     .negint16 = on_nint16,
    .negint32 = on_nint32,   .negint64 = on_nint64,
    .byte_string = on_bytes, .byte_string_start = on_chunked_bytes,
    .string = on_text,       .string_start = on_chunked_text,
    .array_start = on_array, .indef_array_start = on_open_array,
    .map_start = on_map,     .indef_map_start = on_open_map,
    .tag = on_tag,           .boolean = on_bool,
    .null = on_null,         .undefined = on_undefined,
    .indef_break = on_break, .float2 = on_float,
    .float4 = on_float,      .float8 = on_double,
};

static int fail_truncated(size_t at)
{
    return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3",
                     "CBOR: the item at byte %zu is longer than what is left", at);
}

/* Big-endian number in the bytes behind the first one of the head at AT. */
static uint64_t number_behind(struct atls_bytes in, size_t at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 1; i <= size; i++)
        value = value << 8 | in.data[at + i];
    return value;
}

/* Simple values other than false, true, null and undefined. */
static int decode_simple(struct atls_bytes in, size_t at, struct atls_cbor_item *item)
{
    uint8_t info = in.data[at] & 31;

    item->type = ATLS_CBOR_SIMPLE;
    item->argument = info;
    item->size = item->head_size = 1;
    if (info == INFO_BYTE) {
        if (in.size - at < 2)
            return fail_truncated(at);
        item->argument = in.data[at + 1];
        item->size = item->head_size = 2;
        if (item->argument < 32)
            return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.3",
                             "CBOR: simple value %u in two bytes, at byte %zu",
                             (unsigned)item->argument, at);
    }
    return 0;
}

/* A head of one or two bytes, as most are: no work for a decoder with a callback for each type, and
 * libcbor 0.8 refuses the tags 6 to 20. */
static int decode_short(struct atls_bytes in, size_t at, struct atls_cbor_item *item)
{
    item->type = (enum atls_cbor_type)(in.data[at] >> 5);
    item->argument = in.data[at] & 31;
    item->head_size = 1;
    if (item->argument == INFO_BYTE) {
        if (in.size - at < 2)
            return fail_truncated(at);
        item->argument = in.data[at + 1];
        item->head_size = 2;
    }
    item->size = item->head_size;
    if (item->type == ATLS_CBOR_BYTES || item->type == ATLS_CBOR_TEXT) {
        if (item->argument > in.size - at - item->head_size)
            return fail_truncated(at);
        item->content = ATLS_BYTES(in.data + at + item->head_size, (size_t)item->argument);
        item->size += item->content.size;
    }
    return 0;
}

static int decode_long(struct atls_bytes in, size_t at, struct atls_cbor_item *item)
{
    struct cbor_decoder_result result =
        cbor_stream_decode(in.data + at, in.size - at, &callbacks, item);

    if (result.status == CBOR_DECODER_NEDATA)
        return fail_truncated(at);
    if (result.status != CBOR_DECODER_FINISHED)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3",
                         "CBOR: byte %zu is 0x%02x, which begins no item", at, in.data[at]);
    item->size = result.read;
    item->head_size = result.read - item->content.size;
    if (item->type == ATLS_CBOR_FLOAT)
        item->argument = number_behind(in, at, item->size - 1);
    return 0;
}

int atls_cbor_item_decode(struct atls_bytes in, size_t at, struct atls_cbor_item *itemp)
{
    unsigned major, info;

    if (at >= in.size)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3",
                         "CBOR: expected an item at byte %zu, came the end", at);
    major = in.data[at] >> 5;
    info = in.data[at] & 31;
    itemp->indefinite = false;
    itemp->argument = 0;
    itemp->content = (struct atls_bytes){NULL, 0};
    if (major == MAJOR_SIMPLE && (info < 20 || info == INFO_BYTE))
        return decode_simple(in, at, itemp);
    if (major < MAJOR_SIMPLE && info <= INFO_BYTE)
        return decode_short(in, at, itemp);
    return decode_long(in, at, itemp);
}

/* Sign, exponent without bias and fraction of a binary floating-point number. */
struct real {
    bool negative, special; /* special: infinity (fraction 0) or NaN */
    int exponent;
    uint64_t fraction; /* 52 bits, left-aligned; 0 with exponent INT16_MIN is zero */
};

/* BITS of an IEEE 754 number with EXPONENT_BITS and FRACTION_BITS. */
static struct real take_apart(uint64_t bits, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    int field = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    struct real real = {
        .negative = bits >> (exponent_bits + fraction_bits) & 1,
        .special = field == (1 << exponent_bits) - 1,
        .exponent = field - bias,
        .fraction = (bits & ((UINT64_C(1) << fraction_bits) - 1)) << (52 - fraction_bits),
    };

    if (field == 0 && real.fraction == 0)
        real.exponent = INT16_MIN;
    else if (field == 0) { /* subnormal in this width; normal in a wider one */
        real.exponent = 1 - bias;
        while (!(real.fraction >> 52) && real.exponent > -1022) {
            real.fraction <<= 1;
            real.exponent--;
        }
        if (real.fraction >> 52)
            real.fraction &= (UINT64_C(1) << 52) - 1;
        else
            real.exponent = -1023; /* subnormal even in binary64 */
    }
    return real;
}

static struct real real_of(const struct atls_cbor_item *item)
{
    if (item->size == 3)
        return take_apart(item->argument, 5, 10);
    if (item->size == 5)
        return take_apart(item->argument, 8, 23);
    return take_apart(item->argument, 11, 52);
}

uint64_t atls_cbor_item_double_bits(const struct atls_cbor_item *item)
{
    struct real real = real_of(item);
    uint64_t field = real.special                 ? 2047
                     : real.exponent == INT16_MIN ? 0
                                                  : (uint64_t)(real.exponent + 1023);

    return (uint64_t)real.negative << 63 | field << 52 | real.fraction;
}

/* Can a narrower width with these parameters hold exactly this number? */
static bool fits(struct real real, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    int bits = fraction_bits;

    if (real.special || real.exponent == INT16_MIN)
        return (real.fraction & ((UINT64_C(1) << (52 - bits)) - 1)) == 0;
    if (real.exponent > bias || real.exponent < 1 - bias - fraction_bits)
        return false;
    if (real.exponent < 1 - bias) /* subnormal there: fewer bits of fraction */
        bits -= 1 - bias - real.exponent;
    return (real.fraction & ((UINT64_C(1) << (52 - bits)) - 1)) == 0;
}

/* The least argument that needs a head of so many bytes. */
static uint64_t least_argument(size_t head_size)
{
    switch (head_size) {
    case 1: /* also that of an indefinite length */
        return 0;
    case 2:
        return INFO_BYTE;
    case 3:
        return UINT64_C(1) << 8;
    case 5:
        return UINT64_C(1) << 16;
    default:
        return UINT64_C(1) << 32;
    }
}

bool atls_cbor_item_is_preferred(const struct atls_cbor_item *item)
{
    switch (item->type) {
    case ATLS_CBOR_FLOAT:
        if (item->size == 3)
            return true;
        return !fits(real_of(item), 5, 10) && (item->size == 5 || !fits(real_of(item), 8, 23));
    case ATLS_CBOR_UINT:
    case ATLS_CBOR_NINT:
    case ATLS_CBOR_BYTES:
    case ATLS_CBOR_TEXT:
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_MAP:
    case ATLS_CBOR_TAG:
        return item->argument >= least_argument(item->head_size);
    default:
        return true;
    }
}

const char *atls_cbor_type_name(enum atls_cbor_type type)
{
    static const char *const names[] = {
        [ATLS_CBOR_UINT] = "an unsigned integer",
        [ATLS_CBOR_NINT] = "a negative integer",
        [ATLS_CBOR_BYTES] = "a byte string",
        [ATLS_CBOR_TEXT] = "a text string",
        [ATLS_CBOR_ARRAY] = "an array",
        [ATLS_CBOR_MAP] = "a map",
        [ATLS_CBOR_TAG] = "a tag",
        [ATLS_CBOR_BOOL] = "a boolean",
        [ATLS_CBOR_NULL] = "null",
        [ATLS_CBOR_UNDEFINED] = "undefined",
        [ATLS_CBOR_SIMPLE] = "a simple value",
        [ATLS_CBOR_FLOAT] = "a float",
        [ATLS_CBOR_END] = "the end",
    };

    return names[type];
}
