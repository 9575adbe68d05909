/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation again, by post-handshake client authentication (RFC 8446 section 4.6.2): a server
 * asks for the client's Certificate once more, its CertificateRequest has the extension, and so has
 * the Certificate that comes. seat-early-attestation says so and gives no formula for the binder;
 * the one reading with bytes is the binder of the handshake (H28), which is the same every time.
 */
#include "tls/engine/session-internal.h"

bool session_again_wanted(const struct atls_session *s)
{
    return s->party->side == ATLS_SERVER && s->party->variants.post_handshake != 0 &&
           s->peer.model != ATLS_MODEL_NONE && s->self.rounds < s->party->reattest;
}

int session_again_begin(struct atls_session *s)
{
    s->self.rounds++;
    if (s->party->side == ATLS_CLIENT && s->self.has_credential &&
        atls_faults_has(s->party->faults, "repeated-evidence", NULL)) {
        report_fault(s, "repeated-evidence", "the evidence of the handshake is presented again");
        return session_carrier(s, ATLS_CLIENT)->present(s);
    }
    if (s->party->side == ATLS_CLIENT) { /* what was presented answered another request */
        if (s->self.has_credential)
            atls_credential_clear(&s->self.credential);
        s->self.has_credential = false;
        return 0;
    }
    s->peer.accepted = false;
    s->peer.verified_with_size = 0;
    int result = session_appraisal_begin(s, s->peer.model);
    return result == 0 ? session_entry_request(s) : result;
}

enum atls_stack_answer session_again_library(struct atls_session *s)
{
    enum atls_stack_answer answer = session_stack(s)->again(s->connection);
    if (answer == ATLS_STACK_DONE && s->party->side == ATLS_SERVER && !s->peer.accepted)
        session_fail(s, "internal", -1, NULL,
                     "the client was authenticated again without having been accepted");
    return !s->failure.reason ? answer : ATLS_STACK_FAILED;
}
