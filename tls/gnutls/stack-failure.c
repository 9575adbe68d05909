/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library's codes say. The rule is that the peer's fault is the peer's: `internal` is only
 * what this program or its machine could not do, and what the library has no alert for is a message
 * that breaks its grammar.
 */
#include "tls/gnutls/stack-internal.h"

#include "rats/base/error.h"

int stack_code(int result)
{
    return result == 0 ? 0 : result == ATLS_E_AGAIN ? GNUTLS_E_AGAIN : GNUTLS_E_INTERNAL_ERROR;
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
static int alert_of_library(const struct gnutls_connection *c, int code)
{
    /* The Certificate that was asked for is missing: another message came in its place. An empty
     * one has been refused before (stack-strict.c). */
    if (code == GNUTLS_E_NO_CERTIFICATE_FOUND && c->party->side == ATLS_SERVER)
        return ATLS_ALERT_UNEXPECTED_MESSAGE;
    int level, alert = gnutls_error_to_alert(code, &level);
    if (alert != ATLS_ALERT_INTERNAL_ERROR)
        return alert;
    return gnutls_handshake_get_last_in(c->tls) == GNUTLS_HANDSHAKE_CERTIFICATE_PKT
               ? ATLS_ALERT_BAD_CERTIFICATE
               : ATLS_ALERT_DECODE_ERROR;
}

static void fail_by_library(struct gnutls_connection *c, int code)
{
    bool attested = session_peer_attests(c->s);
    bool proof = c->certificate_verify_seen && !session_peer_accepted(c->s) && !AMONG(code, unread);
    if (code == GNUTLS_E_PK_SIGN_FAILED && c->party->device_key) { /* it said why */
        session_fail(c->s, "device-unavailable", ATLS_ALERT_INTERNAL_ERROR, NULL, NULL);
    } else if (AMONG(code, ours)) {
        session_fail(c->s, "internal", ATLS_ALERT_INTERNAL_ERROR, "RFC 8446 section 6.2",
                     gnutls_strerror(code));
    } else if (code == GNUTLS_E_PK_SIG_VERIFY_FAILED || proof) {
        session_fail(c->s, attested ? "key-mismatch" : "certificate-untrusted",
                     ATLS_ALERT_DECRYPT_ERROR, "RFC 8446 section 4.4.3",
                     attested ? "CertificateVerify does not verify with the attested key"
                              : "CertificateVerify does not verify with the certificate's key");
        stack_diagnose_signature(c);
    } else if (code == GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION) {
        session_fail(c->s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                     "RFC 8446 section 4.2", gnutls_strerror(code));
    } else {
        session_fail(c->s, "protocol-error", alert_of_library(c, code), "RFC 8446 section 6.2",
                     gnutls_strerror(code));
    }
}

enum atls_stack_answer stack_failed(struct gnutls_connection *c, int code)
{
    if (session_has_failed(c->s))
        return ATLS_STACK_FAILED;
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED)
        session_alert_received(c->s, (unsigned)gnutls_alert_get(c->tls));
    else if (code == GNUTLS_E_SESSION_EOF)
        session_alert_received(c->s, ATLS_ALERT_CLOSE_NOTIFY);
    /* An end in the middle of a record is told as a record of another length. */
    else if (AMONG(code, closed) || (c->stream_ended && code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH))
        session_ended(c->s, "peer-closed", -1,
                      "the peer closed the connection without close_notify");
    else
        fail_by_library(c, code);
    return ATLS_STACK_FAILED;
}

/* RFC 8446 section 6: whatever its level says, an alert is the end. */
static bool is_over(int code)
{
    return gnutls_error_is_fatal(code) || code == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

enum atls_stack_answer stack_answer(struct gnutls_connection *c, int code)
{
    if (code >= 0)
        return ATLS_STACK_DONE;
    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
        return gnutls_record_get_direction(c->tls) ? ATLS_STACK_WRITE : ATLS_STACK_READ;
    return is_over(code) ? stack_failed(c, code) : ATLS_STACK_AGAIN;
}
