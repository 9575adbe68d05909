/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The own credential: made once it is known what it has to answer, handed to its carrier, and the
 * key that signs for it wherever that is, in the device or in a file.
 */
#include "tls/engine/session-internal.h"

#include "rats/base/error.h"

int session_credential_failed(struct atls_session *s, int code)
{
    if (code == ATLS_E_LIMIT)
        return session_fail(s, "nonce-length", -1, NULL, NULL);
    return session_fail(s, atls_attester_reason(s->party->attester), ATLS_ALERT_INTERNAL_ERROR,
                        NULL, NULL);
}

bool session_withholds(const struct atls_session *s)
{
    return atls_faults_has(s->party->faults, "empty-certificate", NULL);
}

/* Presents the credential that is there. */
static void set_credential(struct atls_session *s)
{
    struct own_credential *self = &s->self;
    self->has_credential = true;
    self->signed_with_size = atls_spki_encode(&self->credential.key, self->signed_with);
    session_carrier(s, s->party->side)->present(s);
}

int session_credential_result(struct atls_session *s)
{
    /* Before the first byte it need only be there; who presents it tells of it. */
    struct atls_attester *attester = s->party->attester;
    int result;
    if (s->phase == PREPARING)
        result = atls_attester_renew(attester);
    else if (session_result_answers(s->party) && session_carrier(s, s->party->side)->bound) {
        struct binder binder;
        result = session_bind_self(s, &binder);
        if (result == 0)
            result = atls_attester_bound_result(
                attester, s->conn, ATLS_BYTES(binder.value, binder.size), &s->self.credential);
    } else
        result = atls_attester_result(attester, s->conn, &s->self.credential);
    if (result == ATLS_E_AGAIN)
        return result;
    s->waiting &= ~(unsigned)WAIT_RESULT;
    if (result == 0 && s->phase != PREPARING)
        set_credential(s);
    return result;
}

int session_credential_make(struct atls_session *s)
{
    bool bound = session_carrier(s, s->party->side)->bound;
    struct binder binder;
    int result = bound ? session_bind_self(s, &binder) : 0;
    if (result != 0)
        return session_bind_failed(s, result);
    if (s->self.model == ATLS_MODEL_BACKGROUND_CHECK) {
        struct atls_bytes nonce = s->party->side == ATLS_CLIENT
                                      ? s->hello.selections[ATLS_CLIENT].nonce
                                      : s->hello.offers[ATLS_SERVER].nonce;
        result =
            bound ? atls_attester_bound_evidence(s->party->attester, s->conn,
                                                 ATLS_BYTES(binder.value, binder.size),
                                                 &s->self.credential)
                  : atls_attester_evidence(s->party->attester, s->conn, nonce, &s->self.credential);
        if (result == 0)
            set_credential(s);
    } else {
        result = session_credential_result(s);
    }
    if (result == ATLS_E_AGAIN) {
        s->waiting |= WAIT_RESULT;
    } else if (result != 0) {
        session_credential_failed(s, result);
    }
    return !s->failure.reason ? 0 : -1;
}

void session_credential_clear(struct atls_session *s)
{
    if (s->self.has_credential)
        atls_credential_clear(&s->self.credential);
}

bool session_signs_p384(const struct atls_session *s)
{
    return s->self.has_credential ? s->self.credential.key.curve == ATLS_P384
                                  : s->party->curve == ATLS_P384;
}

int session_sign(struct atls_session *s, struct atls_bytes digest,
                 uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    if (s->self.credential.key_handle == 0) /* no device's */
        return ATLS_E_UNSUPPORTED;
    int result = atls_attester_sign(s->party->attester, s->self.credential.key_handle, digest,
                                    signaturep, sizep);
    return result == 0
               ? 0
               : session_credential_failed(s, result == ATLS_E_LIMIT ? ATLS_E_REFUSED : result);
}

int session_present(struct atls_session *s, struct session_presented *presentedp)
{
    const struct atls_carrier *carrier = session_carrier(s, s->party->side);
    *presentedp = (struct session_presented){.none = false};
    if (carrier->enrolled && carrier->present(s) != 0)
        return -1;
    if (s->self.model == ATLS_MODEL_NONE || carrier->enrolled)
        return session_entry_send_unasked(s);
    /* A client knows its challenge here; a server made its credential with the ClientHello, or
     * makes it when the binder is there. */
    if (!(carrier->bound && s->party->side == ATLS_SERVER) && !s->self.has_credential &&
        s->waiting == 0 && session_credential_make(s) != 0)
        return -1;
    if (!session_stack(s)->pauses && session_pause(s) != 0)
        return -1;
    presentedp->by_credential = true;
    presentedp->in_place = carrier->replaces;
    presentedp->none = session_withholds(s) && s->party->side == ATLS_CLIENT;
    if (session_withholds(s))
        report_fault(s, "empty-certificate",
                     presentedp->none ? "a Certificate without entries"
                                      : "a CertificateEntry without bytes");
    return 0;
}
