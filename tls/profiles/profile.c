/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles by name, and what all of them do alike. */
#include "tls/profiles/profile.h"

#include <string.h>

#include "program/contract.h"

/* A row of the contract is a profile here: one that no file defines is an error of the linker. */
#define DECLARED(id, name, carrier, results) extern const struct atls_profile atls_profile_##id;
#define LISTED(id, name, carrier, results) &atls_profile_##id,
ATLS_CONTRACT_PROFILES(DECLARED)
const struct atls_profile *const atls_profiles[] = {ATLS_CONTRACT_PROFILES(LISTED) NULL};

const struct atls_profile *atls_profile_by_name(const char *name)
{
    for (size_t i = 0; atls_profiles[i]; i++)
        if (strcmp(atls_profiles[i]->name, name) == 0)
            return atls_profiles[i];
    return NULL;
}

bool atls_profile_signs_raw(const struct atls_profile *profile,
                            const struct atls_variants *variants)
{
    return profile->raw_signatures && variants->signature == ATLS_SIGNATURE_RAW;
}

unsigned atls_profile_alert(const struct atls_profile *profile,
                            const struct atls_code_points *points, const char *reason,
                            const char **clausep)
{
    const struct atls_refusal *row = profile->refusals;
    while (row->reason && strcmp(row->reason, reason) != 0)
        row++;
    *clausep = row->clause;
    return row->point < ATLS_CODE_POINT_COUNT ? points->value[row->point] : row->number;
}
