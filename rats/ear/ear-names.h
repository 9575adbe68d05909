/* SPDX-License-Identifier: Apache-2.0 */
/* The names in which the JSON dialects of EAR differ: one row a dialect. */
#ifndef ATLS_RATS_EAR_EAR_NAMES_H
#define ATLS_RATS_EAR_EAR_NAMES_H

#include "rats/ear/ear.h"

struct atls_ear_names {
    const char *profile;     /* value of eat_profile */
    const char *verifier_id; /* top level */
    const char *status;      /* of a submod, and at the top level that of the whole */
    const char *trust_vector, *policy_id, *annotated_evidence, *policy_claims,
        *key_attestation; /* in a submod */
    bool policy_ids_are_array;
    bool times_are_integers; /* iat and exp in floating-point format are errors */
};
extern const struct atls_ear_names atls_ear_names[]; /* by enum atls_ear_dialect */

#endif
