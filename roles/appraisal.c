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
#include "rats/base/media-types.h"
#include "rats/tokens/prototype.h"
#include "roles/relying-party-private.h"

/* The session whose nonce the evidence must answer: one of the verifier's making, or CHALLENGE. */
static int open_session(struct atls_appraisal *a, struct atls_bytes challenge)
{
    const struct atls_relying_party *rp = a->rp;
    const json_t *jwk;
    const char *reason;
    int result = atls_verifier_session_open(rp->client, rp->options.verifier_url,
                                            rp->options.nonce_size, challenge, &a->session);

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

    if (!result && model == ATLS_MODEL_BACKGROUND_CHECK) {
        result = open_session(a, (struct atls_bytes){NULL, 0});
        if (result) {
            free(a);
        }
    }
    if (!result) {
        *appraisalp = a;
    }
    return result;
}

int atls_appraisal_begin_with_challenge(struct atls_relying_party *rp, unsigned conn,
                                        enum atls_model model, struct atls_bytes challenge,
                                        struct atls_appraisal **appraisalp)
{
    struct atls_appraisal *a = NULL;
    int result = make_appraisal(rp, conn, model, &a);

    if (result) {
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
        if (a->rp->options.constant_nonce) {
            nonce = ATLS_BYTES(atls_prototype_nonce, ATLS_PROTOTYPE_NONCE_SIZE);
        }
        memcpy(a->challenge, nonce.data, nonce.size);
        a->challenge_size = nonce.size;
        a->challenge_told = true;
        atls_event(a->rp->events, "challenge", "{s:i, s:s, s:o}", "conn", (int)a->conn, "direction",
                   "sent", "nonce", atls_json_hex(nonce));
    }
    *noncep = ATLS_BYTES(a->challenge, a->challenge_size);
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
        a->rp->options.prototype
            ? atls_received_parse_prototype(ATLS_BYTES(a->credential, a->credential_size),
                                            &a->received, &reason)
            : atls_received_parse_beside(a->model, a->has_leaf ? &a->leaf : NULL,
                                         a->rp->options.result_bound, cmw, &a->received, &reason);
    if (result) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, reason, false);
        return result;
    }
    *keyp = a->received.key;
    return 0;
}

/* Does the evidence answer what this endpoint computed? */
static bool check_binder(struct atls_appraisal *a, struct atls_bytes nonce)
{
    if (atls_bytes_equal_secret(nonce, ATLS_BYTES(a->challenge, a->challenge_size))) {
        return true;
    }
    atls_appraisal_refuse_binder(a, "evidence", nonce, false);
    return false;
}

static bool check_cab(struct atls_appraisal *a)
{
    const struct atls_cab *cab = &a->received.cab;
    struct atls_bytes challenge = ATLS_BYTES(a->challenge, a->challenge_size);
    const char *reason = NULL;
    int result;

    if ((result = atls_cab_check_signature(cab, &atls_crypto_gnutls))) {
        reason = "kat-signature-invalid";
    } else if (a->computed && !check_binder(a, cab->kat_claims.nonce)) {
        return false;
    } else if (cab->prototype && atls_prototype_nonce_is(cab->kat_claims.nonce)) {
        result = atls_fail(ATLS_E_MISMATCH, ATLS_PROTOTYPE_CLAUSE,
                           "the evidence answers 0001020304050607, the nonce that the prototype's "
                           "server sends in every connection: it may be of any age");
        reason = "nonce-constant";
    } else if ((result = atls_cab_check_nonce(cab, challenge))) {
        reason = "nonce-mismatch";
    } else if ((result = atls_cab_check_linkage(cab, &atls_crypto_gnutls))) {
        reason = "linkage-mismatch";
    } else if (a->received.pat_client <= 0) {
        /* A device signs a PAT over whatever hash its caller brings, that of a key outside of it
         * too. */
        result =
            atls_fail(ATLS_E_UNTRUSTED, "RFC 9783 section 4.1.2",
                      "client id of the PAT: expected that of the key attestation service, which "
                      "is positive, came %lld%s",
                      (long long)a->received.pat_client,
                      a->received.pat_client ? ": a caller of the non-secure side"
                                             : " or none: nobody says who asked for it");
        reason = "platform-token-caller";
    } else if ((result = atls_cab_check_times(cab, time(NULL)))) {
        reason = result == ATLS_E_EXPIRED ? "evidence-expired" : "malformed-claims";
    } else if (a->has_leaf && !atls_public_key_equal(&a->received.key, &a->leaf)) {
        result = atls_fail(ATLS_E_MISMATCH, "KAT-06 section 4",
                           "the KAT attests another key than that of the certificate");
        reason = "key-mismatch";
    }
    if (result) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, result < 0 ? "internal" : reason, false);
    }
    return result == 0;
}

/* What only the relying party can know. False where that was the end. */
static bool check_locally(struct atls_appraisal *a)
{
    if (!a->challenge_told) {
        atls_fail(ATLS_E_MISMATCH, "KAT-06 section 3", "evidence came before any challenge");
        atls_appraisal_refuse(a, ATLS_TIER_NONE, a->computed ? "internal" : "nonce-mismatch",
                              false);
        return false;
    }
    if (a->received.format != ATLS_FORMAT_PSA) {
        return check_cab(a);
    }
    if (!a->computed) { /* a nonce of the verifier's alone says nothing of any key */
        atls_fail(ATLS_E_MISSING, a->rp->options.binder_clause,
                  "a bare PSA token names no key, and nothing binds it to the certificate's");
        atls_appraisal_refuse(a, ATLS_TIER_NONE, "key-mismatch", false);
        return false;
    }
    if (!check_binder(a, a->received.token_nonce)) {
        return false;
    }
    if (atls_cwt_check_times(&a->received.token_times, "PSA token", time(NULL))) {
        atls_appraisal_refuse(a, ATLS_TIER_NONE, "evidence-expired", false);
        return false;
    }
    return true;
}

/* A verifier that knows nothing of CABs may know the PAT's format: it gets the PAT alone, in a
 * session whose nonce is the linkage hash that the PAT must answer. KAT and linkage were checked
 * here already. */
static int open_for_pat(struct atls_appraisal *a)
{
    struct atls_bytes nonce = a->received.cab.pat_nonce;
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

/* A PSA token by itself: of a CAB, or all the evidence there is. */
static int submit_token(struct atls_appraisal *a, struct atls_bytes token)
{
    static const char *const types[] = {ATLS_MT_PSA_TOKEN, ATLS_MT_PSA_VERAISON,
                                        ATLS_MT_PSA_RFC9783};
    int result = ATLS_E_UNSUPPORTED;

    for (size_t i = 0; result == ATLS_E_UNSUPPORTED && i < sizeof types / sizeof *types; i++) {
        result = atls_verifier_session_submit(a->session, types[i], token);
    }
    return result;
}

/* Hands the evidence over; ATLS_E_AGAIN while the session is not there. */
static int submit(struct atls_appraisal *a)
{
    const char *type = ATLS_MT_CMW; /* as the prototype calls what is none */
    struct atls_bytes nonce;
    int result = atls_verifier_session_nonce(a->session, &nonce);

    if (result) {
        return result;
    }
    if (a->pat_alone) {
        return submit_token(a, a->received.cab.pat_bytes);
    }
    if (a->received.format == ATLS_FORMAT_PSA) {
        return submit_token(a, a->received.token);
    }
    if (a->rp->options.pat_alone && a->received.cmw) {
        return open_for_pat(a);
    }
    if (a->received.cmw) {
        type = a->received.cmw->serialization == ATLS_JSON ? ATLS_MT_CMW_JSON : ATLS_MT_CMW_CBOR;
    }
    result = atls_verifier_session_submit(a->session, type,
                                          ATLS_BYTES(a->credential, a->credential_size));
    return result == ATLS_E_UNSUPPORTED ? open_for_pat(a) : result;
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
}

/* Moves a background check; afterwards it is concluded, or waits. */
static void step_background_check(struct atls_appraisal *a)
{
    const char *reason;
    const json_t *jwk;
    struct atls_bytes jwt;
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
    result = atls_verifier_session_result(a->session, &jwt);
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
    atls_appraisal_judge(a, jwt, NULL, jwk);
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
    atls_appraisal_judge(a, a->received.jwt, &a->received.jws, jwk);
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
