/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles of CoRIM that are read and written here, a row each. */
#include "rats/corim/corim-read.h"

static const struct atls_corim_profile_rules *const rows[ATLS_CORIM_PROFILES] = {
    [ATLS_CORIM_PSA] = &atls_corim_psa,
    [ATLS_CORIM_PARSEC_TPM] = &atls_corim_parsec_tpm,
};

const struct atls_corim_profile_rules *atls_corim_profile_rules(enum atls_corim_profile profile)
{
    return rows[profile];
}

bool atls_corim_found_by_instance(enum atls_corim_profile profile)
{
    return rows[profile]->by_instance;
}

const char *atls_corim_profile_uri(enum atls_corim_profile profile)
{
    return rows[profile]->uri;
}
