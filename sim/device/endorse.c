/* SPDX-License-Identifier: Apache-2.0 */
/* What an endorser would say of a simulated device; see simulated.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/device/simulated.h"

static int fill_reference_values(const struct atls_simulated *device, struct atls_corim *corim)
{
    const struct atls_boot_record *record = &device->pristine;
    int result = 0;
    corim->reference_values = calloc(record->count, sizeof *corim->reference_values);
    if (!corim->reference_values)
        return atls_fail(-ENOMEM, NULL, "no memory for reference values");
    corim->reference_value_count = record->count;
    for (size_t i = 0; !result && i < record->count; i++)
        result = atls_endorsements_component(&record->entries[i],
                                             device->core.platform.config.implementation_id,
                                             &corim->reference_values[i]);
    return result;
}

int atls_simulated_endorse(const struct atls_simulated *device, enum atls_corim_dialect dialect,
                           enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep)
{
    if (device->root_kind && device->root_kind->endorse)
        return device->root_kind->endorse(&device->core.root, dialect, part, corimp, sizep);
    const struct atls_platform *platform = &device->core.platform;
    struct atls_corim corim = {.dialect = dialect};
    int result = 0;
    if (part != ATLS_ENDORSED_ANCHOR)
        result = fill_reference_values(device, &corim);
    if (!result && part != ATLS_ENDORSED_VALUES)
        result = atls_endorsements_anchor(
            &corim,
            ATLS_BYTES(platform->config.implementation_id,
                       sizeof platform->config.implementation_id),
            ATLS_BYTES(platform->instance_id, sizeof platform->instance_id),
            &platform->pak.public_key);
    if (!result)
        result = atls_endorsements_write(&corim, corimp, sizep);
    atls_corim_clear(&corim);
    return result;
}
