/* SPDX-License-Identifier: Apache-2.0 */
/* The checker, the walker and a writer of heads. */
#include "cbor.h"

#include <string.h>

#define DEPTH_MAX 16
#define PAIRS_MAX 256 /* of a map: each key is compared with all others */
#define BREAK 0xff

struct head {
    enum cbor_major major;
    unsigned additional;
    uint64_t argument;
};

static struct head head_of(uint8_t first)
{
    return (struct head){(enum cbor_major)(first >> 5), first & 31u, first & 31u};
}

/* Bytes of argument behind the first byte. */
static unsigned argument_width(unsigned additional)
{
    return additional < 24 || additional > 27 ? 0 : 1u << (additional - 24);
}

static bool is_utf8(struct bytes text)
{
    for (size_t i = 0; i < text.size;) {
        uint8_t first = text.data[i];
        unsigned more = first < 0x80                     ? 0
                        : first >= 0xc2 && first <= 0xdf ? 1
                        : first >= 0xe0 && first <= 0xef ? 2
                        : first >= 0xf0 && first <= 0xf4 ? 3
                                                         : 4;
        if (more == 4 || text.size - i <= more)
            return false;
        for (unsigned j = 1; j <= more; j++)
            if ((text.data[i + j] & 0xc0) != 0x80)
                return false;
        if ((first == 0xe0 && text.data[i + 1] < 0xa0) ||
            (first == 0xed && text.data[i + 1] > 0x9f) ||
            (first == 0xf0 && text.data[i + 1] < 0x90) ||
            (first == 0xf4 && text.data[i + 1] > 0x8f))
            return false;
        i += more + 1;
    }
    return true;
}

struct check {
    struct cursor c;
    struct cbor_rules rules;
};

static int bad(struct check *k, const char *text)
{
    return refuse(k->c.why, k->c.reason, k->c.clause, "CBOR: %s", text);
}

static int check_item(struct check *k, unsigned depth);

static int check_head(struct check *k, struct head *headp)
{
    uint64_t first;
    if (take_number(&k->c, "CBOR item", 1, &first))
        return -1;
    struct head head = head_of((uint8_t)first);
    unsigned width = argument_width(head.additional);
    if (head.additional >= 28 && head.additional <= 30)
        return bad(k, "a reserved length of the argument");
    if (width && take_number(&k->c, "CBOR argument", width, &head.argument))
        return -1;
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
    if (width && head.major != CBOR_SIMPLE && !k->rules.unpreferred &&
        head.argument < least[head.additional - 24])
        return bad(k, "a number that is longer than it need be (RFC 8949 section 4.1)");
    *headp = head;
    return 0;
}

/* Has the key that ends at AT come before in this map? */
static int check_key(struct check *k, struct bytes *keys, size_t count, const uint8_t *from)
{
    struct bytes key = BYTES(from, (size_t)(k->c.left.data - from));
    if (count == PAIRS_MAX)
        return bad(k, "a map of more pairs than are read");
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(keys[i], key))
            return bad(k, "a key comes twice in a map");
    keys[count] = key;
    return 0;
}

static int check_members(struct check *k, const struct head *head, unsigned depth)
{
    struct bytes keys[PAIRS_MAX];
    bool indefinite = head->additional == 31, is_map = head->major == CBOR_MAP;
    if (indefinite && !k->rules.indefinite)
        return bad(k, "an array or a map without a definite length (RFC 8949 section 4.2.1)");
    for (uint64_t i = 0; indefinite || i < head->argument; i++) {
        if (k->c.left.size == 0)
            return bad(k, "it ends in the middle of an array or a map");
        if (indefinite && k->c.left.data[0] == BREAK) {
            struct bytes end;
            return take(&k->c, "break", 1, &end);
        }
        const uint8_t *from = k->c.left.data;
        if (check_item(k, depth + 1))
            return -1;
        if (is_map && (check_key(k, keys, (size_t)i, from) || check_item(k, depth + 1)))
            return -1;
    }
    return 0;
}

static int check_item(struct check *k, unsigned depth)
{
    struct head head;
    struct bytes string;
    if (depth > DEPTH_MAX)
        return bad(k, "it is nested deeper than is read");
    if (check_head(k, &head))
        return -1;
    switch (head.major) {
    case CBOR_UINT:
    case CBOR_NINT:
        return head.additional == 31 ? bad(k, "a number without its value") : 0;
    case CBOR_BYTES:
    case CBOR_TEXT:
        if (head.additional == 31)
            return bad(k, "a string in pieces (RFC 8949 section 4.2.1)");
        if (head.argument > k->c.left.size)
            return bad(k, "it ends in the middle of a string");
        if (take(&k->c, "string", (size_t)head.argument, &string))
            return -1;
        return head.major == CBOR_TEXT && !is_utf8(string) ? bad(k, "a text that is no UTF-8") : 0;
    case CBOR_ARRAY:
    case CBOR_MAP:
        return check_members(k, &head, depth);
    case CBOR_TAG:
        return head.additional == 31 ? bad(k, "a tag without its number")
                                     : check_item(k, depth + 1);
    case CBOR_SIMPLE:
        if (head.additional == 31 || (head.additional == 24 && head.argument < 32))
            return bad(k, "a break, or a simple value, where none may be");
        return 0;
    }
    return 0;
}

int cbor_check(struct bytes in, struct cbor_rules rules, const char *reason, const char *clause,
               struct why *why)
{
    struct check k = {{in, reason, clause, why}, rules};
    return check_item(&k, 1) ? -1 : take_end(&k.c, "CBOR item");
}

static void skip(struct bytes *in, size_t size)
{
    *in = BYTES(in->data + size, in->size - size);
}

struct cbor_item cbor_item(struct bytes *in)
{
    struct bytes start = *in;
    struct head head = head_of(in->data[0]);
    unsigned width = argument_width(head.additional);
    if (width)
        head.argument = 0;
    for (unsigned i = 1; i <= width; i++)
        head.argument = head.argument << 8 | in->data[i];
    skip(in, 1 + width);
    struct cbor_item item = {.major = head.major,
                             .argument = head.argument,
                             .content = *in,
                             .indefinite = head.additional == 31};
    if (head.major == CBOR_BYTES || head.major == CBOR_TEXT) {
        skip(in, (size_t)head.argument);
    } else if (head.major == CBOR_TAG) {
        (void)cbor_item(in);
    } else if (head.major == CBOR_ARRAY || head.major == CBOR_MAP) {
        uint64_t members = head.major == CBOR_MAP ? 2 * head.argument : head.argument;
        for (uint64_t i = 0; item.indefinite ? in->data[0] != BREAK : i < members; i++)
            (void)cbor_item(in);
    }
    item.content.size = (size_t)(in->data - item.content.data);
    if (item.indefinite)
        skip(in, 1);
    item.encoded = BYTES(start.data, (size_t)(in->data - start.data));
    return item;
}

bool cbor_is_int(const struct cbor_item *item, int64_t value)
{
    return value < 0 ? item->major == CBOR_NINT && item->argument == (uint64_t)(-1 - value)
                     : item->major == CBOR_UINT && item->argument == (uint64_t)value;
}

bool cbor_find(const struct cbor_item *map, int64_t key, struct cbor_item *valuep)
{
    for (struct bytes in = map->content; in.size > 0;) {
        struct cbor_item name = cbor_item(&in), value = cbor_item(&in);
        if (cbor_is_int(&name, key)) {
            *valuep = value;
            return true;
        }
    }
    return false;
}

bool cbor_find_text(const struct cbor_item *map, const char *key, struct cbor_item *valuep)
{
    for (struct bytes in = map->content; in.size > 0;) {
        struct cbor_item name = cbor_item(&in), value = cbor_item(&in);
        if (name.major == CBOR_TEXT && bytes_are(name.content, key)) {
            *valuep = value;
            return true;
        }
    }
    return false;
}

void cbor_put_head(struct blob *blob, enum cbor_major major, uint64_t argument)
{
    unsigned width = argument < 24            ? 0
                     : argument <= 0xff       ? 1
                     : argument <= 0xffff     ? 2
                     : argument <= 0xffffffff ? 4
                                              : 8;
    unsigned additional = width == 0   ? (unsigned)argument
                          : width == 1 ? 24
                          : width == 2 ? 25
                          : width == 4 ? 26
                                       : 27;
    put_number(blob, 1, (uint64_t)major << 5 | additional);
    put_number(blob, width, argument);
}

void cbor_put_bytes(struct blob *blob, struct bytes bytes)
{
    cbor_put_head(blob, CBOR_BYTES, bytes.size);
    put(blob, bytes);
}

void cbor_put_text(struct blob *blob, const char *text)
{
    cbor_put_head(blob, CBOR_TEXT, strlen(text));
    put(blob, text_bytes(text));
}
