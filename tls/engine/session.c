/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a session: preparing, handshake, a line each way, leave; or, from anywhere, an alert
 * and the end (session-failure.c).
 */
#include "tls/engine/session-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "program/program.h"
#include "rats/base/error.h"

static int keylog(gnutls_session_t tls, const char *label, const gnutls_datum_t *secret)
{
    struct atls_session *s = gnutls_session_get_ptr(tls);
    gnutls_datum_t random, server;
    if (s->watch.secret)
        atls_handshake_secret_keylog(s->watch.secret, label, secret);
    gnutls_session_get_random(tls, &random, &server);
    atls_keylog_add(s->party->keylog, label, ATLS_BYTES(random.data, random.size),
                    ATLS_BYTES(secret->data, secret->size));
    return 0;
}

static ssize_t not_yet(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    errno = EAGAIN;
    return -1;
}

/* What the library makes of an alert as the first record depends on whether it has waited for a
 * record before: a server's first look is made here, and finds nothing, so that it always has. */
static void look_once(struct atls_session *s)
{
    gnutls_transport_set_pull_function(s->tls, not_yet);
    (void)gnutls_handshake(s->tls);
}

/* Resumption would leave out the Certificate, and so the attestation: no tickets. A client sends
 * the share of one group only, so that either side can bring about a HelloRetryRequest. */
static int set_up(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    unsigned flags =
        GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_SIGNAL |
        (party->side == ATLS_CLIENT ? GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP : GNUTLS_SERVER);
    if (party->variants.post_handshake != 0)
        flags |= GNUTLS_POST_HANDSHAKE_AUTH;
    struct in6_addr address;
    int result = gnutls_init(&s->tls, flags);
    if (result < 0)
        return atls_fail(-ENOMEM, NULL, "TLS session: %s", gnutls_strerror(result));
    gnutls_session_set_ptr(s->tls, s);
    result = gnutls_priority_set(s->tls, party->priorities);
    if (result == 0)
        result = gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, party->credentials);
    if (result < 0)
        return atls_fail(-EINVAL, NULL, "TLS session: %s", gnutls_strerror(result));
    gnutls_handshake_set_timeout(s->tls, GNUTLS_INDEFINITE_TIMEOUT); /* the caller keeps time */
    gnutls_handshake_set_max_packet_length(s->tls, ATLS_HANDSHAKE_MAX);
    gnutls_session_set_verify_function(s->tls, session_credential_verify);
    gnutls_session_set_keylog_function(s->tls, keylog);
    gnutls_handshake_set_hook_function(s->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH,
                                       session_hello_hook);
    if (party->side == ATLS_SERVER)
        gnutls_handshake_set_post_client_hello_function(s->tls, session_hello_received);
    else if (party->peer_name && inet_pton(AF_INET, party->peer_name, &address) != 1 &&
             inet_pton(AF_INET6, party->peer_name, &address) != 1)
        gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, party->peer_name, strlen(party->peer_name));
    result = session_carriers_prepare(s);
    if (result == 0)
        result = session_hello_register(s);
    if (result == 0 && party->side == ATLS_SERVER)
        look_once(s);
    return result;
}

int atls_session_new(const struct atls_party *party, unsigned conn, struct atls_session **sessionp)
{
    struct atls_session *s = malloc(sizeof *s);
    if (!s)
        return atls_fail(-ENOMEM, NULL, "out of memory");
    memset(s, 0, offsetof(struct atls_session, hello.offers));
    s->line.size = s->line.at = 0;
    for (int side = 0; side < 2; side++)
        atls_offer_clear(&s->hello.offers[side]);
    s->party = party;
    s->conn = conn;
    s->failure.alert = -1;
    s->watch.alert = &s->failure.alert;
    s->started = atls_now();
    s->hello.as_attester = party->as_attester;
    s->hello.as_relying_party = party->as_relying_party;
    int result = set_up(s);
    if (result != 0) {
        atls_session_free(s);
        return result;
    }
    atls_event(party->events, "connection", "{s:I}", "conn", (json_int_t)conn);
    *sessionp = s;
    return 0;
}

void atls_session_free(struct atls_session *s)
{
    if (!s)
        return;
    if (s->tls)
        gnutls_deinit(s->tls);
    session_credential_clear(s);
    session_hello_clear(s);
    session_carriers_clear(s);
    if (s->party->attester)
        atls_attester_forget(s->party->attester, s->conn);
    free(s);
}

static ssize_t receive(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct atls_session *s = transport;
    ssize_t received = recv(s->fd, data, size, 0);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
        s->stream_ended = true;
    return received;
}

void atls_session_use_socket(struct atls_session *s, int fd)
{
    s->fd = fd;
    gnutls_transport_set_ptr2(s->tls, s, (gnutls_transport_ptr_t)(intptr_t)fd);
    gnutls_transport_set_pull_function(s->tls, receive);
}

gnutls_session_t atls_session_tls(struct atls_session *s)
{
    return s->tls;
}

bool atls_session_complete(const struct atls_session *s)
{
    return s->phase == ENDED && !s->failure.reason;
}

enum atls_want session_end(struct atls_session *s)
{
    /* A failure inside of a hello comes before its events. */
    if (s->party->side == ATLS_SERVER && s->hello.count > 0 && !s->hello.offer_reported)
        report_offer(s, "received", s->hello.received);
    if (s->party->side == ATLS_CLIENT && !s->hello.settled)
        for (size_t i = 0; i < ATLS_PROFILE_EXTENSIONS_MAX; i++)
            if (s->hello.received[i].present) {
                report_selected(s, "received", s->hello.received);
                break;
            }
    report_handshake(s);
    report_closed(s);
    s->phase = ENDED;
    return ATLS_WANT_NOTHING;
}

static enum atls_want want_of_transport(const struct atls_session *s)
{
    return gnutls_record_get_direction(s->tls) ? ATLS_WANT_WRITE : ATLS_WANT_READ;
}

/* What the verifier owed has come, or never will. True while anything is still awaited. */
static bool still_waiting(struct atls_session *s)
{
    struct atls_verdict verdict;
    int result;
    if (s->waiting & WAIT_CHALLENGE) {
        result = session_hello_challenge(s);
        if (result != 0 && result != ATLS_E_AGAIN) {
            if (s->phase == PREPARING &&
                atls_abilities_have(&s->hello.as_relying_party, ATLS_MODEL_PASSPORT))
                s->hello.as_relying_party.type_count = 0;
            else
                session_appraisal_failed(s);
        }
    }
    if (s->waiting & WAIT_RESULT) {
        result = session_credential_result(s);
        if (result != 0 && result != ATLS_E_AGAIN) {
            if (s->phase == PREPARING &&
                atls_abilities_have(&s->hello.as_attester, ATLS_MODEL_BACKGROUND_CHECK))
                s->hello.as_attester.verifier_count = 0;
            else
                session_credential_failed(s, result);
        }
    }
    if ((s->waiting & WAIT_VERDICT) &&
        atls_appraisal_verdict(s->peer.appraisal, &verdict) != ATLS_E_AGAIN)
        s->waiting &= ~(unsigned)WAIT_VERDICT;
    if (s->failure.reason)
        s->waiting = 0;
    return s->waiting != 0;
}

enum atls_want atls_session_prepare(struct atls_session *s)
{
    if (s->phase != PREPARING)
        return s->phase == ENDED ? ATLS_WANT_NOTHING : ATLS_WANT_READ;
    if (s->party->side == ATLS_SERVER) {
        s->phase = HANDSHAKING;
        return ATLS_WANT_READ;
    }
    if (!s->prepared) {
        s->prepared = true;
        if (s->party->profile->nonce &&
            atls_abilities_have(&s->hello.as_relying_party, ATLS_MODEL_BACKGROUND_CHECK) &&
            session_appraisal_begin(s, ATLS_MODEL_BACKGROUND_CHECK) == 0)
            s->waiting |= WAIT_CHALLENGE;
        if (!atls_carrier_of_party(s->party)->enrolled &&
            atls_abilities_have(&s->hello.as_attester, ATLS_MODEL_PASSPORT) &&
            !session_result_answers(s->party))
            s->waiting |= WAIT_RESULT;
    }
    if (!s->failure.reason && still_waiting(s))
        return ATLS_WANT_VERIFIER;
    if (!s->failure.reason)
        session_hello_offer(s);
    if (s->failure.reason) {
        return session_end(s); /* nobody is there to be told by an alert */
    }
    s->phase = HANDSHAKING;
    s->started = atls_now();
    return ATLS_WANT_READ;
}

/* The library is content. Is the relying party? */
static int handshake_done(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    s->seconds = atls_now() - s->started;
    bool attested = s->peer.model != ATLS_MODEL_NONE;
    const struct atls_carrier *carrier = atls_carrier_of_party(party);
    if (s->peer.accepted && carrier->after_handshake) {
        s->phase = EXCHANGING;
        return carrier->after_handshake(s);
    }
    if (!s->peer.accepted ||
        (party->as_relying_party.model_count > 0 && party->attestation_required && !attested))
        return session_fail(s, "internal", -1, NULL,
                            "the handshake ended without the peer having been accepted");
    snprintf(s->line.text, sizeof s->line.text, "%s\n", party->message);
    s->line.size = strlen(s->line.text);
    s->phase = party->side == ATLS_CLIENT ? SENDING : RECEIVING;
    if (party->side == ATLS_SERVER) {
        s->line.size = 0;
        report_handshake(s);
    }
    return 0;
}

static enum atls_want shake_hands(struct atls_session *s)
{
    for (;;) {
        if (s->waiting != 0 && still_waiting(s))
            return ATLS_WANT_VERIFIER;
        /* A ServerHello that waited is still in its queue: the alert is the first that is sent. */
        if (s->failure.reason)
            return session_send_alert(s);
        struct atls_interposed *before = atls_interpose_enter(&s->watch);
        int result = gnutls_handshake(s->tls);
        atls_interpose_enter(before);
        if (result == 0)
            return handshake_done(s) == 0 ? ATLS_WANT_WRITE : session_send_alert(s);
        if ((result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) && s->waiting == 0)
            return want_of_transport(s);
        if (session_is_over(result))
            return session_failed(s, result);
    }
}

/* The peer's turn again: the server's line waits until the client has attested itself anew. */
static enum atls_want repeat(struct atls_session *s)
{
    for (;;) {
        if (s->waiting != 0 && still_waiting(s))
            return ATLS_WANT_VERIFIER;
        int result = !s->failure.reason ? session_again_library(s) : 0;
        if (s->failure.reason)
            return session_send_alert(s);
        if (result == 0) {
            s->phase = s->party->side == ATLS_CLIENT ? RECEIVING : SENDING;
            if (!session_again_wanted(s))
                return ATLS_WANT_WRITE;
            s->phase = REPEATING;
            if (session_again_begin(s) != 0)
                return session_send_alert(s);
            continue;
        }
        if ((result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) && s->waiting == 0)
            return want_of_transport(s);
        if (session_is_over(result))
            return session_failed(s, result);
    }
}

static enum atls_want send_line(struct atls_session *s)
{
    while (s->line.at < s->line.size) {
        ssize_t sent =
            gnutls_record_send(s->tls, s->line.text + s->line.at, s->line.size - s->line.at);
        if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
            return ATLS_WANT_WRITE;
        if (sent < 0)
            return session_failed(s, (int)sent);
        s->line.at += (size_t)sent;
    }
    report_line(s, "sent", s->line.text, s->line.size - 1);
    s->line.size = 0;
    s->phase = s->party->side == ATLS_CLIENT ? RECEIVING : LEAVING;
    return ATLS_WANT_READ;
}

static void line_received(struct atls_session *s, size_t size)
{
    report_line(s, "received", s->line.text, size);
    if (s->party->side == ATLS_CLIENT) {
        s->phase = LEAVING;
        return;
    }
    snprintf(s->line.text, sizeof s->line.text, "%s\n", s->party->message);
    s->line.size = strlen(s->line.text);
    s->line.at = 0;
    s->phase = SENDING;
    if (session_again_wanted(s)) {
        s->phase = REPEATING;
        session_again_begin(s); /* a failure is told by whoever steps next */
    }
}

static enum atls_want receive_line(struct atls_session *s)
{
    for (;;) {
        ssize_t size = gnutls_record_recv(s->tls, s->line.text + s->line.size,
                                          sizeof s->line.text - s->line.size);
        if (size == GNUTLS_E_AGAIN || size == GNUTLS_E_INTERRUPTED)
            return ATLS_WANT_READ;
        if (size == 0)
            return session_peer_ended(s, "peer-closed", ATLS_ALERT_CLOSE_NOTIFY,
                                      "the peer left before its line was whole");
        if (size == GNUTLS_E_REAUTH_REQUEST) { /* it accepted what it had, and wants more */
            report_handshake(s);
            s->phase = REPEATING;
            session_again_begin(s);
            return ATLS_WANT_WRITE;
        }
        if (size < 0 && session_is_over((int)size))
            return session_failed(s, (int)size);
        if (size < 0)
            continue;
        report_handshake(s); /* a client knows only now that the server accepted it */
        s->line.size += (size_t)size;
        const char *end_of_line = memchr(s->line.text, '\n', s->line.size);
        if (end_of_line) {
            line_received(s, (size_t)(end_of_line - s->line.text));
            return ATLS_WANT_WRITE;
        }
        if (s->line.size == sizeof s->line.text) {
            session_fail(s, "internal", -1, "", "expected a line of at most 4095 bytes");
            return session_send_alert(s);
        }
    }
}

static enum atls_want leave(struct atls_session *s)
{
    int result = gnutls_bye(s->tls, GNUTLS_SHUT_WR);
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
        return ATLS_WANT_WRITE;
    return session_end(s); /* both lines are through: how the other side hangs up is its affair */
}

enum atls_want atls_session_step(struct atls_session *s)
{
    for (;;) {
        enum phase before = s->phase;
        enum atls_want want = ATLS_WANT_NOTHING;
        switch (s->phase) {
        case PREPARING:
            want = atls_session_prepare(s);
            break;
        case HANDSHAKING:
            want = shake_hands(s);
            break;
        case SENDING:
            want = send_line(s);
            break;
        case RECEIVING:
            want = receive_line(s);
            break;
        case REPEATING:
            want = repeat(s);
            break;
        case EXCHANGING:
            want = atls_carrier_of_party(s->party)->exchange(s);
            break;
        case LEAVING:
            want = leave(s);
            break;
        case ALERTING:
            want = session_send_alert(s);
            break;
        case ENDED:
            break;
        }
        if (s->phase == before || s->phase == ENDED || s->phase == ALERTING)
            return want;
    }
}

void atls_session_abort(struct atls_session *s, const char *reason, const char *detail)
{
    bool speaking = s->phase != PREPARING && strcmp(reason, "peer-closed") != 0;
    if (s->phase == ENDED)
        return;
    session_fail(s, reason, -1, "", detail);
    if (speaking)
        session_send_alert(s);
    if (s->phase != ENDED) /* the alert found no way out, or none was due */
        session_end(s);
}
