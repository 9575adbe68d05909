/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an attestation result to a verdict. What is wrong with a result in the background check is
 * the verifier's fault, since it comes straight from there; in the passport model it is the peer's,
 * who presented it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/json/json.h"
#include "roles/relying-party-private.h"

#define LEEWAY 2 /* seconds by which clocks may differ */
#define MISMATCHES_MAX 64

/* Words that a verifier may give as its reason (harness/peers/README.md). */
static const char *const verifier_reasons[] = {
    "reference-value-mismatch",
    "unknown-component",
    "version-not-endorsed",
    "unknown-attestation-key",
    "pat-signature-invalid",
    "kat-signature-invalid",
    "linkage-mismatch",
    "platform-token-caller",
    "nonce-mismatch",
    "nonce-length",
    "lifecycle-not-secured",
    "evidence-replayed",
    "evidence-expired",
    "malformed-cmw",
    "malformed-cbor",
    "malformed-cose",
    "malformed-claims",
    "attestation-key-mismatch",
    "key-name-mismatch",
    "key-unprotected",
    NULL,
};

/* What of the evidence names the attested key; NULL: nothing does, or there is no evidence. */
static const char *key_in(const struct atls_appraisal *a)
{
    return a->received.evidence.format ? a->received.evidence.format->key_in : NULL;
}

/* What says which key is attested. */
static const char *key_from(const struct atls_appraisal *a)
{
    return a->received.unnamed               ? "binder"
           : a->model == ATLS_MODEL_PASSPORT ? "result"
           : key_in(a)                       ? "evidence"
                                             : "binder";
}

static void conclude(struct atls_appraisal *a, enum atls_tier tier, bool accepted,
                     bool verifier_at_fault)
{
    a->verdict = (struct atls_verdict){.tier = tier,
                                       .accepted = accepted,
                                       .reason = a->reason,
                                       .detail = a->detail,
                                       .clause = a->clause,
                                       .mismatches = a->mismatches,
                                       .verifier_at_fault = verifier_at_fault};
    a->concluded = true;
    if (!atls_events_heard(a->rp->events))
        return;
    json_t *mismatches = a->mismatches ? json_incref(a->mismatches) : json_array();
    json_t *event = json_pack("{s:i, s:s, s:b, s:s, s:s, s:s, s:o}", "conn", (int)a->conn, "tier",
                              atls_tier_name(tier), "accepted", (int)accepted, "reason", a->reason,
                              "detail", a->detail, "clause", a->clause, "mismatches", mismatches);
    if (event && accepted) {
        atls_json_add(&event, "key_from", json_string(key_from(a)));
    }
    atls_event_object(a->rp->events, "verdict", event);
}

void atls_appraisal_refuse(struct atls_appraisal *a, enum atls_tier tier, const char *reason,
                           bool verifier_at_fault)
{
    if (a->concluded) {
        return;
    }
    snprintf(a->reason, sizeof a->reason, "%s", reason);
    snprintf(a->detail, sizeof a->detail, "%s", atls_error_text());
    snprintf(a->clause, sizeof a->clause, "%s", atls_error_clause());
    conclude(a, tier, false, verifier_at_fault);
}

void atls_appraisal_refuse_binder(struct atls_appraisal *a, const char *what,
                                  struct atls_bytes came, bool verifier_at_fault)
{
    const struct atls_evidence_question question = {.challenge =
                                                        ATLS_BYTES(a->challenge, a->challenge_size),
                                                    .computed = true,
                                                    .binder_clause = a->rp->options.binder_clause};
    const char *reason = "binder-mismatch";

    (void)atls_evidence_check_binder(&question, what, came, &reason);
    atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, verifier_at_fault);
}

/* The verifier's fault where it came from there, the peer's where that presented it. */
static void refuse_result(struct atls_appraisal *a, const char *reason)
{
    atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, a->model != ATLS_MODEL_PASSPORT);
}

static void refuse_unread(struct atls_appraisal *a, int code)
{
    bool passport = a->model == ATLS_MODEL_PASSPORT;
    char text[400];

    snprintf(text, sizeof text, "%s", atls_error_text());
    if (code < 0) {
        refuse_result(a, "internal");
    } else if (code == ATLS_E_MALFORMED || code == ATLS_E_LIMIT || code == ATLS_E_MISSING) {
        refuse_result(a, passport ? "malformed-result" : "verifier-garbage");
    } else if (passport && a->received.issuer && strcmp(a->received.issuer, a->expected->id) != 0) {
        /* It says itself, unverified but against itself, that another verifier made it. */
        atls_fail(ATLS_E_UNTRUSTED, "RFC 7519 section 4.1.1",
                  "expected a result of verifier %.100s, came one of %.100s: %s", a->expected->id,
                  a->received.issuer, text);
        refuse_result(a, "verifier-untrusted");
    } else {
        refuse_result(a, "result-signature-invalid");
    }
}

/* Who is not among those a result is for must not take it. */
static bool check_audience(struct atls_appraisal *a, const struct atls_ear *ear)
{
    const struct atls_relying_party_options *options = &a->rp->options;

    if (atls_ear_is_for(ear, options->audience, options->audience_count)) {
        return true;
    }
    if (options->audience_count) {
        atls_fail(ATLS_E_UNTRUSTED, "RFC 7519 section 4.1.3",
                  "expected a result for %.100s%s, its aud names others", options->audience[0],
                  options->audience_count > 1 ? ", or another of --audience" : "");
    } else {
        atls_fail(ATLS_E_UNTRUSTED, "RFC 7519 section 4.1.3",
                  "the result is for those that its aud names, and this relying party has no name: "
                  "give it one with --audience");
    }
    refuse_result(a, "result-audience");
    return false;
}

static bool check_issuer(struct atls_appraisal *a, const struct atls_ear *ear)
{
    if (a->model != ATLS_MODEL_PASSPORT || !ear->issuer ||
        strcmp(ear->issuer, a->expected->id) == 0) {
        return true;
    }
    atls_fail(ATLS_E_UNTRUSTED, "RFC 7519 section 4.1.1",
              "expected a result of verifier %.100s, came one of %.100s", a->expected->id,
              ear->issuer);
    refuse_result(a, "verifier-untrusted");
    return false;
}

/* For the diagnosis: what the result answers, of which nothing is left when it is concluded.
 * Whoever read the result has taken no nonce that is longer than there is room for. */
static void keep_answered(struct atls_appraisal *a, struct atls_bytes nonce)
{
    a->of_result = true;
    if (nonce.data) {
        memcpy(a->answered, nonce.data, nonce.size);
    }
    a->answered_size = nonce.size;
}

static bool check_nonce(struct atls_appraisal *a, const struct atls_ear *ear)
{
    struct atls_bytes nonce = ATLS_BYTES(ear->nonce, ear->nonce_size);

    if (a->model == ATLS_MODEL_PASSPORT && a->rp->options.result_answers) {
        if (!a->challenge_told) {
            atls_fail(-EINVAL, NULL, "a result must answer a binder, and none was computed");
            refuse_result(a, "internal");
            return false;
        }
        if (!ear->nonce ||
            !atls_bytes_equal_secret(nonce, ATLS_BYTES(a->challenge, a->challenge_size))) {
            keep_answered(a, nonce);
            atls_appraisal_refuse_binder(a, "the result", nonce, false);
            return false;
        }
        return true;
    }
    if (a->model == ATLS_MODEL_PASSPORT || !ear->nonce ||
        atls_bytes_equal_secret(nonce, ATLS_BYTES(a->verifier_nonce, a->verifier_nonce_size))) {
        return true;
    }
    atls_fail(ATLS_E_MISMATCH, "RFC 9711 section 4.1",
              "the verifier's result is about another session: its eat_nonce is not the session's");
    keep_answered(a, nonce);
    refuse_result(a, "nonce-mismatch");
    return false;
}

static bool names_key(const struct atls_ear *ear)
{
    bool named = false;

    for (size_t i = 0; i < ear->submod_count; i++) {
        named = named || ear->submods[i].has_key;
    }
    return named;
}

/* In the background check the connection to the verifier says which session a result is about, to
 * whoever trusts what is between; the result itself must say it, too, by the nonce or by the key.
 */
static bool check_bound(struct atls_appraisal *a, const struct atls_ear *ear)
{
    if (a->model == ATLS_MODEL_PASSPORT || a->rp->options.result_unbound || ear->nonce ||
        names_key(ear)) {
        return true;
    }
    atls_fail(ATLS_E_MISSING, "RFC 9711 section 4.1",
              "expected a result with the session's eat_nonce or an attested key (akpub), it has "
              "neither: nothing ties it to this session");
    refuse_result(a, "result-unbound");
    return false;
}

/* A result that names no key is about whatever the evidence answered: that must be the binder, in
 * which the certificate's key is. */
static bool check_unnamed(struct atls_appraisal *a, const struct atls_ear *ear)
{
    if (!a->received.unnamed ||
        (a->challenge_told && ear->nonce &&
         atls_bytes_equal_secret(ATLS_BYTES(ear->nonce, ear->nonce_size),
                                 ATLS_BYTES(a->challenge, a->challenge_size)))) {
        return true;
    }
    atls_fail(
        ATLS_E_MISSING, a->rp->options.binder_clause,
        "expected a result that attests a key (akpub) or answers the binder, it does neither");
    refuse_result(a, "result-without-key");
    return false;
}

static bool check_key(struct atls_appraisal *a, const struct atls_ear *ear)
{
    if (a->has_leaf && !atls_public_key_equal(&a->received.key, &a->leaf)) {
        atls_fail(ATLS_E_MISMATCH, "KAT-06 section 4",
                  "the result attests another key than that of the certificate");
        refuse_result(a, "key-mismatch");
        return false;
    }
    for (size_t i = 0; i < ear->submod_count; i++) {
        if (ear->submods[i].has_key &&
            !atls_public_key_equal(&ear->submods[i].key, &a->received.key)) {
            atls_fail(ATLS_E_MISMATCH, "KAT-06 section 4",
                      "the verifier's result attests another key than %s%s",
                      key_in(a) ? "the one in the " : "the certificate's",
                      key_in(a) ? key_in(a) : "");
            refuse_result(a, "key-mismatch");
            return false;
        }
    }
    return true;
}

static bool is_hex(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* Entries of the form that the contract gives; what a foreign verifier writes otherwise is left. */
static json_t *take_mismatches(const json_t *policy_claims)
{
    const json_t *list = json_object_get(policy_claims, "atls.mismatches"), *entry;
    json_t *taken = NULL;
    size_t i, j;

    json_array_foreach(list, i, entry)
    {
        const json_t *expected = json_object_get(entry, "expected"), *value;
        const char *component = json_string_value(json_object_get(entry, "component"));
        bool good = component && is_hex(json_object_get(entry, "measured")) &&
                    json_is_array(expected) && i < MISMATCHES_MAX;
        json_array_foreach(expected, j, value)
        {
            good = good && is_hex(value);
        }
        if (!good) {
            continue;
        }
        taken = taken ? taken : json_array();
        atls_json_append(&taken,
                         json_pack("{s:o, s:O, s:O}", "component",
                                   atls_json_printable(atls_bytes_of_text(component)), "expected",
                                   expected, "measured", json_object_get(entry, "measured")));
    }
    return taken;
}

/* The submod that made the tier what it is, one that says why first; NULL where it is the status of
 * the whole alone. */
static const struct atls_ear_submod *submod_of_tier(const struct atls_ear *ear, enum atls_tier tier)
{
    const struct atls_ear_submod *found = NULL;

    for (size_t i = 0; i < ear->submod_count; i++) {
        const struct atls_ear_submod *submod = &ear->submods[i];
        bool explains = json_object_get(submod->policy_claims, "atls.reason") != NULL;
        bool explained = found && json_object_get(found->policy_claims, "atls.reason");
        if (atls_ear_submod_tier(submod) == tier && (!found || (explains && !explained))) {
            found = submod;
        }
    }
    return found;
}

static void refuse_tier(struct atls_appraisal *a, const struct atls_ear *ear, enum atls_tier tier)
{
    const struct atls_ear_submod *submod = submod_of_tier(ear, tier);
    const json_t *claims = submod ? submod->policy_claims : NULL;
    const char *said = atls_json_text(json_object_get(claims, "atls.reason"));
    const char *detail = atls_json_text(json_object_get(claims, "atls.detail"));
    const char *clause = atls_json_text(json_object_get(claims, "atls.clause"));
    char reason[40];

    snprintf(reason, sizeof reason, "tier-%s", atls_tier_name(tier));
    for (size_t i = 0; said && verifier_reasons[i]; i++) {
        if (strcmp(said, verifier_reasons[i]) == 0) {
            snprintf(reason, sizeof reason, "%s", said);
        }
    }
    a->mismatches = take_mismatches(claims);
    if (detail) {
        atls_fail(ATLS_E_UNTRUSTED, clause ? clause : NULL, "%s", detail);
    } else {
        atls_fail(ATLS_E_UNTRUSTED, "draft-ietf-rats-ear-03 section 3",
                  "the result's tier is %s%s, policy accepts %s", atls_tier_name(tier),
                  submod ? "" : ", by the status of the whole",
                  a->rp->options.accept_tier == ATLS_TIER_WARNING ? "affirming or warning"
                                                                  : "affirming only");
    }
    atls_appraisal_refuse(a, tier, reason, false);
}

/* What ties the result to this connection, in words: only what was checked. */
static const char *tie_of(const struct atls_appraisal *a, const struct atls_ear *ear)
{
    bool passport = a->model == ATLS_MODEL_PASSPORT, named = names_key(ear);

    if (a->received.unnamed) {
        return "it names no key: only its nonce, which the binder is, ties it to the "
               "certificate's (H10)";
    }
    if (passport) {
        return a->rp->options.result_answers ? "it attests the key and answers the binder"
                                             : "it attests the key";
    }
    if (!ear->nonce) {
        return named ? "it attests the key, and answers no session"
                     : "nothing in it ties it to this session (result-binding=none)";
    }
    if (!key_in(a)) {
        return "it answers this session; the evidence names no key: only its nonce, which the "
               "binder is, ties it to the certificate's (H10)";
    }
    return named ? "it answers this session and attests the key"
                 : "it answers this session; the key is that of the evidence";
}

static void accept_peer(struct atls_appraisal *a, const struct atls_ear *ear, enum atls_tier tier)
{
    snprintf(a->reason, sizeof a->reason, "ok");
    snprintf(a->detail, sizeof a->detail, "the %s result is %s: %s",
             a->model == ATLS_MODEL_PASSPORT ? "presented" : "verifier's", atls_tier_name(tier),
             tie_of(a, ear));
    conclude(a, tier, true, false);
}

/* The file and the event of a result that the verifier sent here. */
static void tell_result(struct atls_appraisal *a, struct atls_bytes token,
                        const struct atls_ear *ear, int64_t now)
{
    char file[ATLS_ARTIFACT_NAME], what[16];
    int64_t end = INT64_MIN;

    if (a->model == ATLS_MODEL_PASSPORT) {
        return;
    }
    if (ear) {
        end = ear->expires_at ? ear->expires_at : ear->issued_at + a->rp->options.result_max_age;
        end -= now;
    }
    snprintf(what, sizeof what, "result.%s",
             atls_ear_serialization_name(atls_ear_serialization_of(token)));
    atls_report_artifact(a->rp->options.artifacts, a->conn, what, token, file);
    atls_report_result(a->rp->events, a->conn, "verifier", token, file, end);
}

/* The verifier may have a new key since its key was fetched. False where that is no explanation. */
static bool renew_key(struct atls_appraisal *a)
{
    const char *source = a->rp->options.verifier_url;

    if (a->model == ATLS_MODEL_PASSPORT) {
        source = a->expected->jwk ? NULL : a->expected->source;
    }
    if (a->key_renewed || !source) {
        return false;
    }
    a->key_renewed = true;
    atls_verifier_key_renew(a->rp->client, source);
    return true;
}

void atls_appraisal_judge(struct atls_appraisal *a, struct atls_bytes token,
                          const struct atls_ear_token *parsed, const json_t *jwk)
{
    const struct atls_relying_party_options *options = &a->rp->options;
    int64_t now = (int64_t)time(NULL) + options->clock_offset;
    struct atls_ear ear;
    int result = parsed ? atls_ear_read_token(parsed, jwk, &ear) : atls_ear_read(token, jwk, &ear);

    if (result == ATLS_E_SIGNATURE && renew_key(a)) {
        return;
    }
    if (result) {
        char text[400], clause[96];
        snprintf(text, sizeof text, "%s", atls_error_text());
        snprintf(clause, sizeof clause, "%s", atls_error_clause());
        tell_result(a, token, NULL, now);
        atls_fail(result, clause[0] ? clause : NULL, "%s", text);
        refuse_unread(a, result);
        return;
    }
    tell_result(a, token, &ear, now);
    if (atls_ear_check_time(&ear, now, LEEWAY, options->result_max_age)) {
        refuse_result(a, "result-expired");
    } else if (check_audience(a, &ear) && check_issuer(a, &ear) && check_nonce(a, &ear) &&
               check_bound(a, &ear) && check_unnamed(a, &ear) && check_key(a, &ear)) {
        enum atls_tier tier = atls_ear_worst_tier(&ear);
        if (tier == ATLS_TIER_AFFIRMING ||
            (tier == ATLS_TIER_WARNING && options->accept_tier == ATLS_TIER_WARNING)) {
            accept_peer(a, &ear, tier);
        } else {
            refuse_tier(a, &ear, tier);
        }
    }
    atls_ear_clear(&ear);
}
