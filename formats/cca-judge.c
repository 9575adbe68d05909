/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a verifier appraises CCA tokens: as Veraison's schemes ARM_CCA and PARSEC_CCA, in the order
 * of trust. Platform and realm are a submod each; the realm is nobody's until its key was found in
 * the platform's token.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/cca-token.h"
#include "rats/base/error.h"

enum { PLATFORM, REALM }; /* submods */
static int check_signatures(struct atls_judge *judge, const struct atls_cca_token *token,
                            const struct atls_public_key *anchor)
{
    int result = atls_cose_sign1_verify(&token->platform, judge->crypto, anchor);

    if (!result)
        result = atls_cca_check_realm_signature(token, judge->crypto);
    if (result)
        return atls_judge_fail(judge, result, "pat-signature-invalid");
    result = atls_cca_check_binding(token, judge->crypto);
    return result ? atls_judge_fail(judge, result, "linkage-mismatch") : 0;
}

static int check_times(struct atls_judge *judge, const struct atls_cca_token *token)
{
    int result = atls_judge_times(judge, &token->platform_claims.times, "CCA platform token");

    return result ? result : atls_judge_times(judge, &token->realm_claims.times, "CCA realm token");
}

static int judge_platform(struct atls_judge *judge, const struct atls_cca_platform *claims,
                          const char *profile)
{
    int result;

    judge->ops->submod(judge, PLATFORM);
    judge->ops->claim(judge, ATLS_HARDWARE, ATLS_TRUSTWORTHY);
    result =
        judge->ops->match_platform(judge, profile, claims->implementation_id.data,
                                   claims->components, claims->component_count, claims->config);
    if (!result)
        atls_judge_lifecycle(judge, claims->lifecycle, ATLS_CCA_CLAUSE_LIFECYCLE);
    return result;
}

static int judge_realm(struct atls_judge *judge, const struct atls_cca_realm *claims)
{
    const struct atls_judge_realm realm = {
        .initial = claims->initial,
        .extensible = claims->extensible,
        .extensible_count = ATLS_CCA_EXTENSIBLE_COUNT,
        .personalization = claims->personalization,
    };

    judge->ops->submod(judge, REALM);
    judge->ops->claim(judge, ATLS_INSTANCE_IDENTITY, ATLS_TRUSTWORTHY);
    return judge->ops->match_realm(judge, &realm);
}

static int
judge_token(struct atls_judge *judge, const struct atls_parsec_cca *evidence, const char *profile,
            int (*fresh)(struct atls_judge *judge, const struct atls_parsec_cca *evidence))
{
    const struct atls_cca_token *token = &evidence->token;
    struct atls_public_key anchor;
    int result =
        judge->ops->find_anchor(judge, profile, token->platform_claims.implementation_id.data,
                                token->platform_claims.instance_id.data, &anchor);

    if (!result)
        result = fresh(judge, evidence);
    if (!result)
        result = check_signatures(judge, token, &anchor);
    if (!result)
        result = check_times(judge, token);
    if (!result)
        result = judge_platform(judge, &token->platform_claims, profile);
    return result ? result : judge_realm(judge, &token->realm_claims);
}

int atls_cca_evidence_appraise(struct atls_judge *judge, atls_cca_parser *parse,
                               const struct atls_evidence_message *message, const char *profile,
                               int (*fresh)(struct atls_judge *judge,
                                            const struct atls_parsec_cca *evidence))
{
    struct atls_psa_component *components = atls_cca_components();
    struct atls_parsec_cca evidence;
    int result;

    if (!components)
        return -ENOMEM;
    result = parse(message->value, components, ATLS_PSA_COMPONENTS_MAX, &evidence);
    result = result ? atls_judge_fail(judge, result, atls_cca_malformed(parse, message->value))
                    : judge_token(judge, &evidence, profile, fresh);
    free(components);
    return result;
}
