/* SPDX-License-Identifier: Apache-2.0 */
/* One item's head, decoded: every member of what is told of it, for each kind of head that RFC 8949
 * section 3 has. Heads that begin no item are in test-cbor-check.c. */
#include "rats/cbor/cbor-item.h"

#include "rats/test/test-table.h"

#define Z8 "0001020304050607"
#define STRING_24 Z8 Z8 Z8

static const struct row {
    const char *name, *hex;
    enum atls_cbor_type type;
    bool indefinite;
    uint64_t argument;
    size_t head_size, size;
} rows[] = {
    {"3.1 0, 23", "17", ATLS_CBOR_UINT, false, 23, 1, 1},
    {"3.1 0, one byte", "1818", ATLS_CBOR_UINT, false, 24, 2, 2},
    {"3.1 0, two bytes", "1903e8", ATLS_CBOR_UINT, false, 1000, 3, 3},
    {"3.1 0, four bytes", "1a000f4240", ATLS_CBOR_UINT, false, 1000000, 5, 5},
    {"3.1 0, eight bytes", "1b000000e8d4a51000", ATLS_CBOR_UINT, false, 1000000000000, 9, 9},
    {"3.1 1, -1", "20", ATLS_CBOR_NINT, false, 0, 1, 1},
    {"3.1 1, one byte", "3863", ATLS_CBOR_NINT, false, 99, 2, 2},
    {"3.1 1, two bytes", "3903e7", ATLS_CBOR_NINT, false, 999, 3, 3},
    {"3.1 1, four bytes", "3a000f423f", ATLS_CBOR_NINT, false, 999999, 5, 5},
    {"3.1 1, eight bytes", "3bffffffffffffffff", ATLS_CBOR_NINT, false, UINT64_MAX, 9, 9},
    {"3.1 2", "4401020304", ATLS_CBOR_BYTES, false, 4, 1, 5},
    {"3.1 2, none", "40", ATLS_CBOR_BYTES, false, 0, 1, 1},
    {"3.1 2, one byte", "5818" STRING_24, ATLS_CBOR_BYTES, false, 24, 2, 26},
    {"3.1 3", "6449455446", ATLS_CBOR_TEXT, false, 4, 1, 5},
    {"3.1 3, two bytes", "790018" STRING_24, ATLS_CBOR_TEXT, false, 24, 3, 27},
    {"3.1 4", "83", ATLS_CBOR_ARRAY, false, 3, 1, 1},
    {"3.1 4, one byte", "9819", ATLS_CBOR_ARRAY, false, 25, 2, 2},
    {"3.1 5", "a2", ATLS_CBOR_MAP, false, 2, 1, 1},
    {"3.1 5, two bytes", "b90100", ATLS_CBOR_MAP, false, 256, 3, 3},
    {"3.1 6", "c1", ATLS_CBOR_TAG, false, 1, 1, 1},
    {"3.1 6, one byte", "d83d", ATLS_CBOR_TAG, false, 61, 2, 2},
    {"3.2.3 2", "5f", ATLS_CBOR_BYTES, true, 0, 1, 1},
    {"3.2.3 3", "7f", ATLS_CBOR_TEXT, true, 0, 1, 1},
    {"3.2.2 4", "9f", ATLS_CBOR_ARRAY, true, 0, 1, 1},
    {"3.2.2 5", "bf", ATLS_CBOR_MAP, true, 0, 1, 1},
    {"3.2.1 break", "ff", ATLS_CBOR_END, false, 0, 1, 1},
    {"3.3 simple 0", "e0", ATLS_CBOR_SIMPLE, false, 0, 1, 1},
    {"3.3 simple 19", "f3", ATLS_CBOR_SIMPLE, false, 19, 1, 1},
    {"3.3 false", "f4", ATLS_CBOR_BOOL, false, 0, 1, 1},
    {"3.3 true", "f5", ATLS_CBOR_BOOL, false, 1, 1, 1},
    {"3.3 null", "f6", ATLS_CBOR_NULL, false, 0, 1, 1},
    {"3.3 undefined", "f7", ATLS_CBOR_UNDEFINED, false, 0, 1, 1},
    {"3.3 simple 32", "f820", ATLS_CBOR_SIMPLE, false, 32, 2, 2},
    {"3.3 simple 255", "f8ff", ATLS_CBOR_SIMPLE, false, 255, 2, 2},
    {"3.3 binary16", "f93c00", ATLS_CBOR_FLOAT, false, 0x3c00, 3, 3},
    {"3.3 binary32", "fa47c35000", ATLS_CBOR_FLOAT, false, 0x47c35000, 5, 5},
    {"3.3 binary64", "fb3ff199999999999a", ATLS_CBOR_FLOAT, false, 0x3ff199999999999a, 9, 9},
};

static void decodes(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->hex);
    struct atls_cbor_item item;

    memset(&item, 0xa5, sizeof item); /* whatever was there before */
    test_outcome(atls_cbor_item_decode(in, 0, &item), 0, NULL);
    assert_int_equal(item.type, row->type);
    assert_int_equal(item.indefinite, row->indefinite);
    assert_true(item.argument == row->argument);
    assert_int_equal(item.head_size, row->head_size);
    assert_int_equal(item.size, row->size);
    test_same_bytes(item.content, ATLS_BYTES(in.data + row->head_size, row->size - row->head_size));
    test_vector_free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, decodes, rows);
    return test_run("cbor-item", &list);
}
