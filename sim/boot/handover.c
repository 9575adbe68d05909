/* SPDX-License-Identifier: Apache-2.0 */
/* The boot record between boot stages; see handover.h. */
#include "sim/boot/handover.h"

#include <string.h>

#include "rats/base/error.h"
#include "sim/base/frame.h"

#define CLAUSE "boot record, sim/boot/handover.h"
#define MAGIC 0x2016u
#define MAJOR 0x1000u
#define VALUE_SIZE (ATLS_HANDOVER_ENTRY - 4)

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value & 0xffff);
    put_u16(at + 2, value >> 16);
}

static unsigned get_u16(const uint8_t *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

static uint32_t get_u32(const uint8_t *at)
{
    return get_u16(at) | (uint32_t)get_u16(at + 2) << 16;
}

_Static_assert(sizeof(struct atls_boot_entry) == VALUE_SIZE, "an entry has no padding");

int atls_handover_write(const struct atls_boot_record *record, uint8_t *out, size_t capacity)
{
    size_t size = record->count * ATLS_HANDOVER_ENTRY;
    struct atls_bytes entries = {out + ATLS_HANDOVER_HEADER, size};
    if (capacity < ATLS_HANDOVER_HEADER || size > capacity - ATLS_HANDOVER_HEADER)
        return atls_fail(ATLS_E_LIMIT, CLAUSE, "%zu components do not fit into %zu bytes",
                         record->count, capacity);
    for (size_t i = 0; i < record->count; i++) {
        uint8_t *at = out + ATLS_HANDOVER_HEADER + i * ATLS_HANDOVER_ENTRY;
        put_u16(at, (unsigned)(MAJOR | i));
        put_u16(at + 2, VALUE_SIZE);
        memcpy(at + 4, &record->entries[i], VALUE_SIZE);
    }
    put_u16(out, MAGIC);
    put_u16(out + 2, record->locked);
    put_u32(out + 4, (uint32_t)size);
    put_u32(out + 8, atls_crc32(&entries, 1));
    return 0;
}

static int check_header(struct atls_bytes in, struct atls_bytes *entriesp, bool *lockedp)
{
    size_t size;
    if (in.size < ATLS_HANDOVER_HEADER || get_u16(in.data) != MAGIC || get_u16(in.data + 2) > 1)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "there is no boot record of the stage before");
    size = get_u32(in.data + 4);
    if (size > in.size - ATLS_HANDOVER_HEADER || size % ATLS_HANDOVER_ENTRY)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "a boot record cannot have %zu bytes", size);
    *entriesp = ATLS_BYTES(in.data + ATLS_HANDOVER_HEADER, size);
    if (atls_crc32(entriesp, 1) != get_u32(in.data + 8))
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "the boot record changed on its way");
    *lockedp = get_u16(in.data + 2) == 1;
    return 0;
}

static bool is_text(const char *field)
{
    return field[ATLS_IMAGE_TEXT_MAX] == 0 &&
           atls_image_text_valid(ATLS_BYTES(field, strlen(field)));
}

int atls_handover_read(struct atls_bytes in, struct atls_boot_record *record)
{
    struct atls_bytes entries = {0};
    bool locked = false;
    size_t count;
    int result = check_header(in, &entries, &locked);
    if (result)
        return result;
    count = entries.size / ATLS_HANDOVER_ENTRY;
    if (count > record->capacity)
        return atls_fail(ATLS_E_LIMIT, CLAUSE, "%zu components, there is room for %zu", count,
                         record->capacity);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = entries.data + i * ATLS_HANDOVER_ENTRY;
        if (get_u16(at) != (MAJOR | i) || get_u16(at + 2) != VALUE_SIZE)
            return atls_fail(ATLS_E_MALFORMED, CLAUSE, "entry %zu has another type or length", i);
        memcpy(&record->entries[i], at + 4, VALUE_SIZE);
        if (!is_text(record->entries[i].type) || !is_text(record->entries[i].version))
            return atls_fail(ATLS_E_MALFORMED, CLAUSE, "entry %zu has no type or version", i);
    }
    record->count = count;
    record->locked = locked;
    return 0;
}
