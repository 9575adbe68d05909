/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation inside of X.509: what the own leaf says goes out with it, and the peer's leaf is read
 * once its chain has been verified. Nothing was negotiated, so the leaf alone tells the model.
 */
#include "tls/session-internal.h"

#include <string.h>

#include <gnutls/x509.h>

#include "rats/cmw-x509.h"
#include "rats/error.h"
#include "rats/media-types.h"
#include "tls/report.h"

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

void session_x509_present(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    struct atls_bytes cmw = ATLS_BYTES(party->own.cmw, party->own.size);
    if (party->as_attester.model_count == 0 || s->self_model != ATLS_MODEL_NONE || cmw.data == NULL)
        return;
    s->self_model = model_of(&party->as_attester, cmw);
    if (party->own.has_key)
        s->signed_with_size = atls_spki_encode(&party->own.key, s->signed_with);
    atls_report_credential(party->events, party->artifacts, s->conn, "sent", cmw);
}

/* A leaf without a CMW: plain X.509, which was verified, where that suffices. */
static int without(struct atls_session *s)
{
    if (s->party->attestation_required)
        return session_fail(s, "attestation-missing", -1, NULL, NULL);
    s->peer_accepted = true;
    return 0;
}

static int appraise(struct atls_session *s, const struct atls_public_key *leaf,
                    struct atls_bytes cmw)
{
    enum atls_side peer = s->party->side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    struct atls_public_key attested;
    s->peer_model = model_of(&s->party->as_relying_party, cmw);
    /* No result was agreed on: it must be of the first verifier that is trusted. */
    if (s->peer_model == ATLS_MODEL_PASSPORT)
        s->selections[peer].verifier = s->party->as_relying_party.verifiers[0];
    int result = session_appraisal_begin(s, s->peer_model);
    if (result != 0)
        return result;
    result = session_bind(s, peer, leaf);
    if (result != 0)
        return session_bind_failed(s, result);
    if (atls_appraisal_set_challenge(s->appraisal, ATLS_BYTES(s->binder, s->binder_size)) != 0 ||
        atls_appraisal_expect_key(s->appraisal, leaf) != 0 ||
        atls_appraisal_credential(s->appraisal, cmw, &attested) != 0)
        return session_appraisal_failed(s);
    return 0;
}

int session_x509_judge(struct atls_session *s)
{
    unsigned count;
    struct atls_x509_cmw found;
    int result = session_verify_chain(s);
    if (result != 0)
        return result;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(s->tls, &count);
    if (chain == NULL || count == 0)
        return session_fail(s, "internal", -1, NULL, "a chain was verified that is not there");
    struct atls_bytes der = ATLS_BYTES(chain[0].data, chain[0].size);
    result = atls_x509_cmw_find(der, &found);
    if (result == ATLS_E_MISSING)
        return without(s);
    if (result != 0)
        return session_fail(s, "malformed-cmw", -1, NULL, NULL);
    if (found.has_key) {
        s->verified_with_size = atls_spki_encode(&found.key, s->verified_with);
        result = appraise(s, &found.key, ATLS_BYTES(found.cmw, found.size));
    } else {
        result = session_fail(s, "key-mismatch", -1, NULL, NULL);
    }
    atls_x509_cmw_clear(&found);
    return result;
}
