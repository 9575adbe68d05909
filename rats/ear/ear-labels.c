/* SPDX-License-Identifier: Apache-2.0 */
/* The table of labels. */
#include "rats/ear/ear-labels.h"

#include <errno.h>
#include <stddef.h>

#include "rats/base/error.h"

#define VERAISON (1u << ATLS_EAR_VERAISON)
#define DRAFTS (1u << ATLS_EAR_DRAFT_03 | 1u << ATLS_EAR_DRAFT_04)
#define ALL (VERAISON | DRAFTS)
#define AS_NAMED(member) .name_at = offsetof(struct atls_ear_names, member)

static const struct atls_ear_label verifier_id[] = {
    {0, NULL, ALL, ATLS_EAR_TEXT, .name = "developer"},
    {1, NULL, ALL, ATLS_EAR_TEXT, .name = "build"},
    {.dialects = 0},
};

/* The draft's CDDL has a text for a label here, Veraison's library (rust-ear) an integer. */
static const struct atls_ear_label key_attestation[] = {
    {0, NULL, VERAISON, ATLS_EAR_BYTES, .name = "akpub"},
    {0, "akpub", DRAFTS, ATLS_EAR_BYTES, .name = "akpub"},
    {.dialects = 0},
};

static const struct atls_ear_label appraisal[] = {
    {1000, NULL, ALL, ATLS_EAR_TIER, AS_NAMED(status)},
    {1001, NULL, ALL, ATLS_EAR_VECTOR, AS_NAMED(trust_vector)},
    {1003, NULL, ALL, ATLS_EAR_TEXTS, AS_NAMED(policy_id)},
    {-70000, NULL, ALL, ATLS_EAR_ANY, AS_NAMED(annotated_evidence)},
    {-70001, NULL, ALL, ATLS_EAR_ANY, AS_NAMED(policy_claims)},
    {-70002, NULL, ALL, ATLS_EAR_MAP, AS_NAMED(key_attestation), .members = key_attestation},
    {.dialects = 0},
};

const struct atls_ear_label atls_ear_labels[] = {
    {1, NULL, ALL, ATLS_EAR_TEXT, .name = "iss"},
    {3, NULL, ALL, ATLS_EAR_TEXTS, .name = "aud"},
    {4, NULL, ALL, ATLS_EAR_TIME, .name = "exp"},
    {5, NULL, ALL, ATLS_EAR_TIME, .name = "nbf"},
    {6, NULL, ALL, ATLS_EAR_TIME, .name = "iat"},
    {10, NULL, ALL, ATLS_EAR_BYTES, .name = "eat_nonce"},
    {265, NULL, ALL, ATLS_EAR_TEXT, .name = "eat_profile"},
    {266, NULL, ALL, ATLS_EAR_MAPS, .name = "submods", .members = appraisal},
    {1000, NULL, ALL, ATLS_EAR_TIER, AS_NAMED(status)},
    {1004, NULL, ALL, ATLS_EAR_MAP, AS_NAMED(verifier_id), .members = verifier_id},
    {.dialects = 0},
};

int atls_ear_no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "EAR: out of memory");
}

const char *atls_ear_label_name(const struct atls_ear_label *row, enum atls_ear_dialect dialect)
{
    const char *names = (const char *)&atls_ear_names[dialect];

    return row->name ? row->name : *(const char *const *)(const void *)(names + row->name_at);
}
