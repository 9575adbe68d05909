/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an appraisal does that verifiers do differently: its own strict way, or Veraison's, for
 * people who want to see what their deployment will say. A row of functions each; who asks for
 * nothing gets the strict one.
 */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_MANNERS_H
#define ATLS_VERIFIER_STUB_APPRAISAL_MANNERS_H

#include "verifier-stub/appraisal/appraisal.h"

struct atls_appraisal_manners {
    /* As atls_psa_token_parse(); what the claims borrow from beside IN is *KEPTP, for free();
     * it is NULL before the call. */
    int (*parse_token)(struct atls_bytes in, enum atls_cose_tagging tagging,
                       struct atls_psa_component *components, size_t count, uint8_t **keptp,
                       struct atls_cose_sign1 *messagep, struct atls_psa_claims *claimsp);
    /* As atls_match_components(); ATLS_E_REFUSED: nothing can be said of the whole platform. */
    int (*match)(const struct atls_psa_claims *claims, const struct atls_reference_set *references,
                 struct atls_evidence_verdict *verdict);
    bool times_count; /* exp, nbf and iat are looked at */
    /* Why, for the result (ear.veraison.policy-claims): an object, or NULL where nothing is said.
     * NONCE is the session's. -ENOMEM. */
    int (*explain)(const struct atls_evidence_verdict *verdict, struct atls_bytes nonce,
                   json_t **whyp);
};
extern const struct atls_appraisal_manners atls_appraisal_own, atls_appraisal_veraison;

#endif
