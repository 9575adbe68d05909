/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a session fails: whose fault it is, by which name, with which alert. The session's own
 * findings come with all three. For the TLS library's codes the rule is that the peer's fault is
 * the peer's: `internal` is only what this program or its machine could not do, and what the
 * library has no alert for is a message that breaks its grammar.
 */
#include "tls/engine/session-internal.h"

#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

int session_fail(struct atls_session *s, const char *reason, int alert, const char *clause,
                 const char *detail)
{
    struct failure *failure = &s->failure;
    const char *by_table;
    if (failure->reason)
        return GNUTLS_E_INTERNAL_ERROR;
    unsigned told =
        atls_profile_alert(s->party->profile, &s->party->code_points, reason, &by_table);
    failure->reason = reason;
    failure->due = alert >= 0 ? alert : (int)told;
    if (!clause && !detail && atls_error_clause()[0] != '\0')
        clause = atls_error_clause();
    if (!detail)
        detail = atls_error_text();
    clause = clause ? clause : by_table;
    atls_printable(clause, strlen(clause), failure->clause, sizeof failure->clause);
    atls_printable(detail, strlen(detail), failure->detail, sizeof failure->detail);
    s->seconds = atls_now() - s->started;
    return GNUTLS_E_INTERNAL_ERROR;
}

int session_refuse(struct atls_session *s, const char *reason)
{
    const char *clause;
    (void)atls_profile_alert(s->party->profile, &s->party->code_points, reason, &clause);
    return session_fail(s, reason, -1, clause, NULL);
}

/* The library may have sent an alert of its own: there is no second one. */
enum atls_want session_send_alert(struct atls_session *s)
{
    s->phase = ALERTING;
    int result = 0;
    if (s->failure.alert < 0) {
        struct atls_interposed *before = atls_interpose_enter(&s->watch);
        result = gnutls_alert_send(s->tls, GNUTLS_AL_FATAL, (unsigned)s->failure.due);
        atls_interpose_enter(before);
    }
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
        return ATLS_WANT_WRITE;
    return session_end(s);
}

/* The peer ended it: there is nobody to tell. */
enum atls_want session_peer_ended(struct atls_session *s, const char *reason, int alert,
                                  const char *detail)
{
    session_fail(s, reason, 0, "", detail);
    s->failure.alert = alert;
    s->failure.alert_received = alert >= 0;
    return session_end(s);
}

static bool among(int code, const int *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code)
            return true;
    return false;
}
#define AMONG(code, codes) among(code, codes, sizeof(codes) / sizeof *(codes))

/* Of this program or its machine; bytes of a peer bring none of these about. (They do bring about
 * "unimplemented" and "too short a buffer", by what they name in a certificate.) */
static const int ours[] = {
    GNUTLS_E_MEMORY_ERROR,       GNUTLS_E_INTERNAL_ERROR,
    GNUTLS_E_RANDOM_FAILED,      GNUTLS_E_RANDOM_DEVICE_ERROR,
    GNUTLS_E_INVALID_REQUEST,    GNUTLS_E_INVALID_SESSION,
    GNUTLS_E_HASH_FAILED,        GNUTLS_E_ENCRYPTION_FAILED,
    GNUTLS_E_PK_SIGN_FAILED,     GNUTLS_E_PK_GENERATION_ERROR,
    GNUTLS_E_FILE_ERROR,         GNUTLS_E_LIB_IN_ERROR_STATE,
    GNUTLS_E_SELF_TEST_ERROR,    GNUTLS_E_LOCKING_ERROR,
    GNUTLS_E_CRYPTO_INIT_FAILED, GNUTLS_E_TIMEDOUT,
};

/* The transport ended: nobody is left to be told. */
static const int closed[] = {GNUTLS_E_SESSION_EOF, GNUTLS_E_PREMATURE_TERMINATION,
                             GNUTLS_E_PULL_ERROR, GNUTLS_E_PUSH_ERROR};

/* A CertificateVerify that could be read, and was not accepted. */
static const int unread[] = {
    GNUTLS_E_UNEXPECTED_PACKET_LENGTH,    GNUTLS_E_PARSING_ERROR,     GNUTLS_E_UNEXPECTED_PACKET,
    GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET, GNUTLS_E_DECRYPTION_FAILED, GNUTLS_E_RECORD_OVERFLOW};

/* The alert due where the library has none, or another than RFC 8446 wants. */
static int alert_of_library(const struct atls_session *s, int code)
{
    /* The Certificate that was asked for is missing: another message came in its place. An empty
     * one has been refused before (session-strict.c). */
    if (code == GNUTLS_E_NO_CERTIFICATE_FOUND && s->party->side == ATLS_SERVER)
        return ATLS_ALERT_UNEXPECTED_MESSAGE;
    int level, alert = gnutls_error_to_alert(code, &level);
    if (alert != ATLS_ALERT_INTERNAL_ERROR)
        return alert;
    return gnutls_handshake_get_last_in(s->tls) == GNUTLS_HANDSHAKE_CERTIFICATE_PKT
               ? ATLS_ALERT_BAD_CERTIFICATE
               : ATLS_ALERT_DECODE_ERROR;
}

static void fail_by_library(struct atls_session *s, int code)
{
    bool attested = s->peer.model != ATLS_MODEL_NONE;
    bool proof = s->peer.certificate_verify_seen && !s->peer.accepted && !AMONG(code, unread);
    if (code == GNUTLS_E_PK_SIGN_FAILED && s->party->device_key) /* it said why */
        session_fail(s, "device-unavailable", ATLS_ALERT_INTERNAL_ERROR, NULL, NULL);
    else if (AMONG(code, ours))
        session_fail(s, "internal", ATLS_ALERT_INTERNAL_ERROR, "RFC 8446 section 6.2",
                     gnutls_strerror(code));
    else if (code == GNUTLS_E_PK_SIG_VERIFY_FAILED || proof)
        session_fail(s, attested ? "key-mismatch" : "certificate-untrusted",
                     ATLS_ALERT_DECRYPT_ERROR, "RFC 8446 section 4.4.3",
                     attested ? "CertificateVerify does not verify with the attested key"
                              : "CertificateVerify does not verify with the certificate's key");
    else if (code == GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION)
        session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER, "RFC 8446 section 4.2",
                     gnutls_strerror(code));
    else
        session_fail(s, "protocol-error", alert_of_library(s, code), "RFC 8446 section 6.2",
                     gnutls_strerror(code));
}

/* RFC 8446 section 6: whatever its level says, an alert is the end. */
bool session_is_over(int code)
{
    return gnutls_error_is_fatal(code) || code == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

static enum atls_want alert_received(struct atls_session *s)
{
    unsigned alert = (unsigned)gnutls_alert_get(s->tls);
    char detail[96];
    if (alert == ATLS_ALERT_CLOSE_NOTIFY)
        return session_peer_ended(s, "peer-closed", ATLS_ALERT_CLOSE_NOTIFY,
                                  "the peer closed the connection with close_notify");
    snprintf(detail, sizeof detail, "the peer ended the connection with %s (%u)",
             atls_alert_name(&s->party->code_points, alert), alert);
    return session_peer_ended(s, "peer-alert", (int)alert, detail);
}

enum atls_want session_failed(struct atls_session *s, int code)
{
    if (!s->failure.reason) {
        if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED)
            return alert_received(s);
        if (code == GNUTLS_E_SESSION_EOF)
            return session_peer_ended(s, "peer-closed", ATLS_ALERT_CLOSE_NOTIFY,
                                      "the peer closed the connection with close_notify");
        /* An end in the middle of a record is told as a record of another length. */
        if (AMONG(code, closed) || (s->stream_ended && code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH))
            return session_peer_ended(s, "peer-closed", -1,
                                      "the peer closed the connection without close_notify");
        fail_by_library(s, code);
    }
    return session_send_alert(s);
}
