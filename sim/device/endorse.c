/* SPDX-License-Identifier: Apache-2.0 */
/* What an endorser would say of a simulated device; see simulated.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/device/simulated.h"

static int fill_reference_value(const struct atls_boot_entry *entry,
                                const uint8_t implementation_id[32],
                                struct atls_reference_value *value)
{
    memcpy(value->implementation_id, implementation_id, sizeof value->implementation_id);
    value->name = strdup(entry->type);
    value->version = strdup(entry->version);
    value->digest_hash = ATLS_SHA256;
    value->digest_size = sizeof entry->value;
    memcpy(value->digest, entry->value, sizeof entry->value);
    value->signer_id_size = sizeof entry->signer_id;
    memcpy(value->signer_id, entry->signer_id, sizeof entry->signer_id);
    return value->name && value->version ? 0 : -ENOMEM;
}

static int fill_reference_values(const struct atls_simulated *device, struct atls_corim *corim)
{
    const struct atls_boot_record *record = &device->pristine;
    int result = 0;
    corim->reference_values = calloc(record->count, sizeof *corim->reference_values);
    if (!corim->reference_values)
        return -ENOMEM;
    corim->reference_value_count = record->count;
    for (size_t i = 0; !result && i < record->count; i++)
        result = fill_reference_value(&record->entries[i],
                                      device->core.platform.config.implementation_id,
                                      &corim->reference_values[i]);
    return result;
}

static int fill_trust_anchor(const struct atls_simulated *device, struct atls_corim *corim)
{
    const struct atls_platform *platform = &device->core.platform;
    struct atls_trust_anchor *anchor = calloc(1, sizeof *anchor);
    if (!anchor)
        return -ENOMEM;
    memcpy(anchor->implementation_id, platform->config.implementation_id,
           sizeof anchor->implementation_id);
    memcpy(anchor->instance_id, platform->instance_id, sizeof anchor->instance_id);
    anchor->key = platform->pak.public_key;
    corim->trust_anchors = anchor;
    corim->trust_anchor_count = 1;
    return 0;
}

int atls_simulated_endorse(const struct atls_simulated *device, enum atls_corim_dialect dialect,
                           enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep)
{
    if (device->root_kind)
        return device->root_kind->endorse(&device->core.root, dialect, part, corimp, sizep);
    struct atls_corim corim = {.dialect = dialect};
    int result = 0;
    if (part != ATLS_ENDORSED_ANCHOR)
        result = fill_reference_values(device, &corim);
    if (!result && part != ATLS_ENDORSED_VALUES)
        result = fill_trust_anchor(device, &corim);
    if (!result)
        result = atls_endorsements_write(&corim, corimp, sizep);
    atls_corim_clear(&corim);
    return result;
}
