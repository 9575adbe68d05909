/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of writer and reader together, on random trees: what is written is taken by the strict
 * rules and read back the same; written again from what was read it has the same bytes; written in
 * longer forms it is refused by the strict rules, and the lenient ones read the same from it.
 * The generator is seeded: ATLS_TEST_SEED repeats a run.
 */
#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"
#include "rats/test/test-hex.h"

enum { DEPTH_MAX = 8, CHILDREN_MAX = 6, TREES = 3000 };

struct node {
    enum atls_cbor_type type;
    uint64_t number; /* argument of integers, tag, boolean */
    struct atls_bytes string;
    size_t count; /* of children: a map's are key, value, key, value */
    struct node *children;
};

static uint64_t random_state;

/* xorshift64*: any generator does; this one is the same everywhere */
static uint64_t random_number(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t below(size_t bound)
{
    return (size_t)(random_number() >> 16) % bound;
}

static void free_node(struct node *node)
{
    for (size_t i = 0; i < node->count; i++)
        free_node(&node->children[i]);
    free(node->children);
    free((void *)(uintptr_t)node->string.data);
}

static struct atls_bytes random_string(bool text)
{
    static const char *const characters[] = {"a", "Z", "\xc3\xbc", "\xe6\xb0\xb4",
                                             "\xf0\x90\x85\x91"};
    size_t size = 0, wanted = below(3) ? below(6) : below(300);
    uint8_t *data = calloc(1, wanted + 4);

    assert_non_null(data);
    while (size < wanted) {
        if (text) {
            const char *character = characters[below(COUNT(characters))];

            for (; *character; character++)
                data[size++] = (uint8_t)*character;
        } else
            data[size++] = (uint8_t)random_number();
    }
    return ATLS_BYTES(data, size);
}

static void write_node(struct atls_cbor_writer *w, const struct node *node)
{
    switch (node->type) {
    case ATLS_CBOR_UINT:
        atls_cbor_write_uint(w, node->number);
        break;
    case ATLS_CBOR_NINT:
        atls_cbor_write_int(w, -1 - (int64_t)node->number);
        break;
    case ATLS_CBOR_BYTES:
        atls_cbor_write_bytes(w, node->string);
        break;
    case ATLS_CBOR_TEXT:
        atls_cbor_write_text_bytes(w, node->string);
        break;
    case ATLS_CBOR_ARRAY:
        atls_cbor_write_array(w, node->count);
        break;
    case ATLS_CBOR_MAP:
        atls_cbor_write_map(w, node->count / 2);
        break;
    case ATLS_CBOR_TAG:
        atls_cbor_write_tag(w, node->number);
        break;
    case ATLS_CBOR_BOOL:
        atls_cbor_write_bool(w, node->number);
        break;
    default:
        atls_cbor_write_null(w);
    }
    for (size_t i = 0; i < node->count; i++)
        write_node(w, &node->children[i]);
}

static struct atls_bytes encode(const struct node *node)
{
    struct atls_cbor_writer w;
    struct atls_bytes out;
    uint8_t *buffer;

    atls_cbor_write_init(&w, NULL, 0);
    write_node(&w, node);
    test_verdict("count", atls_cbor_write_done(&w, &out), 0);
    buffer = malloc(out.size);
    assert_non_null(buffer);
    atls_cbor_write_init(&w, buffer, out.size);
    write_node(&w, node);
    test_verdict("write", atls_cbor_write_done(&w, &out), 0);
    return out;
}

static int compare_encodings(const struct node *a, const struct node *b)
{
    struct atls_bytes left = encode(a), right = encode(b);
    size_t size = left.size < right.size ? left.size : right.size;
    int order = memcmp(left.data, right.data, size);

    test_vector_free(left);
    test_vector_free(right);
    return order;
}

static void make_node(struct node *node, unsigned depth);

/* Keys in ascending order, equal ones left out. */
static void make_map(struct node *map, unsigned depth)
{
    size_t wanted = below(CHILDREN_MAX);

    map->children = calloc(2 * wanted + 1, sizeof *map->children);
    assert_non_null(map->children);
    while (wanted-- > 0) {
        struct node key;
        size_t at = 0;
        int order = 1;

        make_node(&key, depth);
        while (at < map->count && (order = compare_encodings(&map->children[at], &key)) < 0)
            at += 2;
        if (order == 0) {
            free_node(&key);
            continue;
        }
        memmove(&map->children[at + 2], &map->children[at],
                (map->count - at) * sizeof *map->children);
        map->children[at] = key;
        map->count += 2;
        make_node(&map->children[at + 1], depth);
    }
}

static void make_node(struct node *node, unsigned depth)
{
    static const enum atls_cbor_type types[] = {ATLS_CBOR_MAP,   ATLS_CBOR_ARRAY, ATLS_CBOR_TAG,
                                                ATLS_CBOR_MAP,   ATLS_CBOR_UINT,  ATLS_CBOR_NINT,
                                                ATLS_CBOR_BYTES, ATLS_CBOR_TEXT,  ATLS_CBOR_BOOL,
                                                ATLS_CBOR_NULL,  ATLS_CBOR_UINT};

    memset(node, 0, sizeof *node);
    node->type = types[depth == DEPTH_MAX ? 4 + below(COUNT(types) - 4) : below(COUNT(types))];
    node->number = random_number() >> below(64);
    switch (node->type) {
    case ATLS_CBOR_NINT:
        node->number >>= 1; /* the writer's integers have a sign */
        break;
    case ATLS_CBOR_BOOL:
        node->number &= 1;
        break;
    case ATLS_CBOR_BYTES:
    case ATLS_CBOR_TEXT:
        node->string = random_string(node->type == ATLS_CBOR_TEXT);
        break;
    case ATLS_CBOR_MAP:
        make_map(node, depth + 1);
        break;
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_TAG:
        node->number |= 4; /* tags 2 and 3 are bignums, which have their own rules */
        node->count = node->type == ATLS_CBOR_TAG ? 1 : below(CHILDREN_MAX);
        node->children = calloc(node->count + 1, sizeof *node->children);
        assert_non_null(node->children);
        for (size_t i = 0; i < node->count; i++)
            make_node(&node->children[i], depth + 1);
        break;
    default:
        break;
    }
}

/* Reads an item that must be NODE. */
static void read_node(struct atls_cbor_reader *r, const struct node *node)
{
    struct atls_bytes string;
    size_t count = 0;
    uint64_t number;
    int64_t integer;
    bool flag;

    assert_int_equal(atls_cbor_peek(r), node->type);
    switch (node->type) {
    case ATLS_CBOR_UINT:
        assert_int_equal(atls_cbor_read_uint(r, "tree", &number), 0);
        assert_true(number == node->number);
        break;
    case ATLS_CBOR_NINT:
        assert_int_equal(atls_cbor_read_int(r, "tree", &integer), 0);
        assert_true(integer == -1 - (int64_t)node->number);
        break;
    case ATLS_CBOR_BYTES:
        assert_int_equal(atls_cbor_read_bytes(r, "tree", &string), 0);
        assert_true(atls_bytes_equal(string, node->string));
        break;
    case ATLS_CBOR_TEXT:
        assert_int_equal(atls_cbor_read_text(r, "tree", &string), 0);
        assert_true(atls_bytes_equal(string, node->string));
        break;
    case ATLS_CBOR_ARRAY:
        assert_int_equal(atls_cbor_read_array(r, "tree", &count), 0);
        break;
    case ATLS_CBOR_MAP:
        assert_int_equal(atls_cbor_read_map(r, "tree", &count), 0);
        break;
    case ATLS_CBOR_TAG:
        assert_int_equal(atls_cbor_read_tag(r, "tree", &number), 0);
        assert_true(number == node->number);
        break;
    case ATLS_CBOR_BOOL:
        assert_int_equal(atls_cbor_read_bool(r, "tree", &flag), 0);
        assert_int_equal(flag, node->number);
        break;
    default:
        assert_int_equal(atls_cbor_read_null(r, "tree"), 0);
    }
    if (node->type == ATLS_CBOR_MAP || node->type == ATLS_CBOR_ARRAY)
        assert_true(count == SIZE_MAX ||
                    count == (node->type == ATLS_CBOR_MAP ? node->count / 2 : node->count));
    for (size_t i = 0; i < node->count; i++)
        read_node(r, &node->children[i]);
    if (count == SIZE_MAX)
        assert_true(atls_cbor_at_break(r));
}

static void check_read(struct atls_bytes in, const struct atls_cbor_rules *rules,
                       const struct node *node)
{
    struct atls_cbor_reader r;

    test_verdict("open", atls_cbor_open(&r, in, rules, NULL), 0);
    read_node(&r, node);
    assert_int_equal(atls_cbor_close(&r), 0);
    r.at = 0; /* the item as a whole ends where its parts did */
    assert_int_equal(atls_cbor_skip(&r), 0);
    assert_int_equal(atls_cbor_close(&r), 0);
}

struct output {
    uint8_t *data;
    size_t size, capacity;
    bool changed; /* from the deterministic form */
};

static void put(struct output *out, const void *bytes, size_t size)
{
    if (out->size + size > out->capacity) {
        out->capacity = 2 * (out->size + size) + 64;
        out->data = realloc(out->data, out->capacity);
        assert_non_null(out->data);
    }
    if (size > 0)
        memcpy(out->data + out->size, bytes, size);
    out->size += size;
}

/* A head of any width that holds the argument. */
static void put_head(struct output *out, unsigned major, uint64_t argument)
{
    uint8_t head[ATLS_CBOR_HEAD_MAX];
    size_t size = atls_cbor_head(major, argument, head);

    if (below(4) == 0 && size < 9) {
        unsigned info = 24 + (unsigned)below(4), width = 1u << (info - 24);

        if (1 + width > size) {
            head[0] = (uint8_t)(major << 5 | info);
            for (unsigned i = 0; i < width; i++)
                head[1 + i] = (uint8_t)(argument >> (8 * (width - 1 - i)));
            size = 1 + width;
            out->changed = true;
        }
    }
    put(out, head, size);
}

static void put_loosely(struct output *out, const struct node *node)
{
    unsigned major = (unsigned)node->type; /* the first seven types are the major types in order */
    bool open = below(3) == 0;
    uint8_t byte;

    switch (node->type) {
    case ATLS_CBOR_BYTES:
    case ATLS_CBOR_TEXT:
        byte = (uint8_t)(major << 5 | 31);
        if (open)
            put(out, &byte, 1);
        put_head(out, major, node->string.size);
        put(out, node->string.data, node->string.size);
        break;
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_MAP:
        byte = (uint8_t)(major << 5 | 31);
        if (open)
            put(out, &byte, 1);
        else
            put_head(out, major, major == 5 ? node->count / 2 : node->count);
        break;
    case ATLS_CBOR_BOOL:
        byte = (uint8_t)(0xf4 + node->number);
        put(out, &byte, 1);
        return;
    case ATLS_CBOR_NULL:
        put(out, "\xf6", 1);
        return;
    default:
        open = false;
        put_head(out, major, node->number);
    }
    for (size_t i = 0; i < node->count; i++)
        put_loosely(out, &node->children[i]);
    if (open)
        put(out, "\xff", 1);
    out->changed = out->changed || open;
}

static void check_tree(const struct node *node)
{
    struct atls_bytes encoded = encode(node);
    struct output loose = {NULL, 0, 0, false};
    struct atls_cbor_reader r;

    check_read(encoded, &atls_cbor_strict, node);
    check_read(encoded, &atls_cbor_lenient, node);
    put_loosely(&loose, node);
    check_read(ATLS_BYTES(loose.data, loose.size), &atls_cbor_lenient, node);
    test_verdict("loose", atls_cbor_open(&r, ATLS_BYTES(loose.data, loose.size), NULL, NULL),
                 loose.changed ? ATLS_E_MALFORMED : 0);
    free(loose.data);
    test_vector_free(encoded);
}

/* An equal node: with the entries of its maps in another order, for maps have none. */
static struct node copy_node(const struct node *node)
{
    struct node copy = *node;

    if (node->string.data) {
        uint8_t *data = malloc(node->string.size + 1);

        assert_non_null(data);
        memcpy(data, node->string.data, node->string.size);
        copy.string.data = data;
    }
    copy.children = calloc(node->count + 1, sizeof *copy.children);
    assert_non_null(copy.children);
    for (size_t i = 0; i < node->count; i++) {
        size_t from = node->type == ATLS_CBOR_MAP ? (node->count - 2 - i / 2 * 2) + i % 2 : i;

        copy.children[i] = copy_node(&node->children[from]);
    }
    return copy;
}

/* Doubles one entry of a map: refused, however the two are written. */
static bool double_entry(struct node *node)
{
    struct node *children;

    for (size_t i = 0; i < node->count; i++)
        if (double_entry(&node->children[i]))
            return true;
    if (node->type != ATLS_CBOR_MAP || node->count < 2)
        return false;
    children = realloc(node->children, (node->count + 2) * sizeof *children);
    assert_non_null(children);
    node->children = children;
    children[node->count] = copy_node(&children[2 * below(node->count / 2)]);
    memset(&children[node->count + 1], 0, sizeof *children);
    children[node->count + 1].type = ATLS_CBOR_NULL;
    node->count += 2;
    return true;
}

static uint64_t seed(void)
{
    const char *text = getenv("ATLS_TEST_SEED");

    return text ? strtoull(text, NULL, 0) : 20240229;
}

static void test_trees(void **state)
{
    random_state = seed() | 1;
    for (int i = 0; i < TREES; i++) {
        struct node root;

        make_node(&root, 0);
        check_tree(&root);
        free_node(&root);
    }
}

static void test_doubled_keys(void **state)
{
    unsigned doubled = 0;

    random_state = seed() | 1;
    for (int i = 0; i < TREES; i++) {
        struct output loose = {NULL, 0, 0, false};
        struct atls_cbor_reader r;
        struct node root;

        make_node(&root, 0);
        if (double_entry(&root)) {
            doubled++;
            put_loosely(&loose, &root);
            test_verdict(
                "doubled",
                atls_cbor_open(&r, ATLS_BYTES(loose.data, loose.size), &atls_cbor_lenient, NULL),
                ATLS_E_MALFORMED);
            assert_string_equal(atls_error_clause(), "RFC 8949 section 5.6");
            free(loose.data);
        }
        free_node(&root);
    }
    assert_true(doubled > TREES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_doubled_keys),
    };

    return cmocka_run_group_tests_name("cbor-tree", tests, NULL, NULL);
}
