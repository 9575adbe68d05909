/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles by name, and what all of them do alike. */
#include "tls/profiles/profile.h"

#include <string.h>

const struct atls_profile *const atls_profiles[] = {
    &atls_profile_ta_02,    &atls_profile_ta_03,       &atls_profile_ta_07,
    &atls_profile_seat_04,  &atls_profile_seat_06,     &atls_profile_x509_cmw,
    &atls_profile_expat_04, &atls_profile_poc_mbedtls, NULL};

const struct atls_profile *atls_profile_by_name(const char *name)
{
    for (size_t i = 0; atls_profiles[i] != NULL; i++)
        if (strcmp(atls_profiles[i]->name, name) == 0)
            return atls_profiles[i];
    return NULL;
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
