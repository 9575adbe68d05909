/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer's Certificate and the verdict. Its credential is read before the library parses it, and
 * the handshake ends only with an accepting verdict.
 */
#include "tls/engine/session-internal.h"

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "tls/wire/certificate.h"

int session_appraisal_begin(struct atls_session *s, enum atls_model model)
{
    enum atls_side peer = session_peer_side(s);
    atls_appraisal_free(s->peer.appraisal);
    s->peer.appraisal = NULL;
    int result =
        s->party->profile->nonce
            ? atls_appraisal_begin(s->party->relying_party, s->conn, model, &s->peer.appraisal)
            : atls_appraisal_begin_with_challenge(s->party->relying_party, s->conn, model,
                                                  ATLS_BYTES(NULL, 0), &s->peer.appraisal);
    if (result == 0 && model == ATLS_MODEL_PASSPORT)
        result =
            atls_appraisal_expect_verifier(s->peer.appraisal, s->hello.selections[peer].verifier);
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

int session_name_own_keys(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    struct atls_public_key key;
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = 0;
    if (party->variants.own_key == 0)
        return 0;
    int result = party->chain_size > 0 ? atls_party_leaf_spki(party, spki, &size) : ATLS_E_MISSING;
    if (result < 0) /* it could be the peer's as well */
        return result;
    /* A key of another kind is none that any credential attests. */
    bool known = result == 0 && atls_spki_decode(ATLS_BYTES(spki, size), &key) == 0;
    result = known ? atls_appraisal_own_key(s->peer.appraisal, &key) : 0;
    if (result == 0 && s->self.signed_with_size > 0 &&
        atls_spki_decode(ATLS_BYTES(s->self.signed_with, s->self.signed_with_size), &key) == 0)
        result = atls_appraisal_own_key(s->peer.appraisal, &key);
    return result;
}

static int refuse_by(struct atls_session *s, const struct atls_verdict *verdict)
{
    session_fail(s, verdict->reason, verdict->verifier_at_fault ? ATLS_ALERT_INTERNAL_ERROR : -1,
                 verdict->clause[0] != '\0' ? verdict->clause : NULL, verdict->detail);
    session_diagnose_credential(s);
    return -1;
}

int session_appraisal_failed(struct atls_session *s)
{
    struct atls_verdict verdict;
    if (atls_appraisal_verdict(s->peer.appraisal, &verdict) != 0 || verdict.accepted)
        return session_fail(s, "internal", -1, NULL, NULL);
    return refuse_by(s, &verdict);
}

/* A Certificate where X.509 is due: what is not even DER is refused before the library sees it. */
static int plain_received(struct atls_session *s, struct atls_bytes message)
{
    struct atls_certificate_message certificate;
    if (atls_certificate_parse(message, &certificate) != 0 ||
        (certificate.entry_count > 0 && certificate.first.size == 0))
        return session_fail(s, "protocol-error", ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 4.4.2",
                            "a CertificateEntry without a certificate came");
    if (certificate.entry_count == 0 && s->party->side == ATLS_CLIENT) /* a server must have one */
        return session_fail(s, "protocol-error", ATLS_ALERT_DECODE_ERROR,
                            "RFC 8446 section 4.4.2.4", "the Certificate is empty");
    if (certificate.entry_count == 0)
        return session_fail(s, "certificate-untrusted", ATLS_ALERT_CERTIFICATE_REQUIRED,
                            "RFC 8446 section 4.4.2.4", "the Certificate is empty");
    if (certificate.first.data[0] != 0x30)
        return session_fail(s, "certificate-untrusted", -1, NULL,
                            "expected an X.509 certificate, as no attestation was negotiated; "
                            "something else came");
    return 0;
}

/* What a CMW is, as an evidence type: what is in it, or the wrapper itself. */
static bool is_of_type(const struct atls_cmw *cmw, const struct atls_evidence_type *type)
{
    struct atls_evidence_type wrapper = {
        .is_content_format = true,
        .content_format = cmw->serialization == ATLS_CBOR ? ATLS_CF_CMW_CBOR : ATLS_CF_CMW_JSON};
    struct atls_evidence_type inner = {.is_content_format = cmw->type.is_content_format,
                                       .content_format = cmw->type.content_format,
                                       .media_type = cmw->type.media_type};
    wrapper.credential_kind = inner.credential_kind = type->credential_kind;
    return atls_evidence_type_equivalent(&wrapper, type) ||
           (cmw->form != ATLS_CMW_COLLECTION && atls_evidence_type_equivalent(&inner, type));
}

int session_check_type(struct atls_session *s, enum atls_side peer, struct atls_bytes in)
{
    const struct atls_evidence_type *type = &s->hello.selections[peer].type;
    struct atls_cmw *cmw;
    char text[320];
    if (s->party->variants.evidence_type_match == 0 || s->peer.model != ATLS_MODEL_BACKGROUND_CHECK)
        return 0;
    int result = atls_cmw_parse(in, &cmw);
    if (result != 0)
        return session_cmw_refused(s, result);
    bool matches = is_of_type(cmw, type);
    atls_cmw_free(cmw);
    if (matches)
        return 0;
    atls_evidence_type_print(type, text, sizeof text);
    (void)atls_fail(ATLS_E_MISMATCH, s->party->profile->clause,
                    "the evidence type that was selected is %s, and the CMW is not of it (H20)",
                    text);
    session_fail(s, "malformed-cmw", -1, NULL, NULL);
    struct atls_diagnosis d = {.of = ATLS_WRONG_EXTENSION};
    atls_diagnosis_add_variant(&d, "evidence-type-match", "off", s->party->profile->clause);
    session_diagnose(s, &d);
    return -1;
}

/* An extension of attestation where none was negotiated. */
static int unexpected(struct atls_session *s)
{
    return session_fail(s, "malformed-extension", ATLS_ALERT_UNSUPPORTED_EXTENSION,
                        "RFC 8446 section 4.2",
                        "an extension of attestation came in a CertificateEntry, and none was "
                        "negotiated");
}

int session_certificate(struct atls_session *s, const struct session_certificate *certificate)
{
    const struct atls_carrier *carrier = session_carrier(s, session_peer_side(s));
    bool attests = s->peer.model != ATLS_MODEL_NONE;
    if (certificate->extension_count > 0 && !(attests && carrier->in_entries))
        return unexpected(s);
    if (attests && carrier->received)
        return carrier->received(s, certificate);
    return certificate->message
               ? plain_received(s, ATLS_BYTES(certificate->message, certificate->size))
               : 0;
}

void session_note_peer_key(struct atls_session *s)
{
    size_t size;
    if (s->peer.verified_with_size == 0 && s->peer.accepted &&
        session_stack(s)->peer_key(s->connection, s->peer.verified_with, &size))
        s->peer.verified_with_size = size; /* larger keys (RSA) are not told */
}

int session_leaf_key_refused(struct atls_session *s, int code)
{
    return code == ATLS_E_UNSUPPORTED
               ? session_fail(s, "certificate-key-unsupported", ATLS_ALERT_UNSUPPORTED_CERTIFICATE,
                              NULL, NULL)
               : session_fail(s, code < 0 ? "internal" : "certificate-untrusted", -1, NULL, NULL);
}

int session_cmw_refused(struct atls_session *s, int code)
{
    return session_fail(s, code < 0 ? "internal" : "malformed-cmw", -1, NULL, NULL);
}

int session_verify(struct atls_session *s, const struct atls_bytes *chain, size_t count,
                   bool critical)
{
    if (!s->party->has_trust_anchors)
        return session_fail(s, "certificate-untrusted", ATLS_ALERT_UNKNOWN_CA, NULL,
                            "X.509 came, and no trust anchors were given");
    return session_stack(s)->verify_chain(s->connection, chain, count, critical);
}

int session_verify_chain(struct atls_session *s)
{
    return session_verify(s, NULL, 0, false);
}

static int verify_plain(struct atls_session *s)
{
    int result = session_verify_chain(s);
    if (result == 0)
        s->peer.accepted = true;
    return result;
}

/* The verdict on what came. ATLS_E_AGAIN. */
static int take_verdict(struct atls_session *s)
{
    struct atls_verdict verdict;
    if (!s->peer.appraisal || s->peer.verified_with_size == 0)
        return session_fail(s, "internal", -1, NULL, "there is nothing to judge the peer by");
    int result = atls_appraisal_verdict(s->peer.appraisal, &verdict);
    if (result == ATLS_E_AGAIN) {
        s->waiting |= WAIT_VERDICT;
        result = session_pause(s);
        if (result == 0)
            result = atls_appraisal_verdict(s->peer.appraisal, &verdict);
    }
    if (result == ATLS_E_AGAIN || s->failure.reason)
        return result;
    if (result != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    if (!verdict.accepted)
        return refuse_by(s, &verdict);
    s->peer.accepted = true;
    return 0;
}

int session_judge(struct atls_session *s)
{
    const struct atls_carrier *carrier = atls_carrier_of_party(s->party);
    if (s->failure.reason)
        return -1;
    if (s->waiting & WAIT_RESULT) /* a client's own, which its Certificate is about to carry */
        return ATLS_E_AGAIN;
    if (s->peer.model == ATLS_MODEL_NONE && carrier->judge &&
        s->party->as_relying_party.model_count > 0) {
        int result = carrier->judge(s);
        if (result != 0 || s->peer.accepted)
            return result;
    } else if (s->peer.model == ATLS_MODEL_NONE) {
        return verify_plain(s);
    }
    return take_verdict(s);
}

void session_judge_clear(struct atls_session *s)
{
    atls_appraisal_free(s->peer.appraisal);
}
