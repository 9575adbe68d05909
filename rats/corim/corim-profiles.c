/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles of CoRIM that are read and written here, a row each. */
#include "rats/corim/corim-read.h"

static const struct atls_corim_profile_rules *const rows[ATLS_CORIM_PROFILES] = {
    [ATLS_CORIM_PSA] = &atls_corim_psa,
    [ATLS_CORIM_PARSEC_TPM] = &atls_corim_parsec_tpm,
    [ATLS_CORIM_CCA_PLATFORM] = &atls_corim_cca_platform,
    [ATLS_CORIM_CCA_REALM] = &atls_corim_cca_realm,
    [ATLS_CORIM_PARSEC_CCA] = &atls_corim_parsec_cca,
};

const struct atls_corim_profile_rules *atls_corim_profile_rules(enum atls_corim_profile profile)
{
    return rows[profile];
}

bool atls_corim_found_by_instance(enum atls_corim_profile profile)
{
    return rows[profile]->by_instance;
}

bool atls_corim_profile_of(struct atls_bytes uri, enum atls_corim_profile *profilep)
{
    for (int i = 0; i < ATLS_CORIM_PROFILES; i++) {
        if (atls_bytes_is_text(uri, rows[i]->uri)) {
            *profilep = (enum atls_corim_profile)i;
            return true;
        }
    }
    return false;
}

const char *atls_corim_profile_uri(enum atls_corim_profile profile)
{
    return rows[profile]->uri;
}
