/* SPDX-License-Identifier: Apache-2.0 */
/* From a credential to a verdict. Own checks come first; only fresh, linked evidence is worth the
 * verifier's time. */
#include "appraisal.h"

#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "evidence.h"
#include "verifier.h"

#define PASSPORT "draft-fossati-tls-attestation-07 section 5"

struct appraisal {
    const struct party *party;
    unsigned conn;
    bool passport;
    struct bytes challenge;
    const struct public_key *leaf;
    const struct trusted *expected;
    bool binder_only; /* a bare token names no key */
    enum tier tier;
    json_t *mismatches;
};

/* Words that a verifier may give as its reason. */
static const char *const verifier_reasons[] = {"reference-value-mismatch",
                                               "unknown-component",
                                               "version-not-endorsed",
                                               "unknown-attestation-key",
                                               "pat-signature-invalid",
                                               "kat-signature-invalid",
                                               "linkage-mismatch",
                                               "platform-token-caller",
                                               "attestation-key-mismatch",
                                               "key-name-mismatch",
                                               "key-unprotected",
                                               "nonce-mismatch",
                                               "nonce-length",
                                               "lifecycle-not-secured",
                                               "evidence-replayed",
                                               "evidence-expired",
                                               "malformed-cmw",
                                               "malformed-cbor",
                                               "malformed-cose",
                                               "malformed-claims"};

static const char *known_reason(const char *word)
{
    for (size_t i = 0; word && i < sizeof verifier_reasons / sizeof *verifier_reasons; i++)
        if (strcmp(verifier_reasons[i], word) == 0)
            return verifier_reasons[i];
    return NULL;
}

enum model appraisal_model(const struct party *party, struct bytes in)
{
    struct why ignored = {.reason = NULL};
    enum model model = MODEL_BACKGROUND_CHECK;
    struct cmw *cmw;
    if (cmw_parse(in, &cmw, &ignored) == 0) {
        model = cmw_is(cmw, MT_EAT_JWT) ? MODEL_PASSPORT : MODEL_BACKGROUND_CHECK;
        cmw_free(cmw);
    }
    return able(&party->relying_party, model) ? model : party->relying_party.models[0];
}

const struct trusted *appraisal_issuer(const struct party *party, struct bytes in)
{
    struct why ignored = {.reason = NULL};
    const struct trusted *found = &party->trusted[0];
    struct result result;
    struct cmw *cmw;
    if (cmw_parse(in, &cmw, &ignored) != 0)
        return found;
    if (result_read(BLOB_BYTES(cmw->value), &result, &ignored) == 0) {
        for (size_t i = 0; i < party->trusted_count && result.issuer; i++)
            if (strcmp(party->trusted[i].id, result.issuer) == 0)
                found = &party->trusted[i];
        result_clear(&result);
    }
    cmw_free(cmw);
    return found;
}

/* Entries of the form that the contract gives; what a foreign verifier writes otherwise is left. */
static json_t *take_mismatches(const json_t *claims)
{
    const json_t *list = json_object_get(claims, "atls.mismatches"), *entry;
    json_t *taken = json_array();
    size_t i;
    json_array_foreach(list, i, entry)
    {
        json_t *component = json_object_get(entry, "component");
        json_t *expected = json_object_get(entry, "expected");
        json_t *measured = json_object_get(entry, "measured");
        if (i < 64 && json_is_string(component) && json_is_array(expected) &&
            json_is_string(measured))
            json_array_append_new(taken, json_pack("{s:O, s:O, s:O}", "component", component,
                                                   "expected", expected, "measured", measured));
    }
    return taken;
}

static int refuse_tier(struct appraisal *a, const struct result *result, struct why *why)
{
    static const char *const by_tier[] = {"tier-none", NULL, "tier-warning",
                                          "tier-contraindicated"};
    const json_t *claims = result->policy_claims;
    const char *reason = known_reason(json_string_value(json_object_get(claims, "atls.reason")));
    const char *detail = json_string_value(json_object_get(claims, "atls.detail"));
    const char *clause = json_string_value(json_object_get(claims, "atls.clause"));
    a->tier = result->tier;
    a->mismatches = take_mismatches(claims);
    return refuse(why, reason ? reason : by_tier[result->tier],
                  clause ? clause : "draft-ietf-rats-ear-03", "%s",
                  detail ? detail : "the result's tier is worse than policy accepts");
}

/* What is wrong with a result is the verifier's fault where it came from there. */
static int refuse_result(const struct appraisal *a, const char *reason, const char *clause,
                         const char *detail, struct why *why)
{
    return a->passport ? refuse(why, reason, clause, "%s", detail)
                       : refuse_alert(why, reason, SSL_AD_INTERNAL_ERROR, clause, "%s", detail);
}

static int check_nonce(const struct appraisal *a, const struct result *result,
                       struct bytes session_nonce, struct why *why)
{
    struct bytes nonce = BLOB_BYTES(result->nonce);
    if (a->passport && a->party->profile->result_answers && !bytes_equal(nonce, a->challenge))
        return refuse(why, "binder-mismatch", a->party->profile->binder_clause,
                      "the result answers another binder than the one computed here, or none");
    if (!a->passport && nonce.size && !bytes_equal(nonce, session_nonce))
        return refuse_result(a, "nonce-mismatch", "RFC 9711 section 4.1",
                             "the verifier's result is about another session", why);
    return 0;
}

/* What a result must be, whoever brought it. */
static int judge(struct appraisal *a, struct bytes jwt, const json_t *jwk,
                 struct bytes session_nonce, struct why *why)
{
    struct why seen = {.reason = NULL};
    struct result result;
    char file[64];
    int64_t now = party_clock(a->party), left;
    if (!a->passport)
        artifact(a->party->artifacts, a->conn, "result.jwt", jwt, file);
    int read = result_read(jwt, &result, &seen);
    if (!a->passport) {
        left = read ? 0
                    : (result.expires ? result.expires : result.issued + a->party->result_max_age) -
                          now;
        event_result(a->conn, "verifier", file, read ? NULL : &left);
    }
    if (read)
        return refuse_result(a, a->passport ? "malformed-result" : "verifier-garbage", seen.clause,
                             seen.detail, why);
    int outcome = 0;
    bool other = a->passport && result.issuer && strcmp(result.issuer, a->expected->id) != 0;
    if (other)
        outcome = refuse(why, "verifier-untrusted", "RFC 7519 section 4.1.1",
                         "expected a result of verifier %s, came one of %s", a->expected->id,
                         result.issuer);
    else if (result_verify(jwt, jwk, &seen) ||
             result_check_time(&result, now, a->party->result_max_age, &seen))
        outcome = refuse_result(a, seen.reason, seen.clause, seen.detail, why);
    else if (check_nonce(a, &result, session_nonce, why))
        outcome = -1;
    else if (a->passport && !result.has_key)
        outcome = refuse(why, "result-without-key", PASSPORT, "the result attests no key (akpub)");
    else if (result.has_keys || (result.has_key && !key_equal(&result.key, a->leaf)))
        outcome = refuse_result(a, "key-mismatch", "draft-bft-rats-kat-06 section 4",
                                "the result attests another key than that of the certificate", why);
    else if (result.tier != TIER_AFFIRMING &&
             !(result.tier == TIER_WARNING && a->party->accept_tier == TIER_WARNING))
        outcome = refuse_tier(a, &result, why);
    else
        a->tier = result.tier;
    result_clear(&result);
    return outcome;
}

/* A verifier that knows nothing of bundles may know the platform token in it: that goes alone, in a
 * session over the linkage hash. KAT and linkage were checked here. */
static int ask_for_token(const struct appraisal *a, const struct evidence *evidence,
                         struct verifier_session **sessionp, struct blob *jwt, struct why *why)
{
    static const char *const types[] = {MT_PSA_TOKEN, MT_PSA_VERAISON, MT_PSA_RFC9783};
    if (evidence->is_cab) {
        verifier_close(*sessionp);
        *sessionp = NULL;
        if (verifier_open(a->party->verifier, a->party->verifier_timeout_ms, evidence->token_nonce,
                          0, sessionp, why))
            return -1;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (verifier_takes(*sessionp, types[i]))
            return verifier_ask(*sessionp, types[i], evidence->token, jwt, why);
    return refuse(why, "verifier-error", "Veraison challenge-response API: accept",
                  "the verifier takes no evidence of this kind");
}

static int background_check(struct appraisal *a, struct bytes in, const struct cmw *cmw,
                            struct why *why)
{
    const struct party *party = a->party;
    const char *type = cmw->json ? MT_CMW_JSON : MT_CMW_CBOR;
    struct evidence evidence;
    struct verifier_session *session = NULL;
    struct blob jwt = {NULL, 0, 0};
    json_t *jwk = NULL;
    if (evidence_read(cmw, &evidence, why) ||
        evidence_check(&evidence, a->challenge, a->leaf, party->profile->binder_clause, why))
        return -1;
    a->binder_only = !evidence.is_cab;
    int outcome =
        verifier_open(party->verifier, party->verifier_timeout_ms, a->challenge, 0, &session, why);
    if (outcome == 0)
        outcome = evidence.is_cab && verifier_takes(session, type)
                      ? verifier_ask(session, type, in, &jwt, why)
                      : ask_for_token(a, &evidence, &session, &jwt, why);
    if (outcome == 0)
        outcome = verifier_key(party->verifier, party->verifier_timeout_ms, &jwk, why);
    if (outcome == 0)
        outcome = judge(a, BLOB_BYTES(jwt), jwk, verifier_nonce(session), why);
    if (outcome && strcmp(why->reason, "session-expired") == 0)
        why->alert = SSL_AD_INTERNAL_ERROR;
    json_decref(jwk);
    blob_clear(&jwt);
    verifier_close(session);
    return outcome;
}

static int passport(struct appraisal *a, const struct cmw *cmw, struct why *why)
{
    struct bytes jwt = BLOB_BYTES(cmw->value);
    json_t *jwk = NULL;
    if (!cmw_is(cmw, MT_EAT_JWT) || (cmw->indicator && !(cmw->indicator & CMW_RESULTS)))
        return refuse(why, "malformed-result", PASSPORT,
                      "expected a result of type " MT_EAT_JWT ", came another CMW");
    if (result_unsecured(jwt))
        return refuse(why, "result-signature-invalid", "RFC 8725 section 3.2",
                      "expected a signed result, came one with alg none");
    if (a->expected->jwk)
        jwk = json_incref(a->expected->jwk);
    else if (verifier_key(a->expected->source, a->party->verifier_timeout_ms, &jwk, why))
        return -1;
    int outcome = judge(a, jwt, jwk, (struct bytes){NULL, 0}, why);
    json_decref(jwk);
    return outcome;
}

void appraisal_lost(unsigned conn, const struct why *why)
{
    event("verdict", json_pack("{s:i, s:s, s:b, s:s, s:s, s:s, s:[]}", "conn", (int)conn, "tier",
                               tier_word(TIER_NONE), "accepted", 0, "reason", why->reason, "detail",
                               why->detail, "clause", why->clause, "mismatches"));
}

int appraise(const struct party *party, unsigned conn, enum model model, struct bytes challenge,
             const struct public_key *leaf, struct bytes in, const struct trusted *expected,
             struct why *why)
{
    struct appraisal a = {.party = party,
                          .conn = conn,
                          .passport = model == MODEL_PASSPORT,
                          .challenge = challenge,
                          .leaf = leaf,
                          .expected = expected};
    struct cmw *cmw = NULL;
    event_challenge(conn, "computed", challenge);
    event_credential(party->artifacts, conn, "received", in);
    int outcome = cmw_parse(in, &cmw, why);
    if (outcome == 0)
        outcome = a.passport ? passport(&a, cmw, why) : background_check(&a, in, cmw, why);
    cmw_free(cmw);
    const char *from = a.passport ? "result" : a.binder_only ? "binder" : "evidence";
    event("verdict",
          json_pack("{s:i, s:s, s:b, s:s, s:s, s:s, s:o, s:s*}", "conn", (int)conn, "tier",
                    tier_word(outcome && a.tier == TIER_AFFIRMING ? TIER_NONE : a.tier), "accepted",
                    outcome == 0, "reason", outcome ? why->reason : "ok", "detail",
                    outcome ? why->detail : "the result is good enough, and the key is attested",
                    "clause", outcome ? why->clause : "", "mismatches",
                    a.mismatches ? a.mismatches : json_array(), "key_from", outcome ? NULL : from));
    return outcome;
}
