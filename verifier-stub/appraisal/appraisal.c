/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of checks is the order of trust: form, trust anchor, signatures, linkage, freshness,
 * and only then what the evidence says; a format (formats/format.h) makes them with what is lent to
 * it here. The first failure gives the reason. A verdict begins with
 * nothing claimed, which is no verdict: each trust claim is earned by the check that stands for it.
 */
#include "verifier-stub/appraisal/appraisal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/json/json.h"
#include "verifier-stub/appraisal/manners.h"
#include "verifier-stub/store/manifests.h"

#define VALIDITY_CLAUSE "draft-ietf-rats-corim section 7.3"

/* AR4SI values used here */
struct work {
    struct atls_judge judge; /* what is lent to the format; its first member, see work_of() */
    const struct atls_appraiser *with;
    const struct atls_evidence_format *format;
    struct atls_evidence_verdict *out;
    const struct atls_appraisal_manners *manners;
    struct atls_psa_component *components;
    uint8_t *kept;       /* what a token's claims borrow from */
    int64_t holds_until; /* seconds: then some endorsement begins or ceases to be valid */
};

static struct work *work_of(struct atls_judge *judge)
{
    return (struct work *)(void *)judge;
}

void atls_evidence_verdict_open(const struct atls_evidence_format *format,
                                struct atls_evidence_verdict *verdictp)
{
    *verdictp = (struct atls_evidence_verdict){.submod_count = format->submod_count};
    for (size_t i = 0; i < format->submod_count; i++)
        verdictp->submods[i].name = format->submods[i].name;
}

void atls_evidence_verdict_clear(struct atls_evidence_verdict *appraisal)
{
    for (size_t i = 0; i < ATLS_SUBMODS_MAX; i++)
        json_decref(appraisal->submods[i].annotated_evidence);
    json_decref(appraisal->mismatches);
    *appraisal = (struct atls_evidence_verdict){0};
}

void atls_evidence_verdict_say(struct atls_evidence_verdict *out, const char *reason,
                               const char *clause, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    atls_evidence_verdict_say_va(out, reason, clause, format, arguments);
    va_end(arguments);
}

void atls_evidence_verdict_say_va(struct atls_evidence_verdict *out, const char *reason,
                                  const char *clause, const char *format, va_list arguments)
{
    char text[sizeof out->detail];

    out->reason = reason;
    vsnprintf(text, sizeof text, format, arguments);
    atls_printable(text, strlen(text), out->detail, sizeof out->detail);
    snprintf(out->clause, sizeof out->clause, "%s", clause ? clause : "");
}

void atls_evidence_verdict_condemn(struct atls_evidence_verdict *out, const char *reason,
                                   const char *clause, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    atls_evidence_verdict_say_va(out, reason, clause, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < out->submod_count; i++) {
        for (size_t j = 0; j < ATLS_TRUST_CLAIM_COUNT; j++)
            out->submods[i].trust_vector[j] = ATLS_VERIFICATION_FAILED;
        out->submods[i].tier = ATLS_TIER_CONTRAINDICATED;
    }
    out->tier = ATLS_TIER_CONTRAINDICATED;
    out->has_key = false;
}

static int condemn(struct atls_judge *judge, const char *reason, const char *clause,
                   const char *text)
{
    atls_evidence_verdict_condemn(work_of(judge)->out, reason, clause, "%s", text);
    return ATLS_E_REFUSED;
}

static int parse_own(struct atls_bytes in, enum atls_cose_tagging tagging,
                     struct atls_psa_component *components, size_t count, uint8_t **keptp,
                     struct atls_cose_sign1 *messagep, struct atls_psa_claims *claimsp)
{
    return atls_psa_token_parse(in, tagging, components, count, messagep, claimsp);
}

static int explain_own(const struct atls_evidence_verdict *appraisal, struct atls_bytes nonce,
                       json_t **whyp)
{
    json_t *claims =
        json_pack("{s:s, s:s}", "atls.reason", appraisal->reason, "atls.detail", appraisal->detail);

    if (appraisal->clause[0])
        atls_json_add(&claims, "atls.clause", json_string(appraisal->clause));
    atls_json_add(&claims, "atls.mismatches",
                  appraisal->mismatches ? json_incref(appraisal->mismatches) : json_array());
    *whyp = claims;
    return claims ? 0 : atls_fail(-ENOMEM, NULL, "no memory for a result");
}

const struct atls_appraisal_manners atls_appraisal_own = {
    .parse_token = parse_own,
    .match = atls_match_components,
    .times_count = true,
    .explain = explain_own,
};

/* What Veraison's words about a token need. */
static void note_token(const struct atls_cose_sign1 *message, const struct atls_psa_claims *claims,
                       struct atls_evidence_verdict *out)
{
    if (claims->nonce.size <= sizeof out->nonce) {
        memcpy(out->nonce, claims->nonce.data, claims->nonce.size);
        out->nonce_size = claims->nonce.size;
        out->has_algorithm = message->alg != 0;
    }
}

static int parse_token(struct work *work, const struct atls_judge_token *token,
                       struct atls_cose_sign1 *messagep, struct atls_psa_claims *claimsp)
{
    struct atls_error kept;
    const char *word;
    int result;

    free(work->kept);
    work->kept = NULL;
    result = work->manners->parse_token(token->token, token->tagging, work->components,
                                        ATLS_PSA_COMPONENTS_MAX, &work->kept, messagep, claimsp);
    if (result == 0)
        note_token(messagep, claimsp, work->out);
    if (result <= 0)
        return result;
    atls_error_keep(&kept);
    word = atls_judge_malformed(token->token, token->tagging, &atls_psa_rules);
    atls_error_restore(&kept);
    return atls_judge_fail(&work->judge, result, word ? word : "malformed-claims");
}

static void note_change(struct work *work, int64_t until)
{
    work->holds_until = until < work->holds_until ? until : work->holds_until;
}

/* Does an endorsement count today? Notes when that changes. */
static bool is_valid(struct work *work, const struct atls_validity *validity)
{
    int64_t now = work->with->now;
    bool valid = atls_validity_holds(validity, now);
    int64_t until = now < validity->not_before     ? validity->not_before
                    : valid && validity->not_after ? validity->not_after + 1
                                                   : INT64_MAX;

    note_change(work, until);
    return valid;
}

/* What the store said of a trust anchor, and whether it counts today. */
static int judge_anchor(struct work *work, int result, const struct atls_trust_anchor *anchor)
{
    if (result == 0 && !is_valid(work, &anchor->validity))
        result = atls_fail(ATLS_E_MISSING, VALIDITY_CLAUSE,
                           "the trust anchor for this instance is outside of its validity (%lld to "
                           "%lld, in seconds since 1970)",
                           (long long)anchor->validity.not_before,
                           (long long)anchor->validity.not_after);
    if (result == ATLS_E_MISSING)
        return atls_judge_fail(&work->judge, result, "unknown-attestation-key");
    return result > 0 ? -EIO : result; /* the store's own contents are bad: no verdict */
}

/* Veraison keeps documents, so that an anchor may be one too many. */
static int check_manifests(const struct work *work, const struct atls_psa_claims *claims)
{
    struct atls_manifests *manifests = work->with->manifests;
    size_t count = manifests ? atls_manifests_anchors(manifests, claims->implementation_id.data,
                                                      claims->instance_id.data)
                             : 1;

    return count > 1 ? atls_fail(-EIO, NULL, "expected exactly 1 trust anchor; got %zu", count) : 0;
}

/* Of the instance and class that *ANCHORP has already, as far as its profile needs them. */
static int find_endorsed(struct work *work, const char *profile, struct atls_trust_anchor *anchorp)
{
    struct atls_store *store = work->with->store;
    struct atls_trust_anchor sought = *anchorp;

    if (!atls_corim_profile_of(atls_bytes_of_text(profile), &sought.profile))
        return atls_fail(-EINVAL, NULL, "no CoRIM profile \"%s\"", profile);
    return judge_anchor(work, store->ops->find_trust_anchor(store, &sought, anchorp), anchorp);
}

static int find_anchor(struct atls_judge *judge, const char *profile,
                       const uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                       const uint8_t instance_id[ATLS_PSA_INSTANCE_ID_SIZE],
                       struct atls_public_key *keyp)
{
    struct atls_trust_anchor anchor = atls_psa_anchor(implementation_id, instance_id);
    int result = find_endorsed(work_of(judge), profile, &anchor);

    if (result == 0)
        *keyp = anchor.key;
    return result;
}

static int find_instance(struct atls_judge *judge, const char *profile,
                         struct atls_bytes instance_id, struct atls_public_key *keyp,
                         uint8_t class_idp[ATLS_PSA_IMPLEMENTATION_ID_SIZE])
{
    struct atls_trust_anchor anchor = {.instance_id_size = instance_id.size};
    int result;

    if (instance_id.size > sizeof anchor.instance_id)
        return atls_fail(-EINVAL, NULL, "no such instance can be endorsed: %s", profile);
    memcpy(anchor.instance_id, instance_id.data, instance_id.size);
    result = find_endorsed(work_of(judge), profile, &anchor);
    if (result == 0) {
        *keyp = anchor.key;
        memcpy(class_idp, anchor.implementation_id, sizeof anchor.implementation_id);
    }
    return result;
}

static int check_platform_signature(struct work *work, const struct atls_cose_sign1 *token,
                                    const struct atls_public_key *anchor)
{
    int result = atls_cose_sign1_verify(token, work->with->crypto, anchor);

    return result == 0 ? 0 : atls_judge_fail(&work->judge, result, "pat-signature-invalid");
}

/* What there is to say beside a reason: how many DROPPED. */
static void tell_dropped(struct atls_evidence_verdict *out, size_t dropped)
{
    if (dropped > 0 && out->reason)
        snprintf(out->detail + strlen(out->detail), sizeof out->detail - strlen(out->detail),
                 " (%zu reference values are outside of their validity)", dropped);
}

/* What is endorsed of a class and counts today. */
struct endorsed {
    struct atls_reference_set values;
    size_t dropped; /* and how many do not */
};

static int find_values(struct work *work, const char *profile, const uint8_t *class_id,
                       struct endorsed *endorsedp)
{
    struct atls_store *store = work->with->store;
    enum atls_corim_profile of = ATLS_CORIM_PSA;
    int64_t until;
    int result;

    if (!atls_corim_profile_of(atls_bytes_of_text(profile), &of))
        return atls_fail(-EINVAL, NULL, "no CoRIM profile \"%s\"", profile);
    result = store->ops->find_reference_values(store, of, class_id, &endorsedp->values);
    if (result != 0)
        return result;
    endorsedp->values.times_count = true;
    endorsedp->values.now = work->with->now;
    atls_reference_times(&endorsedp->values, work->with->now, &endorsedp->dropped, &until);
    note_change(work, until);
    return 0;
}

/* What has come of a comparison with what is endorsed. */
static int conclude_match(struct work *work, int result, struct endorsed *endorsed)
{
    if (result == 0)
        tell_dropped(work->out, endorsed->dropped);
    atls_reference_set_clear(&endorsed->values);
    return result > 0 && result != ATLS_E_REFUSED ? -EIO : result;
}

static int appraise_software(struct work *work, const struct atls_psa_claims *claims)
{
    struct endorsed endorsed = {0};
    int result =
        find_values(work, ATLS_CORIM_PSA_PROFILE, claims->implementation_id.data, &endorsed);

    if (result == 0)
        result = work->manners->match(claims, &endorsed.values, work->out);
    return conclude_match(work, result, &endorsed);
}

static int repeat_quote(struct work *work, const struct atls_tpm_attest *quote)
{
    struct atls_submod_verdict *submod = &work->out->submods[work->out->submod];

    if (!work->with->annotates)
        return 0;
    submod->annotated_evidence = atls_quote_summary(quote);
    return submod->annotated_evidence ? 0 : atls_fail(-ENOMEM, NULL, "no memory for a summary");
}

static int match_pcrs(struct atls_judge *judge, const char *profile,
                      const uint8_t class_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                      const struct atls_tpm_attest *quote)
{
    struct work *work = work_of(judge);
    struct endorsed endorsed = {0};
    int result = find_values(work, profile, class_id, &endorsed);

    if (result == 0)
        result = atls_match_pcrs(quote, &endorsed.values, work->with->crypto, work->out);
    if (result == 0)
        result = repeat_quote(work, quote);
    return conclude_match(work, result, &endorsed);
}

static int match_platform(struct atls_judge *judge, const char *profile,
                          const uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                          const struct atls_psa_component *components, size_t count,
                          struct atls_bytes config)
{
    struct work *work = work_of(judge);
    const struct atls_psa_claims claims = {
        .implementation_id = {implementation_id, ATLS_PSA_IMPLEMENTATION_ID_SIZE},
        .components = components,
        .component_count = count,
    };
    struct endorsed endorsed = {0};
    int result = find_values(work, profile, implementation_id, &endorsed);

    if (result == 0)
        result = atls_match_cca_platform(&claims, config, &endorsed.values, work->out);
    return conclude_match(work, result, &endorsed);
}

static int match_realm(struct atls_judge *judge, const struct atls_judge_realm *realm)
{
    struct work *work = work_of(judge);
    struct endorsed endorsed = {0};
    uint8_t class_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE];
    int result = atls_corim_realm_class(realm->initial, class_id);

    if (result == 0)
        result = find_values(work, ATLS_CORIM_CCA_REALM_PROFILE, class_id, &endorsed);
    if (result == 0)
        result = atls_match_realm(realm, &endorsed.values, work->out);
    return conclude_match(work, result, &endorsed);
}

static void claim(struct atls_judge *judge, enum atls_trust_claim claimed, int value)
{
    struct atls_evidence_verdict *out = work_of(judge)->out;

    out->submods[out->submod].trust_vector[claimed] = value;
}

static int match(struct atls_judge *judge,
                 const uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                 const struct atls_psa_component *components, size_t count)
{
    const struct atls_psa_claims claims = {
        .implementation_id = {implementation_id, ATLS_PSA_IMPLEMENTATION_ID_SIZE},
        .components = components,
        .component_count = count,
    };

    return appraise_software(work_of(judge), &claims);
}

/* What genuine evidence says of its platform. */
static int appraise_platform(struct work *work, const struct atls_psa_claims *claims)
{
    struct atls_submod_verdict *submod = &work->out->submods[work->out->submod];
    int result;

    claim(&work->judge, ATLS_HARDWARE, ATLS_TRUSTWORTHY);
    result = appraise_software(work, claims);
    if (result == ATLS_E_REFUSED) /* nothing is claimed */
        memset(submod->trust_vector, 0, sizeof submod->trust_vector);
    if (result != 0)
        return result;
    atls_judge_lifecycle(&work->judge, claims->lifecycle, "RFC 9783 section 4.3.1");
    if (!work->with->annotates)
        return 0;
    submod->annotated_evidence = atls_evidence_summary(claims);
    if (!submod->annotated_evidence)
        return atls_fail(-ENOMEM, NULL, "no memory for a summary of evidence");
    return 0;
}

/* Veraison's order: trust anchor, nonce, signature. */
static int appraise_unknown(struct work *work, const struct atls_judge_token *token,
                            struct atls_psa_claims *claimsp)
{
    struct atls_cose_sign1 message;
    struct atls_public_key anchor;
    int result = parse_token(work, token, &message, claimsp);

    if (result == 0)
        result = check_manifests(work, claimsp);
    if (result == 0)
        result = find_anchor(&work->judge, ATLS_CORIM_PSA_PROFILE, claimsp->implementation_id.data,
                             claimsp->instance_id.data, &anchor);
    if (result == 0 && token->first)
        result = token->first(&work->judge, claimsp, token->context);
    if (result == 0)
        result = check_platform_signature(work, &message, &anchor);
    if (result == 0 && token->then)
        result = token->then(&work->judge, claimsp->nonce, claimsp->client_id, token->context);
    if (result == 0 && work->manners->times_count)
        result = atls_judge_times(&work->judge, &claimsp->times, token->what);
    return result == 0 ? appraise_platform(work, claimsp) : result;
}

/* What is wrong with a token is looked at anew each time, and so is one that has times. */
static void remember(const struct work *work, const struct atls_psa_claims *claims,
                     const uint8_t *digest, uint64_t revision)
{
    const struct atls_submod_verdict *submod = &work->out->submods[work->out->submod];
    struct atls_platform_verdict verdict = {.summary = submod->annotated_evidence,
                                            .client_id = claims->client_id};

    if (claims->times.has_exp || claims->times.has_nbf || claims->times.has_iat)
        return;
    if (work->out->reason || claims->nonce.size != sizeof verdict.nonce)
        return;
    memcpy(verdict.nonce, claims->nonce.data, sizeof verdict.nonce);
    memcpy(verdict.trust_vector, submod->trust_vector, sizeof verdict.trust_vector);
    atls_platform_cache_keep(work->with->cache, digest, revision,
                             work->holds_until - work->with->now, &verdict);
}

static int appraise_remembering(struct work *work, const struct atls_judge_token *token)
{
    struct atls_submod_verdict *submod = &work->out->submods[work->out->submod];
    uint64_t revision = 0;
    uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE];
    struct atls_platform_verdict known;
    struct atls_psa_claims claims;
    int result = work->with->store->ops->revision(work->with->store, &revision);

    if (result == 0)
        result = work->with->crypto->hash(ATLS_SHA256, &token->token, 1, digest);
    if (result != 0)
        return result < 0 ? result : -EIO;
    if (atls_platform_cache_find(work->with->cache, digest, revision, &known)) {
        if (token->then)
            result = token->then(&work->judge, ATLS_BYTES(known.nonce, sizeof known.nonce),
                                 known.client_id, token->context);
        if (result == 0) {
            memcpy(submod->trust_vector, known.trust_vector, sizeof known.trust_vector);
            submod->annotated_evidence = json_incref(known.summary);
        }
        json_decref(known.summary);
        return result;
    }
    result = appraise_unknown(work, token, &claims);
    if (result == 0)
        remember(work, &claims, digest, revision);
    return result;
}

static int appraise_token(struct atls_judge *judge, const struct atls_judge_token *token)
{
    struct work *work = work_of(judge);
    struct atls_psa_claims claims;

    return work->with->cache && !token->first ? appraise_remembering(work, token)
                                              : appraise_unknown(work, token, &claims);
}

static void say(struct atls_judge *judge, const char *reason, const char *clause, const char *text)
{
    struct atls_evidence_verdict *out = work_of(judge)->out;

    if (!out->reason)
        atls_evidence_verdict_say(out, reason, clause, "%s", text);
}

static void submod(struct atls_judge *judge, size_t index)
{
    work_of(judge)->out->submod = index;
}

static void attest(struct atls_judge *judge, const struct atls_public_key *key)
{
    work_of(judge)->out->has_key = true;
    work_of(judge)->out->key = *key;
}

static const struct atls_judge_ops judge_ops = {
    condemn, appraise_token, find_anchor,   match,      claim,          say,
    submod,  attest,         find_instance, match_pcrs, match_platform, match_realm};

/* The worst of what is claimed; affirming only where every claim that this submod makes was earned.
 */
static enum atls_tier tier_of(const struct atls_submod_verdict *verdict, unsigned made)
{
    enum atls_tier worst = ATLS_TIER_AFFIRMING;

    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++) {
        enum atls_tier tier = atls_trust_claim_tier(verdict->trust_vector[i]);

        if (verdict->trust_vector[i] != ATLS_NO_CLAIM)
            worst = tier > worst ? tier : worst;
    }
    for (size_t i = 0; worst == ATLS_TIER_AFFIRMING && i < ATLS_TRUST_CLAIM_COUNT; i++) {
        if ((made >> i & 1) != 0 &&
            atls_trust_claim_tier(verdict->trust_vector[i]) != ATLS_TIER_AFFIRMING)
            worst = ATLS_TIER_NONE;
    }
    return worst;
}

/* Evidence that passed, or did not pass, every check has its tier now, and a reason. */
static int conclude(struct work *work)
{
    struct atls_evidence_verdict *out = work->out;

    for (size_t i = 0; i < out->submod_count; i++) {
        struct atls_submod_verdict *verdict = &out->submods[i];

        verdict->tier = tier_of(verdict, work->format->submods[i].claims);
        if (i == 0 || atls_tier_is_worse(verdict->tier, out->tier))
            out->tier = verdict->tier;
    }
    if ((out->tier == ATLS_TIER_AFFIRMING) == (out->reason != NULL))
        return atls_fail(-EINVAL, NULL, "an appraisal ended as %s with reason %s",
                         atls_tier_name(out->tier), out->reason ? out->reason : "none");
    if (out->tier == ATLS_TIER_AFFIRMING)
        atls_evidence_verdict_say(out, "ok", NULL, "every check passed");
    return 0;
}

int atls_appraise(const struct atls_appraiser *appraiser, const struct atls_evidence *evidence,
                  struct atls_bytes nonce, struct atls_evidence_verdict *appraisalp)
{
    const struct atls_evidence_message message = {evidence->cmw, evidence->value};
    struct atls_evidence_verdict out;
    struct work work = {
        .judge = {&judge_ops, appraiser->crypto, nonce, appraiser->now},
        .with = appraiser,
        .format = evidence->format,
        .manners = appraiser->manners ? appraiser->manners : &atls_appraisal_own,
        .out = &out,
        .holds_until = INT64_MAX,
    };
    int result;

    work.components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *work.components); /* as they come */
    if (!work.components)
        return atls_fail(-ENOMEM, NULL, "no memory for software components");
    atls_evidence_verdict_open(evidence->format, &out);
    result = evidence->format->appraise(&work.judge, &message);
    free(work.components);
    free(work.kept);
    if (result == 0)
        result = conclude(&work);
    if (result < 0) {
        atls_evidence_verdict_clear(&out);
        return result;
    }
    *appraisalp = out;
    return 0;
}
