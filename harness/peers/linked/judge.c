/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RATS roles of a connection, waited for: credentials made for it, the peer's Certificate
 * judged. Many connections share one attester, one relying party and one client of the verifier.
 * Whoever has the lock drives everybody's exchange with the verifier a little further.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/peers/linked/peer.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-x509.h"
#include "roles/report.h"

#define TURN_MS 20

struct step {
    int (*take)(struct connection *c, void *argument); /* as long as it gives ATLS_E_AGAIN */
    void *argument;
};

static int wait_for(struct connection *c, const struct step *step)
{
    struct peer *peer = c->peer;
    for (;;) {
        pthread_mutex_lock(&peer->rats);
        int result = step->take(c, step->argument);
        if (result == ATLS_E_AGAIN) {
            int polled = atls_verifier_client_poll(peer->client, NULL, 0, TURN_MS);
            result = polled == 0 ? result : polled;
        }
        pthread_mutex_unlock(&peer->rats);
        if (result != ATLS_E_AGAIN)
            return result;
        if (connection_expired(c))
            return connection_fail(c, "timeout", -1, "", "the verifier took longer than the time");
    }
}

static enum atls_side other_side(const struct connection *c)
{
    return c->peer->options.side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
}

int connection_result_answers(const struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    return o->variants.result_nonce == ATLS_RESULT_REQUIRED ||
           (o->variants.result_nonce == ATLS_RESULT_AS_DRAFTED && o->profile->result_answers);
}

/* Records why the attester gave no credential; CODE is its answer. */
static int no_credential(struct connection *c, int code)
{
    if (code == ATLS_E_LIMIT)
        return connection_fail(c, "nonce-length", -1, NULL, NULL);
    return connection_fail(c, atls_attester_reason(c->peer->attester), ATLS_ALERT_INTERNAL_ERROR,
                           NULL, NULL);
}

static int renew(struct connection *c, void *argument)
{
    return atls_attester_renew(c->peer->attester);
}

int connection_prepare(struct connection *c)
{
    struct step step = {.take = renew};
    if (!atls_abilities_have(&c->as_attester, ATLS_MODEL_PASSPORT) ||
        c->peer->options.profile->carrier == ATLS_IN_CERTIFICATE || connection_result_answers(c))
        return 0;
    int result = wait_for(c, &step);
    if (result == 0 || c->failure.reason != NULL)
        return result;
    if (!atls_abilities_have(&c->as_attester, ATLS_MODEL_BACKGROUND_CHECK))
        return no_credential(c, result);
    c->as_attester.verifier_count = 0; /* what it cannot serve it does not offer */
    return 0;
}

struct wanted {
    enum atls_model model;
    struct atls_bytes binder;
};

static int take_credential(struct connection *c, void *argument)
{
    const struct wanted *wanted = argument;
    struct atls_attester *attester = c->peer->attester;
    if (wanted->model == ATLS_MODEL_BACKGROUND_CHECK)
        return atls_attester_bound_evidence(attester, c->number, wanted->binder, &c->credential);
    if (connection_result_answers(c))
        return atls_attester_bound_result(attester, c->number, wanted->binder, &c->credential);
    return atls_attester_result(attester, c->number, &c->credential);
}

int connection_make_credential(struct connection *c, enum atls_model model,
                               struct atls_bytes binder)
{
    struct wanted wanted = {.model = model, .binder = binder};
    struct step step = {.take = take_credential, .argument = &wanted};
    if (c->has_credential)
        atls_credential_clear(&c->credential);
    c->has_credential = false;
    int result = wait_for(c, &step);
    if (result != 0)
        return c->failure.reason != NULL ? -1 : no_credential(c, result);
    c->has_credential = true;
    c->signed_with_size = atls_spki_encode(&c->peer->leaf, c->signed_with);
    return 0;
}

void connection_forget_appraisal(struct connection *c)
{
    if (c->appraisal == NULL)
        return;
    pthread_mutex_lock(&c->peer->rats);
    atls_appraisal_free(c->appraisal);
    pthread_mutex_unlock(&c->peer->rats);
    c->appraisal = NULL;
}

int connection_begin_appraisal(struct connection *c, enum atls_model model)
{
    struct peer *peer = c->peer;
    struct atls_bytes verifier = c->selections[other_side(c)].verifier;
    bool with_nonce = peer->options.profile->carrier == ATLS_IN_AUTHENTICATOR &&
                      model == ATLS_MODEL_BACKGROUND_CHECK;
    connection_forget_appraisal(c);
    pthread_mutex_lock(&peer->rats);
    int result = with_nonce
                     ? atls_appraisal_begin(peer->relying_party, c->number, model, &c->appraisal)
                     : atls_appraisal_begin_with_challenge(peer->relying_party, c->number, model,
                                                           ATLS_BYTES(NULL, 0), &c->appraisal);
    if (result == 0 && model == ATLS_MODEL_PASSPORT)
        result = atls_appraisal_expect_verifier(c->appraisal, verifier);
    pthread_mutex_unlock(&peer->rats);
    return result == 0 ? 0 : connection_fail(c, "internal", -1, NULL, NULL);
}

static int take_verdict(struct connection *c, void *verdict)
{
    return atls_appraisal_verdict(c->appraisal, verdict);
}

static int take_nonce(struct connection *c, void *nonce)
{
    return atls_appraisal_challenge(c->appraisal, nonce);
}

/* Waits for the verdict and goes by it. */
int connection_verdict(struct connection *c)
{
    struct atls_verdict verdict;
    struct step step = {.take = take_verdict, .argument = &verdict};
    int result = wait_for(c, &step);
    if (c->failure.reason != NULL)
        return -1;
    if (result != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    if (verdict.accepted)
        return 0;
    return connection_fail(c, verdict.reason,
                           verdict.verifier_at_fault ? ATLS_ALERT_INTERNAL_ERROR : -1,
                           verdict.clause[0] != '\0' ? verdict.clause : NULL, verdict.detail);
}

int connection_nonce(struct connection *c, struct atls_bytes *noncep)
{
    struct step step = {.take = take_nonce, .argument = noncep};
    int result = wait_for(c, &step);
    if (result == 0 || c->failure.reason != NULL)
        return result;
    result = connection_verdict(c); /* which says why there is no nonce */
    return result != 0 ? result : connection_fail(c, "internal", -1, NULL, "no nonce came");
}

int connection_claim(struct connection *c, struct atls_bytes challenge,
                     const struct atls_public_key *leaf, struct atls_bytes cmw)
{
    struct atls_public_key attested;
    pthread_mutex_lock(&c->peer->rats);
    int result = atls_appraisal_set_challenge(c->appraisal, challenge);
    if (result == 0)
        result = atls_appraisal_expect_key(c->appraisal, leaf);
    if (result == 0)
        result = atls_appraisal_credential(c->appraisal, cmw, &attested);
    pthread_mutex_unlock(&c->peer->rats);
    if (result == 0)
        return 0;
    return connection_verdict(c) != 0
               ? -1
               : connection_fail(c, "internal", -1, NULL, "a credential that failed was accepted");
}

int connection_appraise(struct connection *c, struct atls_bytes challenge,
                        const struct atls_public_key *leaf, struct atls_bytes cmw)
{
    int result = connection_claim(c, challenge, leaf, cmw);
    return result == 0 ? connection_verdict(c) : result;
}

int connection_verify_chain(struct connection *c, const struct atls_bytes *chain, size_t count)
{
    const char *detail = "not valid";
    int alert = ATLS_ALERT_BAD_CERTIFICATE;
    if (c->peer->anchor_count == 0)
        return connection_fail(c, "certificate-untrusted", ATLS_ALERT_UNKNOWN_CA, NULL,
                               "X.509 came, and no trust anchors were given");
    if (c->peer->stack->verify_chain(c, chain, count, &detail, &alert) != 0)
        return connection_fail(c, "certificate-untrusted", alert, NULL, detail);
    return 0;
}

unsigned connection_prefix(const struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    switch ((enum atls_payload_prefix)o->variants.payload_prefix) {
    case ATLS_PREFIX_NONE:
        return 0;
    case ATLS_PREFIX_U16:
        return 2;
    case ATLS_PREFIX_U24:
        return 3;
    case ATLS_PREFIX_AS_DRAFTED:
        break;
    }
    return o->profile->payload_prefix;
}

int connection_find_cmw(struct connection *c, struct atls_bytes payload, struct atls_bytes *cmwp)
{
    unsigned prefix = connection_prefix(c);
    struct atls_cursor cursor = atls_cursor_of(payload, c->peer->options.profile->clause);
    if (prefix == 0) {
        *cmwp = payload;
        return 0;
    }
    int result = atls_cursor_vector(&cursor, "the extension's CMW", prefix, 1,
                                    prefix == 2 ? UINT16_MAX : 0xFFFFFF, cmwp);
    if (result == 0)
        result = atls_cursor_end(&cursor, "extension of a CertificateEntry");
    return result == 0 ? 0 : connection_fail(c, "malformed-extension", -1, NULL, NULL);
}

/* The model of what was found: of a relying party's models the one that fits, or its first, which
 * will then say what it expected. */
static enum atls_model model_of(const struct atls_abilities *abilities, struct atls_bytes in)
{
    enum atls_model model = ATLS_MODEL_BACKGROUND_CHECK;
    struct atls_cmw *cmw;
    if (atls_cmw_parse(in, &cmw) == 0) {
        if (cmw->form != ATLS_CMW_COLLECTION && atls_cmw_type_is(cmw, ATLS_MT_EAT_JWT))
            model = ATLS_MODEL_PASSPORT;
        atls_cmw_free(cmw);
    }
    return atls_abilities_have(abilities, model) ? model : abilities->model[0];
}

void connection_presented(struct connection *c)
{
    const struct peer *peer = c->peer;
    struct atls_x509_cmw found;
    if (peer->chain_size == 0 || c->signed_with_size > 0)
        return;
    memcpy(c->signed_with, peer->spki, peer->spki_size);
    c->signed_with_size = peer->spki_size;
    if (peer->options.profile->carrier != ATLS_IN_CERTIFICATE || c->as_attester.model_count == 0 ||
        atls_x509_cmw_find(peer->chain[0], &found) != 0)
        return;
    c->self_model = model_of(&c->as_attester, ATLS_BYTES(found.cmw, found.size));
    atls_report_credential(peer->events, peer->options.artifacts, c->number, "sent",
                           ATLS_BYTES(found.cmw, found.size));
    atls_x509_cmw_clear(&found);
}

/* x509-cmw: the leaf alone tells the model, and a result must be of the first trusted verifier. */
static int judge_inside(struct connection *c, struct atls_bytes der)
{
    const struct atls_options *o = &c->peer->options;
    struct atls_x509_cmw found;
    int result = atls_x509_cmw_find(der, &found);
    if (result == ATLS_E_MISSING)
        return o->required ? connection_fail(c, "attestation-missing", -1, NULL, NULL) : 0;
    if (result != 0)
        return connection_fail(c, "malformed-cmw", -1, NULL, NULL);
    struct atls_bytes cmw = ATLS_BYTES(found.cmw, found.size);
    if (!found.has_key)
        result = connection_fail(c, "key-mismatch", -1, NULL, NULL);
    if (result == 0) {
        c->peer_model = model_of(&c->as_relying_party, cmw);
        if (c->peer_model == ATLS_MODEL_PASSPORT)
            c->selections[other_side(c)].verifier = c->as_relying_party.verifiers[0];
        result = connection_begin_appraisal(c, c->peer_model);
    }
    if (result == 0)
        result = negotiate_bind(c, &found.key);
    if (result == 0)
        result = connection_appraise(c, c->binding, &found.key, cmw);
    atls_x509_cmw_clear(&found);
    return result;
}

/* Beside X.509: what was negotiated must be there, in the first entry. */
static int judge_beside(struct connection *c, struct atls_bytes der)
{
    const struct atls_options *o = &c->peer->options;
    struct atls_public_key leaf;
    struct atls_bytes cmw;
    if (!c->payload.present)
        return connection_fail(c, "attestation-missing",
                               o->code_points.value[ATLS_CP_ATTESTATION_FAILED], o->profile->clause,
                               "attestation was negotiated, and the first CertificateEntry has no "
                               "extension for it");
    int result = connection_find_cmw(c, ATLS_BYTES(c->payload.data, c->payload.size), &cmw);
    if (result == 0 && atls_x509_public_key(der, &leaf) != 0)
        result = connection_fail(c, "key-mismatch", -1, NULL, NULL);
    if (result == 0)
        result = negotiate_bind(c, &leaf);
    return result == 0 ? connection_appraise(c, c->binding, &leaf, cmw) : result;
}

/* The peer's key for the event; large ones (RSA) are not told. */
static void note_key(struct connection *c, struct atls_bytes der)
{
    struct atls_public_key key;
    if (atls_x509_public_key(der, &key) == 0)
        c->verified_with_size = atls_spki_encode(&key, c->verified_with);
}

int connection_certificate(struct connection *c, const struct atls_bytes *chain, size_t count)
{
    const struct atls_options *o = &c->peer->options;
    int result = connection_verify_chain(c, chain, count);
    if (result != 0)
        return result;
    note_key(c, chain[0]);
    if (o->profile->carrier == ATLS_IN_ENTRY && c->peer_model != ATLS_MODEL_NONE)
        result = judge_beside(c, chain[0]);
    else if (o->profile->carrier == ATLS_IN_ENTRY && c->payload.present)
        result = connection_fail(c, "malformed-extension", ATLS_ALERT_UNSUPPORTED_EXTENSION,
                                 "RFC 8446 section 4.2",
                                 "an extension of attestation came in a CertificateEntry, and none "
                                 "was negotiated");
    else if (o->profile->carrier == ATLS_IN_CERTIFICATE && c->as_relying_party.model_count > 0)
        result = judge_inside(c, chain[0]);
    c->peer_accepted = result == 0;
    return result;
}
