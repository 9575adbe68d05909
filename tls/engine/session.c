/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a session: preparing, handshake, a line each way, leave; or, from anywhere, an alert
 * and the end (session-failure.c).
 */
#include "tls/engine/session-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "roles/verifier-client.h"

#define TURN_MS 20 /* of waiting inside of a library that cannot wait */

const struct atls_party *session_party(const struct atls_session *s)
{
    return s->party;
}

const struct atls_stack *session_stack(const struct atls_session *s)
{
    return s->party->stack;
}

enum atls_side session_peer_side(const struct atls_session *s)
{
    return s->party->side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
}

bool session_has_failed(const struct atls_session *s)
{
    return s->failure.reason != NULL;
}

bool session_waits(const struct atls_session *s)
{
    return s->waiting != 0;
}

bool session_peer_attests(const struct atls_session *s)
{
    return s->peer.model != ATLS_MODEL_NONE;
}

bool session_peer_accepted(const struct atls_session *s)
{
    return s->peer.accepted;
}

bool session_certificate_replaced(const struct atls_session *s)
{
    return s->peer.model != ATLS_MODEL_NONE && session_carrier(s, session_peer_side(s))->replaces;
}

int session_due_alert(const struct atls_session *s)
{
    return s->failure.due;
}

int *session_alert(struct atls_session *s)
{
    return &s->failure.alert;
}

bool session_leaks(const struct atls_party *party)
{
    return party->leaks && atls_leaks_file(party->leaks, "handshake-secret");
}

/* RANDOM names the connection, as in a key log. */
static void leak_handshake_secret(struct atls_session *s, struct atls_bytes random)
{
    struct atls_bytes secret;
    char *line = NULL;
    int result = session_stack(s)->handshake_secret(s->connection, &secret);
    if (result == 0 && !(line = atls_keylog_line("HANDSHAKE_SECRET", random, secret)))
        result = -ENOMEM;
    if (result == 0)
        result = atls_leak(s->party->leaks, "handshake-secret", line, s->party->events,
                           json_pack("{s:I}", "conn", (json_int_t)s->conn));
    if (line)
        explicit_bzero(line, strlen(line));
    free(line);
    if (result != 0)
        session_fail(s, "internal", -1, NULL, NULL);
}

void session_keylog(struct atls_session *s, const char *label, struct atls_bytes random,
                    struct atls_bytes secret)
{
    atls_keylog_add(s->party->keylog, label, random, secret);
    if (strcmp(label, "CLIENT_HANDSHAKE_TRAFFIC_SECRET") == 0 && session_leaks(s->party))
        leak_handshake_secret(s, random);
}

static int set_up(struct atls_session *s)
{
    int result = session_carriers_prepare(s);
    return result == 0 ? session_stack(s)->open(s, &s->connection) : result;
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
    session_stack(s)->close(s->connection);
    session_credential_clear(s);
    session_judge_clear(s);
    free(s->failure.diagnosis);
    session_hello_clear(s);
    session_carriers_clear(s);
    if (s->party->attester)
        atls_attester_forget(s->party->attester, s->conn);
    free(s);
}

void atls_session_use_socket(struct atls_session *s, int fd)
{
    session_stack(s)->use_socket(s->connection, fd);
}

void *atls_session_connection(struct atls_session *s)
{
    return s->connection;
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

bool session_still_waiting(struct atls_session *s)
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

int session_pause(struct atls_session *s)
{
    while (s->waiting != 0 && session_still_waiting(s)) {
        if (session_stack(s)->pauses)
            return ATLS_E_AGAIN;
        if (atls_verifier_client_poll(s->party->client, NULL, 0, TURN_MS) != 0)
            return session_fail(s, "internal", -1, NULL, NULL);
    }
    return s->failure.reason ? -1 : 0;
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
    if (!s->failure.reason && session_still_waiting(s))
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

/* What a stack's answer means where nothing else does. */
static enum atls_want want_of(struct atls_session *s, enum atls_stack_answer answer)
{
    switch (answer) {
    case ATLS_STACK_READ:
        return ATLS_WANT_READ;
    case ATLS_STACK_WRITE:
        return ATLS_WANT_WRITE;
    default:
        return session_failed(s);
    }
}

static bool waits_for_peer(enum atls_stack_answer answer)
{
    return answer == ATLS_STACK_READ || answer == ATLS_STACK_WRITE;
}

static enum atls_want shake_hands(struct atls_session *s)
{
    for (;;) {
        if (s->waiting != 0 && session_still_waiting(s))
            return ATLS_WANT_VERIFIER;
        /* A ServerHello that waited is still in its queue: the alert is the first that is sent. */
        if (s->failure.reason)
            return session_send_alert(s);
        enum atls_stack_answer answer = session_stack(s)->handshake(s->connection);
        if (answer == ATLS_STACK_DONE)
            return handshake_done(s) == 0 ? ATLS_WANT_WRITE : session_send_alert(s);
        if (answer == ATLS_STACK_FAILED || (waits_for_peer(answer) && s->waiting == 0))
            return want_of(s, answer);
    }
}

/* The peer's turn again: the server's line waits until the client has attested itself anew. */
static enum atls_want repeat(struct atls_session *s)
{
    for (;;) {
        if (s->waiting != 0 && session_still_waiting(s))
            return ATLS_WANT_VERIFIER;
        if (s->failure.reason)
            return session_send_alert(s);
        enum atls_stack_answer answer = session_again_library(s);
        if (answer == ATLS_STACK_DONE) {
            s->phase = s->party->side == ATLS_CLIENT ? RECEIVING : SENDING;
            if (!session_again_wanted(s))
                return ATLS_WANT_WRITE;
            s->phase = REPEATING;
            if (session_again_begin(s) != 0)
                return session_send_alert(s);
            continue;
        }
        if (answer == ATLS_STACK_FAILED || (waits_for_peer(answer) && s->waiting == 0))
            return want_of(s, answer);
    }
}

static enum atls_want send_line(struct atls_session *s)
{
    while (s->line.at < s->line.size) {
        size_t sent = 0;
        enum atls_stack_answer answer = session_stack(s)->send(
            s->connection, ATLS_BYTES(s->line.text + s->line.at, s->line.size - s->line.at), &sent);
        if (answer == ATLS_STACK_AGAIN)
            continue;
        if (answer != ATLS_STACK_DONE)
            return want_of(s, answer);
        s->line.at += sent;
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
        size_t size = 0;
        enum atls_stack_answer answer =
            session_stack(s)->receive(s->connection, (uint8_t *)s->line.text + s->line.size,
                                      sizeof s->line.text - s->line.size, &size);
        if (answer == ATLS_STACK_AGAIN)
            continue;
        if (answer == ATLS_STACK_CLOSED)
            return session_left(s);
        if (answer == ATLS_STACK_REPEAT) { /* it accepted what it had, and wants more */
            report_handshake(s);
            s->phase = REPEATING;
            session_again_begin(s);
            return ATLS_WANT_WRITE;
        }
        if (answer != ATLS_STACK_DONE)
            return want_of(s, answer);
        report_handshake(s); /* a client knows only now that the server accepted it */
        s->line.size += size;
        const char *end_of_line = memchr(s->line.text, '\n', s->line.size);
        if (end_of_line) {
            line_received(s, (size_t)(end_of_line - s->line.text));
            return ATLS_WANT_WRITE;
        }
        if (s->line.size == sizeof s->line.text) {
            session_fail(s, "protocol-error", ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 6.2",
                         "expected a line of at most 4095 bytes, came more");
            return session_send_alert(s);
        }
    }
}

static enum atls_want leave(struct atls_session *s)
{
    enum atls_stack_answer answer = session_stack(s)->bye(s->connection);
    if (answer == ATLS_STACK_WRITE || answer == ATLS_STACK_AGAIN)
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
