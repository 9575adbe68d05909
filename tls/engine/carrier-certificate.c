/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation inside of X.509: what the own leaf says goes out with it, and the peer's leaf is read
 * once its chain has been verified. Nothing was negotiated, so the leaf alone tells the model.
 */
#include "tls/engine/session-internal.h"

#include <string.h>

#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "roles/received.h"
#include "roles/report.h"

/* The model of what was found: of a relying party's models the one that fits, or its first, which
 * will then say what it expected. Fails where there is no memory to look. */
static int find_model(struct atls_session *s, const struct atls_abilities *abilities,
                      struct atls_bytes in, enum atls_model *modelp)
{
    enum atls_model model = ATLS_MODEL_BACKGROUND_CHECK;
    struct atls_cmw *cmw;
    int result = atls_cmw_parse(in, &cmw);
    if (result < 0)
        return session_cmw_refused(s, result);
    if (result == 0) {
        if (atls_received_is_result(cmw))
            model = ATLS_MODEL_PASSPORT;
        atls_cmw_free(cmw);
    }
    *modelp = atls_abilities_have(abilities, model) ? model : abilities->model[0];
    return 0;
}

static int present(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    struct atls_bytes cmw = ATLS_BYTES(party->own.cmw, party->own.size);
    if (party->as_attester.model_count == 0 || s->self.model != ATLS_MODEL_NONE || !cmw.data)
        return 0;
    int result = find_model(s, &party->as_attester, cmw, &s->self.model);
    if (result != 0)
        return result;
    if (party->own.has_key)
        s->self.signed_with_size = atls_spki_encode(&party->own.key, s->self.signed_with);
    atls_report_credential(party->events, party->artifacts, s->conn, "sent", cmw);
    return 0;
}

/* A leaf without a CMW: plain X.509, which was verified, where that suffices. */
static int without(struct atls_session *s)
{
    if (s->party->attestation_required)
        return session_fail(s, "attestation-missing", -1, NULL, NULL);
    s->peer.accepted = true;
    return 0;
}

static int appraise(struct atls_session *s, const struct atls_public_key *leaf,
                    struct atls_bytes cmw)
{
    int result = find_model(s, &s->party->as_relying_party, cmw, &s->peer.model);
    if (result != 0)
        return result;
    /* No result was agreed on: it must be of the first verifier that is trusted. */
    if (s->peer.model == ATLS_MODEL_PASSPORT)
        s->hello.selections[session_peer_side(s)].verifier =
            s->party->as_relying_party.verifiers[0];
    result = session_appraisal_begin(s, s->peer.model);
    return result == 0 ? session_appraise(s, leaf, cmw) : result;
}

/* The chain as any other; but in the leaf the extension that is read here may be critical, of which
 * the library knows nothing. */
static int verify(struct atls_session *s, const struct atls_bytes *chain, size_t count)
{
    if (!s->party->has_trust_anchors || !atls_x509_cmw_alone_is_critical(chain, count))
        return session_verify_chain(s);
    return session_verify(s, chain, count, true);
}

static int judge(struct atls_session *s)
{
    struct atls_bytes chain[ATLS_PEER_CHAIN_MAX];
    struct atls_x509_cmw found;
    size_t count = session_stack(s)->peers(s->connection, chain);
    if (count == 0)
        return session_verify_chain(s); /* says what is missing */
    int result = verify(s, chain, count);
    if (result != 0)
        return result;
    result = atls_x509_cmw_find_verified(chain[0], &found);
    if (result == ATLS_E_MISSING)
        return without(s);
    if (result != 0)
        return session_cmw_refused(s, result);
    if (found.has_key) {
        s->peer.verified_with_size = atls_spki_encode(&found.key, s->peer.verified_with);
        result = appraise(s, &found.key, ATLS_BYTES(found.cmw, found.size));
    } else {
        result = session_leaf_key_refused(s, atls_x509_public_key(chain[0], &found.key));
    }
    atls_x509_cmw_clear(&found);
    return result;
}

const struct atls_carrier atls_carrier_certificate = {
    .enrolled = true,
    .present = present,
    .judge = judge,
};
