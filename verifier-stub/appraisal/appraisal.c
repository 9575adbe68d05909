/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of checks is the order of trust: form, trust anchor, signatures, linkage, freshness,
 * and only then what the evidence says. The first failure gives the reason. A verdict begins with
 * nothing claimed, which is no verdict: each trust claim is earned by the check that stands for it.
 */
#include "verifier-stub/appraisal/appraisal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/prototype.h"

#define KAT_CLAUSE "draft-bft-rats-kat-06 section 3"
#define VALIDITY_CLAUSE "draft-ietf-rats-corim section 7.3"
#define CLIENT_CLAUSE "RFC 9783 section 4.1.2"

/* AR4SI values used here */
enum { NO_CLAIM = 0, TRUSTWORTHY = 2, CONTRAINDICATED = 96, VERIFICATION_FAILED = 99 };

struct work {
    const struct atls_appraiser *with;
    struct atls_bytes nonce; /* the session's */
    struct atls_evidence_verdict *out;
    struct atls_psa_component *components;
    struct atls_psa_claims claims;
    int64_t holds_until; /* seconds: then some endorsement begins or ceases to be valid */
};

void atls_evidence_verdict_clear(struct atls_evidence_verdict *appraisal)
{
    json_decref(appraisal->mismatches);
    json_decref(appraisal->annotated_evidence);
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
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++)
        out->trust_vector[i] = VERIFICATION_FAILED;
    out->tier = ATLS_TIER_CONTRAINDICATED;
    out->has_key = false;
}

/* Condemns with what the failing parser said; an error of this machine passes through. */
static int condemn_with_error(struct atls_evidence_verdict *out, int error, const char *reason)
{
    char text[sizeof out->detail];
    char clause[sizeof out->clause];

    if (error < 0)
        return error;
    snprintf(text, sizeof text, "%s", atls_error_text());
    snprintf(clause, sizeof clause, "%s", atls_error_clause());
    atls_evidence_verdict_condemn(out, reason, clause, "%s", text);
    return ATLS_E_REFUSED;
}

/* The word for bytes that should have been a signed map of claims and are not: at which of its
 * layers do they break? NULL where only the claims themselves are wrong. */
static const char *malformed_word(struct atls_bytes message, enum atls_cose_tagging tagging,
                                  const struct atls_cbor_rules *rules)
{
    struct atls_cbor_reader reader;
    struct atls_cose_sign1 token;

    if (atls_cbor_open(&reader, message, rules, "RFC 8949") > 0)
        return "malformed-cbor";
    if (atls_cose_sign1_parse(message, tagging, NULL, &token) > 0)
        return "malformed-cose";
    if (atls_cbor_open(&reader, token.payload, rules, "RFC 8949") > 0)
        return "malformed-cbor";
    return NULL;
}

static int condemn_malformed(struct atls_evidence_verdict *out, int error,
                             struct atls_bytes message, enum atls_cose_tagging tagging)
{
    char text[sizeof out->detail];
    char clause[sizeof out->clause];
    const char *word;

    if (error < 0)
        return error;
    snprintf(text, sizeof text, "%s", atls_error_text());
    snprintf(clause, sizeof clause, "%s", atls_error_clause());
    word = malformed_word(message, tagging, &atls_psa_rules);
    atls_evidence_verdict_condemn(out, word ? word : "malformed-claims", clause, "%s", text);
    return ATLS_E_REFUSED;
}

static int parse_token(struct work *work, struct atls_bytes message, enum atls_cose_tagging tagging,
                       struct atls_cose_sign1 *tokenp)
{
    int result = atls_psa_token_parse(message, tagging, work->components, ATLS_PSA_COMPONENTS_MAX,
                                      tokenp, &work->claims);

    return result == 0 ? 0 : condemn_malformed(work->out, result, message, tagging);
}

/* Does an endorsement count today? Notes when that changes. */
static bool is_valid(struct work *work, const struct atls_validity *validity)
{
    int64_t now = work->with->now;
    bool valid = atls_validity_holds(validity, now);
    int64_t until = now < validity->not_before     ? validity->not_before
                    : valid && validity->not_after ? validity->not_after + 1
                                                   : INT64_MAX;

    if (until < work->holds_until)
        work->holds_until = until;
    return valid;
}

static int find_anchor(struct work *work, struct atls_public_key *keyp)
{
    const struct atls_psa_claims *claims = &work->claims;
    struct atls_trust_anchor anchor;
    int result = work->with->store->ops->find_trust_anchor(
        work->with->store, claims->implementation_id.data, claims->instance_id.data, &anchor);

    if (result == 0 && !is_valid(work, &anchor.validity))
        result =
            atls_fail(ATLS_E_MISSING, VALIDITY_CLAUSE,
                      "the trust anchor for this instance is outside of its validity (%lld to "
                      "%lld, in seconds since 1970)",
                      (long long)anchor.validity.not_before, (long long)anchor.validity.not_after);
    if (result == ATLS_E_MISSING)
        return condemn_with_error(work->out, result, "unknown-attestation-key");
    if (result == 0)
        *keyp = anchor.key;
    return result > 0 ? -EIO : result; /* the store's own contents are bad: no verdict */
}

static int check_platform_signature(struct work *work, const struct atls_cose_sign1 *token,
                                    const struct atls_public_key *anchor)
{
    int result = atls_cose_sign1_verify(token, work->with->crypto, anchor);

    return result == 0 ? 0 : condemn_with_error(work->out, result, "pat-signature-invalid");
}

static int check_nonce(struct work *work, struct atls_bytes came, const char *clause)
{
    if (atls_bytes_equal_secret(came, work->nonce))
        return 0;
    atls_evidence_verdict_condemn(
        work->out, "nonce-mismatch", clause,
        "the evidence answers another challenge: its nonce (%zu bytes) is not "
        "the session's (%zu bytes)",
        came.size, work->nonce.size);
    return ATLS_E_REFUSED;
}

/* exp and nbf, which a token need not have: RFC 8392 section 3.1.4, "MUST NOT be accepted". */
static int check_times(struct work *work, const struct atls_cwt_times *times, const char *what)
{
    int result = atls_cwt_check_times(times, what, work->with->now);

    return result == 0 ? 0 : condemn_with_error(work->out, result, "evidence-expired");
}

/* Takes out what does not count today; says how many those were. */
static size_t drop_invalid(struct work *work, struct atls_reference_set *set)
{
    size_t kept = 0, all = set->count;

    for (size_t i = 0; i < all; i++) {
        struct atls_reference_value *value = &set->values[i];

        if (is_valid(work, &value->validity)) {
            set->values[kept++] = *value;
        } else {
            free(value->name);
            free(value->version);
        }
    }
    set->count = kept;
    return all - kept;
}

static int appraise_software(struct work *work)
{
    struct atls_evidence_verdict *out = work->out;
    size_t dropped = 0;
    struct atls_reference_set references = {0};
    int result = work->with->store->ops->find_reference_values(
        work->with->store, work->claims.implementation_id.data, &references);

    if (result == 0) {
        dropped = drop_invalid(work, &references);
        result = atls_match_components(&work->claims, &references, out);
    }
    if (result == 0 && dropped > 0 && out->reason)
        snprintf(out->detail + strlen(out->detail), sizeof out->detail - strlen(out->detail),
                 " (%zu reference values are outside of their validity)", dropped);
    atls_reference_set_clear(&references);
    return result > 0 ? -EIO : result;
}

/* Debugging of non-secure code leaves the root of trust alone (RFC 9783 4.3.1). */
static bool lifecycle_is_secured(uint16_t lifecycle)
{
    return (lifecycle & 0xff00) == ATLS_PSA_SECURED ||
           (lifecycle & 0xff00) == ATLS_PSA_NON_ROT_DEBUG;
}

static void appraise_lifecycle(struct work *work)
{
    static const enum atls_trust_claim moved[] = {ATLS_INSTANCE_IDENTITY, ATLS_RUNTIME_OPAQUE,
                                                  ATLS_STORAGE_OPAQUE};
    bool secured = lifecycle_is_secured(work->claims.lifecycle);

    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        work->out->trust_vector[moved[i]] = secured ? TRUSTWORTHY : CONTRAINDICATED;
    if (secured || work->out->reason)
        return;
    atls_evidence_verdict_say(
        work->out, "lifecycle-not-secured", "RFC 9783 section 4.3.1",
        "security lifecycle: expected secured or non-rot-debug, came %s (0x%04x)",
        atls_psa_lifecycle_name(work->claims.lifecycle), work->claims.lifecycle);
}

/* What genuine evidence says of its platform. */
static int appraise_platform(struct work *work)
{
    int result;

    work->out->trust_vector[ATLS_HARDWARE] = TRUSTWORTHY;
    result = appraise_software(work);
    if (result != 0)
        return result;
    appraise_lifecycle(work);
    if (!work->with->annotates)
        return 0;
    work->out->annotated_evidence = atls_evidence_summary(&work->claims);
    if (!work->out->annotated_evidence)
        return atls_fail(-ENOMEM, NULL, "no memory for a summary of evidence");
    return 0;
}

/* Veraison's order: trust anchor, nonce, signature. */
static int appraise_psa(struct work *work, const struct atls_evidence *evidence)
{
    struct atls_cose_sign1 token;
    struct atls_public_key anchor;
    int result = parse_token(work, evidence->value, ATLS_COSE_TAG_ALONE, &token);

    if (result == 0)
        result = find_anchor(work, &anchor);
    if (result == 0)
        result = check_nonce(work, work->claims.nonce, "RFC 9783 section 4.1.1");
    if (result == 0)
        result = check_platform_signature(work, &token, &anchor);
    if (result == 0)
        result = check_times(work, &work->claims.times, "PSA token");
    if (result == 0)
        result = appraise_platform(work);
    return result;
}

/* The bundle of the prototype: broken itself, or one of its tokens. */
static int parse_prototype(struct work *work, const struct atls_evidence *evidence,
                           struct atls_cab *cabp)
{
    struct atls_bytes kat, pat;
    int result = atls_evidence_cab(evidence, cabp);
    char text[sizeof work->out->detail], clause[sizeof work->out->clause];
    const char *word = "malformed-cmw";

    if (result <= 0)
        return result;
    snprintf(text, sizeof text, "%s", atls_error_text());
    snprintf(clause, sizeof clause, "%s", atls_error_clause());
    if (atls_prototype_bundle_split(evidence->value, &kat, &pat) == 0) {
        word = malformed_word(kat, ATLS_COSE_TAG_REQUIRED, &atls_cbor_lenient);
        word = word ? word : malformed_word(pat, ATLS_COSE_TAG_REQUIRED, &atls_cbor_lenient);
        word = word ? word : "malformed-claims";
    }
    atls_evidence_verdict_condemn(work->out, word, clause, "%s", text);
    return ATLS_E_REFUSED;
}

static int parse_cab(struct work *work, const struct atls_evidence *evidence, struct atls_cab *cabp)
{
    if (evidence->kind == ATLS_EVIDENCE_PROTOTYPE)
        return parse_prototype(work, evidence, cabp);

    const struct atls_cmw *kat = atls_cmw_find(evidence->cmw, "kat");
    const struct atls_cmw *pat = atls_cmw_find(evidence->cmw, "pat");
    struct atls_cose_sign1 token;
    int result = atls_cab_parse(evidence->cmw, cabp);
    const char *word;

    if (result == 0)
        return 0;
    if (!kat || !pat || kat->form == ATLS_CMW_COLLECTION || pat->form == ATLS_CMW_COLLECTION)
        return condemn_with_error(work->out, result, "malformed-cmw");
    word = malformed_word(kat->value, ATLS_COSE_TAG_EITHER, &atls_cbor_lenient);
    if (!word && atls_cose_sign1_parse(pat->value, ATLS_COSE_TAG_EITHER, NULL, &token) > 0)
        word = malformed_word(pat->value, ATLS_COSE_TAG_EITHER, &atls_cbor_lenient);
    return condemn_with_error(work->out, result, word ? word : "malformed-claims");
}

/* The KAT is signed by the key attestation key that it names, and the PAT vouches for that key by
 * carrying its hash as nonce; in the prototype it vouches for the identity key itself. */
static int check_linkage(struct work *work, const struct atls_cab *cab, struct atls_bytes pat_nonce)
{
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    int result = atls_cose_sign1_verify(&cab->kat, work->with->crypto, &cab->kat_claims.kak);

    if (result != 0)
        return condemn_with_error(work->out, result, "kat-signature-invalid");
    result = atls_kat_linkage_encoded(work->with->crypto, cab->kat_claims.linked, linkage);
    if (result != 0)
        return condemn_with_error(work->out, result, "linkage-mismatch");
    if (!atls_bytes_equal_secret(pat_nonce, ATLS_BYTES(linkage, sizeof linkage))) {
        atls_evidence_verdict_condemn(work->out, "linkage-mismatch",
                                      cab->prototype ? ATLS_PROTOTYPE_CLAUSE : KAT_CLAUSE,
                                      "the PAT's nonce is not the SHA-256 hash of %s in the KAT",
                                      cab->prototype ? "the identity key" : "kak-pub");
        return ATLS_E_REFUSED;
    }
    return 0;
}

/* A device signs a PAT over whatever hash its caller brings, that of a key of the caller's own too.
 * Only the client id says that it was a service of the secure side, which keeps the key attestation
 * key, and not the application. */
static int check_caller(struct work *work, int32_t client_id)
{
    if (client_id > 0)
        return 0;
    atls_evidence_verdict_condemn(
        work->out, "platform-token-caller", CLIENT_CLAUSE,
        "client id of the PAT: expected that of the key attestation service, "
        "which is positive, came %ld: a caller of the non-secure side",
        (long)client_id);
    return ATLS_E_REFUSED;
}

/* Everything that the PAT does not say of its platform. */
static int appraise_kat(struct work *work, const struct atls_cab *cab, struct atls_bytes pat_nonce,
                        int32_t client_id)
{
    int result = check_linkage(work, cab, pat_nonce);

    if (result == 0)
        result = check_caller(work, client_id);
    if (result == 0)
        result = check_nonce(work, cab->kat_claims.nonce, KAT_CLAUSE);
    return result == 0 ? check_times(work, &cab->kat_claims.times, "KAT") : result;
}

/* For a PAT of which nothing is known yet. */
static int appraise_tokens(struct work *work, const struct atls_cab *cab)
{
    struct atls_cose_sign1 token;
    struct atls_public_key anchor;
    int result = parse_token(work, cab->pat_bytes, ATLS_COSE_TAG_EITHER, &token);

    if (result == 0)
        result = find_anchor(work, &anchor);
    if (result == 0)
        result = check_platform_signature(work, &token, &anchor);
    if (result == 0)
        result = appraise_kat(work, cab, work->claims.nonce, work->claims.client_id);
    if (result == 0)
        result = check_times(work, &work->claims.times, "PAT");
    return result == 0 ? appraise_platform(work) : result;
}

/* What is wrong with a token is looked at anew each time, and so is one that has times. */
static void remember(const struct work *work, const uint8_t *digest, uint64_t revision)
{
    struct atls_platform_verdict verdict = {.summary = work->out->annotated_evidence,
                                            .client_id = work->claims.client_id};

    if (work->claims.times.has_exp || work->claims.times.has_nbf || work->claims.times.has_iat)
        return;
    if (work->out->reason || work->claims.nonce.size != sizeof verdict.nonce)
        return;
    memcpy(verdict.nonce, work->claims.nonce.data, sizeof verdict.nonce);
    memcpy(verdict.trust_vector, work->out->trust_vector, sizeof verdict.trust_vector);
    atls_platform_cache_keep(work->with->cache, digest, revision,
                             work->holds_until - work->with->now, &verdict);
}

static int appraise_remembering(struct work *work, const struct atls_cab *cab)
{
    uint64_t revision = 0;
    uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE];
    struct atls_platform_verdict known;
    int result = work->with->store->ops->revision(work->with->store, &revision);

    if (result == 0)
        result = work->with->crypto->hash(ATLS_SHA256, &cab->pat_bytes, 1, digest);
    if (result != 0)
        return result < 0 ? result : -EIO;
    if (atls_platform_cache_find(work->with->cache, digest, revision, &known)) {
        result =
            appraise_kat(work, cab, ATLS_BYTES(known.nonce, sizeof known.nonce), known.client_id);
        if (result == 0) {
            memcpy(work->out->trust_vector, known.trust_vector, sizeof known.trust_vector);
            work->out->annotated_evidence = json_incref(known.summary);
        }
        json_decref(known.summary);
        return result;
    }
    result = appraise_tokens(work, cab);
    if (result == 0)
        remember(work, digest, revision);
    return result;
}

static int appraise_cab(struct work *work, const struct atls_evidence *evidence)
{
    struct atls_cab cab;
    int result = parse_cab(work, evidence, &cab);

    if (result == 0)
        result = work->with->cache ? appraise_remembering(work, &cab) : appraise_tokens(work, &cab);
    if (result == 0) {
        work->out->has_key = true;
        work->out->key = cab.kat_claims.identity_key;
    }
    return result;
}

/* The worst of what is claimed; affirming only where every claim that this scheme makes was earned.
 */
static enum atls_tier tier_of(const int *trust_vector)
{
    static const enum atls_trust_claim made[] = {ATLS_INSTANCE_IDENTITY, ATLS_EXECUTABLES,
                                                 ATLS_HARDWARE, ATLS_RUNTIME_OPAQUE,
                                                 ATLS_STORAGE_OPAQUE};
    enum atls_tier worst = ATLS_TIER_AFFIRMING;

    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++) {
        enum atls_tier tier = atls_trust_claim_tier(trust_vector[i]);

        if (trust_vector[i] != NO_CLAIM && tier > worst)
            worst = tier;
    }
    for (size_t i = 0; worst == ATLS_TIER_AFFIRMING && i < sizeof made / sizeof *made; i++) {
        if (atls_trust_claim_tier(trust_vector[made[i]]) != ATLS_TIER_AFFIRMING)
            worst = ATLS_TIER_NONE;
    }
    return worst;
}

/* Evidence that passed, or did not pass, every check has its tier now, and a reason. */
static int conclude(struct atls_evidence_verdict *out)
{
    out->tier = tier_of(out->trust_vector);
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
    struct atls_evidence_verdict out = {.scheme = atls_evidence_scheme(evidence->kind)};
    struct work work = {.with = appraiser, .nonce = nonce, .out = &out, .holds_until = INT64_MAX};
    int result;

    work.components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *work.components); /* as they come */
    if (!work.components)
        return atls_fail(-ENOMEM, NULL, "no memory for software components");
    result = evidence->kind == ATLS_EVIDENCE_PSA ? appraise_psa(&work, evidence)
                                                 : appraise_cab(&work, evidence);
    free(work.components);
    if (result == 0)
        result = conclude(&out);
    if (result < 0) {
        atls_evidence_verdict_clear(&out);
        return result;
    }
    *appraisalp = out;
    return 0;
}
