/* SPDX-License-Identifier: Apache-2.0 */
/* The append-only boot record; see record.h. */
#include "sim/boot/record.h"

#include <string.h>

#include "rats/base/error.h"

#define CLAUSE "RFC 9783 section 4.4.1"

void atls_boot_record_init(struct atls_boot_record *record, struct atls_boot_entry *entries,
                           size_t capacity)
{
    *record = (struct atls_boot_record){.entries = entries, .capacity = capacity};
}

static int may_append(const struct atls_boot_record *record, const struct atls_image *image)
{
    int length = (int)image->name.size;
    const char *name = (const char *)image->name.data;
    if (record->locked)
        return atls_fail(ATLS_E_REFUSED, CLAUSE,
                         "the boot record is locked: %.*s cannot be added after hand-over", length,
                         name);
    if (record->count == record->capacity)
        return atls_fail(ATLS_E_LIMIT, CLAUSE, "the boot record holds %zu components and is full",
                         record->capacity);
    for (size_t i = 0; i < record->count; i++)
        if (atls_bytes_is_text(image->name, record->entries[i].type))
            return atls_fail(ATLS_E_REFUSED, CLAUSE, "component %.*s was measured already", length,
                             name);
    return 0;
}

int atls_boot_record_append(struct atls_boot_record *record, const struct atls_image *image,
                            const uint8_t value[32])
{
    struct atls_boot_entry entry = {0};
    int result = may_append(record, image);
    if (result)
        return result;
    if (!atls_image_text_valid(image->name) || !atls_image_text_valid(image->version) ||
        image->signer_id.size != sizeof entry.signer_id)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "an image without name, version or signer");
    memcpy(entry.type, image->name.data, image->name.size);
    memcpy(entry.version, image->version.data, image->version.size);
    memcpy(entry.value, value, sizeof entry.value);
    memcpy(entry.signer_id, image->signer_id.data, sizeof entry.signer_id);
    record->entries[record->count++] = entry;
    return 0;
}

void atls_boot_record_disown(struct atls_boot_record *record)
{
    if (record->count > 0 && !record->locked)
        memset(record->entries[record->count - 1].signer_id, 0, ATLS_IMAGE_SIGNER_ID_SIZE);
}

void atls_boot_record_lock(struct atls_boot_record *record)
{
    record->locked = true;
}

void atls_boot_record_components(const struct atls_boot_record *record,
                                 struct atls_psa_component *components)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct atls_boot_entry *entry = &record->entries[i];
        components[i] = (struct atls_psa_component){
            .type = atls_bytes_of_text(entry->type),
            .value = ATLS_BYTES(entry->value, sizeof entry->value),
            .version = atls_bytes_of_text(entry->version),
            .signer_id = ATLS_BYTES(entry->signer_id, sizeof entry->signer_id),
            .description = atls_bytes_of_text("sha-256"),
        };
    }
}
