/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party of expat-04: asks with a context that is the verifier's nonce (or random bytes,
 * where there is none), validates the authenticator, its chain and its binding, and has the
 * credential judged. --reattest repeats all of it with a new context and a new appraisal.
 */
#include "tls/engine/expat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-x509.h"
#include "rats/ear/ear.h"
#include "roles/received.h"

#define DRAFT "draft-fossati-seat-expat-04 "
#define CONTEXT_SIZE 32

static bool has(const struct atls_session *s, enum atls_model model)
{
    return atls_abilities_have(&s->party->as_relying_party, model);
}

static int ask(struct atls_session *s, struct atls_bytes context)
{
    /* u16 length, then ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, rsa_pss_rsae_sha256, ed25519
     */
    static const uint8_t schemes[] = {0, 8, 4, 3, 5, 3, 8, 4, 8, 7};
    const struct atls_party *party = s->party;
    struct atls_expat *x = s->expat;
    const struct atls_ea_extension extensions[] = {
        {party->code_points.value[party->profile->entry_extension], ATLS_BYTES(NULL, 0)},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES(schemes, sizeof schemes)}};
    uint8_t *request;
    size_t size;
    if (context.size > sizeof x->context)
        return session_fail(s, "internal", -1, NULL, "the nonce is longer than a context");
    memcpy(x->context, context.data, context.size);
    x->context_size = context.size;
    if (atls_ea_make_request(&x->ea, context, extensions, 2, &request, &size) != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    expat_report(s, "sent", "request", ++x->asked, context, size);
    x->stage = EXPAT_ASKED;
    int result = expat_send(s, ATLS_FRAME_REQUEST, ATLS_BYTES(request, size));
    if (result == 0 && party->as_attester.model_count == 0 &&
        atls_faults_has(party->faults, "authenticator-context-reuse", NULL)) {
        report_fault(s, "authenticator-context-reuse", "the request is sent twice");
        result = expat_send(s, ATLS_FRAME_REQUEST, ATLS_BYTES(request, size));
    }
    free(request);
    return result;
}

static int begin(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    uint8_t context[CONTEXT_SIZE];
    atls_appraisal_free(s->peer.appraisal);
    s->peer.appraisal = NULL;
    if (has(s, ATLS_MODEL_BACKGROUND_CHECK)) {
        s->expat->stage = EXPAT_NONCE;
        return atls_appraisal_begin(party->relying_party, s->conn, ATLS_MODEL_BACKGROUND_CHECK,
                                    &s->peer.appraisal) == 0
                   ? 0
                   : session_fail(s, "internal", -1, NULL, NULL);
    }
    if (atls_crypto_hosted.random(context, sizeof context) != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    return ask(s, ATLS_BYTES(context, sizeof context));
}

static void conclude(struct atls_session *s)
{
    struct atls_verdict verdict;
    struct atls_expat *x = s->expat;
    if (atls_appraisal_verdict(s->peer.appraisal, &verdict) != 0 || !verdict.accepted) {
        session_appraisal_failed(s);
        return;
    }
    s->peer.model = x->judged;
    memcpy(s->peer.verified_with, x->leaf, x->leaf_size);
    s->peer.verified_with_size = x->leaf_size;
    x->stage = x->asked <= s->party->reattest ? EXPAT_BEGIN : EXPAT_SATISFIED;
}

bool expat_judge(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    struct atls_verdict verdict;
    struct atls_bytes nonce;
    while (!s->failure.reason) {
        int result = 0;
        switch (x->stage) {
        case EXPAT_BEGIN:
            begin(s);
            break;
        case EXPAT_NONCE:
            result = atls_appraisal_challenge(s->peer.appraisal, &nonce);
            if (result == 0)
                ask(s, nonce);
            else if (result != ATLS_E_AGAIN)
                session_appraisal_failed(s);
            break;
        case EXPAT_JUDGING:
            result = atls_appraisal_verdict(s->peer.appraisal, &verdict);
            if (result != ATLS_E_AGAIN)
                conclude(s);
            break;
        case EXPAT_ASKED:
        case EXPAT_SATISFIED:
            return false;
        }
        if (result == ATLS_E_AGAIN)
            return true;
    }
    return false;
}

/* An authenticator where none is due: RFC 9261 says what is wrong with it, if nothing else is. */
static int unsolicited(struct atls_session *s, struct atls_bytes authenticator)
{
    struct atls_expat *x = s->expat;
    struct atls_ea_authenticator parsed;
    struct atls_bytes context;
    int result = atls_ea_get_context(authenticator, &context);
    if (result != 0 && result != ATLS_E_MISSING)
        return session_fail(s, "malformed-authenticator", -1, NULL, NULL);
    if (result == 0)
        result = atls_ea_validate(&x->ea, authenticator, &context, &parsed);
    if (result == -EINVAL || result == ATLS_E_MISSING) /* it is of none of this side's requests */
        result = atls_ea_validate(&x->ea, authenticator, NULL, &parsed);
    if (result != 0)
        return expat_refuse(s, result);
    return session_fail(s, "malformed-authenticator", ATLS_ALERT_UNEXPECTED_MESSAGE,
                        "harness/peers/README.md, frames of expat-04",
                        "an authenticator came that nobody asked for");
}

/* PKIX as for any Certificate: attestation is no substitute (section 3.3). */
static int verify_chain(struct atls_session *s, const struct atls_ea_authenticator *a)
{
    struct atls_bytes chain[ATLS_EA_ENTRIES];
    for (size_t i = 0; i < a->entry_count; i++)
        chain[i] = a->entries[i].certificate;
    return session_verify(s, chain, a->entry_count, false);
}

/* What nobody negotiated: a result, or evidence? Of results: who says that it made it? Negative
 * where there is no memory to look; what is bad is told by whoever judges it. */
static int find_model(const struct atls_session *s, struct atls_bytes cmw, enum atls_model *modelp,
                      char *issuer, size_t size)
{
    struct atls_cmw *parsed;
    struct atls_ear ear;
    *modelp =
        has(s, ATLS_MODEL_BACKGROUND_CHECK) ? ATLS_MODEL_BACKGROUND_CHECK : ATLS_MODEL_PASSPORT;
    int result = atls_cmw_parse(cmw, &parsed);
    if (result != 0)
        return result;
    if (has(s, ATLS_MODEL_PASSPORT) && atls_received_is_result(parsed)) {
        *modelp = ATLS_MODEL_PASSPORT;
        result = atls_ear_read_unverified(parsed->value, &ear);
        if (result == 0) {
            snprintf(issuer, size, "%s", ear.issuer ? ear.issuer : "");
            atls_ear_clear(&ear);
        }
    }
    atls_cmw_free(parsed);
    return result;
}

/* The trusted verifier that the result names; otherwise the first, by whose key it will not verify.
 */
static struct atls_bytes verifier_of(const struct atls_session *s, const char *issuer)
{
    const struct atls_abilities *abilities = &s->party->as_relying_party;
    for (size_t i = 0; i < abilities->verifier_count; i++)
        if (atls_bytes_is_text(abilities->verifiers[i], issuer))
            return abilities->verifiers[i];
    return abilities->verifier_count > 0 ? abilities->verifiers[0] : ATLS_BYTES(NULL, 0);
}

/* The appraisal for what came: that of the request, or one of a result. */
static int choose_appraisal(struct atls_session *s, struct atls_bytes cmw)
{
    char issuer[256] = "";
    if (find_model(s, cmw, &s->expat->judged, issuer, sizeof issuer) < 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    if (s->expat->judged == ATLS_MODEL_BACKGROUND_CHECK)
        return 0;
    atls_appraisal_free(s->peer.appraisal);
    s->peer.appraisal = NULL;
    int result =
        atls_appraisal_begin_with_challenge(s->party->relying_party, s->conn, ATLS_MODEL_PASSPORT,
                                            ATLS_BYTES(NULL, 0), &s->peer.appraisal);
    if (result == 0)
        result = atls_appraisal_expect_verifier(s->peer.appraisal, verifier_of(s, issuer));
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

/* What has to be answered beside LEAF, which is kept. */
static int bind_leaf(struct atls_session *s, const struct atls_public_key *leaf,
                     struct expat_binding *bindingp)
{
    struct atls_expat *x = s->expat;
    x->leaf_size = atls_spki_encode(leaf, x->leaf);
    return expat_bind(s, ATLS_BYTES(x->leaf, x->leaf_size), ATLS_BYTES(x->context, x->context_size),
                      bindingp);
}

/* A credential beside LEAF begins to be judged. */
static int appraise(struct atls_session *s, const struct atls_public_key *leaf,
                    const struct expat_binding *binding, struct atls_bytes cmw)
{
    struct atls_public_key attested;
    struct atls_bytes challenge = ATLS_BYTES(binding->value, binding->size);
    int result = choose_appraisal(s, cmw);
    if (result != 0)
        return result;
    if (atls_appraisal_set_challenge(s->peer.appraisal, challenge) != 0 ||
        atls_appraisal_expect_key(s->peer.appraisal, leaf) != 0 || session_name_own_keys(s) != 0 ||
        atls_appraisal_credential(s->peer.appraisal, cmw, &attested) != 0)
        return session_appraisal_failed(s);
    s->expat->stage = EXPAT_JUDGING;
    return 0;
}

/* In Cocos' payload there is a credential, and the binding again. */
static int appraise_cocos(struct atls_session *s, const struct atls_public_key *leaf,
                          const struct expat_binding *binding, struct atls_bytes payload)
{
    struct expat_cocos expected;
    uint8_t *cmw;
    size_t size;
    int result =
        expat_cocos_binder(s, ATLS_BYTES(s->expat->leaf, s->expat->leaf_size), binding, &expected);
    if (result == 0)
        result = atls_cocos_payload_read(payload, &expected.binder, &cmw, &size);
    if (result < 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    if (result != 0)
        return session_fail(s, result == ATLS_E_MISMATCH ? "binder-mismatch" : "malformed-cmw", -1,
                            NULL, NULL);
    result = appraise(s, leaf, binding, ATLS_BYTES(cmw, size));
    free(cmw);
    return result;
}

/* The peer attests nothing: policy says whether X.509 is enough. */
static int not_attested(struct atls_session *s, int alert, const char *clause, const char *detail)
{
    if (s->party->attestation_required)
        return session_fail(s, "attestation-missing", alert, clause, detail);
    atls_appraisal_free(s->peer.appraisal);
    s->peer.appraisal = NULL;
    s->peer.model = ATLS_MODEL_NONE; /* what an earlier round found is no answer to this one */
    s->peer.verified_with_size = 0;
    s->expat->stage = EXPAT_SATISFIED;
    return 0;
}

static int judge_entries(struct atls_session *s, const struct atls_ea_authenticator *a)
{
    const struct atls_party *party = s->party;
    struct atls_public_key leaf;
    struct expat_binding binding;
    struct atls_bytes payload, cmw;
    int result = atls_ea_leaf_extension(
        a, party->code_points.value[party->profile->entry_extension], &payload);
    if (result == ATLS_E_MALFORMED)
        return session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                            DRAFT "section 3",
                            "expected cmw_attestation in the first CertificateEntry only, it is "
                            "in another one");
    int chain = verify_chain(s, a);
    if (chain != 0)
        return chain;
    if (result != 0)
        return not_attested(s, -1, NULL, "the authenticator has no cmw_attestation");
    result = atls_x509_verified_key(a->entries[0].certificate, &leaf);
    if (result != 0)
        return session_leaf_key_refused(s, result);
    result = session_find_cmw(s, "cmw_attestation", "cmw_data", payload, &cmw);
    if (result == 0)
        result = bind_leaf(s, &leaf, &binding);
    if (result != 0)
        return result;
    if (party->variants.payload != 0)
        return appraise_cocos(s, &leaf, &binding, cmw);
    result = appraise(s, &leaf, &binding, cmw);
    session_diagnose_payload(s, payload);
    return result;
}

/* r || s in place of DER (IEEE P1363 has it so). */
static int verify_raw(void *context, uint16_t scheme, struct atls_bytes certificate,
                      struct atls_bytes content, struct atls_bytes signature)
{
    const struct atls_expat *x = context;
    unsigned size = (unsigned)signature.size / 2;
    gnutls_datum_t r = {(uint8_t *)(uintptr_t)signature.data, size}, v = {r.data + size, size}, der;
    if (signature.size % 2 != 0 || size == 0 || gnutls_encode_rs_value(&der, &r, &v) < 0)
        return ATLS_E_SIGNATURE;
    int result =
        x->connection.verify(context, scheme, certificate, content, ATLS_BYTES(der.data, der.size));
    gnutls_free(der.data);
    return result;
}

/* Behind a refusal for CertificateVerify or Finished. */
static void diagnose_signature(struct atls_session *s, struct atls_bytes authenticator,
                               struct atls_bytes context)
{
    const struct atls_ea *ea = &s->expat->ea;
    struct atls_diagnosis d = {.of = ATLS_WRONG_SIGNATURE};
    for (unsigned way = 1; d.count == 0 && way < 4; way++) { /* bits: what is read otherwise */
        bool headless = ((way & 1) != 0) != ea->headless, raw = (way & 2) != 0;
        if (!atls_ea_fits(ea, authenticator, context, headless,
                          raw ? verify_raw : s->expat->connection.verify))
            continue;
        if (headless != ea->headless)
            atls_diagnosis_add_variant(&d, "request-transcript", headless ? "body" : "message",
                                       "RFC 9261 section 5.2.2");
        if (raw)
            atls_diagnosis_add(&d, "another encoding", "RFC 8446 section 4.2.3",
                               "expected an Ecdsa-Sig-Value in DER, came r || s, which verifies");
    }
    session_diagnose(s, &d);
}

int expat_authenticated(struct atls_session *s, struct atls_bytes authenticator)
{
    struct atls_expat *x = s->expat;
    struct atls_bytes context = ATLS_BYTES(x->context, x->context_size), came = context;
    struct atls_ea_authenticator parsed;
    bool empty = authenticator.data[0] == ATLS_EA_FINISHED;
    if (!empty && atls_ea_get_context(authenticator, &came) != 0)
        came = ATLS_BYTES(NULL, 0);
    /* With another context it answers another request, or none, whenever it comes. */
    bool due = x->stage == EXPAT_ASKED && (came.size == 0 || atls_bytes_equal(came, context));
    expat_report(s, "received", empty ? "empty" : "authenticator", due ? x->asked : 0, came,
                 authenticator.size);
    if (!due)
        return unsolicited(s, authenticator);
    int result = atls_ea_validate(&x->ea, authenticator, &context, &parsed);
    if (result == ATLS_E_REFUSED)
        return not_attested(s, ATLS_ALERT_CERTIFICATE_REQUIRED, "RFC 9261 section 6",
                            "the peer answered with an empty authenticator");
    if (result == 0)
        return judge_entries(s, &parsed);
    expat_refuse(s, result);
    if (result == ATLS_E_SIGNATURE ||
        (result == ATLS_E_MISMATCH && x->ea.alert == ATLS_EA_DECRYPT_ERROR))
        diagnose_signature(s, authenticator, context);
    return -1;
}
