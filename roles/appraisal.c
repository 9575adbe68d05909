/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party: the course of one appraisal. Its own checks come first and a refusal by them
 * is final; only well-formed, fresh, linked evidence is worth the verifier's time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rats/base/error.h"
#include "roles/relying-party-private.h"

/* The session whose nonce the evidence must answer: one of the verifier's making, perhaps asked for
 * ahead; or CHALLENGE. */
static int open_session(struct atls_appraisal *a, struct atls_bytes challenge)
{
    const struct atls_relying_party *rp = a->rp;
    const json_t *jwk;
    const char *reason;
    int result = 0;

    a->session = challenge.size ? NULL : atls_nonces_take(rp->nonces);
    if (!a->session) {
        result = atls_verifier_session_open(rp->client, rp->options.verifier_url,
                                            rp->options.nonce_size, challenge, &a->session);
    }

    if (!result) { /* meanwhile; a failure is told to whoever needs the key */
        (void)atls_verifier_key(rp->client, rp->options.verifier_url, &jwk, &reason);
    }
    return result;
}

static int make_appraisal(struct atls_relying_party *rp, unsigned conn, enum atls_model model,
                          struct atls_appraisal **appraisalp)
{
    struct atls_appraisal *a;

    if (model != ATLS_MODEL_PASSPORT && model != ATLS_MODEL_BACKGROUND_CHECK) {
        return atls_fail(-EINVAL, NULL, "an appraisal needs a model");
    }
    if (model == ATLS_MODEL_BACKGROUND_CHECK && !rp->options.verifier_url) {
        return atls_fail(-EINVAL, NULL, "a background check needs the URL of a verifier");
    }
    a = calloc(1, sizeof *a);
    if (!a) {
        return atls_fail(-ENOMEM, NULL, "no memory for an appraisal");
    }
    a->rp = rp;
    a->conn = conn;
    a->model = model;
    *appraisalp = a;
    return 0;
}

int atls_appraisal_begin(struct atls_relying_party *rp, unsigned conn, enum atls_model model,
                         struct atls_appraisal **appraisalp)
{
    struct atls_appraisal *a = NULL;
    int result = make_appraisal(rp, conn, model, &a);

    if (!a) {
        return result;
    }
    if (model == ATLS_MODEL_BACKGROUND_CHECK) {
        result = open_session(a, (struct atls_bytes){NULL, 0});
        if (result) {
            free(a);
            return result;
        }
    }
    *appraisalp = a;
    return 0;
}

int atls_appraisal_begin_with_challenge(struct atls_relying_party *rp, unsigned conn,
                                        enum atls_model model, struct atls_bytes challenge,
                                        struct atls_appraisal **appraisalp)
{
    struct atls_appraisal *a = NULL;
    int result = make_appraisal(rp, conn, model, &a);

    if (!a) {
        return result;
    }
    a->computed = true;
    result = challenge.size ? atls_appraisal_set_challenge(a, challenge) : 0;
    if (result) {
        atls_appraisal_free(a);
        return result;
    }
    *appraisalp = a;
    return 0;
}

int atls_appraisal_set_challenge(struct atls_appraisal *a, struct atls_bytes challenge)
{
    if (a->concluded || (a->computed && a->challenge_told)) {
        return atls_fail(-EINVAL, NULL,
                         "the challenge of an appraisal is set once, before its end");
    }
    if (challenge.size < ATLS_EAT_NONCE_MIN || challenge.size > ATLS_EAT_NONCE_MAX) {
        atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1",
                  "evidence answers 8 to 64 bytes, the binder has %zu", challenge.size);
        atls_appraisal_refuse(a, ATLS_TIER_NONE, "nonce-length", false);
        return ATLS_E_LIMIT;
    }
    if (a->model == ATLS_MODEL_BACKGROUND_CHECK) {
        atls_verifier_session_free(a->session);
        a->session = NULL;
        int result = open_session(a, challenge);
        if (result) {
            atls_appraisal_refuse(a, ATLS_TIER_NONE, "internal", false);
            return result;
        }
    }
    memcpy(a->challenge, challenge.data, challenge.size);
    a->challenge_size = challenge.size;
    memcpy(a->verifier_nonce, challenge.data, challenge.size);
    a->verifier_nonce_size = challenge.size;
    a->challenge_told = true;
    a->computed = true;
    atls_appraisal_remember(a);
    atls_event(a->rp->events, "challenge", "{s:i, s:s, s:o}", "conn", (int)a->conn, "direction",
               "computed", "nonce", atls_json_hex(challenge));
    return 0;
}

int atls_appraisal_expect_key(struct atls_appraisal *a, const struct atls_public_key *leaf)
{
    if (a->credential || a->concluded) {
        return atls_fail(-EINVAL, NULL, "the leaf's key must be known before the credential");
    }
    a->leaf = *leaf;
    a->has_leaf = true;
    return 0;
}

int atls_appraisal_own_key(struct atls_appraisal *a, const struct atls_public_key *own)
{
    if (a->credential || a->concluded || a->own_count == ATLS_OWN_KEYS_MAX) {
        return atls_fail(-EINVAL, NULL, "own keys must be known before the credential, %d at most",
                         ATLS_OWN_KEYS_MAX);
    }
    a->own[a->own_count++] = *own;
    return 0;
}

void atls_appraisal_free(struct atls_appraisal *a)
{
    if (!a) {
        return;
    }
    atls_verifier_session_free(a->session);
    atls_received_clear(&a->received);
    json_decref(a->mismatches);
    free(a->credential);
    free(a);
}

static void refuse_for_session(struct atls_appraisal *a)
{
    atls_appraisal_refuse(a, ATLS_TIER_NONE, atls_verifier_session_reason(a->session), true);
    atls_nonces_distrust(a->rp->nonces);
}

int atls_appraisal_challenge(struct atls_appraisal *a, struct atls_bytes *noncep)
{
    struct atls_bytes nonce;

    if (a->model != ATLS_MODEL_BACKGROUND_CHECK) {
        return atls_fail(-EINVAL, NULL, "only a background check has a challenge");
    }
    if (!a->challenge_told && !a->session) {
        return atls_fail(-EINVAL, NULL, "the challenge is the endpoint's to compute");
    }
    if (!a->challenge_told) {
        int result = atls_verifier_session_nonce(a->session, &nonce);
        if (result) {
            if (result != ATLS_E_AGAIN) {
                refuse_for_session(a);
            }
            return result;
        }
        memcpy(a->verifier_nonce, nonce.data, nonce.size);
        a->verifier_nonce_size = nonce.size;
        if (a->rp->options.constant_nonce && a->rp->options.send_constant_nonce) {
            nonce = a->rp->options.constant_nonce->nonce;
        }
        memcpy(a->challenge, nonce.data, nonce.size);
        a->challenge_size = nonce.size;
        memcpy(a->sent, nonce.data, nonce.size);
        a->sent_size = nonce.size;
        a->challenge_told = true;
        atls_appraisal_remember(a);
        atls_event(a->rp->events, "challenge", "{s:i, s:s, s:o}", "conn", (int)a->conn, "direction",
                   "sent", "nonce", atls_json_hex(nonce));
    }
    *noncep = a->computed ? ATLS_BYTES(a->challenge, a->challenge_size)
                          : ATLS_BYTES(a->sent, a->sent_size);
    return 0;
}

int atls_appraisal_expect_verifier(struct atls_appraisal *a, struct atls_bytes verifier_id)
{
    const json_t *jwk;
    const char *reason;

    for (size_t i = 0; i < a->rp->trusted_count; i++) {
        if (atls_bytes_is_text(verifier_id, a->rp->trusted[i].id)) {
            a->expected = &a->rp->trusted[i];
            (void)atls_relying_party_key(a->rp, a->expected, &jwk,
                                         &reason); /* starts to fetch it */
            return 0;
        }
    }
    return atls_fail(ATLS_E_UNTRUSTED, "draft-fossati-tls-attestation-07",
                     "the agreed verifier is none of the trusted ones");
}

/* A key that is this side's own, in what the peer presents: its own evidence was sent back to it.
 */
static bool is_own(const struct atls_appraisal *a)
{
    bool own = false;

    for (size_t i = 0; i < a->own_count; i++) {
        own = own || atls_public_key_equal(&a->own[i], &a->received.key) ||
              (a->has_leaf && atls_public_key_equal(&a->own[i], &a->leaf));
    }
    return own;
}

/* What this relying party does not take, whatever it proves. */
static int check_wanted(struct atls_appraisal *a, const char **reasonp)
{
    const struct atls_evidence_format *format = a->received.evidence.format;

    if (is_own(a)) {
        *reasonp = "own-key";
        return atls_fail(ATLS_E_MISMATCH, "draft-many-seat-architecture",
                         "expected another side's key, came this side's own: what it has sent "
                         "itself may have come back");
    }
    if (a->received.token.claims && a->received.token.serialization == ATLS_EAR_CWT &&
        !a->rp->options.result_cwt) {
        *reasonp = "malformed-result";
        return atls_fail(ATLS_E_UNSUPPORTED, "draft-ietf-rats-ear-03 section 6",
                         "expected an attestation result as application/eat+jwt, came one as "
                         "application/eat+cwt: --result-serialization cwt takes that, too");
    }
    if (a->rp->options.named_only && format && !format->key_in) {
        *reasonp = "evidence-without-key";
        return atls_fail(ATLS_E_MISSING, "draft-ietf-seat-use-cases-01 section 3.4",
                         "expected evidence that names the key it attests, came %s, which any "
                         "device would make for any key",
                         format->what);
    }
    return 0;
}

static void tell_replayable(const struct atls_appraisal *a)
{
    const struct atls_evidence_format *format = a->received.evidence.format;

    if (format && format->replayable) {
        atls_event(a->rp->events, "defect", "{s:i, s:s, s:s}", "conn", (int)a->conn, "name",
                   "replayable", "detail", format->replayable);
    }
}

int atls_appraisal_credential(struct atls_appraisal *a, struct atls_bytes cmw,
                              struct atls_public_key *keyp)
{
    const char *reason;

    if (a->credential || a->concluded) {
        return atls_fail(-EINVAL, NULL, "an appraisal takes one credential");
    }
    atls_report_credential(a->rp->events, a->rp->options.artifacts, a->conn, "received", cmw);
    a->credential = malloc(cmw.size + 1);
    if (!a->credential) {
        atls_fail(-ENOMEM, NULL, "no memory for a credential");
        atls_appraisal_refuse(a, ATLS_TIER_NONE, "internal", false);
        return -ENOMEM;
    }
    if (cmw.size) {
        memcpy(a->credential, cmw.data, cmw.size);
    }
    a->credential_size = cmw.size;
    int result =
        a->rp->options.evidence
            ? atls_received_parse_format(a->rp->options.evidence, a->rp->options.evidence_in_cmw,
                                         ATLS_BYTES(a->credential, a->credential_size),
                                         &a->received, &reason)
            : atls_received_parse_beside(a->model, a->has_leaf ? &a->leaf : NULL,
                                         a->rp->options.result_bound, cmw, &a->received, &reason);
    if (!result) {
        result = check_wanted(a, &reason);
    }
    if (result) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, false);
        return result;
    }
    tell_replayable(a);
    *keyp = a->received.key;
    return 0;
}

struct atls_evidence_question atls_appraisal_question(const struct atls_appraisal *a)
{
    return (struct atls_evidence_question){
        .crypto = &atls_crypto_hosted,
        .challenge = ATLS_BYTES(a->challenge, a->challenge_size),
        .computed = a->computed,
        .binder_clause = a->rp->options.binder_clause,
        .quote_of_nonce = a->rp->options.quote_of_nonce,
        .challenge_hashed = a->rp->options.challenge_hashed,
        .constant_nonce = a->rp->options.constant_nonce,
        .now = time(NULL),
    };
}

/* What only the relying party can know. False where that was the end. */
static bool check_locally(struct atls_appraisal *a)
{
    const struct atls_evidence_format *format = a->received.evidence.format;
    const struct atls_evidence_question question = atls_appraisal_question(a);
    const char *reason = "internal";

    if (!a->challenge_told) {
        atls_fail(ATLS_E_MISMATCH, "KAT-06 section 3", "evidence came before any challenge");
        atls_appraisal_refuse(a, ATLS_TIER_NONE, a->computed ? "internal" : "nonce-mismatch",
                              false);
        return false;
    }
    if (!format->key_in && !a->computed) {
        /* a nonce of the verifier's alone says nothing of any key */
        atls_fail(ATLS_E_MISSING, a->rp->options.binder_clause,
                  "%s names no key, and nothing binds it to the certificate's", format->what);
        atls_appraisal_refuse(a, ATLS_TIER_NONE, "key-mismatch", false);
        return false;
    }
    int result = format->check(&a->received.evidence, &question, &reason);
    if (!result && format->key_in && a->has_leaf &&
        !atls_public_key_equal(&a->received.key, &a->leaf)) {
        result =
            atls_fail(ATLS_E_MISMATCH, format->key_clause,
                      "the %s attests another key than that of the certificate", format->key_in);
        reason = "key-mismatch";
    }
    if (result) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, false);
    }
    return result == 0;
}

/* A verifier that does not know this evidence may know the platform's token in it (of a CAB: the
 * PAT): it gets that alone, in a session whose nonce is what it must answer. The rest was checked
 * here already. */
static int open_for_pat(struct atls_appraisal *a)
{
    struct atls_bytes nonce = a->received.evidence.platform_nonce;
    int result;

    atls_verifier_session_free(a->session);
    a->session = NULL;
    memcpy(a->verifier_nonce, nonce.data, nonce.size);
    a->verifier_nonce_size = nonce.size;
    a->pat_alone = true;
    result = atls_verifier_session_open(a->rp->client, a->rp->options.verifier_url, nonce.size,
                                        nonce, &a->session);
    return result ? result : ATLS_E_AGAIN;
}

/* Hands the evidence over; ATLS_E_AGAIN while the session is not there. */
static int submit(struct atls_appraisal *a)
{
    const struct atls_evidence_read *evidence = &a->received.evidence;
    const struct atls_cmw *cmw = a->received.cmw;
    const char *const *types = evidence->format->media_types;
    struct atls_bytes nonce, whole = ATLS_BYTES(a->credential, a->credential_size);
    int result = atls_verifier_session_nonce(a->session, &nonce);

    if (result) {
        return result;
    }
    if (a->pat_alone) {
        return atls_verifier_session_submit_as(
            a->session, atls_evidence_format_without_key()->media_types, evidence->platform_token);
    }
    if (a->rp->options.pat_alone && cmw && evidence->platform_token.size) {
        return open_for_pat(a);
    }
    if (!types && !cmw) {
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3",
                         "expected a CMW or a media type for %s, there is neither",
                         evidence->format->what);
    }
    result = types ? atls_verifier_session_submit_as(a->session, types, evidence->value)
                   : atls_verifier_session_submit_as(
                         a->session, atls_verifier_cmw_types(cmw->serialization), whole);
    return result == ATLS_E_UNSUPPORTED && evidence->platform_token.size ? open_for_pat(a) : result;
}

static void refuse_for_verifier(struct atls_appraisal *a, int code)
{
    const char *reason = a->session ? atls_verifier_session_reason(a->session) : "internal";

    if (code == ATLS_E_UNSUPPORTED) {
        reason = "verifier-error"; /* it takes no evidence of this kind */
    } else if (strcmp(reason, "ok") == 0) {
        reason = "internal";
    }
    atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, true);
    atls_nonces_distrust(a->rp->nonces);
}

/* Moves a background check; afterwards it is concluded, or waits. */
static void step_background_check(struct atls_appraisal *a)
{
    const char *reason;
    const json_t *jwk;
    struct atls_bytes token;
    int result;

    if (!a->checked) {
        if (!check_locally(a)) {
            return;
        }
        a->checked = true;
    }
    if (!a->submitted) {
        result = submit(a);
        if (result) {
            if (result != ATLS_E_AGAIN) {
                refuse_for_verifier(a, result);
            }
            return;
        }
        a->submitted = true;
    }
    result = atls_verifier_session_result(a->session, &token);
    if (result) {
        if (result != ATLS_E_AGAIN) {
            refuse_for_session(a);
        }
        return;
    }
    result = atls_verifier_key(a->rp->client, a->rp->options.verifier_url, &jwk, &reason);
    if (result == ATLS_E_AGAIN) {
        return;
    }
    if (result) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, true);
        return;
    }
    atls_appraisal_judge(a, token, NULL, jwk);
}

static void step_passport(struct atls_appraisal *a)
{
    const char *reason;
    const json_t *jwk;

    if (!a->expected) {
        atls_fail(ATLS_E_UNTRUSTED, "draft-fossati-tls-attestation-07",
                  "a result came, but no trusted verifier was agreed on");
        atls_appraisal_refuse(a, ATLS_TIER_NONE, "verifier-untrusted", false);
        return;
    }
    int result = atls_relying_party_key(a->rp, a->expected, &jwk, &reason);
    if (result == ATLS_E_AGAIN) {
        return;
    }
    if (result) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, true);
        return;
    }
    atls_appraisal_judge(a, a->received.result, &a->received.token, jwk);
}

int atls_appraisal_verdict(struct atls_appraisal *a, struct atls_verdict *verdictp)
{
    struct atls_bytes nonce;

    if (!a->concluded && !a->credential) { /* none came */
        int result = a->session ? atls_verifier_session_nonce(a->session, &nonce) : 0;
        if (result && result != ATLS_E_AGAIN) {
            refuse_for_session(a);
        } else {
            atls_fail(ATLS_E_MISSING, "draft-fossati-tls-attestation-07",
                      "expected the peer's credential, none came");
            atls_appraisal_refuse(a, ATLS_TIER_NONE, "attestation-missing", false);
        }
    }
    if (!a->concluded && a->model == ATLS_MODEL_BACKGROUND_CHECK) {
        step_background_check(a);
    } else if (!a->concluded) {
        step_passport(a);
    }
    if (!a->concluded) {
        return ATLS_E_AGAIN;
    }
    *verdictp = a->verdict;
    return 0;
}
